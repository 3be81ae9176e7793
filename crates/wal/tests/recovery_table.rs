//! The decisions of recovery, one test for each row of the table in `docs/ondisk_format.md`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing call is a failing test"
)]

mod fixture;

use docdb_types::{DatabaseUid, FsyncMode, TransactionId};
use docdb_vfs::{
    CallKind, CrashProfile, Fault, FaultKind, FaultOn, OpenMode, SimVfs, Vfs, create_dir_durable,
    write_whole,
};
use docdb_wal::{
    Appended, Corruption, Covered, Damage, LogState, Lsn, Recovery, Wal, WalError, WalIdentity,
    WalOptions, inspect,
};
use fixture::{
    DIRECTORY, HEADER, batch, commit, contents, copy, covered, identity, is_corrupt, log_of,
    numbers, open, options, path, try_open,
};

/// One segment for everything.
fn one_segment() -> WalOptions {
    WalOptions {
        segment_bytes: 1 << 20,
        ..options()
    }
}

fn flip(disk: &SimVfs, name: &str, offset: u64) {
    disk.flip_bit(&path(name), offset, 3).unwrap();
}

fn append_bytes(disk: &SimVfs, name: &str, bytes: &[u8]) {
    let file = disk.open(&path(name), OpenMode::ReadWrite).unwrap();
    file.write_all_at(bytes, file.length().unwrap()).unwrap();
    file.sync_all().unwrap();
}

fn cut(disk: &SimVfs, name: &str, length: u64) {
    let file = disk.open(&path(name), OpenMode::ReadWrite).unwrap();
    file.set_len(length).unwrap();
    file.sync_all().unwrap();
}

fn damage(recovery: &Recovery) -> &[Damage] {
    match &recovery.state {
        LogState::Corrupt(damage) => damage,
        state => panic!("{state:?}"),
    }
}

/// The transactions up to `last` except `lost`.
fn except(last: u64, lost: &[u64]) -> Vec<u64> {
    let mut left = numbers(last);
    left.retain(|number| !lost.contains(number));
    left
}

/// The log opens read-only with these transactions, and nothing on the disk changes.
fn assert_refused(disk: &SimVfs, options: &WalOptions, at: Lsn, found: &[u64]) -> Recovery {
    let before = contents(disk);
    let (mut wal, recovery, transactions) = open(disk, options, at);
    assert!(is_corrupt(&recovery), "{:?}", recovery.state);
    assert_eq!(transactions, found);
    assert!(!wal.is_writable());
    assert!(matches!(
        wal.append(&mut batch(1000)),
        Err(WalError::ReadOnly { .. })
    ));
    drop(wal);
    assert_eq!(contents(disk), before);
    recovery
}

/// The log is writable, and what is written now is there after a crash.
fn assert_goes_on(disk: &SimVfs, options: &WalOptions, at: Covered, found: &[u64]) -> Recovery {
    let (mut wal, recovery, transactions) = try_open(disk, options, at).unwrap();
    assert!(!is_corrupt(&recovery), "{:?}", recovery.state);
    assert_eq!(transactions, found);
    for number in 101..=120 {
        commit(&mut wal, number);
    }
    wal.sync().unwrap();
    let (_, again, transactions) = try_open(&copy(disk), options, at).unwrap();
    assert!(!is_corrupt(&again), "{:?}", again.state);
    assert_eq!(
        transactions,
        [found, &(101..=120).collect::<Vec<_>>()].concat()
    );
    recovery
}

#[test]
fn r1_a_valid_chain_is_a_clean_end() {
    let (disk, _) = log_of(40, &options());
    let disk = copy(&disk);
    assert!(disk.paths().len() > 5);
    let (_, recovery, found) = open(&disk, &options(), Lsn::ZERO);
    assert_eq!(found, numbers(40));
    assert_eq!(recovery.state, LogState::Clean);
    assert_eq!(recovery.batches, 40);
    assert_eq!(recovery.last_transaction, TransactionId::new(40));
}

/// Opening alone cuts the log here, and the cut is on the disk before anything else is.
fn assert_cut(disk: &SimVfs, options: &WalOptions, at: u64) {
    let disk = copy(disk);
    drop(try_open(&disk, options, Covered::NOTHING).unwrap());
    let durable = copy(&disk);
    let file = durable.open(&path("db.wal"), OpenMode::Read).unwrap();
    assert_eq!(file.length().unwrap(), at);
}

