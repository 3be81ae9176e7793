use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use docdb_ipc::{
    ClientCodec, Command, CreateMode, Hello, PROTOCOL_VERSION, Reply, Request, RequestId, Response,
};
use docdb_service::{Role, Scope, Service, StartError, TokenInfo, TokenRequest, Tokens};
use docdb_types::{Code, DatabaseId, DatabaseName, Error, Limits};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::codec::Framed;

use super::harness::{Harness, PATIENCE, create, execute, options_in, read};

struct Client {
    frames: Framed<TcpStream, ClientCodec>,
    next: RequestId,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self {
            frames: Framed::new(stream, ClientCodec::new(Limits::DEFAULT)),
            next: RequestId::MIN,
        }
    }

    async fn receive(&mut self) -> Option<Response> {
        let next = timeout(PATIENCE, self.frames.next()).await;
        next.expect("an answer or an end").and_then(Result::ok)
    }

    async fn call(&mut self, command: Command) -> Result<Reply, Error> {
        let id = self.next;
        self.next = id.next();
        self.frames.send(Request { id, command }).await.unwrap();
        self.receive().await.expect("an answer").result
    }

    async fn hello(&mut self, token: &str) -> Result<Reply, Error> {
        let hello = Hello {
            protocol_version: PROTOCOL_VERSION,
            client_name: "test".to_owned(),
            token: Bytes::copy_from_slice(token.as_bytes()),
        };
        self.call(Command::Hello(hello)).await
    }

    async fn open(&mut self, name: &str, create: CreateMode) -> Result<DatabaseId, Error> {
        let name = DatabaseName::new(name).unwrap();
        match self.call(Command::OpenDatabase { name, create }).await? {
            Reply::DatabaseOpened(opened) => Ok(opened.id),
            other => panic!("{other:?}"),
        }
    }

    async fn ended(&mut self) -> bool {
        self.receive().await.is_none()
    }
}

async fn listening(
    change: impl FnOnce(&mut docdb_service::ServiceOptions),
) -> (Harness, SocketAddr) {
    let harness = Harness::start_with(|options| {
        options.tcp.address = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        change(options);
    })
    .await;
    let address = harness.service.tcp_address().unwrap();
    (harness, address)
}

fn tokens(harness: &Harness) -> Tokens {
    Tokens::in_directory(&harness.directory.path().join("data"))
}

fn token(harness: &Harness, role: Role, databases: &[&str]) -> (TokenInfo, String) {
    let names = databases
        .iter()
        .map(|name| DatabaseName::new(name).unwrap());
    let names: BTreeSet<_> = names.collect();
    let scope = if names.is_empty() {
        Scope::All
    } else {
        Scope::Named(names)
    };
    let request = TokenRequest {
        label: String::new(),
        role,
        scope,
        lifetime: None,
    };
    let (info, secret) = tokens(harness).create(request).unwrap();
    (info, secret.reveal())
}

