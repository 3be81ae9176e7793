//! Conditional writes.

use docdb_types::Code;

use super::message::{Message, SET, delete, merge, patch, read, step, update, upsert};
use super::watched::Watched;

/// Every operation that can be conditional.
fn conditional(id: u64, expected: u64) -> [(&'static str, Message); 4] {
    let expected = Some(expected);
    [
        ("update", update(id, "{\"b\":1}", expected)),
        ("patch", patch(id, &[step(SET, "/a", "1")], expected)),
        ("merge", merge(id, "{\"a\":1}", expected)),
        ("delete", delete(id, expected)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_conditional_write_needs_exactly_the_version_that_is_there() {
    let mut watched = Watched::start().await;
    for place in 0..4 {
        let first = watched.serves("write", &upsert(1, "{}")).await.version;
        let version = watched.serves("again", &upsert(1, "{}")).await.version;
        assert!(version > first);
        assert_eq!(watched.serves("read", &read(1)).await.version, version);
        let version = version.get();
        for wrong in [0, first.get(), version - 1, version + 1, u64::MAX] {
            let (what, operation) = conditional(1, wrong)[place].clone();
            watched
                .refuses_operation(what, &operation, Code::VersionMismatch)
                .await;
            let error = watched.run(&operation).await.unwrap_err();
            let found = error.context().version.map(docdb_types::Version::get);
            assert_eq!(found, Some(version), "{what}");
        }
        assert_eq!(watched.document(1).await, "{}");
        let (what, operation) = conditional(1, version)[place].clone();
        watched.serves(what, &operation).await;
        let code = match what {
            "delete" => Code::DocNotFound,
            _ => Code::VersionMismatch,
        };
        watched.refuses_operation(what, &operation, code).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_document_that_is_not_there_has_no_version() {
    let mut watched = Watched::start().await;
    let version = watched.serves("write", &upsert(1, "{}")).await.version;
    watched.serves("delete", &delete(1, None)).await;
    for (id, expected) in [(1, version.get()), (1, 0), (2, 0), (2, version.get())] {
        for (what, operation) in conditional(id, expected) {
            watched
                .refuses_operation(what, &operation, Code::DocNotFound)
                .await;
        }
    }
}