#[test]
fn r2_a_torn_tail_is_cut_and_what_is_written_behind_the_cut_survives() {
    let (sample, places) = log_of(9, &one_segment());
    let end = places[8].end.get();

    let disk = copy(&sample);
    append_bytes(&disk, "db.wal", &[0x5a; 40]);
    assert_cut(&disk, &one_segment(), end);
    let disk = copy(&disk);
    let recovery = assert_goes_on(&disk, &one_segment(), Covered::NOTHING, &numbers(9));
    let expected = LogState::TornTail {
        file: "db.wal".to_owned(),
        offset: end,
        cut_bytes: 40,
    };
    assert_eq!(recovery.state, expected);

    let disk = copy(&sample);
    flip(&disk, "db.wal", end - 9);
    let recovery = assert_goes_on(&disk, &one_segment(), Covered::NOTHING, &numbers(8));
    let expected = LogState::TornTail {
        file: "db.wal".to_owned(),
        offset: places[7].end.get(),
        cut_bytes: places[8].end.get() - places[8].start.get(),
    };
    assert_eq!(recovery.state, expected);
}

#[test]
fn r3_batches_behind_a_hole_that_nobody_promised_are_dropped_for_good() {
    let unsynced = WalOptions {
        fsync: FsyncMode::None,
        ..one_segment()
    };
    let (disk, places) = log_of(9, &unsynced);
    let disk = disk.crash(CrashProfile::KeepAll, 0);
    flip(&disk, "db.wal", places[4].start.get() + 60);
    assert_cut(&disk, &unsynced, places[4].start.get());
    let disk = copy(&disk);
    let recovery = assert_goes_on(&disk, &unsynced, Covered::NOTHING, &numbers(4));
    assert!(matches!(recovery.state, LogState::TornTail { .. }));
}

#[test]
fn r4_a_hole_that_a_later_batch_knew_durable_is_corruption() {
    let (sample, places) = log_of(9, &one_segment());
    for offset in [0, 20, 57, 70] {
        let disk = copy(&sample);
        flip(&disk, "db.wal", places[4].start.get() + offset);
        let found = except(9, &[5]);
        let recovery = assert_refused(&disk, &one_segment(), Lsn::ZERO, &found);
        assert_eq!(recovery.state.known_from(), Some(TransactionId::new(6)));
        let [found] = damage(&recovery) else {
            panic!("{recovery:?}");
        };
        assert_eq!(found.file, "db.wal");
        assert_eq!(found.offset, places[4].start.get());
        assert_eq!(
            (found.from, found.to),
            (places[4].start, Some(places[5].start))
        );
        assert_eq!(found.after, TransactionId::new(4));
        assert_eq!(found.before, Some(TransactionId::new(6)));
        assert_eq!(recovery.last_transaction, TransactionId::new(9));
    }
}

#[test]
fn r4_a_promise_counts_when_the_batch_that_makes_it_is_itself_damaged() {
    let (disk, places) = log_of(9, &one_segment());
    let disk = copy(&disk);
    flip(&disk, "db.wal", places[7].start.get() + 2);
    flip(&disk, "db.wal", places[8].end.get() - 1);
    let recovery = assert_refused(&disk, &one_segment(), Lsn::ZERO, &numbers(7));
    assert_eq!(damage(&recovery)[0].to, None);
    assert_eq!(recovery.state.known_from(), None);
}

#[test]
fn r4_a_hole_in_front_of_a_later_segment_is_corruption() {
    let (disk, _) = log_of(20, &options());
    let disk = copy(&disk);
    let length = disk.bytes(&path("db.wal.1")).unwrap().len() as u64;
    flip(&disk, "db.wal.1", length - 1);
    let (wal, _, found) = open(&disk, &options(), Lsn::ZERO);
    let next = wal.reader().segments()[1].start;
    let recovery = assert_refused(&disk, &options(), Lsn::ZERO, &found);
    assert_eq!(damage(&recovery)[0].to, Some(next));
}

