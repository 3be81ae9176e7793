//! Transactions in the shell.

use crate::harness::Harness;

#[test]
fn a_transfer_happens_at_its_commit_and_not_before() {
    let harness = Harness::start();
    let lines = [
        ".create 1 {\"balance\":100}",
        ".create 2 {\"balance\":0}",
        ".begin",
        ".merge 1 {\"balance\":70}",
        ".merge 2 {\"balance\":30}",
        ".read 2",
        ".count",
    ];
    let ran = harness.lines(&lines);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.output.contains("isolation=serializable"), "{ran:?}");
    assert!(
        ran.output.contains("{\"balance\":30}"),
        "own writes: {ran:?}"
    );
    assert!(ran.output.ends_with("count=2\n"), "{ran:?}");
    // The connection closed in front of the commit.
    assert_eq!(harness.lines(&[".read 2"]).output, "{\"balance\":0}\n");

    let mut lines = lines[2..].to_vec();
    lines.extend([".commit", ".begin snapshot", ".delete 1", ".rollback"]);
    let ran = harness.lines(&lines);
    assert_eq!(ran.status, 0, "{ran:?}");
    let read = harness.lines(&[".read 1", ".read 2"]).output;
    assert_eq!(read, "{\"balance\":70}\n{\"balance\":30}\n");
}

#[test]
fn a_scan_within_a_transaction_shows_its_writes() {
    let harness = Harness::start();
    let ran = harness.json(
        ".create 1 1\n.create 3 3\n.begin\n.create 2 2\n.delete 3\n.scan\n.scan - 1\n.commit\n.scan\n",
    );
    let lines = ran.lines();
    let docs = |line: &str| -> Vec<u64> {
        let (_, docs) = line.split_once("\"docs\":").unwrap();
        docs.split("{\"id\":")
            .skip(1)
            .map(|doc| doc.split_once(',').unwrap().0.parse().unwrap())
            .collect()
    };
    assert_eq!(docs(lines[5]), [1, 2], "{ran:?}");
    assert_eq!(docs(lines[6]), [1], "{ran:?}");
    assert!(lines[6].contains("\"next\":2"), "{ran:?}");
    assert_eq!(docs(lines[8]), [1, 2], "{ran:?}");
}

#[test]
fn what_takes_no_part_in_a_transaction_is_refused_while_one_is_open() {
    let harness = Harness::start();
    harness.lines(&[".mkcoll orders"]);
    let outside = [
        ".open other",
        ".use shop",
        ".close",
        ".drop shop",
        ".mkcoll more",
        ".rmcoll orders",
        ".import -",
        ".export -",
        ".begin",
    ];
    for line in outside {
        let ran = harness.lines(&[".begin", line]);
        assert_eq!(ran.status, 1, "{line}: {ran:?}");
        let output = ran.output + &ran.errors;
        assert!(output.contains("a transaction is open"), "{line}: {output}");
    }
    for line in [".commit", ".rollback"] {
        let ran = harness.lines(&[line]);
        let output = ran.output + &ran.errors;
        assert!(
            output.contains("no transaction is open"),
            "{line}: {output}"
        );
    }
    let ran = harness.lines(&[".begin", ".coll orders", ".pwd", ".create 5 5", ".commit"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.output.contains("transaction=1"), "{ran:?}");
    assert_eq!(harness.lines(&[".coll orders", ".count"]).status, 0);
}
