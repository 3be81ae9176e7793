//! Appending, syncing, rotating and trimming, and what each does when a call fails.

mod fixture;

use std::time::Duration;

use docdb_types::{Effect, FsyncMode};
use docdb_vfs::{CallKind, CrashProfile, Fault, FaultKind, FaultOn, SimVfs, Vfs, write_whole};
use docdb_wal::{
    BatchBuilder, Covered, LogState, Lsn, UNSYNCED_IDS, Wal, WalError, WalOptions, destroy,
};
use fixture::{
    DIRECTORY, HEADER, add, batch, commit, contents, copy, covered, identity, is_corrupt, log_of,
    numbers, open, options, path, try_open,
};

fn one_segment() -> WalOptions {
    WalOptions {
        segment_bytes: 1 << 20,
        ..options()
    }
}

fn new_log(options: &WalOptions) -> (SimVfs, Wal) {
    let disk = SimVfs::new(7);
    let (wal, recovery, _) = open(&disk, options, Lsn::ZERO);
    assert_eq!(recovery.state, LogState::Created);
    (disk, wal)
}

fn fail_next(disk: &SimVfs, call: CallKind, suffix: &str, kind: FaultKind) {
    disk.fail(Fault::once(FaultOn::call(call, suffix), kind));
}

#[test]
fn a_commit_is_one_write_and_one_sync() {
    let (disk, mut wal) = new_log(&one_segment());
    let mut batch = BatchBuilder::new();
    (1..=100).for_each(|number| add(&mut batch, number));
    let before = disk.mutations();
    wal.commit(&mut batch).unwrap();
    assert_eq!(disk.mutations() - before, 2);
    wal.sync().unwrap();
    assert_eq!(disk.mutations() - before, 2, "nothing to sync");
    assert_eq!(
        open(&copy(&disk), &one_segment(), Lsn::ZERO).2,
        numbers(100)
    );
}

#[test]
fn modes_differ_in_when_a_commit_is_durable_and_durable_tells_the_truth() {
    for mode in FsyncMode::ALL {
        let options = WalOptions {
            fsync: mode,
            ..one_segment()
        };
        let (disk, mut wal) = new_log(&options);
        let first = commit(&mut wal, 1);
        assert_eq!(wal.durable(), first.end, "the first of all");
        let second = commit(&mut wal, 2);
        assert_eq!(wal.end(), second.end);
        let durable = mode.acknowledges_durable();
        assert_eq!(wal.durable(), if durable { second.end } else { first.end });
        let found = open(&disk.crash(CrashProfile::DropAll, 0), &options, Lsn::ZERO).2;
        assert_eq!(found.len(), 1 + usize::from(durable), "{mode}");
    }
}

#[test]
fn in_every_mode_the_ids_of_unsynced_transactions_stay_near_the_last_durable_one() {
    for mode in FsyncMode::ALL {
        let options = WalOptions {
            fsync: mode,
            ..one_segment()
        };
        let (disk, mut wal) = new_log(&options);
        commit(&mut wal, 1);
        let near = commit(&mut wal, UNSYNCED_IDS);
        let far = commit(&mut wal, UNSYNCED_IDS + 1);
        assert!(near.end < far.end);
        assert_eq!(wal.durable(), far.end, "{mode}");
        let found = open(&disk.crash(CrashProfile::DropAll, 0), &options, Lsn::ZERO);
        let (mut wal, recovery, _) = found;
        assert_eq!(recovery.last_transaction.get(), UNSYNCED_IDS + 1);
        let next_life = commit(&mut wal, 3 * UNSYNCED_IDS + 1);
        assert_eq!(wal.durable(), next_life.end, "{mode}");
    }
}

#[test]
fn closing_makes_everything_durable_in_every_mode_and_gives_zeros_back() {
    for mode in FsyncMode::ALL {
        let options = WalOptions {
            fsync: mode,
            preallocate_bytes: 1 << 17,
            ..one_segment()
        };
        let (disk, mut wal) = new_log(&options);
        let place = (1..=5)
            .map(|number| commit(&mut wal, number))
            .last()
            .unwrap();
        wal.close().unwrap();
        let disk = copy(&disk);
        assert_eq!(open(&disk, &options, Lsn::ZERO).2, numbers(5));
        assert_eq!(
            disk.bytes(&path("db.wal")).unwrap().len() as u64,
            place.end.get()
        );
    }
}

