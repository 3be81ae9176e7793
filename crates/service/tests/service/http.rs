use std::net::SocketAddr;

use docdb_service::{Service, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::exposition::Exposition;
use super::harness::{Harness, PATIENCE, create, options_in};

async fn told() -> (Harness, SocketAddr) {
    let harness = Harness::start_with(|options| {
        options.http.address = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    })
    .await;
    let address = harness.service.http_address().unwrap();
    (harness, address)
}

/// The status, the head and the body of an answer.
async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = raw(address, request.as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    timeout(PATIENCE, read).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_tells_that_it_lives_that_it_serves_and_its_figures() {
    let (harness, address) = told().await;
    let (mut client, db) = harness.client_of("a").await;
    client.one(db, create(1, "1")).await.unwrap();

    let (status, _, body) = ask(address, "GET", "/healthz").await;
    assert_eq!((status, body.as_str()), (200, "alive\n"));
    let (status, _, body) = ask(address, "GET", "/readyz").await;
    assert_eq!((status, body.as_str()), (200, "ready\n"));
    let (status, head, body) = ask(address, "GET", "/metrics?x=1").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"));
    assert_eq!(Exposition::parse(&body).get("docdb_documents"), 1.0);
    let (status, _, body) = ask(address, "HEAD", "/metrics").await;
    assert_eq!((status, body.as_str()), (200, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_it_does_not_know_is_refused() {
    let (_harness, address) = told().await;
    for (method, path, expected) in [
        ("GET", "/", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/../etc/passwd", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/healthz", 405),
    ] {
        assert_eq!(
            ask(address, method, path).await.0,
            expected,
            "{method} {path}"
        );
    }
    let refused = raw(address, b"this is not HTTP\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(64 * 1024));
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may hang up before it was sent everything.
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"));
    assert_eq!(ask(address, "GET", "/healthz").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_answers_while_every_thread_of_the_service_is_busy() {
    let (harness, address) = told().await;
    // The only thread that serves connections is this one, and it waits here.
    let answer = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (status, ..) = ask(address, "GET", "/healthz").await;
            let (_, _, figures) = ask(address, "GET", "/metrics").await;
            (status, Exposition::parse(&figures).get("docdb_ready"))
        })
    });
    assert_eq!(answer.join().unwrap(), (200, 1.0));
    drop(harness);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_does_not_call_a_service_ready_that_stops() {
    let (harness, address) = told().await;
    let (mut client, db) = harness.client_of("a").await;
    client.one(db, create(1, "1")).await.unwrap();
    // Half a frame: the connection is looked at until the drain cuts it.
    client.flush().await;
    let before = ask(address, "GET", "/readyz").await.0;
    let service = harness.service;
    let stop = tokio::spawn(service.shutdown());
    let mut last = (200, String::new());
    // It stops listening only behind the stop.
    while last.0 == 200 && !stop.is_finished() {
        let (status, _, body) = ask(address, "GET", "/readyz").await;
        last = (status, body);
    }
    assert!(timeout(PATIENCE, stop).await.unwrap().unwrap().is_clean());
    assert_eq!(before, 200);
    assert!(
        last.0 == 200 || last == (503, "stopping\n".to_owned()),
        "{last:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_port_that_is_taken_ends_the_start() {
    let (_harness, address) = told().await;
    let directory = tempfile::tempdir().unwrap();
    let mut options = options_in(directory.path());
    options.http.address = Some(address);
    let refused = Service::start(options).await.unwrap_err();
    assert!(matches!(refused, StartError::Http(_)), "{refused}");
    assert!(
        refused.to_string().contains(&address.to_string()),
        "{refused}"
    );
    assert!(!directory.path().join("data").exists());
}
