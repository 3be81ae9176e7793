//! What goes wrong around a server is one line that says what it is, and an exit code.

use std::net::TcpListener;

use docdb_client::{Client, ClientOptions, CreateMode, Endpoint};
use docdb_types::{CollectionName, Document, Limits};

use crate::process::{Place, text};

#[test]
fn an_address_that_is_taken_is_named_once_and_nothing_is_left_behind() {
    let place = Place::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--http"] {
        let arguments = ["--data-dir", "data", "--socket", "socket", flag, &address];
        let refused = place.run(&arguments);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        let complaints: Vec<_> = said
            .lines()
            .filter(|line| line.starts_with("docdb-server: "))
            .collect();
        let [line] = complaints[..] else {
            panic!("{said}")
        };
        assert!(line.contains(&address), "{line}");
        assert_eq!(line.matches("in use").count(), 1, "{line}");
        assert!(!place.path("socket").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_backup_is_named_by_its_file_and_is_not_restored() {
    let place = Place::new();
    let server = place.start(&[]);
    let endpoint = Endpoint::Unix(place.path("socket"));
    let client = Client::connect(&endpoint, ClientOptions::default())
        .await
        .unwrap();
    let shop = client.open("shop", CreateMode::IfMissing).await.unwrap();
    let document = Document::from_text("{\"a\":1}", &Limits::DEFAULT).unwrap();
    shop.create(&CollectionName::DEFAULT, None, document)
        .await
        .unwrap();
    let taken = place.run(&["backup", "data", "backups", "--socket", "socket"]);
    assert_eq!(taken.status.code(), Some(0), "{taken:?}");
    drop(server);

    let copies = std::fs::read_dir(place.path("backups/data")).unwrap();
    let copy = copies.flatten().next().unwrap().path();
    let mut bytes = std::fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&copy, bytes).unwrap();
    let name = copy.file_name().unwrap().to_str().unwrap();
    let verified = place.run(&["verify", "backups"]);
    assert_eq!(verified.status.code(), Some(1));
    let said = text(&verified.stdout);
    assert!(
        said.contains(name) && said.contains("database shop"),
        "{said}"
    );
    let refused = place.run(&["restore", "backups", "restored"]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains(name) && said.contains("is damaged"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let empty = place.run(&["verify", "restored"]);
    assert_eq!(text(&empty.stdout), "0 databases, 0 damaged\n");
}
