use docdb_client::{Client, ClientOptions, CreateMode, Endpoint};
use docdb_types::{CollectionName, Document, DocumentId, Limits};

use crate::process::Place;

const DATABASES: u64 = 60;

#[test]
fn a_low_limit_on_open_files_slows_down_and_breaks_nothing() {
    let place = Place::new();
    let server = place.start_with_descriptors(160, &[]);
    assert!(server.log().contains("the limit on open files is too low"));
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(touch_all(&place));
    let (status, log) = server.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
}

/// Writes to many databases in turn, and then reads them all, on one connection.
async fn touch_all(place: &Place) {
    let endpoint = Endpoint::Unix(place.path("socket"));
    let client = Client::connect(&endpoint, ClientOptions::default())
        .await
        .unwrap();
    let (all, one) = (CollectionName::DEFAULT, DocumentId::new(1).unwrap());
    let mut opened = Vec::new();
    for number in 0..DATABASES {
        let name = format!("tenant{number}");
        let database = client.open(&name, CreateMode::IfMissing).await.unwrap();
        let document = Document::from_text(&number.to_string(), &Limits::DEFAULT).unwrap();
        database.create(&all, Some(one), document).await.unwrap();
        opened.push(database);
    }
    for (number, database) in opened.iter().enumerate() {
        let read = database.read(&all, one).await.unwrap();
        assert_eq!(read.document, number.to_string().as_bytes());
    }
}
