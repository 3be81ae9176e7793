use std::time::Duration;

use docdb_ipc::{Command, CursorId, Page, Reply, Scan};
use docdb_types::{Code, CollectionName, DatabaseId, Error};

use super::harness::{Client, Harness, create, id, string_of, update};

fn scan(database: DatabaseId) -> Scan {
    Scan {
        database,
        collection: CollectionName::DEFAULT,
        from: None,
        limit: 0,
        max_bytes: 0,
        cursor: None,
        transaction: None,
    }
}

async fn page(client: &mut Client, scan: Scan) -> Result<Page, Error> {
    match client.call(Command::Scan(scan)).await? {
        Reply::Page(page) => Ok(page),
        other => panic!("{other:?}"),
    }
}

fn ids(page: &Page) -> Vec<u64> {
    page.documents
        .iter()
        .map(|document| document.id.get())
        .collect()
}

async fn filled(harness: &Harness, documents: u64) -> (Client, DatabaseId) {
    let (mut client, db) = harness.client_of("a").await;
    let all = (1..=documents).map(|number| create(number, "0")).collect();
    assert!(client.execute(db, all).await.iter().all(Result::is_ok));
    (client, db)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_scan_lists_by_id_page_by_page_and_ends() {
    let harness = Harness::start().await;
    let (mut client, db) = filled(&harness, 10).await;
    let first = page(
        &mut client,
        Scan {
            limit: 4,
            from: Some(id(2)),
            ..scan(db)
        },
    )
    .await
    .unwrap();
    assert_eq!(ids(&first), [2, 3, 4, 5]);
    let second = page(
        &mut client,
        Scan {
            limit: 4,
            cursor: first.cursor,
            ..scan(db)
        },
    )
    .await
    .unwrap();
    assert_eq!(ids(&second), [6, 7, 8, 9]);
    let third = page(
        &mut client,
        Scan {
            cursor: second.cursor,
            ..scan(db)
        },
    )
    .await
    .unwrap();
    assert_eq!(ids(&third), [10]);
    assert_eq!(third.cursor, None);
    let error = page(
        &mut client,
        Scan {
            cursor: first.cursor,
            ..scan(db)
        },
    )
    .await
    .unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired, "the scan is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_pages_of_a_scan_see_one_snapshot() {
    let harness = Harness::start().await;
    let (mut client, db) = filled(&harness, 4).await;
    let first = page(
        &mut client,
        Scan {
            limit: 2,
            ..scan(db)
        },
    )
    .await
    .unwrap();
    client.one(db, update(3, "1")).await.unwrap();
    client.one(db, super::harness::delete(4)).await.unwrap();
    client.one(db, create(5, "1")).await.unwrap();
    let second = page(
        &mut client,
        Scan {
            cursor: first.cursor,
            ..scan(db)
        },
    )
    .await
    .unwrap();
    assert_eq!(ids(&second), [3, 4]);
    assert!(
        second
            .documents
            .iter()
            .all(|found| &found.document[..] == b"0")
    );
    assert_eq!(first.snapshot_version, second.snapshot_version);
    let anew = page(&mut client, scan(db)).await.unwrap();
    assert_eq!(ids(&anew), [1, 2, 3, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_page_ends_at_its_bytes_and_holds_at_least_one_document() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    for number in 1..=3 {
        client
            .one(db, create(number, &string_of(1000)))
            .await
            .unwrap();
    }
    let first = page(
        &mut client,
        Scan {
            max_bytes: 1,
            ..scan(db)
        },
    )
    .await
    .unwrap();
    assert_eq!(ids(&first), [1]);
    let rest = page(
        &mut client,
        Scan {
            max_bytes: 2000,
            cursor: first.cursor,
            ..scan(db)
        },
    );
    assert_eq!(ids(&rest.await.unwrap()), [2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cursor_belongs_to_its_connection_and_database_and_can_be_given_up() {
    let harness = Harness::start().await;
    let (mut client, db) = filled(&harness, 4).await;
    let (mut other, _) = harness.client_of("a").await;
    let other_db = client.open("b").await;
    let cursor = page(
        &mut client,
        Scan {
            limit: 1,
            ..scan(db)
        },
    )
    .await
    .unwrap()
    .cursor;
    assert!(cursor.is_some());
    let next = Scan { cursor, ..scan(db) };
    let error = page(&mut other, next.clone()).await.unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    let error = page(
        &mut client,
        Scan {
            cursor,
            ..scan(other_db)
        },
    )
    .await
    .unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    let close = Command::CloseCursor {
        cursor: cursor.unwrap(),
    };
    assert_eq!(client.call(close.clone()).await, Ok(Reply::CursorClosed));
    assert_eq!(
        client.call(close).await,
        Ok(Reply::CursorClosed),
        "twice is no error"
    );
    let error = page(&mut client, next).await.unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cursor_that_lies_unused_expires_and_lets_go_of_its_snapshot() {
    let harness = Harness::start_with(|options| {
        options.deadlines.cursor = Duration::from_millis(50);
    })
    .await;
    let (mut client, db) = filled(&harness, 4).await;
    let cursor = page(
        &mut client,
        Scan {
            limit: 1,
            ..scan(db)
        },
    )
    .await
    .unwrap()
    .cursor;
    let database = harness.service.engine().database(db).unwrap();
    let begun = std::time::Instant::now();
    while database.statistics().snapshots > 0 {
        assert!(
            begun.elapsed() < super::harness::PATIENCE,
            "the snapshot stays open"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let error = page(&mut client, Scan { cursor, ..scan(db) })
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cursors_of_a_connection_are_bounded_and_end_with_it() {
    let harness = Harness::start_with(|options| options.max_cursors = 3).await;
    let (mut client, db) = filled(&harness, 4).await;
    let mut cursors: Vec<CursorId> = Vec::new();
    for _ in 0..10 {
        cursors.extend(
            page(
                &mut client,
                Scan {
                    limit: 1,
                    ..scan(db)
                },
            )
            .await
            .unwrap()
            .cursor,
        );
    }
    let database = harness.service.engine().database(db).unwrap();
    assert_eq!(database.statistics().snapshots, 3);
    for (place, cursor) in cursors.iter().enumerate() {
        let next = Scan {
            limit: 1,
            cursor: Some(*cursor),
            ..scan(db)
        };
        assert_eq!(
            page(&mut client, next).await.is_ok(),
            place >= 7,
            "the newest are kept"
        );
    }
    drop(client);
    let begun = std::time::Instant::now();
    while database.statistics().snapshots > 0 {
        assert!(
            begun.elapsed() < super::harness::PATIENCE,
            "the snapshots stay open"
        );
        tokio::task::yield_now().await;
    }
}
