use std::net::SocketAddr;
use std::process::{Command, Output};

use docdb_service::{EngineOptions, Role, Scope, Service, ServiceOptions, TokenRequest, Tokens};

fn shell(address: SocketAddr, change: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docdbsh"));
    command
        .args(["--host", &address.to_string(), "-c", ".open shop"])
        .args(["-c", ".create 1 {\"a\":1}", "-c", ".read 1"])
        .env_remove("DOCDB_TOKEN");
    change(&mut command);
    command.output().unwrap()
}

#[test]
fn a_server_on_tcp_takes_a_token_from_a_file_or_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let runtime = docdb_service::runtime(docdb_service::default_threads()).unwrap();
    let mut options = ServiceOptions {
        engine: EngineOptions::in_directory(&data),
        socket_path: None,
        ..ServiceOptions::default()
    };
    options.tcp.address = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let service = runtime.block_on(Service::start(options)).unwrap();
    let address = service.tcp_address().unwrap();
    let request = TokenRequest {
        label: String::new(),
        role: Role::Admin,
        scope: Scope::All,
        lifetime: None,
    };
    let (_, secret) = Tokens::in_directory(&data).create(request).unwrap();

    let nobody = shell(address, |_| {});
    assert_eq!(nobody.status.code(), Some(1));
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(said.contains("token"), "{said}");

    let file = directory.path().join("token");
    std::fs::write(&file, format!("{}\n", secret.reveal())).unwrap();
    let by_file = shell(address, |command| {
        command.arg("--token-file").arg(&file);
    });
    assert_eq!(by_file.status.code(), Some(0), "{by_file:?}");
    assert!(
        String::from_utf8(by_file.stdout)
            .unwrap()
            .contains("{\"a\":1}")
    );

    let by_variable = shell(address, |command| {
        command.env("DOCDB_TOKEN", secret.reveal());
    });
    // It is let in, and meets the document of the run before.
    assert_eq!(by_variable.status.code(), Some(1));
    let said = String::from_utf8(by_variable.stdout).unwrap();
    assert!(said.contains("DocExists"), "{said}");
    assert!(runtime.block_on(service.shutdown()).is_clean());
}
