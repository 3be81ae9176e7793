//! Moves money between two documents, all of it or nothing, however many do it at the same time.
//!
//! `cargo run -p docdb-client --example transfer -- /tmp/docdb.sock`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use docdb_client::{
    Client, ClientOptions, CreateMode, Database, Endpoint, RetryPolicy, Transaction,
};
use docdb_types::{CollectionName, Document, DocumentId, Error, Isolation, Limits, Version};

const ACCOUNTS: CollectionName = CollectionName::DEFAULT;

/// Accounts are documents that are a number.
fn account(balance: i64) -> Result<Document, Error> {
    Document::from_text(&balance.to_string(), &Limits::DEFAULT)
}

/// Adds to a balance, and answers what it is then.
async fn change(transaction: &Transaction, id: DocumentId, by: i64) -> Result<i64, Error> {
    let stored = transaction.read(&ACCOUNTS, id).await?;
    let balance = String::from_utf8_lossy(&stored.document);
    let balance = balance.parse::<i64>().unwrap_or(0) + by;
    transaction
        .update(&ACCOUNTS, id, account(balance)?, None)
        .await?;
    Ok(balance)
}

async fn transfer(
    bank: &Database,
    from: DocumentId,
    to: DocumentId,
    amount: i64,
) -> Result<((i64, i64), Version), Error> {
    bank.transact(Isolation::Serializable, async |transaction| {
        let left = change(&transaction, from, -amount).await?;
        let right = change(&transaction, to, amount).await?;
        Ok((left, right))
    })
    .await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let socket = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "/tmp/docdb.sock".to_owned());
    // Of those that want the same two documents one is first each time.
    let options = ClientOptions {
        retry: RetryPolicy {
            tries: 30,
            ..RetryPolicy::default()
        },
        ..ClientOptions::default()
    };
    let client = Client::connect(&Endpoint::Unix(socket.into()), options).await?;
    let bank = client.open("bank", CreateMode::IfMissing).await?;
    let left = bank.create(&ACCOUNTS, None, account(100)?).await?.id;
    let right = bank.create(&ACCOUNTS, None, account(0)?).await?.id;
    let transfers = (0..10).map(|_| transfer(&bank, left, right, 3));
    for done in futures_util::future::join_all(transfers).await {
        let ((left, right), version) = done?;
        println!("{left} and {right} at version {version}");
    }
    Ok(())
}
