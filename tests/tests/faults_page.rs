//! The page of faults says what there is.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn collect(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let functions = text.split("fn ").skip(1);
            names.extend(functions.filter_map(|rest| {
                let end = rest.find('(')?;
                Some(rest[..end].to_owned())
            }));
        }
    }
}

#[test]
fn every_fault_has_a_row_and_every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut names = BTreeSet::new();
    for directory in ["crates", "tests", "bin"] {
        collect(&root.join(directory), &mut names);
    }
    let page = fs::read_to_string(root.join("docs/faults.md")).unwrap();
    for number in 1..=75 {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| {number} |")))
            .unwrap_or_else(|| panic!("fault {number} has no row"));
        assert!(
            row.contains('`') || row.contains("no row"),
            "fault {number} has neither test nor reason"
        );
    }
    let quoted = page.split('`').skip(1).step_by(2);
    let missing: Vec<_> = quoted
        .filter(|name| name.matches('_').count() >= 4 && !name.contains(['…', ' ']))
        .filter(|name| !names.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}
