use docdb_client::{Command, CursorId, Page, Reply, ScanOptions, StoredDocument};
use docdb_types::{Code, Error, TransactionId, Version};
use futures_util::TryStreamExt;

use crate::script::{Peer, Script, collection, id, queue_full, read};

fn page(numbers: &[u64], cursor: Option<CursorId>) -> Reply {
    let documents = numbers
        .iter()
        .map(|number| StoredDocument {
            id: id(*number),
            version: Version::new(1),
            document: "1".into(),
            may_be_older: false,
        })
        .collect();
    Reply::Page(Page {
        documents,
        cursor,
        snapshot_version: TransactionId::new(7),
        may_lack: false,
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

/// The second of two pages of a database that has lost transactions.
fn doubtful() -> Reply {
    let Reply::Page(mut page) = page(&[3, 4], None) else {
        unreachable!()
    };
    page.documents[0].may_be_older = true;
    page.may_lack = true;
    Reply::Page(page)
}

#[tokio::test]
async fn what_is_doubtful_about_a_page_stays_with_all_of_them() {
    let script = Script::new();
    let (_client, database, mut peer) = script.database().await;
    let cursor = CursorId::new(5);
    for may_lack in [true, false] {
        let last = if may_lack {
            doubtful()
        } else {
            page(&[3, 4], None)
        };
        let scan = database.scan(&collection(), ScanOptions::default());
        let server = async {
            cursor_of_next(&mut peer, Ok(page(&[1, 2], cursor))).await;
            cursor_of_next(&mut peer, Ok(last)).await;
        };
        let (all, ()) = tokio::join!(scan.collect(), server);
        let all = all.unwrap();
        assert_eq!((all.may_lack, all.cursor), (may_lack, None));
        assert_eq!(all.snapshot_version, TransactionId::new(7));
        let marks: Vec<_> = all.documents.iter().map(|it| it.may_be_older).collect();
        assert_eq!(marks, [false, false, may_lack, false]);
    }
}

#[tokio::test]
async fn a_stream_of_documents_does_not_end_as_if_none_were_missing() {
    let script = Script::new();
    let (_client, database, mut peer) = script.database().await;
    let scan = database.scan(&collection(), ScanOptions::default());
    let mut documents = std::pin::pin!(scan.into_stream());
    let (first, _) = tokio::join!(
        documents.try_next(),
        cursor_of_next(&mut peer, Ok(doubtful()))
    );
    assert!(first.unwrap().unwrap().may_be_older);
    let second = documents.try_next().await.unwrap().unwrap();
    assert!(!second.may_be_older && second.id == id(4));
    let end = documents.try_next().await.unwrap_err();
    assert_eq!(end.code(), Code::CorruptLog);
    assert_eq!(documents.try_next().await, Ok(None));
}

#[tokio::test]
async fn a_read_says_that_its_document_may_be_older() {
    let script = Script::new();
    let (_client, database, mut peer) = script.database().await;
    for may_be_older in [true, false] {
        let Reply::Results(mut results) = read(1, "1") else {
            unreachable!()
        };
        for outcome in results.iter_mut().flatten() {
            outcome.may_be_older = may_be_older;
        }
        let orders = collection();
        let (stored, _) = tokio::join!(
            database.read(&orders, id(1)),
            peer.answer_next(Ok(Reply::Results(results)))
        );
        assert_eq!(stored.unwrap().may_be_older, may_be_older);
    }
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