fn refused<T>(result: Result<T, Error>) -> Code {
    result.err().expect("a refusal").code()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_served_without_a_token() {
    let (harness, address) = listening(|_| {}).await;
    let mut client = Client::connect(address).await;
    assert_eq!(
        refused(client.call(Command::Ping).await),
        Code::Unauthenticated
    );
    let opened = client.open("a", CreateMode::IfMissing).await;
    assert_eq!(refused(opened), Code::Unauthenticated);
    let (_, good) = token(&harness, Role::Admin, &[]);
    for wrong in [
        "",
        "secret",
        &good[..good.len() - 1],
        &format!("docdb_{}", "0".repeat(64)),
    ] {
        let mut client = Client::connect(address).await;
        assert_eq!(
            refused(client.hello(wrong).await),
            Code::Unauthenticated,
            "{wrong}"
        );
        assert!(client.ended().await, "{wrong}");
    }
    let mut client = Client::connect(address).await;
    assert!(matches!(client.hello(&good).await, Ok(Reply::Hello(_))));
    assert!(matches!(client.call(Command::Ping).await, Ok(Reply::Pong)));
    assert!(harness.service.engine().list_databases().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_is_good_for_its_role_in_its_databases() {
    let (harness, address) = listening(|_| {}).await;
    let (_, admin) = token(&harness, Role::Admin, &["own"]);
    let (_, writer) = token(&harness, Role::Write, &["own"]);
    let (_, reader) = token(&harness, Role::Read, &["own"]);
    let mut owner = harness.connect().await;
    owner.open("other").await;

    let mut client = Client::connect(address).await;
    client.hello(&writer).await.unwrap();
    let missing = client.open("own", CreateMode::IfMissing).await;
    assert_eq!(refused(missing), Code::DbNotFound);

    let mut client = Client::connect(address).await;
    client.hello(&admin).await.unwrap();
    let db = client.open("own", CreateMode::IfMissing).await.unwrap();
    let created = client.call(execute(db, vec![create(1, "1")])).await;
    assert!(matches!(created, Ok(Reply::Results(of)) if of[0].is_ok()));
    let other = client.open("other", CreateMode::IfMissing).await;
    assert_eq!(refused(other), Code::Forbidden);
    let dropped = Command::DropDatabase {
        name: DatabaseName::new("other").unwrap(),
    };
    assert_eq!(refused(client.call(dropped).await), Code::Forbidden);
    let server = Command::Statistics { database: None };
    assert_eq!(refused(client.call(server).await), Code::Forbidden);
    let Ok(Reply::Databases(listed)) = client.call(Command::ListDatabases).await else {
        panic!("no list");
    };
    let listed: Vec<_> = listed.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(listed, ["own"]);

    let mut client = Client::connect(address).await;
    client.hello(&reader).await.unwrap();
    let db = client.open("own", CreateMode::IfMissing).await.unwrap();
    let found = client.call(execute(db, vec![read(1)])).await;
    assert!(matches!(found, Ok(Reply::Results(of)) if of[0].is_ok()));
    let figures = Command::Statistics { database: Some(db) };
    let Ok(Reply::Statistics(figures)) = client.call(figures).await else {
        panic!("no figures");
    };
    assert_eq!(figures.database.documents, 1);
    let server = &figures.server;
    assert_eq!((server.databases, server.connections), (0, None));
    let written = client
        .call(execute(db, vec![read(1), create(2, "2")]))
        .await;
    assert_eq!(refused(written), Code::Forbidden);
    let missing = client.call(execute(db, vec![read(2)])).await;
    assert!(matches!(missing, Ok(Reply::Results(of)) if of[0].is_err()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_revoked_token_ends_within_a_second_on_open_connections_too() {
    let (harness, address) = listening(|_| {}).await;
    let (info, secret) = token(&harness, Role::Read, &[]);
    let mut client = Client::connect(address).await;
    client.hello(&secret).await.unwrap();
    client.call(Command::Ping).await.unwrap();
    tokens(&harness).revoke(&info.id).unwrap();
    let revoked = std::time::Instant::now();
    loop {
        match client.call(Command::Ping).await {
            Ok(_) => assert!(revoked.elapsed() < Duration::from_secs(1)),
            Err(error) => {
                assert_eq!(error.code(), Code::Unauthenticated);
                break;
            }
        }
    }
    let mut again = Client::connect(address).await;
    assert_eq!(refused(again.hello(&secret).await), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_outlives_a_restart() {
    let (harness, _) = listening(|_| {}).await;
    let (_, secret) = token(&harness, Role::Admin, &[]);
    let (directory, report) = harness.stop().await;
    assert!(report.is_clean());
    let mut options = options_in(directory.path());
    options.tcp.address = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let service = Service::start(options).await.unwrap();
    let mut client = Client::connect(service.tcp_address().unwrap()).await;
    client.hello(&secret).await.unwrap();
    client.open("a", CreateMode::Always).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_says_no_hello_is_not_waited_for() {
    let (_harness, address) = listening(|options| {
        options.deadlines.hello = Duration::from_millis(50);
    })
    .await;
    let mut silent = Client::connect(address).await;
    let told = silent.receive().await.expect("a reason");
    assert_eq!((told.id, refused(told.result)), (None, Code::Timeout));
    assert!(silent.ended().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_address_has_only_so_many_connections() {
    let (harness, address) = listening(|options| options.tcp.max_connections_per_address = 2).await;
    let (_, secret) = token(&harness, Role::Admin, &[]);
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(address).await;
        client.hello(&secret).await.unwrap();
        kept.push(client);
    }
    let mut third = Client::connect(address).await;
    let told = third.receive().await.expect("a reason");
    assert_eq!((told.id, refused(told.result)), (None, Code::QueueFull));
    assert!(third.ended().await);
    // The Unix socket is not counted.
    harness.connect().await.open("a").await;
    drop(kept);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let mut client = Client::connect(address).await;
        if let Ok(Reply::Hello(_)) = client.hello(&secret).await {
            break;
        }
        assert!(std::time::Instant::now() < deadline);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_owner_of_the_unix_socket_may_take_a_smaller_role_by_a_token() {
    let (harness, _) = listening(|_| {}).await;
    let (_, secret) = token(&harness, Role::Read, &["a"]);
    let mut client = harness.connect().await;
    let db = client.open("a").await;
    client.one(db, create(1, "1")).await.unwrap();
    let hello = Hello {
        token: Bytes::copy_from_slice(secret.as_bytes()),
        ..Hello::default()
    };
    client.call(Command::Hello(hello)).await.unwrap();
    let written = client.call(execute(db, vec![create(2, "2")])).await;
    assert_eq!(refused(written), Code::Forbidden);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_listened_to_in_the_clear_beyond_this_machine() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options_in(directory.path());
    options.tcp.address = Some(SocketAddr::from(([0, 0, 0, 0], 0)));
    let refused = Service::start(options).await.unwrap_err();
    assert!(matches!(refused, StartError::Tcp(_)), "{refused}");
    assert!(!directory.path().join("data").exists());
}
