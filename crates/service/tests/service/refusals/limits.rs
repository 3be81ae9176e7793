//! How much one request, one document and one frame may carry.

use docdb_ipc::Reply;
use docdb_types::{Code, Limits};

use super::message::{
    Message, SET, create, delete, execute, merge, patch, read, step, step_from, update, upsert,
};
use super::watched::Watched;
use crate::harness::string_of;

const MIB: usize = 1024 * 1024;

fn results(reply: Result<Reply, docdb_types::Error>) -> Vec<Option<Code>> {
    match reply {
        Ok(Reply::Results(results)) => results
            .iter()
            .map(|result| result.as_ref().err().map(docdb_types::Error::code))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_carries_65535_operations_and_not_one_more() {
    let mut watched = Watched::start().await;
    let mut operations: Vec<Message> = (1..=65_536).map(|id| create(id, "1")).collect();
    for atomic in [false, true] {
        watched
            .refuses(
                "65,536 operations",
                &execute(watched.database, atomic, &operations),
                Code::TooManyOps,
            )
            .await;
    }
    operations.pop();
    let answer = watched
        .ask(&execute(watched.database, true, &operations))
        .await;
    assert_eq!(results(answer), vec![None; 65_535]);
    let reads: Vec<Message> = (1..=65_535).map(read).collect();
    let answer = watched.ask(&execute(watched.database, false, &reads)).await;
    assert_eq!(results(answer), vec![None; 65_535]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_execute_of_nothing_is_answered_with_nothing() {
    let mut watched = Watched::start().await;
    for atomic in [false, true] {
        let before = watched.disk();
        let answer = watched.ask(&execute(watched.database, atomic, &[])).await;
        assert_eq!(answer, Ok(Reply::Results(Vec::new())));
        assert!(before == watched.disk());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_operation_that_is_none_is_refused_alone() {
    let mut watched = Watched::start().await;
    let unknown = Message::new().message(15, &Message::new().number(1, 1));
    for (what, operation) in [("nothing", Message::new()), ("unknown", unknown)] {
        watched
            .refuses_operation(what, &operation, Code::UnknownOperation)
            .await;
        let among = [create(0, "1"), operation, create(0, "2")];
        let answer = watched.ask(&execute(watched.database, false, &among)).await;
        assert_eq!(results(answer), [None, Some(Code::UnknownOperation), None]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_carries_16_mib_of_payload_and_not_one_byte_more() {
    let mut watched = Watched::start().await;
    let db = watched.database;
    watched.serves("document", &create(1, "{}")).await;
    let half = string_of(8 * MIB);
    let more = string_of(8 * MIB + 1);
    let value = string_of(8 * MIB - 2);
    for (what, operations) in [
        ("documents", vec![create(2, &half), upsert(3, &more)]),
        (
            "an update",
            vec![update(1, &half, None), update(1, &more, None)],
        ),
        ("a merge", vec![merge(1, &half, None), create(2, &more)]),
        (
            "values and paths",
            vec![
                create(2, &half),
                patch(1, &[step(SET, "/ab", &value)], None),
            ],
        ),
        (
            "a source",
            vec![
                create(2, &half),
                patch(1, &[step_from(7, &half, "/")], None),
            ],
        ),
    ] {
        for atomic in [false, true] {
            let request = execute(db, atomic, &operations);
            watched.refuses(what, &request, Code::PayloadTooLarge).await;
        }
    }
    let at = [
        upsert(2, &half),
        patch(1, &[step(SET, "/a", &value)], None),
        read(2),
        delete(2, None),
    ];
    let answer = watched.ask(&execute(db, true, &at)).await;
    assert_eq!(results(answer), [None; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_document_has_16_mib_and_not_one_byte_more() {
    let mut watched = Watched::start().await;
    let largest = string_of(Limits::MAX_DOCUMENT_BYTES);
    watched.serves("16 MiB", &create(1, &largest)).await;
    let longer = string_of(Limits::MAX_DOCUMENT_BYTES + 1);
    let request = execute(watched.database, false, &[create(2, &longer)]);
    watched
        .refuses("16 MiB and a byte", &request, Code::PayloadTooLarge)
        .await;
    let mut watched = watched.restart().await;
    assert!(watched.document(1).await == largest);

    // By a patch, too.
    let long = format!("{{\"a\":{}}}", string_of(Limits::MAX_DOCUMENT_BYTES - 6));
    watched.serves("one object", &upsert(1, &long)).await;
    let grown = patch(1, &[step(SET, "/b", "1")], None);
    watched
        .refuses_operation("grown by a patch", &grown, Code::PayloadTooLarge)
        .await;
    let grown = merge(1, "{\"b\":1}", None);
    watched
        .refuses_operation("grown by a merge", &grown, Code::PayloadTooLarge)
        .await;
    assert!(watched.document(1).await == long);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lower_limit_on_documents_refuses_the_operation_alone() {
    let mut watched =
        Watched::start_with(|options| options.engine.limits.document_bytes = 1000).await;
    let (at, past) = (string_of(1000), string_of(1001));
    watched.serves("at the limit", &create(1, &at)).await;
    for (what, operation) in [
        ("create", create(2, &past)),
        ("update", update(1, &past, None)),
        ("upsert", upsert(1, &past)),
        ("merge", merge(1, &past, None)),
        ("patch", patch(1, &[step(SET, "/a", &past)], None)),
    ] {
        watched
            .refuses_operation(what, &operation, Code::PayloadTooLarge)
            .await;
    }
    assert_eq!(watched.document(1).await, at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_patches_of_a_request_have_262144_steps_and_not_one_more() {
    let mut watched = Watched::start().await;
    watched.serves("document", &create(1, "{\"a\":0}")).await;
    let steps = vec![step(SET, "/a", "1"); 1 << 17];
    let mut more = steps.clone();
    more.push(step(SET, "/a", "2"));
    let past = [patch(1, &steps, None), patch(1, &more, None)];
    watched
        .refuses(
            "262,145 steps",
            &execute(watched.database, false, &past),
            Code::TooManyOps,
        )
        .await;
    let at = [patch(1, &steps, None), patch(1, &steps, None)];
    let answer = watched.ask(&execute(watched.database, false, &at)).await;
    assert_eq!(results(answer), [None, None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_that_is_not_known_is_refused_and_the_connection_goes_on() {
    let mut watched = Watched::start().await;
    for field in [2, 9, 100, 1000, (1 << 29) - 1] {
        let command = super::message::Command {
            field,
            message: Message::new(),
        };
        let what = format!("command {field}");
        let code = Code::UnknownOperation;
        watched.refuses(&what, &command, code).await;
    }
    watched.serves("afterwards", &create(1, "{}")).await;
}
