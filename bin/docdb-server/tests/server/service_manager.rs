use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::process::Place;

fn receive(socket: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let length = socket.recv(&mut message).unwrap();
    String::from_utf8(message[..length].to_vec()).unwrap()
}

#[test]
fn the_service_manager_is_told_when_it_serves_and_when_it_stops() {
    let place = Place::new();
    let manager = UnixDatagram::bind(place.path("notify")).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let server = place.start_with(&[], |command| {
        command.env("NOTIFY_SOCKET", place.path("notify"));
    });
    assert!(receive(&manager).starts_with("READY=1\n"));
    let (status, _) = server.terminate();
    assert!(receive(&manager).starts_with("STOPPING=1\n"));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_service_manager_that_is_gone_is_no_reason_to_stop() {
    let place = Place::new();
    let mut server = place.start_with(&[], |command| {
        command.env("NOTIFY_SOCKET", place.path("nobody"));
    });
    server.wait_for_log("the service manager cannot be told");
    assert_eq!(server.terminate().0.code(), Some(0));
}