#[test]
fn r5_damage_below_the_covered_position_is_passed_over() {
    let (sample, places) = log_of(9, &one_segment());
    for at in [0, 3, 5] {
        let disk = copy(&sample);
        flip(&disk, "db.wal", places[at].start.get() + 1);
        let from = covered(places[5].end);
        let recovery = assert_goes_on(&disk, &one_segment(), from, &[7, 8, 9]);
        assert_eq!(recovery.state, LogState::Clean);
        assert_eq!(recovery.skipped[0].offset, places[at].start.get());
    }
}

#[test]
fn r5_a_log_that_ends_below_the_covered_position_goes_on_behind_it() {
    let (sample, places) = log_of(9, &one_segment());
    for length in [HEADER, places[3].end.get(), places[8].end.get() - 1] {
        let disk = copy(&sample);
        cut(&disk, "db.wal", length);
        let from = covered(places[8].end);
        let recovery = assert_goes_on(&disk, &one_segment(), from, &[]);
        assert!(!recovery.skipped.is_empty());
        let (wal, _, _) = open(&copy(&disk), &one_segment(), from.lsn);
        assert!(wal.reader().segments()[1].start >= from.lsn);
    }
}

#[test]
fn r5_a_damaged_segment_below_the_covered_position_is_passed_over_and_trimmed() {
    let (disk, places) = log_of(20, &options());
    let disk = copy(&disk);
    flip(&disk, "db.wal.1", 20);
    flip(&disk, "db.wal.2", 300);
    let from = covered(places[18].end);
    let (mut wal, recovery, found) = try_open(&disk, &options(), from).unwrap();
    assert_eq!(found, [20]);
    assert!(!is_corrupt(&recovery));
    assert!(wal.bytes() > 2000, "what cannot be read counts");
    wal.trim(from.lsn).unwrap();
    assert_eq!(disk.paths(), [path("db.wal")]);
    assert_goes_on(&copy(&disk), &options(), from, &[20]);
}

#[test]
fn r6_an_accepted_loss_can_be_written_behind_and_a_checkpoint_ends_it() {
    let (disk, places) = log_of(9, &one_segment());
    let disk = copy(&disk);
    flip(&disk, "db.wal", places[2].start.get() + 1);
    flip(&disk, "db.wal", places[5].start.get() + 1);
    append_bytes(&disk, "db.wal", &[7; 30]);
    let damaged = disk.bytes(&path("db.wal")).unwrap();
    let left = except(9, &[3, 6]);
    let recovery = assert_refused(&disk, &one_segment(), Lsn::ZERO, &left);
    assert_eq!(damage(&recovery).len(), 2);
    assert_eq!(recovery.state.known_from(), Some(TransactionId::new(7)));

    let accepting = WalOptions {
        accept_loss: true,
        ..one_segment()
    };
    let (mut wal, recovery, found) = open(&disk, &accepting, Lsn::ZERO);
    assert_eq!(found, left);
    assert_eq!(damage(&recovery).len(), 2);
    assert_eq!(
        disk.bytes(&path("db.wal.1")).unwrap(),
        damaged,
        "kept for those who look"
    );
    commit(&mut wal, 10);
    let from = wal.end();
    drop(wal);
    let disk = copy(&disk);
    let (wal, again, _) = open(&disk, &one_segment(), Lsn::ZERO);
    assert!(
        !wal.is_writable() && is_corrupt(&again),
        "until a checkpoint covers it"
    );
    drop(wal);
    assert_goes_on(&disk, &one_segment(), covered(from), &[]);
}

#[test]
fn r6_every_kind_of_loss_can_be_accepted() {
    type Damaging = fn(&SimVfs);
    let ways: [Damaging; 6] = [
        |disk| flip(disk, "db.wal", 10),
        |disk| flip(disk, "db.wal.2", 10),
        |disk| disk.remove(&path("db.wal.2")).unwrap(),
        |disk| disk.remove(&path("db.wal.1")).unwrap(),
        |disk| cut(disk, "db.wal.1", 100),
        |disk| {
            let last = disk.bytes(&path("db.wal.1")).unwrap().len() as u64;
            flip(disk, "db.wal.1", last - 3);
        },
    ];
    let (sample, _) = log_of(20, &options());
    for (way, damaging) in ways.into_iter().enumerate() {
        let disk = copy(&sample);
        damaging(&disk);
        assert!(is_corrupt(&open(&disk, &options(), Lsn::ZERO).1), "{way}");
        let accepting = WalOptions {
            accept_loss: true,
            ..options()
        };
        let (mut wal, _, found) = open(&disk, &accepting, Lsn::ZERO);
        assert!(found.is_sorted() && found.len() >= 10, "{way}: {found:?}");
        let end = wal.end();
        commit(&mut wal, 50);
        drop(wal);
        assert_goes_on(&copy(&disk), &options(), covered(end), &[50]);
    }
}

