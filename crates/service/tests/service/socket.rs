use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;

use docdb_ipc::Command;
use docdb_service::{Service, SocketError, StartError};

use super::harness::{Client, Harness, options_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_socket_of_a_dead_server_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let options = options_in(directory.path());
    let path = options.socket_path.clone().unwrap();
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a dead server leaves its socket");
    let service = Service::start(options).await.unwrap();
    assert!(
        Client::connect(&path)
            .await
            .call(Command::Ping)
            .await
            .is_ok()
    );
    assert!(service.shutdown().await.is_clean());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_socket_of_a_live_server_is_left_alone() {
    let harness = Harness::start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let mut options = options_in(elsewhere.path());
    options.socket_path = Some(harness.socket());
    let error = Service::start(options).await.unwrap_err();
    assert!(
        matches!(error, StartError::Socket(SocketError::Live { .. })),
        "{error}"
    );
    let text = error.to_string();
    assert!(!text.contains('\n'));
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    let left = std::fs::read_dir(elsewhere.path()).unwrap().count();
    assert_eq!(left, 0, "a start in vain leaves nothing behind");
    assert!(harness.connect().await.call(Command::Ping).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_no_socket_is_never_removed() {
    let directory = tempfile::tempdir().unwrap();
    let inside = directory.path().join("folder").join("file");
    std::fs::create_dir(inside.parent().unwrap()).unwrap();
    std::fs::write(&inside, "kept").unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&inside, &link).unwrap();
    for path in [inside.parent().unwrap(), &inside, &link] {
        let mut options = options_in(directory.path());
        options.socket_path = Some(path.to_owned());
        let error = Service::start(options).await.unwrap_err();
        assert!(
            matches!(error, StartError::Socket(SocketError::NotASocket { .. })),
            "{error}"
        );
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
    assert_eq!(std::fs::read_to_string(&link).unwrap(), "kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_the_owner_may_connect_and_the_socket_goes_with_its_server() {
    let harness = Harness::start().await;
    let path = harness.socket();
    let metadata = std::fs::symlink_metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let (_directory, report) = harness.stop().await;
    assert!(report.is_clean());
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_socket_that_is_not_ours_any_more_is_not_removed() {
    let harness = Harness::start().await;
    let path = harness.socket();
    std::fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    let (_directory, report) = harness.stop().await;
    assert!(report.is_clean());
    assert!(path.exists());
    drop(other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_second_server_on_the_directory_fails_and_names_the_first() {
    let harness = Harness::start().await;
    let mut options = options_in(harness.directory.path());
    let other_socket = harness.directory.path().join("other.sock");
    options.socket_path = Some(other_socket.clone());
    let error = Service::start(options).await.unwrap_err();
    assert!(matches!(error, StartError::Engine(_)));
    assert!(
        error.to_string().contains(&std::process::id().to_string()),
        "{error}"
    );
    assert!(!other_socket.exists());
    assert!(harness.connect().await.call(Command::Ping).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_that_start_at_once_do_not_share_a_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docdb.sock");
    drop(UnixListener::bind(&path).unwrap());
    let start = |name: &str| {
        let mut options = options_in(&directory.path().join(name));
        options.socket_path = Some(path.clone());
        tokio::spawn(Service::start(options))
    };
    let starts = ["a", "b", "c", "d"].map(start);
    let mut running = Vec::new();
    for start in starts {
        running.extend(start.await.unwrap());
    }
    assert_eq!(running.len(), 1, "one of them listens");
    assert!(
        Client::connect(&path)
            .await
            .call(Command::Ping)
            .await
            .is_ok()
    );
}
