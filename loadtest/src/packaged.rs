//! The files of `packaging/` that follow from the definitions of the flags.
//!
//! Refresh them after a change: `DOCDB_REGENERATE=1 cargo test -p docdb-loadtest packaged`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::CommandLine;

const PROGRAM: &str = "docdb-loadtest";

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

#[track_caller]
fn is_fresh(file: &str, text: &[u8]) {
    let path = packaging().join(file);
    if std::env::var_os("DOCDB_REGENERATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert!(
        std::fs::read(&path).is_ok_and(|shipped| shipped == text),
        "packaging/{file} is not what the program says: DOCDB_REGENERATE=1 writes it"
    );
}

/// The manual page of a command and those of its subcommands, by the names of their files.
fn manual(command: Command, pages: &mut BTreeMap<String, Vec<u8>>) {
    let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
    for subcommand in shown {
        manual(subcommand.clone(), pages);
    }
    let source = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    let page = clap_mangen::Man::new(command).source(source);
    let mut text = Vec::new();
    page.render(&mut text).unwrap();
    pages.insert(page.get_filename(), text);
}

#[test]
fn the_manual_pages_are_those_of_the_flags() {
    let mut command = CommandLine::command().disable_help_subcommand(true);
    command.build();
    let mut pages = BTreeMap::new();
    manual(command, &mut pages);
    for (file, text) in &pages {
        is_fresh(&format!("man/{file}"), text);
    }
    let shipped = std::fs::read_dir(packaging().join("man")).unwrap();
    let shipped: BTreeSet<_> = shipped
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.starts_with(PROGRAM))
        .collect();
    assert_eq!(shipped, pages.into_keys().collect());
}

#[test]
fn the_completions_are_those_of_the_flags() {
    for (shell, file) in [
        (Shell::Bash, "docdb-loadtest.bash"),
        (Shell::Fish, "docdb-loadtest.fish"),
        (Shell::Zsh, "_docdb-loadtest"),
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut CommandLine::command(), PROGRAM, &mut script);
        is_fresh(&format!("completions/{file}"), &script);
    }
}
