use docdb_client::{Command, CursorId, Page, Reply, ScanOptions, StoredDocument};
use docdb_types::{Code, Error, TransactionId, Version};
use futures_util::TryStreamExt;

use crate::script::{Peer, Script, collection, id, queue_full};

fn page(numbers: &[u64], cursor: Option<CursorId>) -> Reply {
    let documents = numbers
        .iter()
        .map(|number| StoredDocument {
            id: id(*number),
            version: Version::new(1),
            document: "1".into(),
        })
        .collect();
    Reply::Page(Page {
        documents,
        cursor,
        snapshot_version: TransactionId::new(7),
    })
}

async fn cursor_of_next(peer: &mut Peer, result: Result<Reply, Error>) -> Option<CursorId> {
    match peer.answer_next(result).await {
        Command::Scan(scan) => scan.cursor,
        command => panic!("{command:?}"),
    }
}

#[tokio::test]
async fn a_scan_follows_its_cursor_to_the_end() {
    let script = Script::new();
    let (_client, database, mut peer) = script.database().await;
    let cursor = CursorId::new(5);
    let server = async {
        assert_eq!(
            cursor_of_next(&mut peer, Ok(page(&[1, 2], cursor))).await,
            None
        );
        assert_eq!(cursor_of_next(&mut peer, Err(queue_full())).await, cursor);
        assert_eq!(
            cursor_of_next(&mut peer, Ok(page(&[], cursor))).await,
            cursor
        );
        assert_eq!(
            cursor_of_next(&mut peer, Ok(page(&[9], None))).await,
            cursor
        );
    };
    let scan = database.scan(&collection(), ScanOptions::default());
    let documents = scan.into_stream().map_ok(|document| document.id.get());
    let (documents, ()) = tokio::join!(documents.try_collect::<Vec<_>>(), server);
    assert_eq!(documents.unwrap(), [1, 2, 9]);
}

#[tokio::test]
async fn a_scan_that_is_given_up_gives_its_cursor_up() {
    let script = Script::new();
    let (_client, database, mut peer) = script.database().await;
    let cursor = CursorId::new(5);
    let mut scan = database.scan(&collection(), ScanOptions::default());
    let (first, _) = tokio::join!(
        scan.next_page(),
        cursor_of_next(&mut peer, Ok(page(&[1], cursor)))
    );
    assert_eq!(first.unwrap().unwrap().documents.len(), 1);
    drop(scan);
    let close = Command::CloseCursor {
        cursor: cursor.unwrap(),
    };
    assert_eq!(peer.answer_next(Ok(Reply::CursorClosed)).await, close);
}

#[tokio::test]
async fn a_scan_that_failed_is_over_and_skips_nothing() {
    let script = Script::new();
    let (_client, database, mut peer) = script.database().await;
    let cursor = CursorId::new(5);
    let mut scan = database.scan(&collection(), ScanOptions::default());
    let expired = Error::new(Code::Internal, "gone");
    let server = async {
        cursor_of_next(&mut peer, Ok(page(&[1], cursor))).await;
        cursor_of_next(&mut peer, Err(expired.clone())).await;
    };
    let pages = async {
        scan.next_page().await.unwrap().unwrap();
        assert_eq!(scan.next_page().await, Err(expired.clone()));
        assert_eq!(scan.next_page().await, Ok(None));
    };
    tokio::join!(pages, server);
}

#[tokio::test]
async fn a_page_whose_answer_was_lost_is_not_asked_for_again() {
    let script = Script::new();
    let (_client, database, mut peer) = script.database().await;
    let cursor = CursorId::new(5);
    let mut scan = database.scan(&collection(), ScanOptions::default());
    let (first, _) = tokio::join!(
        scan.next_page(),
        cursor_of_next(&mut peer, Ok(page(&[1], cursor)))
    );
    first.unwrap();
    let cut = async {
        peer.request().await;
        drop(peer);
    };
    let (second, ()) = tokio::join!(scan.next_page(), cut);
    let error = second.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (Code::Network, false));
}
