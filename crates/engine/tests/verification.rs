//! A directory that nobody has open is checked to the last byte, and a loss is accepted only by the
//! range that is lost.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where something fails"
)]

mod documents;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use docdb_engine::{
    Condition, Engine, EngineOptions, Finding, LostTransactions, Severity, repair, verify,
};
use docdb_types::{Code, CollectionName};
use docdb_vfs::{CrashProfile, Host, SimVfs, Vfs};

use documents::{by_hand, create, existing, get, name, open_on, put};

/// A disk with two databases, `a` with documents in a data file and in its log.
fn sample() -> SimVfs {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "a");
    for number in 1..=10 {
        put(&database, number, &format!("{number}")).unwrap();
    }
    database.checkpoint().unwrap();
    for number in 11..=20 {
        put(&database, number, &format!("{number}")).unwrap();
    }
    put(&create(&engine, "b"), 1, "1").unwrap();
    drop((database, engine));
    disk.kill()
}

fn contents(disk: &SimVfs) -> BTreeMap<PathBuf, Vec<u8>> {
    let is_kept = |path: &PathBuf| !path.ends_with(".lock");
    let paths = disk.paths().into_iter().filter(is_kept);
    paths
        .map(|path| (path.clone(), disk.bytes(&path).unwrap()))
        .collect()
}

/// What is damaged in `a`, and nothing else is; not a byte has been changed by looking.
fn damage(disk: &SimVfs) -> (Vec<Finding>, Option<LostTransactions>) {
    let before = contents(disk);
    let report = verify(&disk.host(), &by_hand()).unwrap();
    assert_eq!(contents(disk), before);
    assert_eq!(report.databases.len(), 2);
    assert!(report.findings.is_empty());
    assert!(!report.databases[1].is_damaged(), "{report:?}");
    let found = report.databases[0].findings.iter();
    let damage = found.filter(|finding| finding.severity == Severity::Damage);
    let damage: Vec<_> = damage.cloned().collect();
    assert_eq!(report.is_damaged(), !damage.is_empty());
    (damage, report.databases[0].lost)
}

#[test]
fn a_sound_directory_is_sound_and_everything_was_read() {
    let disk = sample();
    assert_eq!(damage(&disk), (Vec::new(), None));
    let report = verify(&disk.host(), &by_hand()).unwrap();
    let a = &report.databases[0];
    assert_eq!((a.data_files, a.data_records), (1, 10));
    assert!(a.log_records >= 10 && a.log_bytes > 0);
}

#[test]
fn a_flipped_bit_is_found_in_every_file_and_named() {
    for file in ["/data/a.data.1", "/data/a.manifest", "/data/wal/a.wal"] {
        let path = Path::new(file);
        let disk = sample();
        let length = disk.bytes(path).unwrap().len() as u64;
        for offset in (0..length).step_by(97) {
            let disk = sample();
            disk.flip_bit(path, offset, 2).unwrap();
            let report = verify(&disk.host(), &by_hand()).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            // Padding that nothing depends on, what data files cover, and a tail that nobody vouches
            // for are not damage; all else is named with its file.
            for finding in &report.databases[0].findings {
                assert_eq!(finding.file, name);
            }
            if name == "a.data.1" {
                assert!(report.is_damaged(), "{file} at {offset}");
            }
        }
    }
}

#[test]
fn a_damaged_record_is_named_with_its_document() {
    let disk = sample();
    // The first record begins behind the header of the file.
    let bytes = disk.bytes(Path::new("/data/a.data.1")).unwrap();
    let place = bytes.windows(2).position(|pair| pair == b"10").unwrap();
    disk.flip_bit(Path::new("/data/a.data.1"), place as u64, 0)
        .unwrap();
    let (found, lost) = damage(&disk);
    assert_eq!(lost, None);
    let [finding] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(finding.file, "a.data.1");
    let ids: Vec<_> = finding.documents.iter().map(|it| it.id.get()).collect();
    assert_eq!(ids, [10]);
    assert_eq!(finding.offset, Some(finding.documents[0].offset));
}

/// A disk whose database `a` has lost transactions of its log.
fn degraded() -> (SimVfs, LostTransactions) {
    let disk = sample();
    let log = Path::new("/data/wal/a.wal");
    let length = disk.bytes(log).unwrap().len() as u64;
    disk.flip_bit(log, length * 3 / 4, 1).unwrap();
    let (found, lost) = damage(&disk);
    assert!(!found.is_empty());
    (disk, lost.unwrap())
}

