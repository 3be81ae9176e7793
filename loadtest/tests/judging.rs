//! Asserting, killing, recording and replaying, with the real program and real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod program;

use program::{Folder, text};

#[test]
fn what_is_asserted_decides_the_exit_code() {
    let folder = Folder::new();
    let line = "--operations 200 --duration 20s --doc-count 50";
    let good = folder.run(&format!("{line} --assert errors=0,operations=200,p99<20s"));
    let said = text(&good.stdout);
    assert_eq!(good.status.code(), Some(0), "{said}");
    assert_eq!(said.matches("holds").count(), 3, "{said}");
    let bad = folder.run(&format!(
        "{line} --assert errors=0,read.p50<1us,ops>1000000000"
    ));
    let said = text(&bad.stdout);
    assert_eq!(bad.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("FAILS").count(), 2, "{said}");
    let assertions = &folder.json("multidb_results.json")["Details"]["Assertions"];
    let holds: Vec<_> = assertions
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["Holds"])
        .collect();
    assert_eq!(holds, [true, false, false]);
    let usage = folder.run("--assert p99<soon");
    assert_eq!(usage.status.code(), Some(2));
    assert!(text(&usage.stderr).contains("--assert"));
}

#[test]
fn a_killed_server_comes_back_with_everything_that_was_acknowledged() {
    let folder = Folder::new();
    let line = "--duration 1500ms --kill-every 400ms --databases a,b --workers-per-db 4 \
                --doc-count 300 --write-percent 50 --read-percent 20 --patience 20s --timeout 30s";
    let output = folder.run(line);
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        text(&output.stderr)
    );
    let details = &folder.json("multidb_results.json")["Details"];
    assert!(!details["Kills"].as_array().unwrap().is_empty(), "{said}");
    let verification = &details["Verification"];
    assert!(verification["Documents"].as_u64().unwrap() > 50, "{said}");
    assert_eq!(verification["Contradictions"], 0);
    assert_eq!(verification["Unread"], 0);
}

#[test]
fn a_server_that_the_run_did_not_start_is_never_killed() {
    let folder = Folder::new();
    let socket = folder.join("somebody.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let output = folder
        .command("--kill-every 1s --duration 1s --ceiling 0 --socket")
        .arg(&socket)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--kill-every"));
}

#[test]
fn a_replay_asks_for_what_was_recorded_and_ends_the_same() {
    let folder = Folder::new();
    // One worker: what it finds depends on nothing but the order of its operations.
    let line = "--workers 1 --operations 400 --duration 60s --doc-count 40 \
                --read-percent 20 --write-percent 20 --update-percent 10 --delete-percent 10 \
                --patch-percent 10 --scan-percent 10 --modify-percent 10 --transaction-percent 10 \
                --doc-size uniform:60-600 --record trace.csv";
    let output = folder.run(line);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let outcomes = |folder: &Folder| {
        let results = folder.json("multidb_results.json");
        (
            results["TotalOperations"].clone(),
            results["Databases"]["loadtest"]["Outcomes"].clone(),
        )
    };
    let recorded = outcomes(&folder);
    let lines = folder.read("trace.csv");
    assert!(lines.lines().count() > 400, "a line per operation");
    for speed in ["0", "1000"] {
        let output = folder.run(&format!("--replay trace.csv --replay-speed {speed}"));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        assert_eq!(outcomes(&folder), recorded, "at speed {speed}");
    }
}

#[test]
fn a_damaged_trace_is_refused_with_its_line() {
    let folder = Folder::new();
    folder.run("--workers 1 --operations 20 --duration 60s --record trace.csv");
    let trace = folder.read("trace.csv");
    let lines: Vec<&str> = trace.lines().collect();
    for (line, found) in [
        (1, "{}"),
        (2, "a,b"),
        (5, "1,0,0,1,burn,1,0"),
        (7, "1,9,0,1,read,1,0"),
    ] {
        let mut lines = lines.clone();
        lines[line - 1] = found;
        std::fs::write(folder.join("damaged.csv"), lines.join("\n")).unwrap();
        let output = folder.run("--replay damaged.csv");
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains(&format!("line {line}")), "{said}");
    }
    assert_eq!(folder.run("--replay none.csv").status.code(), Some(2));
}

#[test]
fn output_that_cannot_be_written_is_refused_before_the_run() {
    let folder = Folder::new();
    std::fs::write(folder.join("file"), "in the way").unwrap();
    let begun = std::time::Instant::now();
    let output = folder.run("--duration 1h --output-dir file/results");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--output-dir"));
    assert!(begun.elapsed().as_secs() < 60);
}

#[test]
fn a_signal_ends_a_run_with_partial_results() {
    let folder = Folder::new();
    let mut child = folder
        .command("--duration 1h --ceiling 0 --metrics-interval 50ms --socket nobody.sock")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Its second line says what is being run.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(lines.next().unwrap().unwrap().contains("own server"));
    lines.next().unwrap().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let signal = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    let said: Vec<_> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said:?}");
    assert_eq!(folder.json("multidb_results.json")["Partial"], true);
    assert!(said.iter().any(|line| line.contains("partial")), "{said:?}");
}

#[test]
fn nothing_is_drawn_where_there_is_no_terminal_and_lines_fit_80_columns() {
    let folder = Folder::new();
    let output =
        folder.run("--duration 700ms --databases one,two --workload ycsb-f --doc-count 100");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    let said = text(&output.stdout);
    for line in said.lines().skip(1) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(said.contains("modify"));
}

#[test]
fn every_named_workload_runs() {
    for workload in [
        "ycsb-a",
        "ycsb-b",
        "ycsb-c",
        "ycsb-d",
        "ycsb-e",
        "ycsb-f",
        "read-heavy",
        "write-heavy",
        "batch",
        "patch",
        "transaction",
        "scan",
    ] {
        let folder = Folder::new();
        let line = format!(
            "--workload {workload} --operations 400 --duration 60s --doc-count 60 --workers 3 \
             --no-html --verify --assert errors=0,operations=400"
        );
        let output = folder.run(&line);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        assert!(!folder.join("multidb_results.html").exists());
    }
}
