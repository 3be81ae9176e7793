use std::time::Duration;

use docdb_client::{Client, ClientOptions, FrameLimit, Reply};
use docdb_types::{Code, Effect, Error, Limits};

use crate::script::{Script, collection, created, document, id, options};

fn seen<T>(result: Result<T, Error>) -> (Code, Effect) {
    let error = result.map(drop).unwrap_err();
    (error.code(), error.effect())
}

#[tokio::test]
async fn a_connection_cut_within_an_answer_leaves_writes_unknown_and_reads_not_applied() {
    let script = Script::new();
    let (client, database, mut peer) = script.database().await;
    let orders = collection();
    let write = database.create(&orders, None, document("1"));
    let read = database.read(&orders, id(1));
    let cut = async {
        peer.request().await;
        peer.request().await;
        peer.send_raw(&[20, 0, 0, 0, 8, 2]).await;
        drop(peer);
    };
    let (write, read, ()) = tokio::join!(write, read, cut);
    assert_eq!(seen(write), (Code::Network, Effect::Unknown));
    assert_eq!(seen(read), (Code::Network, Effect::NotApplied));
    assert!(client.is_closed());
}

#[tokio::test]
async fn what_never_left_is_not_applied() {
    let script = Script::new();
    let (_client, database, peer) = script.database().await;
    let orders = collection();
    let large = document(&format!("\"{}\"", "x".repeat(8 << 20)));
    let stuck = database.create(&orders, Some(id(1)), large);
    let behind = database.create(&orders, Some(id(2)), document("2"));
    let gone = async move {
        // The socket is full with the beginning of the first request by now: nobody reads.
        tokio::task::yield_now().await;
        drop(peer);
    };
    let (stuck, behind, ()) = tokio::join!(stuck, behind, gone);
    assert_eq!(seen(stuck), (Code::Network, Effect::Unknown));
    assert_eq!(seen(behind), (Code::Network, Effect::NotApplied));
}

#[tokio::test]
async fn a_broken_client_stays_broken_and_says_so_without_an_effect() {
    let script = Script::new();
    let (client, database, peer) = script.database().await;
    drop(peer);
    assert_eq!(seen(client.ping().await).0, Code::Network);
    let again = database.create(&collection(), None, document("1")).await;
    assert_eq!(seen(again), (Code::Network, Effect::NotApplied));
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused_and_ends_the_connection() {
    let script = Script::new();
    let options = ClientOptions {
        frame_limit: FrameLimit::new(1000),
        ..options()
    };
    let (client, mut peer) = script.client_with(options).await;
    let open = client.open("shop", docdb_client::CreateMode::IfMissing);
    let answer = async {
        peer.request().await;
        peer.send_raw(&1001_u32.to_le_bytes()).await;
    };
    let (open, ()) = tokio::join!(open, answer);
    assert_eq!(seen(open), (Code::FrameTooLarge, Effect::Unknown));
    assert!(client.is_closed());
}

#[tokio::test]
async fn a_request_over_the_limit_fails_alone() {
    let script = Script::new();
    let (client, database, mut peer) = script.database().await;
    let half = document(&format!("\"{}\"", "x".repeat(12 << 20)));
    let operation = |number| docdb_types::Operation {
        collection: collection(),
        action: docdb_types::Action::Upsert {
            id: id(number),
            document: half.clone(),
        },
    };
    let result = database
        .execute(vec![operation(1), operation(2)], false)
        .await;
    assert_eq!(seen(result), (Code::FrameTooLarge, Effect::NotApplied));
    let (pong, _) = tokio::join!(client.ping(), peer.answer_next(Ok(Reply::Pong)));
    assert_eq!(pong, Ok(()));
}

#[tokio::test]
async fn what_a_server_did_not_answer_before_its_farewell_was_not_applied() {
    let script = Script::new();
    let (client, database, mut peer) = script.database().await;
    let orders = collection();
    let farewell = async {
        peer.request().await;
        peer.take_leave().await;
    };
    let (write, ()) = tokio::join!(database.create(&orders, None, document("1")), farewell);
    assert_eq!(seen(write), (Code::PoolStopped, Effect::NotApplied));
    assert!(client.is_closed());
}

#[tokio::test]
async fn a_farewell_is_read_also_where_a_later_request_finds_the_socket_closed() {
    let script = Script::new();
    let (_client, database, mut peer) = script.database().await;
    let orders = collection();
    let before = database.create(&orders, None, document("1"));
    let close = async {
        let answered = peer.request().await;
        peer.answer(answered.id, Ok(created(1))).await;
        peer.take_leave().await;
        // Nothing has read the answer and the farewell yet: this one meets the closed socket.
        database.create(&orders, None, document("2")).await
    };
    let (before, behind) = tokio::join!(before, close);
    assert_eq!(before.unwrap().version.get(), 1);
    assert_eq!(seen(behind).1, Effect::NotApplied);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_times_out_and_its_late_answer_harms_nobody() {
    let script = Script::new();
    let (client, database, mut peer) = script.database().await;
    let orders = collection();
    let write = database.create(&orders, None, document("1")).await;
    assert_eq!(seen(write), (Code::Timeout, Effect::Unknown));
    let late = peer.request().await;

    let read = database.read(&orders, id(1)).await;
    assert_eq!(seen(read), (Code::Timeout, Effect::NotApplied));
    peer.request().await;

    peer.answer(late.id, Ok(created(1))).await;
    let (pong, _) = tokio::join!(client.ping(), peer.answer_next(Ok(Reply::Pong)));
    assert_eq!(pong, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_the_hello_is_given_up() {
    let script = Script::new();
    let endpoint = script.endpoint();
    let options = ClientOptions {
        connect_timeout: Duration::from_secs(1),
        ..options()
    };
    let (client, _peer) = tokio::join!(Client::connect(&endpoint, options), script.accept());
    assert_eq!(seen(client), (Code::Timeout, Effect::NotApplied));
}

#[tokio::test]
async fn an_answer_that_means_nothing_ends_the_connection() {
    let script = Script::new();
    let (client, mut peer) = script.client().await;
    let nonsense = async {
        peer.request().await;
        peer.send_raw(&[2, 0, 0, 0, 0xff, 0xff]).await;
    };
    let (pong, ()) = tokio::join!(client.ping(), nonsense);
    assert_eq!(seen(pong), (Code::Network, Effect::NotApplied));
    assert!(client.is_closed());
}

#[tokio::test]
async fn a_server_cannot_send_more_than_the_limits_that_it_announced() {
    assert!(FrameLimit::default().bytes() >= Limits::DEFAULT.request_bytes);
    let script = Script::new();
    let endpoint = script.endpoint();
    let welcome = async {
        let mut peer = script.accept().await;
        let Reply::Hello(mut hello) = crate::script::server_hello() else {
            panic!()
        };
        hello.frame_limit = FrameLimit::new(500);
        peer.answer_next(Ok(Reply::Hello(hello))).await;
        peer
    };
    let (client, mut peer) = tokio::join!(Client::connect(&endpoint, options()), welcome);
    let client = client.unwrap();
    let answer = async {
        peer.request().await;
        peer.send_raw(&501_u32.to_le_bytes()).await;
    };
    let (pong, ()) = tokio::join!(client.ping(), answer);
    assert_eq!(seen(pong).0, Code::FrameTooLarge);
}
