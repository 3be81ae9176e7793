//! Texts that are no document, and those that nearly are none.

use docdb_types::{Code, Limits};

use super::message::{SET, create, merge, patch, step, update, upsert};
use super::watched::Watched;

fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

/// Texts that no operation takes.
fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("white space only", text(" \n\t\r")),
        ("half an object", text("{\"a\":1")),
        ("a comma too many", text("[1,]")),
        ("single quotes", text("{'a':1}")),
        ("a comment", text("1 // one")),
        ("trailing bytes", text("{} {}")),
        ("a trailing zero byte", text("{}\0")),
        ("a zero byte in front", text("\0{}")),
        ("NaN", text("NaN")),
        ("-Infinity", text("[-Infinity]")),
        ("a leading zero", text("01")),
        ("a lone dot", text("1.")),
        ("a plus sign", text("+1")),
        ("hexadecimal", text("0x10")),
        ("a name twice", text(r#"{"a":1,"b":2,"a":3}"#)),
        ("a name twice, one escaped", text(r#"{"a":1,"\u0061":2}"#)),
        (
            "a name twice, as a pair",
            text(r#"{"😀":1,"\ud83d\ude00":2}"#),
        ),
        (
            "a name twice, far inside",
            text(r#"[{"x":{"a":1,"b":[],"a":1}}]"#),
        ),
        ("a high surrogate", text(r#"["\ud800"]"#)),
        ("a low surrogate", text(r#"{"\udc00":1}"#)),
        ("surrogates the wrong way", text(r#""\udc00\ud800""#)),
        ("a surrogate and a letter", text(r#""\ud800a""#)),
        ("a byte-order mark", text("\u{feff}{}")),
        ("utf-16", b"\xff\xfe{\0}\0".to_vec()),
        ("a byte that is no utf-8", b"\"\xff\"".to_vec()),
        ("a surrogate as utf-8", b"\"\xed\xa0\x80\"".to_vec()),
        ("an overlong slash", b"\"\xc0\xaf\"".to_vec()),
        ("utf-8 cut short", b"\"\xe2\x82\"".to_vec()),
        ("a control character", text("\"\n\"")),
        ("129 levels", text(&nested(129))),
        ("100,000 levels", text(&nested(100_000))),
        ("100,000 levels, none closed", text(&"[".repeat(100_000))),
        (
            "100,000 levels of objects",
            text(&r#"{"a":"#.repeat(100_000)),
        ),
    ]
}

/// Texts that are taken, and come back byte for byte.
fn taken() -> Vec<String> {
    let digits = "9".repeat(1_000_000);
    let mut texts: Vec<String> = [
        "0",
        "-0",
        "-0.0e-0",
        "1E+400",
        "1e-99999999999999999999",
        "9007199254740993",
        "18446744073709551616",
        "0.1000000000000000055511151231257827",
        "null",
        "true",
        "\"\"",
        "[]",
        "{}",
        " \t\r\n{ \"b\" : 1.0 , \"a\" : [ ] } \n",
        r#"{"a":{"a":1},"A":[{"a":2}]}"#,
        r#""\ud83d\ude00""#,
        r#""\u0000\u001f\ufeff\uffff""#,
        "\"\u{feff}\u{10ffff}\u{2028}\"",
        r#"{"a":1,"\\u0061":2,"a ":3}"#,
    ]
    .map(str::to_owned)
    .into();
    texts.extend([
        nested(128),
        digits.clone(),
        format!("-{digits}.{digits}e-{digits}"),
        format!("{{\"{digits}\":\"{digits}\"}}"),
    ]);
    texts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_text_that_is_no_document_is_refused_wherever_one_is_expected() {
    let mut watched = Watched::start().await;
    watched.serves("document", &upsert(1, "{}")).await;
    for (what, text) in refused() {
        for (id, operation) in [
            (0, create(0, &text)),
            (2, create(2, &text)),
            (1, update(1, &text, None)),
            (1, upsert(1, &text)),
            (1, merge(1, &text, None)),
            (1, patch(1, &[step(SET, "/a", &text)], None)),
        ] {
            let what = format!("{what}, id {id}");
            watched
                .refuses_operation(&what, &operation, Code::InvalidJson)
                .await;
        }
    }
    // Nothing at all is no document; of a patch it is a missing value.
    for operation in [create(0, ""), upsert(1, ""), update(1, "", None)] {
        watched
            .refuses_operation("nothing", &operation, Code::InvalidJson)
            .await;
    }
    assert_eq!(watched.document(1).await, "{}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_text_that_is_a_document_comes_back_byte_for_byte_also_after_a_restart() {
    let mut watched = Watched::start().await;
    for (id, text) in (1..).zip(taken()) {
        watched
            .serves(&text[..text.len().min(80)], &create(id, &text))
            .await;
    }
    for _ in 0..2 {
        for (id, text) in (1..).zip(taken()) {
            assert!(watched.document(id).await == text, "document {id}");
        }
        watched = watched.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_depth_that_is_allowed_can_be_chosen() {
    for depth in [1, 5, 1024] {
        let mut watched =
            Watched::start_with(|options| options.engine.limits.document_depth = depth).await;
        let levels = usize::from(depth);
        watched
            .serves("at the limit", &create(1, nested(levels)))
            .await;
        watched
            .refuses_operation(
                "one past",
                &create(2, nested(levels + 1)),
                Code::InvalidJson,
            )
            .await;
    }
    assert_eq!(Limits::DEFAULT.document_depth, 128);
}
