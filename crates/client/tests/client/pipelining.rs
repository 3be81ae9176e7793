use docdb_client::{Client, Command, Connection, Endpoint, Reply};
use docdb_ipc::ServerCodec;
use docdb_types::{Code, CollectionName, DatabaseId, Effect, Error, Limits};
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use tokio_util::codec::Framed;

use crate::script::{Peer, Script, options, server_hello};

fn count(number: u64) -> Command {
    let collection = CollectionName::new(&format!("c{number}")).unwrap();
    Command::Count {
        database: DatabaseId::new(1),
        collection,
        transaction: None,
    }
}

/// Answers each count with the number in the name of its collection, the latest request first.
async fn answer_backwards(peer: &mut Peer, requests: usize) {
    let mut received = Vec::new();
    for _ in 0..requests {
        received.push(peer.request().await);
    }
    for request in received.into_iter().rev() {
        let Command::Count { collection, .. } = request.command else {
            panic!("another command")
        };
        let number = collection.as_str()[1..].parse().unwrap();
        peer.answer(request.id, Ok(Reply::Count(number))).await;
    }
}

#[tokio::test]
async fn answers_in_any_order_reach_the_requests_they_belong_to() {
    let script = Script::new();
    let (client, mut peer) = script.client().await;
    let requests = (0..500).map(|number| client.request(count(number)));
    let (answers, ()) = tokio::join!(join_all(requests), answer_backwards(&mut peer, 500));
    let expected: Vec<_> = (0..500).map(|number| Ok(Reply::Count(number))).collect();
    assert_eq!(answers, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_on_many_threads_share_one_connection() {
    let script = Script::new();
    let (client, mut peer) = script.client().await;
    let server = tokio::spawn(async move {
        for _ in 0..20 {
            answer_backwards(&mut peer, 16).await;
        }
        peer
    });
    let tasks = (0..16).map(|task| {
        let client = client.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                let number = task * 100 + round;
                assert_eq!(
                    client.request(count(number)).await,
                    Ok(Reply::Count(number))
                );
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    server.await.unwrap();
}

#[tokio::test]
async fn a_bare_connection_sends_many_and_receives_each() {
    let script = Script::new();
    let endpoint = script.endpoint();
    let options = options();
    let (connection, mut peer) =
        tokio::join!(Connection::connect(&endpoint, &options), script.welcome());
    let mut connection = connection.unwrap();
    assert_eq!(connection.server().server_version, "script");

    let sent: Vec<_> = (0..3)
        .map(|number| connection.send(count(number)).unwrap())
        .collect();
    let receive = async {
        connection.flush().await.unwrap();
        let mut received = Vec::new();
        for _ in 0..3 {
            received.push(connection.receive().await.unwrap());
        }
        received
    };
    let (received, ()) = tokio::join!(receive, answer_backwards(&mut peer, 3));
    for (response, number) in received.into_iter().zip([2_u8, 1, 0]) {
        assert_eq!(response.id, Some(sent[usize::from(number)]));
        assert_eq!(response.result, Ok(Reply::Count(number.into())));
    }
}

#[tokio::test]
async fn a_client_speaks_over_tcp_as_well() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap().to_string());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut framed = Framed::new(stream, ServerCodec::new(Limits::DEFAULT));
        for reply in [server_hello(), Reply::Pong] {
            let request = framed.next().await.unwrap().unwrap().unwrap();
            let response = docdb_client::Response {
                id: Some(request.id),
                result: Ok(reply),
            };
            framed.send(response).await.unwrap();
        }
    });
    let client = Client::connect(&endpoint, options()).await.unwrap();
    client.ping().await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn the_last_handle_that_is_dropped_closes_the_connection() {
    let script = Script::new();
    let (client, mut peer) = script.client().await;
    let other = client.clone();
    drop(client);
    let (pong, command) = tokio::join!(other.ping(), peer.answer_next(Ok(Reply::Pong)));
    assert_eq!((pong, command), (Ok(()), Command::Ping));
    drop(other);
    assert!(peer.is_left().await);
}

#[tokio::test]
async fn a_server_that_refuses_the_hello_says_why() {
    let script = Script::new();
    let endpoint = script.endpoint();
    let refusal = Error::new(Code::Unauthenticated, "a token is needed");
    let refuse = async {
        let mut peer = script.accept().await;
        peer.answer_next(Err(refusal.clone())).await
    };
    let (client, _) = tokio::join!(Client::connect(&endpoint, options()), refuse);
    assert_eq!(client.unwrap_err(), refusal);
}

#[tokio::test]
async fn no_server_is_a_network_error_without_an_effect() {
    let script = Script::new();
    let endpoint = script.endpoint();
    drop(script);
    let error = Client::connect(&endpoint, options()).await.unwrap_err();
    assert_eq!(
        (error.code(), error.effect()),
        (Code::Network, Effect::NotApplied)
    );
}
