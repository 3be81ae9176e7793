//! Bugs are planted, and each must be caught: the proof that the harnesses work.
//!
//! The tree is copied, every bug of the [table](table) is written into the copy behind a switch, the
//! copy is built once, and the harness of each bug is run with that bug switched on. A bug whose
//! place is gone fails the test, and so does a harness that fails with none switched on.
//!
//! `cargo test -p docdb-tests --test planted -- --ignored --nocapture`; `DOCDB_PLANTED=NAME,NAME`
//! takes some of them.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod table;

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use table::{BUGS, Bug, Harness};

/// How long a harness may take to catch its bug, on a machine that has other things to do too.
const BUDGET: Duration = Duration::from_secs(300);

/// What says in the copy whether a bug is switched on; the bug's name stands for `NAME`. Servers that
/// a harness starts keep the variable: it is none of their settings, which begin with `DOCDB_`.
const SWITCH: &str = r#"std::env::var("PLANTED_BUG").is_ok_and(|bug| bug == "NAME")"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Copies the sources, so that nothing else is touched.
fn copy_tree(to: &Path) {
    for entry in [
        "Cargo.toml",
        "Cargo.lock",
        "crates",
        "bin",
        "loadtest",
        "proto",
        "tests",
    ] {
        copy(&root().join(entry), &to.join(entry));
    }
}

/// Files that have not changed keep their times, so that only what changed is built again.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        write_if_other(to, &fs::read(from).unwrap());
    }
}

fn write_if_other(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if fs::read(path).ok().as_deref() != Some(bytes) {
        fs::write(path, bytes).unwrap();
    }
}

/// Writes every bug into the copy.
fn plant(tree: &Path) {
    let files: BTreeSet<&str> = BUGS.iter().map(|bug| bug.file).collect();
    for file in files {
        let mut text = fs::read_to_string(root().join(file)).unwrap();
        for bug in BUGS.iter().filter(|bug| bug.file == file) {
            let places = text.matches(bug.healthy).count();
            assert_eq!(
                places, 1,
                "{}: its place in {file} is there {places} times",
                bug.name
            );
            let switch = SWITCH.replace("NAME", bug.name);
            let planted = bug.planted.replace("BUG", &switch);
            text = text.replace(bug.healthy, &planted);
        }
        write_if_other(&tree.join(file), text.as_bytes());
    }
}

/// A command of cargo that works on the copy.
fn on_copy(tree: &Path, mut command: Command) -> Command {
    command
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target().join("target"))
        // A harness tries many thousands of crashes, which takes minutes without it.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("PLANTED_BUG");
    command
}

fn cargo_test(tree: &Path, harness: &Harness) -> Command {
    let mut command = on_copy(tree, docdb_tests::cargo());
    command
        .args(["test", "--quiet", "--lib"])
        .args(["-p", harness.package, "--test", harness.test])
        .envs(harness.settings.iter().copied());
    command
}

/// Builds everything that a harness would build while its time runs.
fn build(tree: &Path, harness: &Harness) {
    let programs = on_copy(tree, docdb_tests::build_programs());
    let mut test = cargo_test(tree, harness);
    test.arg("--no-run");
    for mut command in [programs, test] {
        let built = command.status().unwrap();
        assert!(built.success(), "the copy does not build");
    }
}

/// Where the copy and what is built of it are. It has a target directory of its own: cargo takes two
/// trees of the same workspace for one, and would hand the builds of one to the other.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted")
}

/// Whether a harness passes, with a bug switched on or with none.
fn passes(tree: &Path, harness: &Harness, bug: Option<&str>) -> bool {
    let mut command = cargo_test(tree, harness);
    command
        .envs(bug.map(|bug| ("PLANTED_BUG", bug)))
        .arg("--")
        .args(harness.filter)
        // Cargo and the test that it runs end together.
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        if begun.elapsed() > BUDGET {
            // A harness that hangs has noticed nothing.
            let group = format!("-{}", child.id());
            let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
            assert!(killed.unwrap().success());
            child.wait().unwrap();
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
#[ignore = "builds the workspace a second time; docs/testing.md says how to run it"]
fn every_planted_bug_is_caught() {
    let tree = target().join("tree");
    copy_tree(&tree);
    plant(&tree);
    let chosen = env::var("DOCDB_PLANTED").ok();
    let bugs: Vec<&Bug> = BUGS
        .iter()
        .filter(|bug| {
            chosen
                .as_deref()
                .is_none_or(|names| names.split(',').any(|name| name == bug.name))
        })
        .collect();
    let harnesses: BTreeSet<&Harness> = bugs.iter().map(|bug| bug.harness).collect();
    for harness in harnesses {
        build(&tree, harness);
        assert!(
            passes(&tree, harness, None),
            "{harness:?} fails without a bug"
        );
    }
    let mut survivors = Vec::new();
    for bug in bugs {
        let begun = Instant::now();
        let caught = !passes(&tree, bug.harness, Some(bug.name));
        println!(
            "{} {}: {} by {} in {:.1} s",
            bug.name,
            bug.what,
            if caught { "caught" } else { "NOT CAUGHT" },
            bug.harness.test,
            begun.elapsed().as_secs_f64()
        );
        if !caught {
            survivors.push(bug.name);
        }
    }
    assert!(survivors.is_empty(), "not caught: {survivors:?}");
}
