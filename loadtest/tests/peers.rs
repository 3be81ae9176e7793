//! Targets in turns: the same load, the same figures, and what is not there is said.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod program;

use program::{Folder, text};

const LOAD: &str = "--databases a,b --workers-per-db 2 --doc-count 200 --duration 300ms --turns 2 \
                    --seed 3 --metrics-interval 50ms";

#[test]
fn every_installed_target_is_loaded_in_every_turn_and_answers_right() {
    let folder = Folder::new();
    for batch in ["1", "20"] {
        let line = format!("{LOAD} --target docdb,postgres,redis --preload --batch {batch}");
        let output = folder.run(&line);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{said}");
        let peers = folder.json("peers.json");
        let sides = peers["Sides"].as_array().unwrap();
        let skipped = peers["Skipped"].as_array().unwrap();
        assert_eq!(sides.len() + skipped.len(), 3, "{said}");
        assert_eq!(sides[0]["Target"], "docdb");
        for side in sides {
            let rounds = side["Rounds"].as_array().unwrap();
            assert_eq!(rounds.len(), 2, "{said}");
            for round in rounds {
                assert!(round["OpsPerSecond"].as_f64().unwrap() > 0.0, "{said}");
                assert_eq!(round["Failed"], 0, "{said}");
                assert!(round["ServerCpuSeconds"].as_f64().is_some(), "{said}");
                assert!(round["DiskBytes"].as_u64().unwrap() > 100 * 1024, "{said}");
            }
        }
        for side in &sides[1..] {
            let name = side["Target"].as_str().unwrap();
            assert!(
                said.contains(&format!("docdb / {name}: operations/s")),
                "{said}"
            );
        }
    }
}

#[test]
fn an_absent_target_is_skipped_visibly() {
    let folder = Folder::new();
    let output = folder
        .command(LOAD)
        .args(["--target", "redis,docdb", "--ceiling", "0"])
        .args(["--socket", "nobody.sock"])
        .env("PATH", "")
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("redis: SKIPPED: no redis-server is installed"),
        "{said}"
    );
    assert_eq!(folder.json("peers.json")["Sides"][0]["Target"], "docdb");
}

#[test]
fn a_peer_is_asked_only_for_what_all_targets_do() {
    let folder = Folder::new();
    for flags in [
        "--target redis --workload patch",
        "--target docdb,postgres --read-percent 60 --scan-percent 40",
        "--target docdb,redis --verify",
        "--target docdb,redis --turns 0",
        "--target redis --redis-url http://127.0.0.1",
    ] {
        let output = folder.plain(flags);
        assert_eq!(output.status.code(), Some(2), "{flags}");
    }
}
