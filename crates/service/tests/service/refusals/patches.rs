//! Patches that do not apply leave the document as it was.

use docdb_types::Code;

use super::message::{
    ADD, COPY, DELETE, INSERT, MOVE, Message, REMOVE, REPLACE, SET, TEST, merge, patch, step,
    step_from, upsert,
};
use super::watched::Watched;

/// What is patched, unless a case brings another document.
const DOCUMENT: &str =
    r#"{"n":1,"s":"x","t":true,"z":null,"l":[1,2],"o":{"a":{}},"a/b":0,"m~n":0}"#;

fn none(op: u64, path: &str) -> Message {
    Message::new().number(1, op).bytes(2, path)
}

/// Steps that the document does not take, each with the code of its refusal.
fn refused() -> Vec<(&'static str, Message, Code)> {
    use Code::{InvalidJson, InvalidPatch, InvalidPath};
    vec![
        ("no op", Message::new().bytes(2, "/n"), InvalidPatch),
        ("op 0", step(0, "/n", "1"), InvalidPatch),
        ("op 10", step(10, "/n", "1"), InvalidPatch),
        ("op 2³¹", step(1 << 31, "/n", "1"), InvalidPatch),
        ("set nothing", none(SET, "/n"), InvalidPatch),
        ("insert nothing", none(INSERT, "/l/0"), InvalidPatch),
        ("add nothing", none(ADD, "/n"), InvalidPatch),
        ("replace by nothing", none(REPLACE, "/n"), InvalidPatch),
        ("test for nothing", none(TEST, "/n"), InvalidPatch),
        ("set no json", step(SET, "/n", "{"), InvalidJson),
        ("add two values", step(ADD, "/n", "1,2"), InvalidJson),
        ("another value", step(TEST, "/n", "2"), InvalidPatch),
        ("another kind", step(TEST, "/n", "\"1\""), InvalidPatch),
        ("into itself", step_from(MOVE, "/o", "/o/a/b"), InvalidPatch),
        ("no slash", step(SET, "n", "1"), InvalidPath),
        ("a blank", step(SET, " /n", "1"), InvalidPath),
        ("a lone tilde", step(SET, "/~", "1"), InvalidPath),
        ("~2", step(SET, "/m~2n", "1"), InvalidPath),
        ("below a number", step(SET, "/n/a", "1"), InvalidPath),
        ("below a string", step(SET, "/s/0", "1"), InvalidPath),
        ("below a boolean", step(SET, "/t/a", "1"), InvalidPath),
        ("below null", step(SET, "/z/a", "1"), InvalidPath),
        ("below an element", step(SET, "/l/0/a", "1"), InvalidPath),
        ("set one past an array", step(SET, "/l/2", "1"), InvalidPath),
        ("no index", step(SET, "/l/x", "1"), InvalidPath),
        ("a leading zero", step(SET, "/l/01", "1"), InvalidPath),
        ("a sign", step(SET, "/l/-1", "1"), InvalidPath),
        ("insert two past", step(INSERT, "/l/3", "1"), InvalidPath),
        (
            "insert into an object",
            step(INSERT, "/o/0", "1"),
            InvalidPath,
        ),
        ("insert at the top", step(INSERT, "", "1"), InvalidPath),
        ("delete what is not there", none(DELETE, "/b"), InvalidPath),
        (
            "delete one past an array",
            none(DELETE, "/l/2"),
            InvalidPath,
        ),
        ("delete behind the end", none(DELETE, "/l/-"), InvalidPath),
        ("delete the document", none(DELETE, ""), InvalidPath),
        ("add without a parent", step(ADD, "/b/c", "1"), InvalidPath),
        ("add two past an array", step(ADD, "/l/3", "1"), InvalidPath),
        ("remove what is not there", none(REMOVE, "/b"), InvalidPath),
        (
            "remove one past an array",
            none(REMOVE, "/l/2"),
            InvalidPath,
        ),
        ("remove the document", none(REMOVE, ""), InvalidPath),
        (
            "replace what is not there",
            step(REPLACE, "/b", "1"),
            InvalidPath,
        ),
        ("test what is not there", step(TEST, "/b", "1"), InvalidPath),
        (
            "copy from nowhere",
            step_from(COPY, "/b", "/c"),
            InvalidPath,
        ),
        (
            "move from nowhere",
            step_from(MOVE, "/b", "/c"),
            InvalidPath,
        ),
        (
            "move two past an array",
            step_from(MOVE, "/n", "/l/3"),
            InvalidPath,
        ),
        ("129 names", step(SET, "/x".repeat(129), "1"), InvalidPath),
    ]
}

