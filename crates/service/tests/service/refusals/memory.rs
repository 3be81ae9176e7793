//! At the cap of memory.

use docdb_service::ServiceOptions;
use docdb_types::Code;

use super::message::{
    Message, SET, create, create_collection, delete, execute, merge, patch, read, step, update,
    upsert,
};
use super::watched::Watched;

const CAP: u64 = 256 * 1024;

/// Creates documents, many at a time and then one by one, until no more fit. Answers how many did.
async fn fill(watched: &mut Watched) -> u64 {
    let mut live = 0;
    for at_a_time in [100, 1] {
        loop {
            let next: Vec<Message> = (1..=at_a_time).map(|n| create(live + n, "{}")).collect();
            let answer = watched.ask(&execute(watched.database, false, &next)).await;
            let Ok(docdb_ipc::Reply::Results(results)) = answer else {
                panic!("{answer:?}");
            };
            let refused = results.iter().find_map(|result| result.as_ref().err());
            live += results.iter().take_while(|result| result.is_ok()).count() as u64;
            assert!(live < CAP, "no cap");
            if let Some(error) = refused {
                assert_eq!(error.code(), Code::MemoryLimit, "{error}");
                break;
            }
        }
    }
    live
}

fn capped(options: &mut ServiceOptions) {
    options.engine.database_memory_bytes = CAP;
    options.engine.global_memory_bytes = CAP;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_the_cap_nothing_is_created_and_everything_else_goes_on() {
    let mut watched = Watched::start_with(capped).await;
    let live = fill(&mut watched).await;
    assert!(live > 1000, "{live} documents");
    for (what, operation) in [
        ("create", create(live + 1, "{}")),
        ("assign", create(0, "{}")),
        ("upsert", upsert(live + 1, "{}")),
    ] {
        watched
            .refuses_alone(what, &operation, Code::MemoryLimit)
            .await;
    }
    let collection = create_collection(watched.database, "b");
    watched
        .refuses("a collection", &collection, Code::MemoryLimit)
        .await;
    let pair = [
        delete(1, None),
        create(live + 1, "{}"),
        create(live + 2, "{}"),
    ];
    watched
        .refuses(
            "a transaction",
            &execute(watched.database, true, &pair),
            Code::MemoryLimit,
        )
        .await;
    for (what, operation) in [
        ("read", read(1)),
        ("update", update(1, "{\"a\":1}", None)),
        ("upsert", upsert(1, "{\"a\":2}")),
        ("patch", patch(1, &[step(SET, "/b", "1")], None)),
        ("merge", merge(1, "{\"c\":1}", None)),
        (
            "replace by a larger one",
            update(2, format!("\"{}\"", "x".repeat(10_000)), None),
        ),
        ("delete", delete(1, None)),
        ("create again what was deleted", create(1, "{}")),
    ] {
        watched.serves(what, &operation).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_cap_of_all_databases_together_is_one() {
    let mut watched = Watched::start_with(capped).await;
    let live = fill(&mut watched).await;
    let first = watched.database;
    watched.database = watched.open("b").await;
    watched
        .refuses_alone("in another database", &create(1, "{}"), Code::MemoryLimit)
        .await;
    watched.database = first;
    watched.serves("delete", &delete(live, None)).await;
    watched.serves("replace", &update(1, "[]", None)).await;
}
