//! The files of `packaging/` that follow from the definitions of the flags.
//!
//! Refresh them after a change: `DOCDB_REGENERATE=1 cargo test -p docdb-loadtest packaged`

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::CommandLine;

#[track_caller]
fn is_fresh(file: &str, text: &[u8]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    let path = root.join(file);
    if std::env::var_os("DOCDB_REGENERATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert!(
        std::fs::read(&path).is_ok_and(|shipped| shipped == text),
        "packaging/{file} is not what the program says: DOCDB_REGENERATE=1 writes it"
    );
}

#[test]
fn the_manual_page_is_that_of_the_flags() {
    let mut page = Vec::new();
    clap_mangen::Man::new(CommandLine::command())
        .render(&mut page)
        .unwrap();
    is_fresh("man/docdb-loadtest.1", &page);
}

#[test]
fn the_completions_are_those_of_the_flags() {
    for (shell, file) in [
        (Shell::Bash, "docdb-loadtest.bash"),
        (Shell::Fish, "docdb-loadtest.fish"),
        (Shell::Zsh, "_docdb-loadtest"),
    ] {
        let mut script = Vec::new();
        clap_complete::generate(
            shell,
            &mut CommandLine::command(),
            "docdb-loadtest",
            &mut script,
        );
        is_fresh(&format!("completions/{file}"), &script);
    }
}
