//! TLS on TCP, from a client of its own.

use std::num::NonZeroUsize;
use std::path::Path;

use docdb_client::{
    Client, ClientOptions, Command, Connection, CreateMode, Endpoint, Pool, TlsEndpoint,
};
use docdb_types::{Code, CollectionName, Document, Error, Limits};
use rcgen::{CertificateParams, KeyPair};

use crate::process::{Place, Server, text};

/// Writes a certificate for `localhost`, its own authority, that is valid in these years.
fn certify(place: &Place, years: (i32, i32)) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    place.write("certificate.pem", &certificate.pem());
    place.write("key.pem", &key.serialize_pem());
}

fn configured(place: &Place, listen: &str) {
    let text = format!(
        "ipc:\n  listen: \"{listen}\"\n  tls_certificate: ./certificate.pem\n  tls_key: ./key.pem\n"
    );
    place.write("docdb.yaml", &text);
}

/// A server that speaks TLS, where, and a token.
fn serving(place: &Place) -> (Server, u16, String) {
    configured(place, "127.0.0.1:0");
    let server = place.start(&["--config", "docdb.yaml"]);
    let log = server.log();
    let port = log.split("tcp=127.0.0.1:").nth(1).unwrap();
    let port = port.split(' ').next().unwrap().parse().unwrap();
    let created = place.run(&[
        "token",
        "create",
        "data",
        "--role",
        "admin",
        "--all-databases",
    ]);
    let said = text(&created.stdout);
    let token = said.lines().find_map(|line| line.strip_prefix("token="));
    (server, port, token.unwrap().to_owned())
}

fn endpoint(port: u16, authorities: &Path) -> Endpoint {
    Endpoint::Tls(TlsEndpoint {
        address: format!("127.0.0.1:{port}"),
        server_name: Some("localhost".to_owned()),
        authorities: std::fs::read(authorities).unwrap().into(),
    })
}

fn with(token: &str) -> ClientOptions {
    ClientOptions {
        token: token.to_owned().into(),
        ..ClientOptions::default()
    }
}