#[test]
fn a_failed_sync_closes_the_log_for_ever_and_reopening_tells_what_is_on_the_disk() {
    for kind in [FaultKind::Eio, FaultKind::Eintr, FaultKind::Enospc] {
        let (disk, mut wal) = new_log(&one_segment());
        commit(&mut wal, 1);
        fail_next(&disk, CallKind::Sync, "", kind);
        let error = wal.commit(&mut batch(2)).unwrap_err();
        assert!(matches!(error, WalError::Sync { .. }), "{error:?}");
        assert_eq!(error.effect(), Effect::Unknown);
        assert!(wal.is_poisoned() && !wal.is_writable());

        let before = disk.mutations();
        for _ in 0..3 {
            let error = wal.sync().unwrap_err();
            assert!(matches!(error, WalError::Poisoned { .. }));
            let error = wal.append(&mut batch(3)).unwrap_err();
            assert_eq!(error.effect(), Effect::NotApplied);
            wal.rotate().unwrap_err();
            wal.trim(Lsn::new(u64::MAX)).unwrap_err();
        }
        wal.close().unwrap();
        assert_eq!(disk.mutations(), before, "the disk is left alone");

        let (mut wal, _, found) = open(&disk, &one_segment(), Lsn::ZERO);
        assert_eq!(found, [1], "from the disk, not from the cache");
        commit(&mut wal, 4);
        assert_eq!(open(&copy(&disk), &one_segment(), Lsn::ZERO).2, [1, 4]);
    }
}

#[test]
fn a_short_write_is_completed_and_an_interrupted_one_repeated() {
    for kind in [FaultKind::ShortWrite, FaultKind::Eintr] {
        let (disk, mut wal) = new_log(&one_segment());
        disk.fail(Fault::always(FaultOn::call(CallKind::Write, ""), kind));
        (1..=3).for_each(|number| {
            commit(&mut wal, number);
        });
        assert!(disk.fault_hits() >= 3);
        assert_eq!(open(&copy(&disk), &one_segment(), Lsn::ZERO).2, numbers(3));
    }
}

/// Makes the next write take a part of its bytes and then fail.
fn tear_next_write(disk: &SimVfs, kind: FaultKind) {
    fail_next(disk, CallKind::Write, "db.wal", FaultKind::ShortWrite);
    fail_next(disk, CallKind::Write, "db.wal", kind);
}

