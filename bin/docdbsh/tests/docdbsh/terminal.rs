//! The shell at a terminal, which `script` of util-linux provides.

use std::io::{self, Write as _};
use std::process::{Child, Command, Stdio};

use crate::harness::Harness;

/// The shell at a terminal of its own, or `None` where there is no `script`.
fn shell(harness: &Harness) -> Option<Child> {
    let shell = format!(
        "{} --socket {} --db shop",
        env!("CARGO_BIN_EXE_docdbsh"),
        harness.path("docdb.sock").display(),
    );
    let child = Command::new("script")
        .args(["--quiet", "--return", "--command", &shell, "/dev/null"])
        .env("XDG_STATE_HOME", harness.path("state"))
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    child
        .inspect_err(|error| {
            // The macros that print would be caught by the harness of tests.
            let _ = writeln!(io::stderr(), "SKIPPED: `script` gives no terminal: {error}");
        })
        .ok()
}

/// What the terminal shows after `input` was typed without waiting for any answer.
fn typed(mut shell: Child, input: &str) -> String {
    let mut keyboard = shell.stdin.take().unwrap();
    keyboard.write_all(input.as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    drop(keyboard);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn lines_typed_ahead_are_all_run() {
    let harness = Harness::start();
    let input = ".create {\"a\":1}\r.create {\"b\":2}\r.count\r.exit\r";
    let Some(shell) = shell(&harness) else {
        return;
    };
    let screen = typed(shell, input);
    assert!(screen.contains("count=2"), "{screen}");
    assert_eq!(harness.lines(&[".count"]).output, "OK\ncount=2\n");
}

#[test]
fn a_pasted_text_runs_line_by_line_and_keeps_its_json_whole() {
    let harness = Harness::start();
    let pasted = ".create {\n\t\"a\": [1,\n\t2]\n}\n.count";
    let input = format!("\x1b[200~{pasted}\x1b[201~\r.exit\r");
    let Some(shell) = shell(&harness) else {
        return;
    };
    let screen = typed(shell, &input);
    assert!(screen.contains("count=1"), "{screen}");
    assert_eq!(
        harness.lines(&[".read 1"]).output,
        "{\n\t\"a\": [1,\n\t2]\n}\n"
    );
}

#[test]
fn an_interrupt_gives_up_the_command_and_keeps_the_shell() {
    let harness = Harness::start();
    let file = harness.file("many", &"{\"a\":1}\n".repeat(300_000));
    let Some(mut shell) = shell(&harness) else {
        return;
    };
    let keyboard = shell.stdin.as_mut().unwrap();
    write!(keyboard, ".import {file}\r").unwrap();
    // The import runs as soon as another shell sees the first of its documents.
    while harness.lines(&[".count"]).output == "OK\ncount=0\n" {}
    let screen = typed(shell, "\x03.pwd\r.exit\r");
    assert!(screen.contains("ERROR Timeout"), "{screen}");
    assert!(screen.contains("interrupted"), "{screen}");
    assert!(screen.contains("db=shop"), "{screen}");
}

#[test]
fn the_prompt_shows_an_open_transaction() {
    let harness = Harness::start();
    let Some(shell) = shell(&harness) else {
        return;
    };
    let screen = typed(shell, ".begin\r.pwd\r.rollback\r.exit\r");
    assert!(screen.contains("shop/_default*> "), "{screen}");
    assert!(screen.contains("shop/_default> "), "{screen}");
}
