//! Every combination of counts of databases, connections and workers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod markup;
mod program;

use program::{Folder, text};

const FLAGS: &str = "--socket nobody.sock --duration 150ms --doc-count 50 --seed 1";

#[test]
fn a_matrix_is_resumed_where_it_was_left_and_analysed_as_a_whole() {
    let folder = Folder::new();
    let matrix = |lists: &str| folder.plain(&format!("matrix {lists} -- {FLAGS}"));
    let output = matrix("--databases 1,2 --connections 1,2 --workers 1");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).matches("ops/s").count(), 2);
    assert_eq!(folder.json("matrix.json")["LeftOut"], 2);

    let output = matrix("--databases 1,2 --connections 1,2 --workers 1,4");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(
        said.matches("ops/s").count(),
        4,
        "two are measured already: {said}"
    );
    for line in said.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let cells = &folder.json("matrix.json")["Cells"];
    let loads: Vec<_> = cells
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| {
            assert!(cell["OpsPerSecond"].as_f64().unwrap() > 0.0);
            assert_eq!(cell["Failed"], 0);
            ["Databases", "Connections", "Workers"].map(|key| cell[key].as_u64().unwrap())
        })
        .collect();
    assert_eq!(
        loads,
        [
            [1, 1, 1],
            [1, 1, 4],
            [1, 2, 4],
            [2, 1, 1],
            [2, 1, 4],
            [2, 2, 4]
        ]
    );
    let words = folder.read("matrix.md");
    assert!(words.contains("- 2 databases: at most"), "{words}");
    assert!(
        words.contains("| workers per database | 1 → 4 | 2 |"),
        "{words}"
    );
    let page = folder.read("matrix.html");
    let elements = markup::check(&page);
    assert_eq!(markup::count(&elements, "svg", ""), 6);

    let again = matrix("--databases 1,2 --connections 1,2 --workers 1,4");
    assert_eq!(text(&again.stdout).matches("ops/s").count(), 0);
}

#[test]
fn a_matrix_of_other_flags_or_of_nothing_is_refused() {
    let folder = Folder::new();
    let one = "matrix --databases 1 --connections 1 --workers 1 --";
    assert_eq!(
        folder.plain(&format!("{one} {FLAGS}")).status.code(),
        Some(0)
    );
    for (line, said) in [
        (format!("{one} {FLAGS} --batch 2"), "other flags"),
        (format!("{one} {FLAGS} --databases a,b"), "--databases"),
        (format!("{one} --read-percent 90"), "--read-percent"),
        (format!("{one} --no-such-flag"), "--no-such-flag"),
        ("matrix --workers 0".to_owned(), "--workers"),
        (
            "matrix --output-dir matrix.json/in".to_owned(),
            "matrix.json/in",
        ),
    ] {
        let output = folder.plain(&line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        let found = text(&output.stderr);
        assert!(found.contains(said), "{line}: {found}");
    }
}
