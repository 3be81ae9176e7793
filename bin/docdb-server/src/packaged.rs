//! The files of `packaging/` that follow from the definitions of the flags and keys.
//!
//! Refresh them after a change: `DOCDB_REGENERATE=1 cargo test -p docdb-server packaged`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::config::{self, Given};
use crate::flags::Flags;

const PROGRAM: &str = "docdb-server";

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../packaging")
        .join(file)
}

#[track_caller]
fn is_fresh(file: &str, text: &[u8]) {
    let path = path(file);
    if std::env::var_os("DOCDB_REGENERATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert!(
        std::fs::read(&path).is_ok_and(|shipped| shipped == text),
        "packaging/{file} is not what the program says: DOCDB_REGENERATE=1 writes it"
    );
}

#[test]
fn the_example_file_is_that_of_the_keys() {
    is_fresh("docdb.yaml", config::example().as_bytes());
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
    let mut command = Flags::command().disable_help_subcommand(true);
    command.build();
    let mut pages = BTreeMap::new();
    manual(command, &mut pages);
    for (file, text) in &pages {
        is_fresh(&format!("man/{file}"), text);
    }
    let shipped = std::fs::read_dir(path("man")).unwrap();
    let shipped: BTreeSet<_> = shipped
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.starts_with(PROGRAM))
        .collect();
    assert_eq!(shipped, pages.into_keys().collect());
}

#[test]
fn the_completions_are_those_of_the_flags() {
    for (shell, file) in [
        (Shell::Bash, "docdb-server.bash"),
        (Shell::Fish, "docdb-server.fish"),
        (Shell::Zsh, "_docdb-server"),
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Flags::command(), PROGRAM, &mut script);
        is_fresh(&format!("completions/{file}"), &script);
    }
}

#[test]
fn the_configuration_of_the_package_is_one_that_a_server_starts_with() {
    let given = Given {
        file: Some(path("debian/docdb.yaml")),
        ..Given::default()
    };
    let configured = config::load(&given).unwrap();
    let options = configured.settings.service_options();
    assert!(options.engine.data_directory.starts_with("/var/lib/docdb"));
    assert!(options.engine.wal_directory.starts_with("/var/lib/docdb"));
    assert!(options.socket_path.unwrap().starts_with("/run/docdb"));
}

#[test]
fn the_unit_starts_the_program_with_the_configuration_of_the_package() {
    let unit = std::fs::read_to_string(path("systemd/docdb.service")).unwrap();
    for line in [
        "Type=notify",
        "ExecStart=/usr/bin/docdb-server --config /etc/docdb/docdb.yaml",
        "ExecStartPre=/usr/bin/docdb-server --config /etc/docdb/docdb.yaml --check-config",
        "StateDirectory=docdb",
        "RuntimeDirectory=docdb",
        "RestartPreventExitStatus=2",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn every_file_that_the_package_takes_is_there() {
    let manifest = include_str!("../Cargo.toml");
    let names = manifest
        .split('"')
        .filter_map(|text| text.strip_prefix("../../"));
    let mut count = 0;
    for name in names {
        // Of a pattern, what it is a pattern in: each page there is looked at above.
        let name = name.strip_suffix("*.1").unwrap_or(name);
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(name);
        assert!(file.exists(), "{name}");
        count += 1;
    }
    assert!(count > 10, "only {count} files");
}