#[test]
fn a_full_disk_refuses_the_batch_takes_back_its_part_and_lets_the_log_go_on() {
    let (disk, mut wal) = new_log(&one_segment());
    // The temporary name: a file is known to the simulation by the path it was opened by.
    drop(wal);
    (wal, _, _) = open(&disk, &one_segment(), Lsn::ZERO);
    let first = commit(&mut wal, 1);
    tear_next_write(&disk, FaultKind::Enospc);
    let mut refused = batch(2);
    let error = wal.commit(&mut refused).unwrap_err();
    assert!(matches!(error, WalError::Full { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::NotApplied);
    assert_eq!(
        disk.durable_bytes(&path("db.wal")).unwrap().len() as u64,
        first.end.get()
    );
    assert!(wal.is_writable());

    assert_eq!(
        wal.commit(&mut refused).unwrap().start,
        first.end,
        "the same batch again"
    );
    commit(&mut wal, 3);
    let (_, recovery, found) = open(&copy(&disk), &one_segment(), Lsn::ZERO);
    assert_eq!((recovery.state, found), (LogState::Clean, numbers(3)));
}

#[test]
fn a_disk_without_space_refuses_until_there_is_some() {
    let (disk, mut wal) = new_log(&options());
    let mut last = 0;
    disk.set_capacity_bytes(Some(6 * 4096));
    let refused = loop {
        match wal.commit(&mut batch(last + 1)) {
            Ok(_) => last += 1,
            Err(error) => break error,
        }
        assert!(last < 2000);
    };
    assert!(matches!(refused, WalError::Full { .. }), "{refused:?}");
    assert!(matches!(
        wal.commit(&mut batch(last + 1)),
        Err(WalError::Full { .. })
    ));
    disk.set_capacity_bytes(None);
    for _ in 0..20 {
        last += 1;
        commit(&mut wal, last);
    }
    assert!(wal.reader().segments().len() > 4, "rotation goes on too");
    let (_, recovery, found) = open(&copy(&disk), &options(), Lsn::ZERO);
    assert_eq!((recovery.state, found), (LogState::Clean, numbers(last)));
}

#[test]
fn a_log_on_a_full_disk_opens_and_loses_nothing() {
    let (sample, _) = log_of(20, &options());
    let disk = copy(&sample);
    let last = open(&disk, &options(), Lsn::ZERO)
        .0
        .reader()
        .segments()
        .len();
    disk.rename(&path("db.wal"), &path(&format!("db.wal.{last}")))
        .unwrap();
    disk.set_capacity_bytes(Some(1));
    let (mut wal, recovery, found) = open(&disk, &options(), Lsn::ZERO);
    assert_eq!((recovery.state, found), (LogState::Clean, numbers(20)));
    let error = wal.append(&mut batch(21)).unwrap_err();
    assert!(
        matches!(error, WalError::ReadOnly { .. }),
        "no room for a segment"
    );
    disk.set_capacity_bytes(None);
    let (mut wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    commit(&mut wal, 21);
}

#[test]
fn a_failed_write_is_taken_back_and_closes_the_log() {
    let (disk, wal) = new_log(&one_segment());
    drop(wal);
    let (mut wal, _, _) = open(&disk, &one_segment(), Lsn::ZERO);
    commit(&mut wal, 1);
    tear_next_write(&disk, FaultKind::Eio);
    let error = wal.commit(&mut batch(2)).unwrap_err();
    assert_eq!(
        error.effect(),
        Effect::NotApplied,
        "it was cut off durably: {error:?}"
    );
    assert!(wal.is_poisoned());
    let (_, recovery, found) = open(&copy(&disk), &one_segment(), Lsn::ZERO);
    assert_eq!((recovery.state, found), (LogState::Clean, vec![1]));
}

#[test]
fn a_failed_write_that_cannot_be_taken_back_is_unknown() {
    let (disk, wal) = new_log(&one_segment());
    drop(wal);
    let (mut wal, _, _) = open(&disk, &one_segment(), Lsn::ZERO);
    commit(&mut wal, 1);
    tear_next_write(&disk, FaultKind::Enospc);
    fail_next(&disk, CallKind::SetLen, "", FaultKind::Eio);
    let error = wal.commit(&mut batch(2)).unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown, "{error:?}");
    assert!(wal.is_poisoned());
    let (mut wal, _, found) = open(&disk, &one_segment(), Lsn::ZERO);
    assert_eq!(found, [1]);
    commit(&mut wal, 3);
    assert_eq!(open(&copy(&disk), &one_segment(), Lsn::ZERO).2, [1, 3]);
}

#[test]
fn twelve_segments_replay_in_the_order_of_their_numbers() {
    let (disk, mut wal) = new_log(&one_segment());
    for number in 1..=12 {
        commit(&mut wal, number);
        wal.rotate().unwrap();
    }
    assert_eq!(disk.paths().len(), 13);
    let (wal, _, found) = open(&copy(&disk), &one_segment(), Lsn::ZERO);
    assert_eq!(found, numbers(12));
    let segments = wal.reader().segments();
    assert!(segments.windows(2).all(|pair| pair[0].end == pair[1].start));
}

#[test]
fn foreign_files_are_neither_read_nor_touched() {
    let (disk, _) = log_of(20, &options());
    let disk = copy(&disk);
    let names = [
        "db.wal.bak",
        "db.wal.1a",
        "db.wal.01",
        "db.wal.1.tmp",
        "db.wal.tmp2",
        "other.wal",
        "other.wal.1",
        "db2.wal",
        "xdb.wal",
        "db.manifest",
        "db.wal.",
        "db.wal.99999999999999999999",
    ];
    for name in names {
        write_whole(&disk, &path(name), name.as_bytes()).unwrap();
    }
    disk.create_dir(&path("db.wal.77")).unwrap();
    let (mut wal, recovery, found) = open(&disk, &options(), Lsn::ZERO);
    assert_eq!((recovery.state, found), (LogState::Clean, numbers(20)));
    (21..=40).for_each(|number| {
        commit(&mut wal, number);
    });
    wal.trim(wal.end()).unwrap();
    drop(wal);
    destroy(&disk, std::path::Path::new(DIRECTORY), &identity().name).unwrap();
    let mut left: Vec<_> = disk.paths();
    left.retain(|found| names.contains(&found.file_name().unwrap().to_str().unwrap()));
    assert_eq!(left.len(), names.len());
    assert_eq!(disk.paths().len(), names.len());
}

#[test]
fn a_destroyed_log_stays_destroyed_and_its_name_is_free() {
    let (disk, _) = log_of(20, &options());
    let directory = std::path::Path::new(DIRECTORY);
    destroy(&disk, directory, &identity().name).unwrap();
    destroy(&disk, directory, &identity().name).unwrap();
    let disk = copy(&disk);
    assert!(disk.paths().is_empty());
    let (_, recovery, found) = open(&disk, &options(), Lsn::ZERO);
    assert_eq!((recovery.state, found), (LogState::Created, vec![]));
    destroy(&SimVfs::new(1), directory, &identity().name).unwrap();
}

#[test]
fn a_rotation_that_fails_once_at_any_call_keeps_later_acknowledgements_durable() {
    for kind in [
        FaultKind::Eio,
        FaultKind::Enospc,
        FaultKind::Erofs,
        FaultKind::Emfile,
    ] {
        for call in 0..40 {
            let (disk, wal) = new_log(&options());
            drop(wal);
            let (mut wal, _, _) = open(&disk, &options(), Lsn::ZERO);
            (1..=3).for_each(|number| {
                commit(&mut wal, number);
            });
            disk.fail(Fault::once(
                FaultOn::Operation(disk.operations() + call),
                kind,
            ));
            let rotated = wal.rotate();
            let hit = disk.fault_hits() > 0;
            disk.clear_faults();
            let mut acknowledged = 3;
            for number in 4..=30 {
                match wal.commit(&mut batch(number)) {
                    Ok(_) => acknowledged = number,
                    Err(error) => {
                        assert!(matches!(error, WalError::Poisoned { .. }), "{error:?}");
                        assert!(rotated.is_err());
                        break;
                    }
                }
            }
            let (_, recovery, found) = open(&copy(&disk), &options(), Lsn::ZERO);
            assert!(!is_corrupt(&recovery));
            assert_eq!(
                found,
                numbers(acknowledged),
                "{kind:?} at {call}: {rotated:?}"
            );
            if !hit {
                break;
            }
        }
    }
}

#[test]
fn a_rename_that_fails_once_at_rotation_is_harmless() {
    for skip in 0..2 {
        let (disk, mut wal) = new_log(&options());
        let on = FaultOn::Call {
            kind: CallKind::Rename,
            path_suffix: String::new(),
            skip,
        };
        disk.fail(Fault::once(on, FaultKind::Eio));
        (1..=40).for_each(|number| {
            commit(&mut wal, number);
        });
        assert_eq!(disk.fault_hits(), 1);
        assert!(wal.reader().segments().len() > 5, "it is tried again");
        let (_, recovery, found) = open(&copy(&disk), &options(), Lsn::ZERO);
        assert_eq!((recovery.state, found), (LogState::Clean, numbers(40)));
    }
}

#[test]
fn a_segment_that_is_in_the_way_is_never_replaced() {
    let (disk, mut wal) = new_log(&options());
    commit(&mut wal, 1);
    write_whole(&disk, &path("db.wal.1"), b"somebody's").unwrap();
    wal.rotate().unwrap_err();
    (2..=30).for_each(|number| {
        commit(&mut wal, number);
    });
    assert_eq!(disk.bytes(&path("db.wal.1")).unwrap(), b"somebody's");
    disk.remove(&path("db.wal.1")).unwrap();
    wal.rotate().unwrap();
    assert_eq!(open(&copy(&disk), &options(), Lsn::ZERO).2, numbers(30));
}

#[test]
fn trimming_removes_what_is_covered_and_leaves_what_is_to_be_kept() {
    let keeping = WalOptions {
        keep_segments: 2,
        ..options()
    };
    let (disk, places) = log_of(40, &keeping);
    let (mut wal, _, _) = open(&copy(&disk), &keeping, Lsn::ZERO);
    let all = wal.reader().segments();
    let sealed = all.len() - 1;
    assert!(sealed > 4);
    assert_eq!(wal.trim(all[0].end.min(places[0].end)).unwrap().segments, 0);
    assert_eq!(
        wal.trim(Lsn::new(all[2].start.get() + HEADER + 1))
            .unwrap()
            .segments,
        2
    );
    assert_eq!(wal.reader().segments(), all[2..]);
    let trimmed = wal.trim(wal.end()).unwrap();
    assert_eq!(trimmed.segments as usize, sealed - 4);
    assert_eq!(wal.reader().segments(), all[sealed - 2..]);
    assert_eq!(wal.trim(wal.end()).unwrap().segments, 0);
    let statistics = wal.statistics();
    assert_eq!(statistics.trimmed_segments as usize, sealed - 2);
    assert_eq!(statistics.segments, 3);
}

#[test]
fn the_size_of_the_log_is_the_sum_over_its_segments() {
    for preallocate_bytes in [0, 4096] {
        let options = WalOptions {
            preallocate_bytes,
            ..options()
        };
        let (disk, _) = log_of(40, &options);
        let disk = copy(&disk);
        let (mut wal, recovery, _) = open(&disk, &options, Lsn::ZERO);
        let sealed: usize = (1..)
            .map_while(|n| disk.bytes(&path(&format!("db.wal.{n}"))))
            .map(|bytes| bytes.len())
            .sum();
        let active = wal.end().get() - wal.reader().segments().last().unwrap().start.get();
        assert_eq!(wal.bytes(), sealed as u64 + active);
        assert!(recovery.bytes >= wal.bytes());
        wal.trim(wal.end()).unwrap();
        assert_eq!(wal.bytes(), active);
    }
}

#[test]
fn a_removal_that_fails_at_trimming_leaves_a_log_that_opens() {
    let (disk, places) = log_of(40, &options());
    let (mut wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    fail_next(&disk, CallKind::Remove, "db.wal.3", FaultKind::Eio);
    let error = wal.trim(places[39].end).unwrap_err();
    assert!(matches!(error, WalError::Io { .. }));
    commit(&mut wal, 41);
    let disk = copy(&disk);
    let (mut wal, recovery, found) = open(&disk, &options(), places[39].end);
    assert_eq!((recovery.state, found), (LogState::Clean, vec![41]));
    assert!(wal.trim(places[39].end).unwrap().segments > 0);
}

#[test]
fn a_batch_larger_than_a_segment_has_one_of_its_own() {
    let (disk, mut wal) = new_log(&options());
    commit(&mut wal, 1);
    let mut large = BatchBuilder::new();
    (2..=60).for_each(|number| add(&mut large, number));
    assert!(large.len_bytes() > 4 * options().segment_bytes);
    wal.commit(&mut large).unwrap();
    commit(&mut wal, 61);
    assert_eq!(wal.reader().segments().len(), 3);
    assert_eq!(open(&copy(&disk), &options(), Lsn::ZERO).2, numbers(61));
}

#[test]
fn a_note_of_a_checkpoint_is_handed_over_as_one_and_changes_nothing() {
    let (disk, mut wal) = new_log(&options());
    (1..=9).for_each(|number| {
        commit(&mut wal, number);
        wal.note_checkpoint(Lsn::new(number)).unwrap();
    });
    wal.sync().unwrap();
    let (_, recovery, found) = try_open(&copy(&disk), &options(), Covered::NOTHING).unwrap();
    assert_eq!(found, numbers(9));
    assert_eq!(recovery.batches, 18);
}

#[test]
fn a_log_closed_and_opened_again_is_the_same_to_the_byte() {
    let (disk, _) = log_of(20, &options());
    let disk = copy(&disk);
    let before = contents(&disk);
    for _ in 0..10 {
        let (wal, _, found) = open(&disk, &options(), Lsn::ZERO);
        assert_eq!(found, numbers(20));
        wal.close().unwrap();
    }
    assert_eq!(contents(&disk), before);
}

#[test]
fn statistics_count_what_was_done() {
    let (disk, mut wal) = new_log(&one_segment());
    let clock = disk.clock();
    let mut both = BatchBuilder::new();
    add(&mut both, 1);
    add(&mut both, 2);
    wal.append(&mut both).unwrap();
    clock.advance(Duration::from_micros(50));
    wal.sync().unwrap();
    commit(&mut wal, 3);
    let counted = wal.statistics();
    assert_eq!((counted.batches, counted.records), (2, 6));
    assert_eq!(counted.appended_bytes, wal.end().get() - HEADER);
    assert_eq!(counted.sync_latency_us.count(), 2);
    assert_eq!(counted.batch_records.max(), 5);
    assert_eq!(wal.statistics(), counted, "reading does not count");
    assert_eq!(wal.reader().statistics(), counted);
}

#[test]
fn a_visitor_that_refuses_stops_opening_and_nothing_is_changed() {
    let (disk, _) = log_of(9, &one_segment());
    let disk = copy(&disk);
    let file = disk
        .open(&path("db.wal"), docdb_vfs::OpenMode::ReadWrite)
        .unwrap();
    file.write_all_at(&[1; 9], file.length().unwrap()).unwrap();
    let before = contents(&disk);
    let refused = Wal::open(
        &disk.host(),
        &identity(),
        &one_segment(),
        covered(Lsn::ZERO),
        &mut |found| match found.record.transaction.get() {
            5 => Err(WalError::visitor("enough")),
            _ => Ok(()),
        },
    );
    assert!(matches!(refused, Err(WalError::Visitor(_))));
    assert_eq!(contents(&disk), before);
}
