use docdb_ipc::{Command, Reply};
use docdb_types::{Action, Code, CollectionId, CollectionName, DatabaseId};

use super::harness::{Client, Harness, create, document, id, read};

fn name(text: &str) -> CollectionName {
    CollectionName::new(text).unwrap()
}

async fn make(
    client: &mut Client,
    database: DatabaseId,
    collection: &str,
) -> Result<CollectionId, Code> {
    let collection = name(collection);
    match client
        .call(Command::CreateCollection {
            database,
            collection,
        })
        .await
    {
        Ok(Reply::CollectionCreated(id)) => Ok(id),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code()),
    }
}

async fn remove(client: &mut Client, database: DatabaseId, collection: &str) -> Result<(), Code> {
    let collection = name(collection);
    let answer = client
        .call(Command::DeleteCollection {
            database,
            collection,
        })
        .await;
    answer
        .map(|reply| assert_eq!(reply, Reply::CollectionDeleted))
        .map_err(|error| error.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collections_are_created_listed_and_deleted_when_empty() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let zebra = make(&mut client, db, "zebra").await.unwrap();
    let ant = make(&mut client, db, "ant").await.unwrap();
    assert_ne!(zebra, ant);
    assert_eq!(
        make(&mut client, db, "ant").await,
        Err(Code::CollectionExists)
    );

    let mut put = create(1, "1");
    put.collection = name("ant");
    client.one(db, put).await.unwrap();
    let Ok(Reply::Collections(listed)) =
        client.call(Command::ListCollections { database: db }).await
    else {
        panic!("a list");
    };
    let listed: Vec<_> = listed
        .iter()
        .map(|info| (info.name.as_str(), info.id, info.documents))
        .collect();
    assert_eq!(
        listed,
        [
            ("_default", CollectionId::DEFAULT, 0),
            ("ant", ant, 1),
            ("zebra", zebra, 0)
        ]
    );

    assert_eq!(
        remove(&mut client, db, "ant").await,
        Err(Code::CollectionNotEmpty)
    );
    let mut gone = super::harness::delete(1);
    gone.collection = name("ant");
    client.one(db, gone).await.unwrap();
    assert_eq!(remove(&mut client, db, "ant").await, Ok(()));
    assert_eq!(
        remove(&mut client, db, "ant").await,
        Err(Code::CollectionNotFound)
    );
    assert_eq!(
        remove(&mut client, db, "_default").await,
        Err(Code::InvalidName)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collections_keep_their_documents_apart() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    make(&mut client, db, "other").await.unwrap();
    let action = Action::Create {
        id: Some(id(1)),
        document: document("\"other\""),
    };
    let other = docdb_types::Operation {
        collection: name("other"),
        action,
    };
    let results = client
        .execute(db, vec![create(1, "\"default\""), other])
        .await;
    assert!(results.iter().all(Result::is_ok));
    let mut from_other = read(1);
    from_other.collection = name("other");
    let mut from_none = read(1);
    from_none.collection = name("none");
    let results = client
        .execute(db, vec![read(1), from_other, from_none])
        .await;
    assert_eq!(super::harness::text(&results[0]), "\"default\"");
    assert_eq!(super::harness::text(&results[1]), "\"other\"");
    assert_eq!(
        results[2].as_ref().unwrap_err().code(),
        Code::CollectionNotFound
    );
}
