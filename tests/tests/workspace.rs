//! Every package of the workspace is built by the same rules.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The paths of the packages, as the workspace lists them.
fn members() -> Vec<PathBuf> {
    let workspace = text(&root().join("Cargo.toml"));
    let (_, list) = workspace.split_once("members = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let names = list
        .split(',')
        .map(|name| name.trim().trim_matches('"'))
        .filter(|name| !name.is_empty());
    names.map(|name| root().join(name)).collect()
}

/// The lines of a section of a manifest.
fn section<'a>(manifest: &'a str, name: &str) -> Vec<&'a str> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != name)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.trim().is_empty())
        .collect()
}

#[test]
fn lints_edition_and_licence_are_those_of_the_workspace() {
    let workspace = text(&root().join("Cargo.toml"));
    let package = section(&workspace, "[workspace.package]");
    assert!(package.contains(&"edition = \"2024\""));
    let rust = section(&workspace, "[workspace.lints.rust]");
    assert!(rust.contains(&"unsafe_code = \"forbid\""));
    assert!(rust.contains(&"missing_docs = \"deny\""));
    let members = members();
    assert!(members.len() >= 13, "{members:?}");
    for member in members {
        let manifest = text(&member.join("Cargo.toml"));
        let shown = member.display();
        assert_eq!(
            section(&manifest, "[lints]"),
            ["workspace = true"],
            "{shown}"
        );
        let package = section(&manifest, "[package]");
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let line = format!("{key}.workspace = true");
            assert!(package.contains(&line.as_str()), "{key} of {shown}");
        }
    }
}

#[test]
fn versions_of_dependencies_stand_in_one_place() {
    for member in members() {
        let manifest = text(&member.join("Cargo.toml"));
        for name in [
            "[dependencies]",
            "[dev-dependencies]",
            "[build-dependencies]",
        ] {
            for line in section(&manifest, name) {
                assert!(
                    line.contains("workspace = true") || line.trim_start().starts_with('#'),
                    "{}: {line}",
                    member.display()
                );
            }
        }
    }
}

#[test]
fn the_toolchain_is_named_and_is_the_one_that_packages_ask_for() {
    let toolchain = text(&root().join("rust-toolchain.toml"));
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .expect("a channel");
    let workspace = text(&root().join("Cargo.toml"));
    let asked = section(&workspace, "[workspace.package]")
        .into_iter()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .expect("a version");
    let (channel, asked) = (channel.trim_matches('"'), asked.trim_matches('"'));
    assert!(channel.starts_with(asked), "{channel} is not {asked}");
    assert!(root().join("Cargo.lock").is_file());
}
