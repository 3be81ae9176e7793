//! What flags and files are refused, and by which name.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::Command;

use clap::Parser;
use docdb_loadtest::config::{Arguments, ConfigFile, Plan};

fn broken(flags: &[&str], file: &str) -> Vec<String> {
    let arguments = Arguments::parse_from(std::iter::once(&"docdb-loadtest").chain(flags));
    let file = ConfigFile::parse(file).unwrap();
    let error = Plan::new(&arguments, Some(&file)).unwrap_err();
    error
        .broken
        .into_iter()
        .map(|broken| broken.field)
        .collect()
}

#[test]
fn percentages_that_do_not_sum_to_100_are_refused_by_name() {
    let fields = broken(&["--read-percent", "90"], "{}");
    assert!(fields.concat().contains("--read-percent"), "{fields:?}");
    let fields = broken(&[], "databases: [{ name: a, crud: { read: 50 } }]");
    assert_eq!(fields, ["databases[0].crud"]);
}

#[test]
fn every_broken_rule_is_named_with_its_field() {
    let flags = [
        "--duration",
        "0",
        "--metrics-interval",
        "0",
        "--batch",
        "0",
        "--pipeline",
        "0",
        "--rate",
        "0",
        "--workers",
        "0",
        "--doc-size",
        "10",
        "--doc-count",
        "0",
        "--db-name",
        "a/b",
    ];
    assert_eq!(
        broken(&flags, "{}"),
        [
            "--duration",
            "--metrics-interval",
            "--batch",
            "--pipeline",
            "--rate",
            "--workers",
            "--doc-size",
            "--doc-count",
            "--db-name",
        ]
    );
    assert_eq!(broken(&["--databases", "a,a"], "{}"), ["--databases"]);
    assert_eq!(broken(&["--batch", "65535"], "{}"), ["--batch, --doc-size"]);
    assert_eq!(
        broken(&["--databases", "a"], "databases: [{ name: b }]"),
        ["--databases, --db-name"]
    );
}

#[test]
fn phases_that_overlap_or_have_broken_mixes_are_refused_by_name() {
    let file = r#"{"workload_profile": {"phases": [
        {"name": "one", "duration": "10s", "crud": {"read": 99}},
        {"name": "one", "start_time": "5s", "duration": "0s", "operation_rate": -1,
         "crud": {"read": 100},
         "crud_transition": {"start": {"read": 100}, "end": {"read": 1}}}
    ]}}"#;
    let place = |place: usize, key: &str| format!("workload_profile.phases[{place}].{key}");
    assert_eq!(
        broken(&[], file),
        [
            place(0, "crud"),
            place(1, "name"),
            place(1, "start_time"),
            place(1, "duration"),
            place(1, "crud_transition"),
            place(1, "operation_rate"),
            place(1, "crud_transition.end"),
        ]
    );
}

#[test]
fn what_is_wrong_in_a_file_is_named_by_its_path() {
    for (text, said) in [
        ("test: { sead: 1 }", "test.sead: unknown field `sead`"),
        (
            r#"{"test": {"sead": 1}}"#,
            "test.sead: unknown field `sead`",
        ),
        (
            "databases: [{ name: a }, { name: b, workers: many }]",
            "databases[1].workers: invalid type",
        ),
        (
            r#"{"workload_profile": {"phases": [{"name": "x", "duration": 5}]}}"#,
            "workload_profile.phases[0].duration: ",
        ),
        (
            "workload_profile: { phases: [{ name: x, duration: 1s, crud: { read: -1 } }] }",
            "workload_profile.phases[0].crud.read: ",
        ),
        (
            "databases: [{ name: a, distribution: pareto }]",
            "databases[0].distribution: \"pareto\" is no distribution",
        ),
        (
            "test: { metrics_interval: soon }",
            "test.metrics_interval: \"soon\" is no duration",
        ),
        ("test: [", ""),
    ] {
        let error = ConfigFile::parse(text).unwrap_err();
        assert!(error.starts_with(said), "{error}");
    }
}

#[test]
fn new_flags_have_their_rules_too() {
    for (flags, field) in [
        (&["--scan-length", "0"][..], "--scan-length"),
        (&["--transaction-size", "0"], "--transaction-size"),
        (&["--timeout", "0"], "--timeout"),
        (&["--patience", "0"], "--patience"),
        (&["--kill-every", "0"], "--kill-every"),
        (&["--assert", "p99<"], "--assert"),
        (&["--doc-size", "uniform:10-100"], "--doc-size"),
        (
            &[
                "--transaction-percent",
                "100",
                "--transaction-size",
                "1000",
                "--doc-size",
                "100000",
            ],
            "--transaction-size, --doc-size",
        ),
    ] {
        assert_eq!(broken(flags, "{}"), [field]);
    }
    let file = r#"{"workload_profile": {"phases": [
        {"name": "one", "duration": "10s"}, {"name": "two", "duration": "10s", "warmup": true}
    ]}}"#;
    let field = "workload_profile.phases[1].warmup";
    assert!(broken(&[], file).contains(&field.to_owned()));
    let file = r#"{"workload_profile": {"phases": [
        {"name": "one", "duration": "10s", "warmup": true}
    ]}}"#;
    assert_eq!(broken(&[], file), ["workload_profile.phases"]);
}

#[test]
fn flags_come_before_the_file_and_the_file_before_defaults() {
    let text = r#"
databases: [{ name: a, workers: 3, doc_size: 200, doc_count: 7, wal_dir: /elsewhere }, { name: b }]
test: { duration: 7s, socket: /run/x.sock, metrics_interval: 2s, output: out.json, csv_output: true, seed: 9 }
"#;
    let file = ConfigFile::parse(text).unwrap();
    let flags = ["docdb-loadtest", "--seed", "5", "--doc-size", "300"];
    let plan = Plan::new(&Arguments::parse_from(flags), Some(&file)).unwrap();
    assert_eq!(plan.seed, 5);
    assert_eq!(plan.duration.as_secs(), 7);
    assert_eq!(plan.metrics_interval.as_secs(), 2);
    assert_eq!(plan.socket.to_str(), Some("/run/x.sock"));
    assert_eq!(plan.output.to_str(), Some("out.json"));
    assert!(plan.csv);
    let [a, b] = &plan.databases[..] else {
        panic!("{:?}", plan.databases)
    };
    assert_eq!(
        (a.workers, a.sizes.typical(), a.document_count),
        (3, 300, 7)
    );
    assert_eq!(
        (b.workers, b.sizes.typical(), b.document_count),
        (10, 300, 10_000)
    );
    assert_eq!(a.wal_dir.to_str(), Some("/elsewhere"));
    assert_eq!(b.wal_dir.to_str(), Some("./data/wal"));
}

#[test]
fn bad_usage_exits_with_2() {
    for flags in [
        &["--read-percent", "90"][..],
        &["--no-such-flag"],
        &["--target", "other"],
        &["--config", "/no/such/file"],
        &["--duration", "soon"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_docdb-loadtest"))
            .args(flags)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(!output.stderr.is_empty());
    }
}