#[test]
fn r7_a_segment_of_another_database_is_refused_and_named() {
    let stranger = WalIdentity {
        uid: DatabaseUid::from(9),
        ..identity()
    };
    let (sample, _) = log_of(20, &options());
    for name in ["db.wal", "db.wal.1"] {
        let disk = copy(&sample);
        let found = Wal::open(
            &disk.host(),
            &stranger,
            &options(),
            Covered::NOTHING,
            &mut |_| panic!("a record of another database"),
        );
        assert!(is_corrupt(&found.unwrap().1));

        let other = SimVfs::new(8);
        let opened = Wal::open(
            &other.host(),
            &stranger,
            &options(),
            Covered::NOTHING,
            &mut |_| Ok(()),
        );
        let mut wal = opened.unwrap().0;
        for number in 1..=20 {
            commit(&mut wal, number);
        }
        let foreign = other.bytes(&path(name)).unwrap();
        write_whole(&disk, &path(name), &foreign).unwrap();
        let (_, recovery, _) = open(&disk, &options(), Lsn::ZERO);
        let found = &damage(&recovery)[0];
        assert_eq!(
            (found.what, found.file.as_str()),
            (Corruption::ForeignSegment, name)
        );
    }
}

#[test]
fn r7_a_copied_or_renamed_segment_is_refused() {
    let (sample, _) = log_of(30, &options());
    for (from, to) in [
        ("db.wal.1", "db.wal.2"),
        ("db.wal.2", "db.wal.9"),
        ("db.wal.1", "db.wal"),
    ] {
        let disk = copy(&sample);
        let bytes = disk.bytes(&path(from)).unwrap();
        write_whole(&disk, &path(to), &bytes).unwrap();
        let (_, recovery, found) = open(&disk, &options(), Lsn::ZERO);
        assert!(is_corrupt(&recovery), "{from} as {to}");
        assert!(found.is_sorted(), "no record twice: {found:?}");
    }
}

#[test]
fn r7_bytes_of_an_earlier_life_of_the_segment_never_verify() {
    let (old, places) = log_of(9, &one_segment());
    let disk = SimVfs::new(8);
    let (mut wal, _, _) = open(&disk, &one_segment(), Lsn::ZERO);
    for number in 1..=5 {
        commit(&mut wal, number);
    }
    drop(wal);
    let stale = old.bytes(&path("db.wal")).unwrap();
    append_bytes(&disk, "db.wal", &stale[places[5].start.get() as usize..]);
    let recovery = assert_goes_on(&disk, &one_segment(), Covered::NOTHING, &numbers(5));
    assert!(matches!(recovery.state, LogState::TornTail { .. }));
}

/// Two logs of one life (the same salt) whose batches 3 and 2 stand at the same position.
fn twins() -> ([SimVfs; 2], Lsn) {
    let lone = log_of(2, &one_segment()).1;
    let twin = |batches: &[&[u64]]| {
        let disk = SimVfs::new(7);
        let (mut wal, _, _) = open(&disk, &one_segment(), Lsn::ZERO);
        let mut start = Lsn::ZERO;
        for numbers in batches {
            let mut batch = batch(numbers[0]);
            numbers[1..]
                .iter()
                .for_each(|number| fixture::add(&mut batch, *number));
            start = wal.commit(&mut batch).unwrap().start;
        }
        (disk, start)
    };
    let (long, at) = twin(&[&[1], &[2], &[3]]);
    assert_eq!(at, lone[1].end);
    // A batch that is as long as the first two together.
    let fill = (1..2000).find_map(|number| {
        let (disk, start) = twin(&[&[number], &[3]]);
        (start == at).then_some(disk)
    });
    match fill {
        Some(short) => ([long, short], at),
        None => {
            let (short, _) = (4..3000)
                .map(|number| twin(&[&[1, number], &[3]]))
                .find(|(_, start)| *start == at)
                .unwrap();
            ([long, short], at)
        }
    }
}

