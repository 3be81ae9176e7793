use docdb_ipc::{Command, CreateMode, Execute, Reply};
use docdb_types::{
    Action, Change, Code, CollectionName, DatabaseId, DatabaseName, Status, Version,
};

use super::harness::{
    Harness, create, delete, document, execute, id, on_default, read, text, update, upsert,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_operation_of_a_request_has_a_status_and_data_of_its_own() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let results = client
        .execute(
            db,
            vec![
                create(1, r#"{"a": 1}"#),
                create(1, "2"),
                read(1),
                read(2),
                update(2, "0"),
                upsert(2, " [ ] "),
                read(2),
                delete(1),
                read(1),
                delete(1),
            ],
        )
        .await;
    let codes: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().map(|ok| ok.change).map_err(|e| e.code()))
        .collect();
    assert_eq!(
        codes,
        [
            Ok(Change::Created),
            Err(Code::DocExists),
            Ok(Change::Read),
            Err(Code::DocNotFound),
            Err(Code::DocNotFound),
            Ok(Change::Created),
            Ok(Change::Read),
            Ok(Change::Deleted),
            Err(Code::DocNotFound),
            Err(Code::DocNotFound),
        ]
    );
    assert_eq!(text(&results[2]), r#"{"a": 1}"#);
    assert_eq!(text(&results[6]), " [ ] ", "byte for byte");
    assert_eq!(results[1].as_ref().unwrap_err().status(), Status::Conflict);
    assert_eq!(results[3].as_ref().unwrap_err().document(), Some(id(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_atomic_request_happens_whole_or_not_at_all() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let operations = vec![create(1, "1"), create(2, "2"), create(1, "3")];
    let error = client
        .call(Command::Execute(Execute::new(db, true, operations)))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DocExists);
    assert_eq!(error.context().step, Some(2));
    let after = client.execute(db, vec![read(1), read(2)]).await;
    assert!(after.iter().all(Result::is_err), "{after:?}");

    let operations = vec![create(1, "1"), update(1, "2"), create(2, "2")];
    let reply = client
        .call(Command::Execute(Execute::new(db, true, operations)))
        .await;
    let Ok(Reply::Results(results)) = reply else {
        panic!("{reply:?}")
    };
    let versions: Vec<Version> = results
        .iter()
        .map(|result| result.as_ref().unwrap().version)
        .collect();
    assert!(
        versions.iter().all(|version| *version == versions[0]),
        "one transaction"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_server_assigns_ids_and_checks_versions() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let action = Action::Create {
        id: None,
        document: document("1"),
    };
    let first = client.one(db, on_default(action.clone())).await.unwrap();
    let second = client.one(db, on_default(action)).await.unwrap();
    assert!(second.id > first.id);
    assert!(second.version > first.version);
    let expected = Some(first.version);
    let update = |expected| {
        on_default(Action::Update {
            id: first.id,
            document: document("2"),
            expected,
        })
    };
    client.one(db, update(expected)).await.unwrap();
    let error = client.one(db, update(expected)).await.unwrap_err();
    assert_eq!(error.code(), Code::VersionMismatch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_is_used_only_between_its_opening_and_closing_on_the_connection() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let mut other = harness.connect().await;
    let error = other.call(execute(db, vec![read(1)])).await.unwrap_err();
    assert_eq!(error.code(), Code::DbNotOpen);
    assert_eq!(error.status(), Status::NotFound);

    client.one(db, create(1, "1")).await.unwrap();
    client
        .call(Command::CloseDatabase { database: db })
        .await
        .unwrap();
    let error = client.call(execute(db, vec![read(1)])).await.unwrap_err();
    assert_eq!(error.code(), Code::DbNotOpen);
    let error = client
        .call(Command::CloseDatabase { database: db })
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DbNotOpen);
    assert_eq!(client.open("a").await, db);
    assert_eq!(text(&client.one(db, read(1)).await), "1");
    let unknown = DatabaseId::new(db.get() + 1000);
    let error = client.call(Command::Count {
        database: unknown,
        collection: CollectionName::DEFAULT,
        transaction: None,
    });
    assert_eq!(error.await.unwrap_err().code(), Code::DbNotOpen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn opening_creates_unless_told_otherwise() {
    let harness = Harness::start().await;
    let mut client = harness.connect().await;
    let name = DatabaseName::new("a").unwrap();
    let open = |create| Command::OpenDatabase {
        name: name.clone(),
        create,
    };
    let error = client.call(open(CreateMode::Never)).await.unwrap_err();
    assert_eq!(error.code(), Code::DbNotFound);
    let Ok(Reply::DatabaseOpened(created)) = client.call(open(CreateMode::Always)).await else {
        panic!("created");
    };
    assert!(created.created);
    let error = client.call(open(CreateMode::Always)).await.unwrap_err();
    assert_eq!(error.code(), Code::DbExists);
    let Ok(Reply::DatabaseOpened(opened)) = client.call(open(CreateMode::Never)).await else {
        panic!("opened");
    };
    assert!(!opened.created);
    assert_eq!(opened.id, created.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dropped_database_is_gone_for_everybody_and_its_name_is_free() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let (mut other, _) = harness.client_of("a").await;
    client.one(db, create(1, "1")).await.unwrap();
    let name = DatabaseName::new("a").unwrap();
    client
        .call(Command::DropDatabase { name: name.clone() })
        .await
        .unwrap();
    assert_eq!(
        client
            .call(execute(db, vec![read(1)]))
            .await
            .unwrap_err()
            .code(),
        Code::DbNotOpen
    );
    let code = other
        .call(execute(db, vec![read(1)]))
        .await
        .unwrap_err()
        .code();
    assert!(
        matches!(code, Code::DbNotFound | Code::DbNotActive),
        "{code}"
    );
    let error = client
        .call(Command::DropDatabase { name })
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DbNotFound);
    let again = client.open("a").await;
    assert_ne!(again, db);
    let error = client.one(again, read(1)).await.unwrap_err();
    assert_eq!(error.code(), Code::DocNotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    for number in 1..=50 {
        client
            .one(db, create(number, &number.to_string()))
            .await
            .unwrap();
    }
    client.one(db, delete(7)).await.unwrap();
    let harness = harness.restart().await;
    let (mut client, db) = harness.client_of("a").await;
    let found = client.execute(db, (1..=50).map(read).collect()).await;
    for (number, outcome) in (1..=50).zip(&found) {
        match number {
            7 => assert_eq!(outcome.as_ref().unwrap_err().code(), Code::DocNotFound),
            number => assert_eq!(text(outcome), number.to_string()),
        }
    }
}