#[test]
fn a_loss_is_accepted_by_its_exact_range_alone() {
    let (disk, lost) = degraded();
    let before = contents(&disk);
    let wrong = [
        LostTransactions {
            from: lost.from.next(),
            ..lost
        },
        LostTransactions { to: None, ..lost },
        LostTransactions {
            to: Some(lost.from.next().next().next()),
            ..lost
        },
    ];
    for wrong in wrong.into_iter().filter(|wrong| *wrong != lost) {
        let refused = repair(&disk.host(), &by_hand(), &name("a"), wrong).unwrap_err();
        assert!(refused.message().contains(&lost.to_string()), "{refused}");
        assert_eq!(contents(&disk), before);
    }
    let other = repair(&disk.host(), &by_hand(), &name("b"), lost).unwrap_err();
    assert_eq!(other.context().database, Some(name("b")));
    let unknown = repair(&disk.host(), &by_hand(), &name("c"), lost).unwrap_err();
    assert_eq!(unknown.code(), Code::DbNotFound);

    // As a person types it.
    let typed = lost.to_string().parse().unwrap();
    let repaired = repair(&disk.host(), &by_hand(), &name("a"), typed).unwrap();
    for (path, bytes) in &before {
        let file = path.file_name().unwrap();
        if matches!(file.to_str().unwrap(), "a.wal" | "a.manifest") {
            assert_eq!(&disk.bytes(&repaired.originals.join(file)).unwrap(), bytes);
        }
    }
    assert_eq!(damage(&disk), (Vec::new(), None));
    let engine = open_on(&disk);
    let database = existing(&engine, "a");
    assert_eq!(database.condition(), Condition::Serving);
    let count = database.count(&CollectionName::DEFAULT).unwrap();
    assert_eq!(count, repaired.documents);
    assert!((10..20).contains(&count), "{count}");
    // In front of the damage and behind it.
    assert_eq!(get(&database, 10).unwrap(), "10");
    assert_eq!(get(&database, 20).unwrap(), "20");
    put(&database, 100, "100").unwrap();
    drop((database, engine));
    let engine = open_on(&disk.kill());
    assert_eq!(get(&existing(&engine, "a"), 100).unwrap(), "100");
}

#[test]
fn a_log_that_is_gone_can_be_accepted_as_lost() {
    let disk = sample();
    disk.remove(Path::new("/data/wal/a.wal")).unwrap();
    let (_, lost) = damage(&disk);
    let lost = lost.unwrap();
    assert!(lost.to_string().ends_with("..end"), "{lost}");
    let repaired = repair(&disk.host(), &by_hand(), &name("a"), lost).unwrap();
    assert_eq!(repaired.documents, 10);
    let engine = open_on(&disk);
    let database = existing(&engine, "a");
    put(&database, 11, "11").unwrap();
    assert_eq!(database.condition(), Condition::Serving);
}

#[test]
fn a_crash_during_a_repair_leaves_the_loss_or_its_acceptance() {
    for call in 0.. {
        let (disk, lost) = degraded();
        disk.crash_at_mutation(disk.mutations() + call);
        let done = repair(&disk.host(), &by_hand(), &name("a"), lost).is_ok();
        let disk = disk.crash(CrashProfile::Strict, call);
        let report = verify(&disk.host(), &by_hand()).unwrap();
        match report.databases[0].lost {
            None => assert!(!report.is_damaged(), "{report:?}"),
            Some(still) => {
                assert!(!done);
                // Another moment, another directory for the originals.
                disk.clock().advance(Duration::from_secs(1));
                repair(&disk.host(), &by_hand(), &name("a"), still).unwrap();
            }
        }
        let engine = open_on(&disk);
        let database = existing(&engine, "a");
        assert_eq!(get(&database, 10).unwrap(), "10");
        assert_eq!(get(&database, 20).unwrap(), "20");
        put(&database, 100, "100").unwrap();
        if done {
            break;
        }
    }
}

#[test]
fn a_directory_that_is_in_use_or_missing_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = EngineOptions::in_directory(directory.path());
    let engine = Engine::open(Host::real(), options.clone()).unwrap();
    let refused = verify(&Host::real(), &options).unwrap_err();
    let pid = std::process::id().to_string();
    assert!(refused.message().contains(&pid), "{refused}");
    engine.close().unwrap();
    drop(engine);
    assert!(!verify(&Host::real(), &options).unwrap().is_damaged());
    let missing = EngineOptions::in_directory(directory.path().join("no"));
    let refused = verify(&Host::real(), &missing).unwrap_err();
    assert_eq!(refused.code(), Code::FileOpen);
    assert!(!missing.data_directory.exists());
}

#[test]
fn a_range_reads_as_it_is_written() {
    for text in ["5..9", "1..end", "7..7"] {
        assert_eq!(text.parse::<LostTransactions>().unwrap().to_string(), text);
    }
    for text in ["", "5", "5..", "..9", "a..9", "5...9", "5..-1"] {
        assert!(text.parse::<LostTransactions>().is_err(), "{text}");
    }
}