/// Steps at the nearest places that are taken: a document, the step, and what it becomes.
fn taken() -> Vec<(&'static str, Message, &'static str)> {
    let list = r#"{"l":[1,2]}"#;
    vec![
        ("{}", step(SET, "/b/c", "1"), r#"{"b":{"c":1}}"#),
        (list, step(SET, "/l/1", "null"), r#"{"l":[1,null]}"#),
        (r#"{"n":1}"#, step(SET, "/n", "1.0"), r#"{"n":1.0}"#),
        (r#"{"a/b":0}"#, step(SET, "/a~1b", "1"), r#"{"a/b":1}"#),
        (r#"{"m~n":0}"#, step(SET, "/m~0n", "1"), r#"{"m~n":1}"#),
        (list, none(DELETE, "/l/1"), r#"{"l":[1]}"#),
        (r#"{"z":null}"#, none(DELETE, "/z"), "{}"),
        (list, step(INSERT, "/l/2", "3"), r#"{"l":[1,2,3]}"#),
        (list, step(INSERT, "/l/-", "3"), r#"{"l":[1,2,3]}"#),
        (list, step(INSERT, "/l/0", "3"), r#"{"l":[3,1,2]}"#),
        (list, step(ADD, "/l/2", "3"), r#"{"l":[1,2,3]}"#),
        (list, step(ADD, "/l/-", "3"), r#"{"l":[1,2,3]}"#),
        (list, none(REMOVE, "/l/0"), r#"{"l":[2]}"#),
        (r#"{"z":null}"#, step(REPLACE, "/z", "0"), r#"{"z":0}"#),
        (
            r#"{"n":3,"l":[1,2]}"#,
            step_from(MOVE, "/n", "/l/2"),
            r#"{"l":[1,2,3]}"#,
        ),
        (
            r#"{"n":1}"#,
            step_from(COPY, "/n", "/s"),
            r#"{"n":1,"s":1}"#,
        ),
        (r#"{"n":1}"#, step(TEST, "/n", "1.0"), r#"{"n":1}"#),
        (r#"{"n":1}"#, step(ADD, "", "0"), "0"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_step_that_does_not_apply_refuses_the_patch_with_its_code() {
    let mut watched = Watched::start().await;
    watched.serves("document", &upsert(1, DOCUMENT)).await;
    let good = step(SET, "/good", "1");
    for (what, bad, code) in refused() {
        for steps in [
            vec![bad.clone()],
            vec![good.clone(), bad.clone()],
            vec![bad, good.clone()],
        ] {
            watched
                .refuses_operation(what, &patch(1, &steps, None), code)
                .await;
        }
        assert_eq!(watched.document(1).await, DOCUMENT, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_step_that_applies_changes_what_it_names() {
    let mut watched = Watched::start().await;
    for (document, step, becomes) in taken() {
        watched.serves("document", &upsert(1, document)).await;
        watched.serves(becomes, &patch(1, &[step], None)).await;
        assert_eq!(watched.document(1).await, becomes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_document_that_is_no_object_or_array_is_patched_as_a_whole_only() {
    let mut watched = Watched::start().await;
    for document in ["1", "\"text\"", "true", "null"] {
        watched.serves("document", &upsert(1, document)).await;
        for (what, step) in [
            ("set", step(SET, "/a", "1")),
            ("set the whole", step(SET, "", "1")),
            ("delete", none(DELETE, "/a")),
            ("delete the whole", none(DELETE, "")),
            ("insert", step(INSERT, "/0", "1")),
            ("add", step(ADD, "/a", "1")),
            ("remove", none(REMOVE, "/a")),
            ("replace", step(REPLACE, "/a", "1")),
            ("test", step(TEST, "/a", "1")),
            ("copy", step_from(COPY, "", "/a")),
            ("move", step_from(MOVE, "/a", "")),
        ] {
            let operation = patch(1, &[step], None);
            watched
                .refuses_operation(what, &operation, Code::NotJsonObject)
                .await;
        }
        let whole = [step(TEST, "", document), step(REPLACE, "", "[0]")];
        watched.serves(document, &patch(1, &whole, None)).await;
        assert_eq!(watched.document(1).await, "[0]");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_patch_makes_is_held_to_the_limits_of_a_document() {
    let mut watched = Watched::start_with(|options| {
        options.engine.limits.document_bytes = 100;
        options.engine.limits.document_depth = 4;
    })
    .await;
    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    watched.serves("document", &upsert(1, "{\"a\":0}")).await;
    // {"a":"…"} of 100 bytes, and of 101.
    let at = patch(1, &[step(SET, "/a", text(92))], None);
    let past = patch(1, &[step(SET, "/a", text(93))], None);
    watched
        .refuses_operation("101 bytes", &past, Code::PayloadTooLarge)
        .await;
    let merged = merge(1, format!("{{\"a\":{}}}", text(92)), None);
    let longer = merge(1, "{\"bb\":1}", None);
    watched.serves("100 bytes", &at).await;
    assert_eq!(watched.document(1).await.len(), 100);
    watched
        .refuses_operation("merged to 107", &longer, Code::PayloadTooLarge)
        .await;
    watched.serves("merged to 100", &merged).await;

    watched
        .serves("document", &upsert(1, "{\"a\":{\"b\":{}}}"))
        .await;
    let past = patch(1, &[step(SET, "/a/b/c", "[[]]")], None);
    watched
        .refuses_operation("depth 5", &past, Code::InvalidJson)
        .await;
    let past = step_from(COPY, "/a", "/a/b/c");
    watched
        .refuses_operation("copied to 5", &patch(1, &[past], None), Code::InvalidJson)
        .await;
    let at = patch(1, &[step(SET, "/a/b/c", "[]")], None);
    watched.serves("depth 4", &at).await;
    assert_eq!(watched.document(1).await, "{\"a\":{\"b\":{\"c\":[]}}}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_merge_patch_is_a_document_itself() {
    let mut watched = Watched::start().await;
    watched.serves("document", &upsert(1, DOCUMENT)).await;
    for (what, text) in [
        ("nothing", ""),
        ("half an object", "{"),
        ("a name twice", "{\"a\":1,\"a\":2}"),
        ("129 levels", &("[".repeat(129) + &"]".repeat(129))),
    ] {
        watched
            .refuses_operation(what, &merge(1, text, None), Code::InvalidJson)
            .await;
    }
    assert_eq!(watched.document(1).await, DOCUMENT);
    watched.serves("a scalar", &upsert(1, "1")).await;
    watched
        .serves("merge", &merge(1, "{\"a\":null,\"b\":1}", None))
        .await;
    assert_eq!(watched.document(1).await, "{\"b\":1}");
}