async fn refused(endpoint: Endpoint, token: &str) -> String {
    let error: Error = Client::connect(&endpoint, with(token)).await.unwrap_err();
    assert_eq!(error.code(), Code::Network);
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_in_over_tls_comes_out_as_it_was() {
    let place = Place::new();
    certify(&place, (2020, 2120));
    let (server, port, token) = serving(&place);
    let endpoint = endpoint(port, &place.path("certificate.pem"));

    let three = NonZeroUsize::new(3).unwrap();
    let pool = Pool::connect(endpoint.clone(), with(&token), three)
        .await
        .unwrap();
    let database = pool.open("a", CreateMode::IfMissing).await.unwrap();
    let collection = CollectionName::DEFAULT;
    // Beside each other, some of many records of TLS: what does not fit the socket at once is
    // written later, and comes back in pieces.
    let lengths = [1, 100, 16_384, 16_385, 70_000, 1_000_000, 9_000_000];
    let tasks = lengths.map(|length| {
        let (database, collection) = (database.clone(), collection.clone());
        tokio::spawn(async move {
            let document = format!("\"{}\"", "x".repeat(length));
            let stored = Document::from_text(&document, &Limits::DEFAULT).unwrap();
            let outcome = database.create(&collection, None, stored).await.unwrap();
            let read = database.read(&collection, outcome.id).await.unwrap();
            assert!(read.document.as_ref() == document.as_bytes(), "{length}");
        })
    });
    for task in tasks {
        task.await.unwrap();
    }

    // Requests that are queued together leave in many records, and each is answered.
    let mut connection = Connection::connect(&endpoint, &with(&token)).await.unwrap();
    for _ in 0..5_000 {
        connection.send(Command::Ping).unwrap();
    }
    connection.flush().await.unwrap();
    for _ in 0..5_000 {
        assert!(connection.receive().await.unwrap().result.is_ok());
    }
    let (status, log) = server.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_trusts_its_authorities_and_nobody_else() {
    let place = Place::new();
    certify(&place, (2020, 2120));
    let (_server, port, token) = serving(&place);
    let (right, wrong) = (place.path("right.pem"), place.path("wrong.pem"));
    std::fs::rename(place.path("certificate.pem"), &right).unwrap();
    certify(&place, (2020, 2120));
    std::fs::rename(place.path("certificate.pem"), &wrong).unwrap();

    let other = refused(endpoint(port, &wrong), &token).await;
    assert!(other.contains("certificate"), "{other}");
    let Endpoint::Tls(mut tls) = endpoint(port, &right) else {
        unreachable!()
    };
    tls.server_name = Some("elsewhere".to_owned());
    let name = refused(Endpoint::Tls(tls.clone()), &token).await;
    assert!(name.contains("not valid for name"), "{name}");
    tls.authorities = "no certificate".into();
    let none = refused(Endpoint::Tls(tls), &token).await;
    assert!(none.contains("holds no usable certificate"), "{none}");

    // Neither does the server take those for clients who do not speak TLS, or have no token.
    let plain = Endpoint::Tcp(format!("127.0.0.1:{port}"));
    refused(plain, &token).await;
    let nobody = Client::connect(&endpoint(port, &right), with("docdb_00")).await;
    assert_eq!(nobody.unwrap_err().code(), Code::Unauthenticated);
    Client::connect(&endpoint(port, &right), with(&token))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let place = Place::new();
    certify(&place, (2020, 2120));
    let (mut server, port, token) = serving(&place);
    let old = place.path("old.pem");
    std::fs::copy(place.path("certificate.pem"), &old).unwrap();
    let first = Client::connect(&endpoint(port, &old), with(&token)).await;
    let first = first.unwrap();

    certify(&place, (2020, 2021));
    server.signal("HUP");
    server.wait_for_log("expired on 2021-01-01");
    Client::connect(&endpoint(port, &old), with(&token))
        .await
        .unwrap();

    certify(&place, (2020, 2119));
    server.signal("HUP");
    server.wait_for_log("the certificate and its key were read again");
    refused(endpoint(port, &old), &token).await;
    let new = place.path("certificate.pem");
    Client::connect(&endpoint(port, &new), with(&token))
        .await
        .unwrap();
    // What was open before stays open.
    first.ping().await.unwrap();
}

#[test]
fn what_is_wrong_with_a_certificate_is_one_line() {
    let place = Place::new();
    certify(&place, (2020, 2120));
    let whole = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    let (certificate, key) = (whole("certificate.pem"), whole("key.pem"));
    certify(&place, (2020, 2120));
    let other_key = whole("key.pem");
    configured(&place, "0.0.0.0:7717");
    let check = |certificate: Option<&str>, key: Option<&str>| {
        for (name, content) in [("certificate.pem", certificate), ("key.pem", key)] {
            let path = place.path(name);
            if path.is_dir() {
                std::fs::remove_dir(&path).unwrap();
            } else if path.exists() {
                std::fs::remove_file(&path).unwrap();
            }
            match content {
                Some("DIRECTORY") => std::fs::create_dir(&path).unwrap(),
                Some(content) => std::fs::write(&path, content).unwrap(),
                None => {}
            }
        }
        let checked = place.run(&["--config", "docdb.yaml", "--check-config"]);
        (checked.status.code(), text(&checked.stderr))
    };
    let marks = certificate.lines().next().unwrap();
    let nothing_inside = format!("{marks}\nAAAA\n{}\n", marks.replace("BEGIN", "END"));
    for (certificate, key, expected) in [
        (None, Some(&*key), "cannot read the certificate"),
        (Some(&*certificate), None, "cannot read the key"),
        (Some("DIRECTORY"), Some(&key), "cannot read the certificate"),
        (Some("text"), Some(&key), "holds no certificate"),
        (Some(&certificate), Some("text"), "holds no private key"),
        (Some(&key), Some(&key), "holds no certificate"),
        (
            Some(&certificate),
            Some(&certificate),
            "holds no private key",
        ),
        (Some(&nothing_inside), Some(&key), "cannot be used"),
        (Some(&certificate), Some(&other_key), "does not belong"),
    ] {
        let (code, said) = check(certificate, key);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected), "{said} instead of {expected}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert_eq!(
        check(Some(&certificate), Some(&key)),
        (Some(0), String::new())
    );

    // Wrong by the clock alone: said, and no reason not to serve the Unix socket.
    for (years, expected) in [
        ((2020, 2021), "expired on"),
        ((2119, 2120), "set the clock"),
    ] {
        certify(&place, years);
        let checked = place.run(&["--config", "docdb.yaml", "--check-config"]);
        assert_eq!(checked.status.code(), Some(0));
        let said = text(&checked.stderr);
        assert!(
            said.contains(expected) && said.lines().count() == 1,
            "{said}"
        );
    }

    for lines in [
        "  listen: \"0.0.0.0:7717\"\n",
        "  listen: \"0.0.0.0:7717\"\n  tls_key: ./key.pem\n",
        "  listen: \"127.0.0.1:7717\"\n  tls_certificate: ./certificate.pem\n",
        "  tls_certificate: ./certificate.pem\n  tls_key: ./key.pem\n",
    ] {
        place.write("docdb.yaml", &format!("ipc:\n{lines}"));
        let checked = place.run(&["--config", "docdb.yaml", "--check-config"]);
        assert_eq!(checked.status.code(), Some(2), "{lines}");
    }
}
