use std::num::NonZeroUsize;

use docdb_client::{Command, CreateMode, Pool, Reply};
use docdb_types::{Code, Effect, Error};

use crate::script::{Script, collection, document, id, options, read};

async fn pool(script: &Script, connections: usize) -> (Pool, crate::script::Peer) {
    let connections = NonZeroUsize::new(connections).unwrap();
    let connect = Pool::connect(script.endpoint(), options(), connections);
    let (pool, peer) = tokio::join!(connect, script.welcome());
    (pool.unwrap(), peer)
}

fn not_open() -> Error {
    Error::new(Code::DbNotOpen, "not open here")
}

#[tokio::test]
async fn a_pool_comes_back_after_the_server_was_away() {
    let script = Script::new();
    let (pool, mut peer) = pool(&script, 1).await;
    let (database, ()) = tokio::join!(
        pool.open("shop", CreateMode::IfMissing),
        peer.open_database(1)
    );
    let database = database.unwrap();
    let orders = collection();

    let cut = async {
        peer.request().await;
        drop(peer);
        let mut peer = script.welcome().await;
        peer.answer_next(Err(not_open())).await;
        let open = peer.request().await;
        let Command::OpenDatabase { create, .. } = open.command else {
            panic!("{open:?}")
        };
        assert_eq!(create, CreateMode::Never);
        let opened = docdb_client::OpenedDatabase {
            id: docdb_types::DatabaseId::new(9),
            created: false,
            fsync_mode: docdb_types::FsyncMode::Group,
        };
        peer.answer(open.id, Ok(Reply::DatabaseOpened(opened)))
            .await;
        let Command::Execute(execute) = peer.answer_next(Ok(read(1, "\"back\""))).await else {
            panic!("another command");
        };
        assert_eq!(execute.database.get(), 9);
    };
    let (stored, ()) = tokio::join!(database.read(&orders, id(1)), cut);
    assert_eq!(stored.unwrap().document, "\"back\"");
    assert_eq!(database.id().get(), 9);
}

#[tokio::test]
async fn a_write_that_was_cut_is_not_repeated_over_a_new_connection() {
    let script = Script::new();
    let (pool, mut peer) = pool(&script, 1).await;
    let (database, ()) = tokio::join!(
        pool.open("shop", CreateMode::IfMissing),
        peer.open_database(1)
    );
    let database = database.unwrap();
    let orders = collection();
    let cut = async {
        peer.request().await;
        drop(peer);
    };
    let (write, ()) = tokio::join!(database.create(&orders, None, document("1")), cut);
    let error = write.unwrap_err();
    assert_eq!(
        (error.code(), error.effect()),
        (Code::Network, Effect::Unknown)
    );
}

#[tokio::test]
async fn connections_take_turns() {
    let script = Script::new();
    let (pool, mut first) = pool(&script, 2).await;
    let one = async {
        pool.request(&Command::Ping).await.unwrap();
        pool.request(&Command::Ping).await.unwrap();
        pool.request(&Command::Ping).await.unwrap();
    };
    let server = async {
        first.answer_next(Ok(Reply::Pong)).await;
        let mut second = script.welcome().await;
        second.answer_next(Ok(Reply::Pong)).await;
        first.answer_next(Ok(Reply::Pong)).await;
    };
    tokio::join!(one, server);
}
