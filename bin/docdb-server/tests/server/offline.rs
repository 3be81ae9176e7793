use crate::process::{Place, text};

#[test]
fn a_directory_that_no_server_has_open_is_verified_and_one_in_use_is_refused() {
    let place = Place::new();
    let server = place.start(&[]);
    let refused = place.run(&["verify", "data"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("in use"), "{refused:?}");
    drop(server);

    let sound = place.run(&["verify", "data"]);
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
    assert_eq!(text(&sound.stdout), "0 databases, 0 damaged\n");
    let json = place.run(&["verify", "data", "--json"]);
    assert_eq!(
        text(&json.stdout),
        "{\"damaged\":false,\"findings\":[],\"databases\":[]}\n"
    );

    let catalog = place.path("data/.catalog");
    let mut bytes = std::fs::read(&catalog).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&catalog, bytes).unwrap();
    let damaged = place.run(&["verify", "data"]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(
        text(&damaged.stdout).starts_with("damage: .catalog: "),
        "{damaged:?}"
    );
}

#[test]
fn a_repair_needs_a_database_and_the_range_that_is_lost() {
    let place = Place::new();
    drop(place.start(&[]));
    let repair = ["repair", "data", "--db", "shop"];
    let all = place.run(&[&repair[..], &["--accept-loss", "all"]].concat());
    assert_eq!(all.status.code(), Some(2), "{all:?}");
    for arguments in [
        &repair[..],
        &[&repair[..], &["--accept-loss", "1..end"]].concat(),
    ] {
        let unknown = place.run(arguments);
        assert_eq!(unknown.status.code(), Some(1));
        assert!(text(&unknown.stderr).contains("shop"), "{unknown:?}");
    }
    assert_eq!(place.run(&["verify", "missing"]).status.code(), Some(1));
    assert!(!place.path("missing").exists());
}