#[test]
fn r8_a_batch_out_of_sequence_is_corruption() {
    let ([long, short], at) = twins();
    for (target, source, kept) in [(&long, &short, 2), (&short, &long, 1)] {
        let mut bytes = target.bytes(&path("db.wal")).unwrap();
        let from = at.get() as usize;
        bytes.splice(
            from..,
            source.bytes(&path("db.wal")).unwrap()[from..].to_vec(),
        );
        let disk = copy(target);
        write_whole(&disk, &path("db.wal"), &bytes).unwrap();
        let before = contents(&disk);
        let (wal, recovery, found) = open(&disk, &one_segment(), Lsn::ZERO);
        assert_eq!(damage(&recovery)[0].what, Corruption::BatchSequence);
        assert_eq!(recovery.state.known_from(), None, "of another time");
        assert!(found.len() as u64 >= kept && !wal.is_writable());
        assert_eq!(contents(&disk), before);
    }
}

#[test]
fn r9_a_missing_segment_is_corruption_and_named() {
    let (sample, _) = log_of(40, &options());
    let (wal, _, _) = open(&copy(&sample), &options(), Lsn::ZERO);
    let segments = wal.reader().segments();
    assert!(segments.len() > 4);
    for missing in &segments[..segments.len() - 1] {
        let disk = copy(&sample);
        disk.remove(&path(&missing.name)).unwrap();
        let (_, recovery, _) = open(&disk, &options(), Lsn::ZERO);
        let [found] = damage(&recovery) else {
            panic!("{recovery:?}");
        };
        assert_eq!(found.what, Corruption::MissingSegment);
        assert_eq!(found.file, missing.name);
        assert_eq!((found.from, found.to), (missing.start, Some(missing.end)));
    }
}

#[test]
fn r9_a_log_that_is_missing_although_a_manifest_knows_of_it_is_corruption() {
    let (_, places) = log_of(3, &options());
    let recovery = assert_refused(&SimVfs::new(1), &options(), places[2].end, &[]);
    assert_eq!(damage(&recovery)[0].what, Corruption::MissingSegment);

    let (disk, places) = log_of(20, &options());
    let disk = copy(&disk);
    disk.remove(&path("db.wal")).unwrap();
    let recovery = assert_refused(&disk, &options(), places[19].start, &[]);
    assert_eq!(damage(&recovery)[0].what, Corruption::MissingSegment);
}

#[test]
fn r10_a_missing_segment_below_the_covered_position_is_fine() {
    let (sample, _) = log_of(40, &options());
    let (wal, _, _) = open(&copy(&sample), &options(), Lsn::ZERO);
    let segments = wal.reader().segments();
    drop(wal);
    let from = covered(segments[3].start);
    for missing in [[0, 1, 2].as_slice(), &[0], &[1], &[2], &[0, 2]] {
        let disk = copy(&sample);
        for index in missing {
            disk.remove(&path(&segments[*index].name)).unwrap();
        }
        let (wal, recovery, found) = try_open(&disk, &options(), from).unwrap();
        assert_eq!(recovery.state, LogState::Clean, "{missing:?}");
        assert!(wal.is_writable() && found.ends_with(&[39, 40]));
        // What is gone from the beginning on was trimmed; a gap is told.
        let is_trimmed = matches!(missing, [0, 1, 2] | [0]);
        assert_eq!(recovery.skipped.is_empty(), is_trimmed, "{missing:?}");
    }
}

