//! What is damaged under a running server is told and healed through the shell.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use crate::harness::Harness;

/// Changes a byte of a file behind the server's back.
fn rot(harness: &Harness, file: &str, offset: u64) {
    let path = harness.path(file);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x55], offset).unwrap();
}

fn place(harness: &Harness, file: &str, text: &str) -> u64 {
    let bytes = std::fs::read(harness.path(file)).unwrap();
    let found = bytes
        .windows(text.len())
        .position(|it| it == text.as_bytes());
    found.unwrap() as u64
}

#[test]
fn a_damaged_catalog_is_healed_by_command_and_every_database_tells_of_it() {
    let harness = Harness::start();
    assert_eq!(harness.lines(&[".create 1 {}"]).status, 0);
    rot(&harness, "data/.catalog", 60);
    let ran = harness.json(".heal-all\n.heal-stats\n.heal-all\n.heal-stats\n");
    let lines = ran.lines();
    let witness =
        r#""what":"catalog","source":"copy","trigger":"command","file":".catalog","offset":60"#;
    for line in [lines[1], lines[3]] {
        assert_eq!(line.matches(r#""what":"catalog""#).count(), 1, "{line}");
        assert!(line.contains(witness), "{line}");
    }
}

#[test]
fn a_document_whose_log_record_rotted_is_listed_as_lost_until_it_is_written() {
    let harness = Harness::start();
    let ran = harness.lines(&[
        ".create 1 {\"kept\":1}",
        ".create 2 {\"rots\":2}",
        ".create 3 {\"kept\":3}",
    ]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let offset = place(&harness, "data/wal/shop.wal", "{\"rots\":2}");
    rot(&harness, "data/wal/shop.wal", offset);
    let ran = harness.json(".checkpoint\n.read 1\n.read 2\n.read 3\n.heal-stats\n.validate\n");
    let lines = ran.lines();
    assert!(lines[0].starts_with(r#"{"ok":true,"#), "{ran:?}");
    let error = r#"{"ok":false,"code":"CorruptRecord","#;
    assert!(lines[2].starts_with(error), "{ran:?}");
    assert!(lines[2].contains("shop.wal.1"), "{ran:?}");
    for line in [lines[1], lines[3]] {
        assert!(line.contains(r#""kept":"#), "{ran:?}");
    }
    assert!(lines[4].contains(r#""documents_corrupted":1"#), "{ran:?}");
    let lost = r#""lost":[{"collection":"_default","id":2,"version":2,"health":"corrupt"}]"#;
    assert!(lines[4].contains(lost), "{ran:?}");
    assert!(lines[5].contains(r#""valid":2"#) && lines[5].contains(r#""corrupt":1"#));
    let ran = harness.json(".upsert 2 {\"again\":2}\n.read 2\n.validate\n");
    assert!(ran.lines()[1].contains(r#""again":2"#), "{ran:?}");
    assert!(ran.lines()[2].contains(r#""corrupt":0"#), "{ran:?}");
}
