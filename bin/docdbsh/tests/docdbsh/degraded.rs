//! Answers of a database whose log has lost a transaction: what it has, with what is doubtful about it.

use std::fs;

use crate::harness::Harness;

/// Documents 1 and 2 in a data file, 3 and 4 in the log; the update of document 1, in front of them, is
/// lost.
fn degraded() -> Harness {
    let harness = Harness::start();
    let ran = harness.lines(&[
        ".create 1 \"older\"",
        ".create 2 \"stays\"",
        ".checkpoint",
        ".update 1 \"newer\"",
        ".create 3 3",
        ".create 4 4",
    ]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let copy = harness.copy();
    let log = copy.path().join("data/wal/shop.wal");
    let mut bytes = fs::read(&log).unwrap();
    let is_lost = |window: &[u8]| window == b"\"newer\"";
    let place = bytes.windows(7).position(is_lost).unwrap();
    bytes.splice(place..place + 7, *b"\"rotten");
    fs::write(&log, bytes).unwrap();
    Harness::start_in(copy)
}

const OLDER: &str = "may_be_older=true: the database has lost transactions, and one of them may have \
                     replaced or removed this version\n";

#[test]
fn a_document_that_may_be_older_is_printed_and_remarked_upon() {
    let harness = degraded();
    for lines in [vec![".read 1"], vec![".begin", ".read 1", ".rollback"]] {
        let ran = harness.lines(&lines);
        assert_eq!((ran.status, ran.errors.as_str()), (0, OLDER), "{ran:?}");
        assert!(ran.output.contains("\"older\"\n"), "{ran:?}");
    }
    let ran = harness.lines(&[".read 2"]);
    assert_eq!(
        (ran.output.as_str(), ran.errors.as_str()),
        ("\"stays\"\n", OLDER)
    );
    let ran = harness.lines(&[".read 3", ".read 4"]);
    assert_eq!((ran.output.as_str(), ran.errors.as_str()), ("3\n4\n", ""));
    for line in [".read 9", ".count"] {
        let ran = harness.lines(&[line]);
        assert_eq!(ran.status, 1, "{ran:?}");
        assert!(ran.output.starts_with("ERROR CorruptLog\n"), "{ran:?}");
        assert!(ran.output.contains("file shop.wal, offset "), "{ran:?}");
    }
    for line in [".validate 1", ".validate 9"] {
        let ran = harness.lines(&[line]);
        assert!(ran.output.contains("health=unknown cause="), "{ran:?}");
    }
}

#[test]
fn json_carries_the_marks_and_leaves_them_out_where_nothing_is_doubtful() {
    let harness = degraded();
    let ran = harness.json(".read 1\n.read 3\n.scan\n.count\n");
    assert_eq!((ran.status, ran.errors.as_str()), (0, ""));
    let lines = ran.lines();
    assert!(
        lines[0].ends_with(r#","may_be_older":true,"doc":"older"}"#),
        "{ran:?}"
    );
    assert!(!lines[1].contains("may_be_older"), "{ran:?}");
    assert!(lines[2].contains(r#","may_lack":true,"docs":["#), "{ran:?}");
    assert_eq!(
        lines[2].matches(r#""may_be_older":true"#).count(),
        2,
        "{ran:?}"
    );
    assert!(lines[3].contains(r#""code":"CorruptLog""#), "{ran:?}");

    let whole = Harness::start();
    let ran = whole.json(".create 1 1\n.read 1\n.scan\n");
    assert!(!ran.output.contains("may_"), "{ran:?}");
}

#[test]
fn a_scan_says_that_documents_may_be_missing() {
    let ran = degraded().lines(&[".scan"]);
    assert_eq!(ran.status, 0);
    let lines: Vec<_> = ran.output.lines().collect();
    assert_eq!(
        (lines[1], lines[3]),
        ("count=4", "may_lack=true"),
        "{ran:?}"
    );
    let marked: Vec<_> = lines[4..]
        .iter()
        .map(|line| line.contains(" may_be_older=true "))
        .collect();
    assert_eq!(marked, [true, true, false, false], "{ran:?}");
    assert!(ran.errors.starts_with("may_lack=true: "), "{ran:?}");
}

#[test]
fn an_export_says_what_is_doubtful_about_it_and_is_not_whole() {
    let harness = degraded();
    let file = harness.path("out.ndjson");
    let line = format!(".export {}", file.display());
    let ran = harness.lines(&[&line]);
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.output.starts_with("OK\ncount=4\n"), "{ran:?}");
    assert!(
        ran.output.ends_with("may_be_older=2\nmay_lack=true\n"),
        "{ran:?}"
    );
    assert!(ran.errors.contains("degraded"), "{ran:?}");
    assert!(ran.errors.contains("2 of the 4"), "{ran:?}");
    let exported = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = exported.lines().collect();
    assert!(
        lines[0].contains(r#""may_be_older":true,"doc":"older""#),
        "{exported}"
    );
    assert!(
        lines[4].ends_with(r#","may_be_older":2,"may_lack":true}"#),
        "{exported}"
    );

    let ran = harness.lines(&[".export -"]);
    assert_eq!((ran.status, ran.output), (1, exported));
    assert!(ran.errors.contains("2 of the 4"));
    let ran = harness.json(&line);
    assert!(
        ran.output.contains(r#""may_be_older":2,"may_lack":true}"#),
        "{}",
        ran.output
    );

    // It can be imported elsewhere, by whoever decides to.
    let other = Harness::start();
    let ran = other.lines(&[&format!(".import {} --exported", file.display())]);
    assert_eq!(ran.output, "OK\nimported=4\nrefused=0\n", "{ran:?}");
}