#[test]
fn r11_the_remains_of_a_segment_being_created_are_replaced() {
    let (sample, _) = log_of(20, &options());
    let disk = copy(&sample);
    let (mut wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    wal.rotate().unwrap();
    drop(wal);
    let sample = copy(&disk);
    for length in [0, 1, 50, HEADER - 1] {
        let disk = copy(&sample);
        cut(&disk, "db.wal", length);
        let recovery = assert_goes_on(&disk, &options(), Covered::NOTHING, &numbers(20));
        assert_eq!(recovery.state, LogState::Clean);
        assert_eq!(recovery.skipped.len(), 1, "it is told");
    }
    let disk = SimVfs::new(1);
    create_dir_durable(&disk, std::path::Path::new(DIRECTORY)).unwrap();
    write_whole(&disk, &path("db.wal"), &[0; 4096]).unwrap();
    assert_goes_on(&disk, &options(), Covered::NOTHING, &[]);
}

#[test]
fn r11_a_segment_without_header_that_held_something_is_corruption() {
    let (sample, places) = log_of(20, &options());
    let flipped = copy(&sample);
    flip(&flipped, "db.wal", 0);
    assert!(is_corrupt(&open(&flipped, &options(), Lsn::ZERO).1));
    let emptied = copy(&sample);
    cut(&emptied, "db.wal.1", 0);
    assert!(is_corrupt(&open(&emptied, &options(), Lsn::ZERO).1));
    let promised = copy(&sample);
    cut(&promised, "db.wal", 0);
    assert!(is_corrupt(&open(&promised, &options(), places[19].start).1));
}

#[test]
fn r11_a_sealed_segment_is_never_appended_to() {
    let (sample, _) = log_of(20, &options());
    let disk = copy(&sample);
    let (wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    let number = wal.reader().segments().last().unwrap().number;
    drop(wal);
    let sealed = path(&format!("db.wal.{number}"));
    disk.rename(&path("db.wal"), &sealed).unwrap();
    disk.sync_dir(std::path::Path::new(DIRECTORY)).unwrap();
    let bytes = disk.bytes(&sealed).unwrap();
    assert_goes_on(&disk, &options(), Covered::NOTHING, &numbers(20));
    assert_eq!(disk.bytes(&sealed).unwrap(), bytes);

    let disk = copy(&sample);
    disk.rename(&path("db.wal"), &sealed).unwrap();
    flip(&disk, &format!("db.wal.{number}"), bytes.len() as u64 - 1);
    let (_, recovery, _) = open(&disk, &options(), Lsn::ZERO);
    assert!(
        is_corrupt(&recovery),
        "its name says that it had been synced whole"
    );
}

#[test]
fn r12_an_older_manifest_replays_more_of_the_log() {
    let (disk, places) = log_of(20, &options());
    let disk = copy(&disk);
    for older in (0..20).rev() {
        let (_, _, found) = open(&disk, &options(), places[older].end);
        assert_eq!(found, (older as u64 + 2..=20).collect::<Vec<_>>());
    }
}

#[test]
fn r13_without_a_manifest_a_trimmed_log_is_not_taken_for_a_whole_one() {
    let (disk, places) = log_of(40, &options());
    let disk = copy(&disk);
    let (mut wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    assert!(wal.trim(places[30].end).unwrap().segments > 0);
    drop(wal);
    let disk = copy(&disk);
    let (wal, ..) = open(&disk, &options(), covered(places[30].end).lsn);
    let start = wal.reader().segments()[0].start;
    drop(wal);
    let is_kept = |number: &u64| places[*number as usize - 1].start >= start;
    let left: Vec<u64> = numbers(40).into_iter().filter(is_kept).collect();
    let recovery = assert_refused(&disk, &options(), Lsn::ZERO, &left);
    let first = TransactionId::new(left[0]);
    assert_eq!(recovery.state.known_from(), Some(first));
    assert_goes_on(
        &disk,
        &options(),
        covered(places[30].end),
        &(32..=40).collect::<Vec<_>>(),
    );
}

#[test]
fn r14_a_read_error_is_never_the_end_of_the_log() {
    let (sample, _) = log_of(20, &options());
    for name in ["db.wal", "db.wal.1"] {
        let on = FaultOn::Call {
            kind: CallKind::Read,
            path_suffix: name.to_owned(),
            skip: 1,
        };
        let disk = copy(&sample);
        disk.fail(Fault::once(on.clone(), FaultKind::Eio));
        let (_, recovery, found) = open(&disk, &options(), Lsn::ZERO);
        assert_eq!(
            (recovery.state, found),
            (LogState::Clean, numbers(20)),
            "tried again"
        );
        assert_eq!(disk.fault_hits(), 1);

        let disk = copy(&sample);
        disk.fail(Fault::always(on, FaultKind::Eio));
        let before = contents(&disk);
        let (wal, recovery, _) = open(&disk, &options(), Lsn::ZERO);
        assert_eq!(damage(&recovery)[0].what, Corruption::Unreadable);
        assert!(!wal.is_writable());
        assert_eq!(contents(&disk), before);
        disk.clear_faults();
        assert_goes_on(&disk, &options(), Covered::NOTHING, &numbers(20));
    }
}

#[test]
fn r15_a_clean_close_excuses_no_damage() {
    let disk = SimVfs::new(7);
    let (mut wal, _, _) = open(&disk, &one_segment(), Lsn::ZERO);
    let places: Vec<Appended> = (1..=9).map(|number| commit(&mut wal, number)).collect();
    wal.close().unwrap();
    let disk = copy(&disk);
    flip(&disk, "db.wal", places[4].start.get() + 1);
    assert_refused(&disk, &one_segment(), Lsn::ZERO, &except(9, &[5]));
}

#[test]
fn f25_a_sync_that_lied_shows_as_corruption_at_the_next_open() {
    let disk = SimVfs::new(7);
    let (mut wal, _, _) = open(&disk, &one_segment(), Lsn::ZERO);
    for number in 1..=4 {
        commit(&mut wal, number);
    }
    disk.fail(Fault::once(
        FaultOn::call(CallKind::Sync, ""),
        FaultKind::LostSync,
    ));
    for number in 5..=8 {
        commit(&mut wal, number);
    }
    let disk = copy(&disk);
    assert_refused(&disk, &one_segment(), Lsn::ZERO, &except(8, &[5]));
}

#[test]
fn f33_zeros_written_ahead_are_a_clean_end() {
    let ahead = WalOptions {
        preallocate_bytes: 1 << 16,
        ..one_segment()
    };
    let (disk, places) = log_of(9, &ahead);
    let disk = copy(&disk);
    let length = disk.bytes(&path("db.wal")).unwrap().len() as u64;
    assert!(length > places[8].end.get() + 10_000);
    let recovery = assert_goes_on(&disk, &ahead, Covered::NOTHING, &numbers(9));
    assert_eq!(recovery.state, LogState::Clean);
}

#[test]
fn f60_a_newer_format_is_refused_and_nothing_is_touched() {
    let (sample, _) = log_of(20, &options());
    for (name, field, torn) in [("db.wal", 8, 0), ("db.wal", 12, 30), ("db.wal.1", 12, 0)] {
        let disk = copy(&sample);
        let mut bytes = disk.bytes(&path(name)).unwrap();
        bytes[field] ^= 2;
        let checksum = crc32fast::hash(&bytes[..92]);
        bytes[92..96].copy_from_slice(&checksum.to_le_bytes());
        disk.corrupt(&path(name), 0, &bytes).unwrap();
        append_bytes(&disk, "db.wal", &vec![1; torn]);
        let before = contents(&disk);
        let refused = try_open(&disk, &options(), Covered::NOTHING).unwrap_err();
        assert!(
            matches!(refused, WalError::Unsupported { .. }),
            "{refused:?}"
        );
        assert_eq!(contents(&disk), before);
    }
}

#[test]
fn looking_at_a_log_changes_nothing_and_says_what_opening_would() {
    let (disk, _) = log_of(20, &options());
    let disk = copy(&disk);
    append_bytes(&disk, "db.wal", &[3; 100]);
    write_whole(&disk, &path("db.wal.tmp"), b"left").unwrap();
    let before = contents(&disk);
    let mut seen = fixture::Found::default();
    let directory = std::path::Path::new(DIRECTORY);
    let found = inspect(
        &disk,
        &identity(),
        directory,
        Covered::NOTHING,
        &mut |record| seen.visit(record),
    )
    .unwrap();
    assert_eq!(contents(&disk), before);
    let (_, recovery, transactions) = open(&disk, &options(), Lsn::ZERO);
    assert_eq!((found, seen.transactions), (recovery, transactions));
    assert!(!disk.exists(&path("db.wal.tmp")).unwrap());
}
