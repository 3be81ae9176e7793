//! Every truncation and every flipped bit of a log is noticed, and none of them brings a wrong
//! record.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing test")]

mod fixture;

use docdb_types::TransactionId;
use docdb_vfs::{OpenMode, SimVfs, Vfs};
use docdb_wal::{Damage, LogState, Lsn, Recovery};
use fixture::{commit, contents, copy, is_corrupt, log_of, numbers, open, options, path};

const LAST: u64 = 12;

fn sample() -> (SimVfs, Vec<String>) {
    let (disk, _) = log_of(LAST, &options());
    let disk = copy(&disk);
    let names = disk
        .paths()
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    assert_eq!(names, ["db.wal", "db.wal.1", "db.wal.2"]);
    (disk, names)
}

/// What is missing is in the range that the report names, and in front of what it calls known.
fn check_named(damages: &[Damage], known_from: Option<TransactionId>, found: &[u64]) {
    assert!(found.is_sorted());
    for missing in numbers(LAST).into_iter().filter(|it| !found.contains(it)) {
        let is_named = |damage: &Damage| {
            let is_before = |before: TransactionId| missing < before.get();
            damage.after.get() < missing && damage.before.is_none_or(is_before)
        };
        assert!(damages.iter().any(is_named), "{missing} is not named");
        let is_known = known_from.is_some_and(|known| missing >= known.get());
        assert!(!is_known, "{missing} is called known and is missing");
    }
}

/// What holds whatever has been done to the log: only whole transactions, in order, from the first
/// on; damage to anything that was promised durable is reported with what is missing, and then
/// nothing has changed.
fn check(disk: &SimVfs, before: &[(std::path::PathBuf, Vec<u8>)]) -> (Recovery, u64) {
    let (wal, recovery, found) = open(disk, &options(), Lsn::ZERO);
    let count = found.len() as u64;
    if let LogState::Corrupt(damages) = &recovery.state {
        assert!(!wal.is_writable());
        check_named(damages, recovery.state.known_from(), &found);
        assert_eq!(contents(disk), before);
        return (recovery, count);
    }
    assert_eq!(found, numbers(count));
    drop(wal);
    let (mut wal, again, same) = open(disk, &options(), Lsn::ZERO);
    assert_eq!(again.state, LogState::Clean, "a cut is made once");
    assert_eq!(same, found, "opening twice is the same as opening once");
    for number in count + 1..=count + 3 {
        commit(&mut wal, number);
    }
    let (_, _, more) = open(&copy(disk), &options(), Lsn::ZERO);
    assert_eq!(more, numbers(count + 3));
    (recovery, count)
}

#[test]
fn every_flipped_bit_is_noticed_and_a_promised_batch_is_never_lost_silently() {
    let (sample, names) = sample();
    let mut torn = 0;
    for name in names {
        let length = sample.bytes(&path(&name)).unwrap().len() as u64;
        for bit in 0..length * 8 {
            let disk = copy(&sample);
            disk.flip_bit(&path(&name), bit / 8, (bit % 8) as u32)
                .unwrap();
            let (recovery, found) = check(&disk, &contents(&disk));
            match recovery.state {
                LogState::Corrupt(_) => {}
                // Only the last batch is promised by nothing behind it.
                LogState::TornTail { .. } => {
                    assert_eq!((name.as_str(), found), ("db.wal", LAST - 1), "bit {bit}");
                    torn += 1;
                }
                state => panic!("bit {bit} of {name}: {state:?}"),
            }
        }
    }
    assert!(torn > 0);
}

#[test]
fn every_truncation_leaves_a_prefix_and_one_of_a_sealed_segment_is_corruption() {
    let (sample, names) = sample();
    for name in names {
        let length = sample.bytes(&path(&name)).unwrap().len() as u64;
        for cut in 0..length {
            let disk = copy(&sample);
            let file = disk.open(&path(&name), OpenMode::ReadWrite).unwrap();
            file.set_len(cut).unwrap();
            file.sync_all().unwrap();
            let (recovery, _) = check(&disk, &contents(&disk));
            assert_eq!(
                is_corrupt(&recovery),
                name != "db.wal",
                "{name} cut to {cut}"
            );
        }
    }
}

#[test]
fn every_missing_segment_but_the_active_one_is_corruption() {
    let (sample, _) = sample();
    for number in 1..=2 {
        let disk = copy(&sample);
        disk.remove(&path(&format!("db.wal.{number}"))).unwrap();
        let (recovery, _) = check(&disk, &contents(&disk));
        assert!(is_corrupt(&recovery));
    }
}

#[test]
fn zeros_and_garbage_in_place_of_a_sector_are_noticed() {
    let (sample, names) = sample();
    for name in names {
        let bytes = sample.bytes(&path(&name)).unwrap();
        for start in (0..bytes.len()).step_by(64) {
            for fill in [0, 0xff, 0xa5] {
                let end = bytes.len().min(start + 512);
                let mut damaged = bytes.clone();
                damaged[start..end].fill(fill);
                let disk = copy(&sample);
                disk.corrupt(&path(&name), 0, &damaged).unwrap();
                let (recovery, found) = check(&disk, &contents(&disk));
                let whole = recovery.state == LogState::Clean && found == LAST;
                assert!(!whole || damaged == bytes, "{name} at {start}");
            }
        }
    }
}
