//! The arrows between the crates are those of the design, and no others.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each package may use besides `docdb-types`. Tests may use anything below them.
const ARROWS: &[(&str, &[&str])] = &[
    ("docdb-types", &[]),
    ("docdb-vfs", &[]),
    ("docdb-wal", &["docdb-vfs"]),
    ("docdb-storage", &["docdb-vfs"]),
    ("docdb-engine", &["docdb-storage", "docdb-vfs", "docdb-wal"]),
    ("docdb-scheduler", &[]),
    ("docdb-ipc", &[]),
    ("docdb-client", &["docdb-ipc"]),
    (
        "docdb-service",
        &["docdb-engine", "docdb-ipc", "docdb-scheduler"],
    ),
    ("docdb-server", &["docdb-service"]),
    ("docdbsh", &["docdb-client"]),
    ("docdb-loadtest", &["docdb-client", "docdb-service"]),
    (
        "docdb-tests",
        &["docdb-client", "docdb-engine", "docdb-ipc", "docdb-vfs"],
    ),
];

/// Crates that embed anywhere: ordinary threads and functions.
const WITHOUT_RUNTIME: &[&str] = &[
    "docdb-types",
    "docdb-vfs",
    "docdb-wal",
    "docdb-storage",
    "docdb-engine",
    "docdb-scheduler",
];

/// What those crates must not bring along, directly or through others.
const RUNTIME: &[&str] = &[
    "tokio",
    "tokio-util",
    "prost",
    "futures-util",
    "async-std",
    "smol",
];

fn metadata() -> cargo_metadata::Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()
        .unwrap()
}

#[test]
fn a_crate_uses_only_what_the_design_draws() {
    let metadata = metadata();
    let allowed: BTreeMap<_, BTreeSet<_>> = ARROWS
        .iter()
        .map(|(from, to)| (*from, to.iter().copied().collect()))
        .collect();
    let mut seen = BTreeSet::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let arrows = allowed
            .get(name)
            .unwrap_or_else(|| panic!("{name} has no row"));
        seen.insert(name.to_owned());
        for dependency in &package.dependencies {
            let target = dependency.name.as_str();
            let is_ours = allowed.contains_key(target) && target != "docdb-types";
            if is_ours && dependency.kind == DependencyKind::Normal {
                assert!(arrows.contains(target), "{name} must not use {target}");
            }
        }
    }
    assert_eq!(
        seen.len(),
        ARROWS.len(),
        "a row of the table has no package: {seen:?}"
    );
}

#[test]
fn what_embeds_brings_no_runtime_and_no_protobuf() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().unwrap();
    let name_of = |id| {
        metadata
            .packages
            .iter()
            .find(|package| package.id == id)
            .unwrap()
            .name
            .clone()
    };
    let nodes: BTreeMap<_, _> = resolve
        .nodes
        .iter()
        .map(|node| (node.id.clone(), node))
        .collect();
    for root in WITHOUT_RUNTIME {
        let mut open: Vec<_> = resolve
            .nodes
            .iter()
            .filter(|node| name_of(node.id.clone()).as_str() == *root)
            .map(|node| node.id.clone())
            .collect();
        assert_eq!(open.len(), 1, "{root}");
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            let name = name_of(id.clone());
            assert!(!RUNTIME.contains(&name.as_str()), "{root} brings {name}");
            for dependency in &nodes[&id].deps {
                let is_normal = dependency
                    .dep_kinds
                    .iter()
                    .any(|kind| kind.kind == DependencyKind::Normal);
                if is_normal && seen.insert(dependency.pkg.clone()) {
                    open.push(dependency.pkg.clone());
                }
            }
        }
    }
}

#[test]
fn only_vfs_touches_files_below_the_wire() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut checked = 0;
    for crate_name in ["types", "wal", "storage", "engine", "scheduler"] {
        let mut open = vec![root.join("crates").join(crate_name).join("src")];
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                checked += 1;
                for forbidden in ["std::fs", "tokio::fs", " File::open", "OpenOptions"] {
                    assert!(
                        !text.contains(forbidden),
                        "{} uses {forbidden}",
                        path.display()
                    );
                }
            }
        }
    }
    assert!(checked > 30, "only {checked} files were looked at");
}
