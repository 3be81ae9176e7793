use docdb_client::{Client, ClientOptions, CreateMode, Endpoint};
use docdb_types::{CollectionName, Document, Limits};

use crate::process::{Place, text};

/// What is planted; nothing else says it.
const CANARY: &str = "kanarienvogel";

#[test]
fn no_log_line_holds_a_document_or_a_token() {
    for format in ["text", "json"] {
        let place = Place::new();
        std::fs::create_dir(place.path("data")).unwrap();
        let create = [
            "token",
            "create",
            "data",
            "--role",
            "admin",
            "--all-databases",
        ];
        let created = text(&place.run(&create).stdout);
        let token = created
            .lines()
            .find_map(|line| line.strip_prefix("token="))
            .unwrap();

        let server = place.start_with(
            &[
                "--log-level",
                "trace",
                "--log-format",
                format,
                "--listen",
                "127.0.0.1:0",
            ],
            |command| {
                // Every request is slow, and logged.
                command.env("DOCDB_LOG_SLOW_OPERATION", "1us");
            },
        );
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(plant(&place, token));
        let (status, log) = server.terminate();
        assert_eq!(status.code(), Some(0));
        assert!(log.contains("slow operation"), "{log}");
        assert!(!log.contains(CANARY), "{log}");
        let secret = &token["docdb_".len()..];
        assert!(!log.contains(secret), "{log}");
    }
}

async fn plant(place: &Place, token: &str) {
    let endpoint = Endpoint::Unix(place.path("socket"));
    let with = |token: &str| ClientOptions {
        token: token.as_bytes().to_vec().into(),
        ..ClientOptions::default()
    };
    let wrong = format!("docdb_{CANARY}");
    assert!(Client::connect(&endpoint, with(&wrong)).await.is_err());
    let client = Client::connect(&endpoint, with(token)).await.unwrap();
    let database = client.open("shop", CreateMode::IfMissing).await.unwrap();
    let all = CollectionName::DEFAULT;
    let document =
        || Document::from_text(&format!("{{\"{CANARY}\":1}}"), &Limits::DEFAULT).unwrap();
    let created = database.create(&all, None, document()).await.unwrap();
    database.read(&all, created.id).await.unwrap();
    database
        .create(&all, Some(created.id), document())
        .await
        .unwrap_err();
    database.upsert(&all, created.id, document()).await.unwrap();
    database.checkpoint().await.unwrap();
}
