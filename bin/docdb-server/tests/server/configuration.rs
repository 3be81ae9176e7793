use crate::process::{Place, exists, text};

#[test]
fn a_wrong_configuration_ends_the_start_with_2_and_leaves_nothing_behind() {
    let place = Place::new();
    place.write("docdb.yaml", "wal:\n  keep_segments: -1\nno_such_key: 1\n");
    for arguments in [
        &["--config", "docdb.yaml"][..],
        &["--config", "docdb.yaml", "--check-config"],
        &["--config", "docdb.yaml", "--print-config"],
    ] {
        let refused = place.run(arguments);
        assert_eq!(refused.status.code(), Some(2));
        assert!(refused.stdout.is_empty());
        let said = text(&refused.stderr);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(
            lines[0],
            "docdb-server: docdb.yaml:2: wal.keep_segments is -1, allowed: 0 to 1000000"
        );
        assert!(
            lines[1].starts_with("docdb-server: docdb.yaml:3: unknown key no_such_key, allowed: "),
            "{said}"
        );
        assert_eq!(lines.len(), 2);
    }
    assert!(!exists(&place.path("data")));
}

#[test]
fn bad_usage_ends_with_2() {
    let place = Place::new();
    for arguments in [
        &["--no-such-flag"][..],
        &["--fsync", "sometimes"],
        &["--config"],
        &["--config", "missing.yaml"],
        &["an argument"],
    ] {
        assert_eq!(place.run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_configuration_is_checked_and_printed_without_starting_anything() {
    let place = Place::new();
    place.write("docdb.yaml", "sched: { queue_depth: 7 }\n");
    let checked = place.run(&["--config", "docdb.yaml", "--check-config"]);
    assert_eq!(checked.status.code(), Some(0));
    let printed = place
        .command()
        .args([
            "--config",
            "docdb.yaml",
            "--print-config",
            "--fsync",
            "always",
        ])
        .env("DOCDB_LOG_LEVEL", "debug")
        .output()
        .unwrap();
    assert_eq!(printed.status.code(), Some(0));
    let printed = text(&printed.stdout);
    for (value, origin) in [
        ("queue_depth: 7", "docdb.yaml:1"),
        ("mode: always", "flag --fsync"),
        ("level: debug", "environment DOCDB_LOG_LEVEL"),
        ("max_workers: 256", "default"),
    ] {
        let line = printed.lines().find(|line| line.contains(value)).unwrap();
        assert!(line.ends_with(&format!("# {origin}")), "{line}");
    }
    place.write("printed.yaml", &printed);
    let again = place.run(&["--config", "printed.yaml", "--check-config"]);
    assert_eq!(again.status.code(), Some(0));
    assert!(!exists(&place.path("data")));
}

#[test]
fn a_hang_up_takes_up_what_can_change_and_says_what_cannot() {
    let place = Place::new();
    place.write("docdb.yaml", "log: { level: info }\n");
    let mut server = place.start(&["--config", "docdb.yaml"]);

    place.write(
        "docdb.yaml",
        "log: { level: debug }\nsched: { queue_depth: 7 }\n",
    );
    server.signal("HUP");
    let log = server.wait_for_log("configuration read again");
    let line = |log: &str, text: &str| -> String {
        let found = log.lines().find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("{text}: {log}")).to_owned()
    };
    assert!(line(&log, "sched.queue_depth").contains("takes effect at the next start"));
    assert!(line(&log, "log.level").contains("taken up"));

    // A mistake changes nothing and ends nothing.
    place.write("docdb.yaml", "log: { level: loud }\n");
    server.signal("HUP");
    let log = server.wait_for_log("the configuration is not taken up");
    assert!(line(&log, "log.level is \"loud\"").contains("allowed: error, warn, info"));

    // Nothing less than an error is logged from here on.
    place.write("docdb.yaml", "log: { level: error }\n");
    server.signal("HUP");
    server.wait_for_log("changed=1 at_next_start=0");
    let (status, log) = server.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(!log.contains("stopping"), "{log}");
}
