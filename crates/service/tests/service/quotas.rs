//! Quotas, as clients meet them.

use docdb_ipc::{Command, Reply};
use docdb_types::{Code, DatabaseId, DatabaseName, QuotaChange, Quotas};

use super::harness::{Client, Harness, create, delete, execute, read, update};

async fn bound(client: &mut Client, change: QuotaChange) -> Quotas {
    let name = DatabaseName::new("a").unwrap();
    match client.call(Command::ChangeQuotas { name, change }).await {
        Ok(Reply::Quotas(quotas)) => quotas,
        other => panic!("{other:?}"),
    }
}

/// The code of a read that is refused, as a request or for itself.
async fn refused(client: &mut Client, db: DatabaseId) -> Option<Code> {
    let answer = client.call(execute(db, vec![read(1)])).await;
    let answer = answer.and_then(|reply| match reply {
        Reply::Results(mut results) => results.remove(0),
        other => panic!("{other:?}"),
    });
    answer.err().map(|error| error.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_quota_refuses_with_a_code_of_its_own_and_the_other_database_goes_on() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let other = client.open("b").await;
    client.one(db, create(1, "1")).await.unwrap();
    client.one(other, create(1, "1")).await.unwrap();

    let documents = QuotaChange {
        documents: Some(1),
        ..QuotaChange::default()
    };
    assert_eq!(bound(&mut client, documents).await.documents, 1);
    let error = client.one(db, create(2, "2")).await.unwrap_err();
    assert_eq!(error.code(), Code::DocumentQuota);
    client.one(other, create(2, "2")).await.unwrap();

    let disk = QuotaChange {
        disk_bytes: Some(10),
        ..QuotaChange::default()
    };
    bound(&mut client, disk).await;
    let error = client.one(db, update(1, "2")).await.unwrap_err();
    assert_eq!(error.code(), Code::DiskQuota);
    client.one(db, delete(1)).await.unwrap();

    let rate = QuotaChange {
        operations_per_second: Some(1),
        ..QuotaChange::default()
    };
    bound(&mut client, rate).await;
    assert_eq!(refused(&mut client, db).await, Some(Code::DocNotFound));
    assert_eq!(refused(&mut client, db).await, Some(Code::RateQuota));
    client.one(other, read(1)).await.unwrap();

    let in_flight = QuotaChange {
        operations_per_second: Some(0),
        requests_in_flight: Some(1),
        disk_bytes: Some(0),
        documents: Some(0),
    };
    bound(&mut client, in_flight).await;
    // Sent together, they are under way together: the first waits for its commit.
    for number in 10..20 {
        client.feed(execute(db, vec![create(number, "1")])).await;
    }
    client.flush().await;
    let mut codes = Vec::new();
    for _ in 10..20 {
        let answer = client.receive().await.unwrap().result;
        codes.extend(answer.err().map(|error| error.code()));
    }
    assert!(!codes.is_empty() && codes.len() < 10, "{codes:?}");
    assert!(codes.iter().all(|code| *code == Code::RequestQuota));
    for _ in 0..3 {
        assert_eq!(refused(&mut client, db).await, Some(Code::DocNotFound));
    }

    let text = harness.service.metrics();
    for sample in [
        "docdb_database_quota{database=\"a\",quota=\"requests_in_flight\"} 1",
        "docdb_database_quota_used{database=\"a\",quota=\"requests_in_flight\"} 0",
        "docdb_error_codes_total{code=\"DiskQuota\"} 1",
    ] {
        assert!(text.contains(sample), "{sample} is not in {text}");
    }
    // It outlasts the server.
    let harness = harness.restart().await;
    let mut client = harness.connect().await;
    let quotas = bound(&mut client, QuotaChange::default()).await;
    let expected = Quotas {
        requests_in_flight: 1,
        ..Quotas::NONE
    };
    assert_eq!(quotas, expected);
    let name = DatabaseName::new("none").unwrap();
    let change = QuotaChange::default();
    let missing = client.call(Command::ChangeQuotas { name, change }).await;
    assert_eq!(missing.unwrap_err().code(), Code::DbNotFound);
}
