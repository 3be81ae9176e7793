//! A first session: opens a database, writes, patches, reads back and lists.
//!
//! `cargo run -p docdb-client --example orders -- /tmp/docdb.sock`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use docdb_client::{Client, ClientOptions, CreateMode, Endpoint, ScanOptions};
use docdb_types::{CollectionName, Document, Error, Limits, PatchStep};
use futures_util::TryStreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let socket = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "/tmp/docdb.sock".to_owned());
    let client = Client::connect(&Endpoint::Unix(socket.into()), ClientOptions::default()).await?;
    println!("connected to docdb {}", client.server().server_version);

    let shop = client.open("shop", CreateMode::IfMissing).await?;
    let orders = CollectionName::DEFAULT;
    let order = Document::from_text(r#"{"item": "lamp", "price": 12.50}"#, &Limits::DEFAULT)?;
    let created = shop.create(&orders, None, order).await?;
    println!("created {} at version {}", created.id, created.version);

    let paid = PatchStep::Set {
        path: "/paid".to_owned(),
        value: b"true".to_vec(),
    };
    shop.patch(&orders, created.id, vec![paid], Some(created.version))
        .await?;

    let mut documents = std::pin::pin!(shop.scan(&orders, ScanOptions::default()).into_stream());
    while let Some(stored) = documents.try_next().await? {
        println!(
            "{} {}",
            stored.id,
            String::from_utf8_lossy(&stored.document)
        );
    }
    Ok(())
}
