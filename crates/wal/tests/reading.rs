//! Reading beside the writer.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing test")]

mod fixture;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use docdb_types::{CollectionId, TransactionId};
use docdb_vfs::{CallKind, Fault, FaultKind, FaultOn, Host, SimVfs};
use docdb_wal::{
    Appended, BatchBuilder, Corruption, Covered, LogReader, LogState, Lsn, RecordKind, RecordRef,
    RecordSlot, Wal, WalError, WalOptions, limits, stored_bytes,
};
use fixture::{Found, commit, copy, identity, log_of, numbers, open, options, path};

fn put(number: u64, payload: &[u8]) -> (BatchBuilder, RecordSlot) {
    let mut batch = BatchBuilder::new();
    let slot = batch
        .push(RecordRef {
            kind: RecordKind::Put,
            collection: CollectionId::new(5),
            transaction: TransactionId::new(number),
            key: &number.to_be_bytes(),
            payload,
        })
        .unwrap();
    (batch, slot)
}

fn write(wal: &mut Wal, number: u64, payload: &[u8]) -> (Lsn, u32) {
    let (mut batch, slot) = put(number, payload);
    let appended = wal.commit(&mut batch).unwrap();
    (appended.lsn(slot), slot.stored_bytes())
}

fn scan(reader: &LogReader, from: Lsn, to: Lsn) -> Result<Vec<u64>, WalError> {
    let mut found = Found::default();
    reader.scan(from, to, &mut |record| found.visit(record))?;
    Ok(found.transactions)
}

#[test]
fn a_record_is_read_with_one_read_and_holds_what_was_written() {
    let disk = SimVfs::new(1);
    let (mut wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    let reader = wal.reader();
    let lengths = [0, 1, 7, 8, 9, 500, 1000, 5000];
    let places: Vec<_> = (1..)
        .zip(lengths)
        .map(|(number, length)| write(&mut wal, number, &vec![number as u8; length]))
        .collect();
    assert!(reader.segments().len() > 2);
    for ((number, length), (lsn, stored)) in (1..).zip(lengths).zip(places) {
        assert_eq!(u64::from(stored), stored_bytes(8, length));
        let before = disk.operations();
        let record = reader.read(lsn, stored).unwrap();
        assert_eq!(disk.operations() - before, 1);
        assert_eq!(record.kind(), RecordKind::Put);
        assert_eq!(record.collection(), CollectionId::new(5));
        assert_eq!(record.transaction(), TransactionId::new(number));
        assert_eq!(record.key(), number.to_be_bytes());
        assert_eq!(record.payload(), vec![number as u8; length]);
        assert_eq!(record.into_payload(), vec![number as u8; length]);
    }
}

#[test]
fn every_flipped_bit_of_a_record_is_noticed_by_reading_it() {
    let disk = SimVfs::new(1);
    let (mut wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    let (lsn, stored) = write(&mut wal, 1, b"{\"a\":1}");
    let reader = wal.reader();
    for bit in 0..u64::from(stored) * 8 {
        let flip = || {
            let at = lsn.get() + bit / 8;
            disk.flip_bit(&path("db.wal"), at, (bit % 8) as u32)
                .unwrap();
        };
        flip();
        match reader.read(lsn, stored) {
            Err(WalError::Corrupt { file, offset, what }) => {
                assert_eq!((file.as_str(), offset), ("db.wal", lsn.get()));
                assert_eq!(what, Corruption::Record);
            }
            other => panic!("bit {bit}: {other:?}"),
        }
        flip();
    }
    reader.read(lsn, stored).unwrap();
}

#[test]
fn a_wrong_position_or_length_is_an_error() {
    let disk = SimVfs::new(1);
    let (mut wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    let (lsn, stored) = write(&mut wal, 1, b"{\"a\":1}");
    write(&mut wal, 2, b"{\"a\":2}");
    let reader = wal.reader();
    for at in (0..wal.end().get() + 64).filter(|at| *at != lsn.get()) {
        assert!(
            at == lsn.get() + 56 + u64::from(stored) || reader.read(Lsn::new(at), stored).is_err()
        );
    }
    for wrong in [0, 1, 8, stored - 1, stored + 1, stored + 8, u32::MAX] {
        assert!(reader.read(lsn, wrong).is_err(), "{wrong}");
    }
    let behind = reader.read(wal.end(), stored).unwrap_err();
    assert!(matches!(behind, WalError::NotInLog { .. }));
}

#[test]
fn a_place_that_cannot_be_read_is_corruption_after_it_was_tried_again() {
    let disk = SimVfs::new(1);
    let (mut wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    let (lsn, stored) = write(&mut wal, 1, b"{\"a\":1}");
    let on = FaultOn::call(CallKind::Read, "");
    disk.fail(Fault::once(on.clone(), FaultKind::Eio));
    wal.reader().read(lsn, stored).unwrap();
    disk.fail(Fault::always(on, FaultKind::Eio));
    let error = wal.reader().read(lsn, stored).unwrap_err();
    let expected = Corruption::Unreadable;
    assert!(matches!(error, WalError::Corrupt { what, .. } if what == expected));
}

#[test]
fn a_scan_hands_over_the_batches_of_its_range() {
    let (disk, places) = log_of(40, &options());
    let (wal, _, _) = open(&copy(&disk), &options(), Lsn::ZERO);
    let reader = wal.reader();
    let boundary = |number: usize| match number {
        0 => Lsn::ZERO,
        number => places[number - 1].end,
    };
    for from in 0..=40 {
        for to in [from, from + 1, from + 7, 40] {
            let to = to.clamp(from, 40);
            let expected: Vec<u64> = (from as u64 + 1..=to as u64).collect();
            let found = scan(&reader, boundary(from), boundary(to)).unwrap();
            assert_eq!(found, expected, "{from}..{to}");
        }
    }
    assert_eq!(scan(&reader, Lsn::ZERO, reader.end()).unwrap(), numbers(40));
    let beyond = Lsn::new(reader.end().get() + 8);
    assert!(matches!(
        scan(&reader, Lsn::ZERO, beyond),
        Err(WalError::NotInLog { .. })
    ));
}

#[test]
fn a_scan_stops_at_damage_and_says_where() {
    let (disk, places) = log_of(9, &options());
    let disk = copy(&disk);
    let (wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    disk.flip_bit(&path("db.wal.1"), places[2].start.get() + 60, 0)
        .unwrap();
    let reader = wal.reader();
    let mut found = Found::default();
    let error = reader
        .scan(Lsn::ZERO, reader.end(), &mut |record| found.visit(record))
        .unwrap_err();
    assert_eq!(found.transactions, [1, 2]);
    let at = places[2].start.get();
    assert!(
        matches!(error, WalError::Corrupt { offset, .. } if offset == at),
        "{error:?}"
    );
}

#[test]
fn a_pin_keeps_its_segments_and_a_trimmed_position_says_so() {
    let (disk, places) = log_of(40, &options());
    let (mut wal, _, _) = open(&copy(&disk), &options(), Lsn::ZERO);
    let reader = wal.reader();
    let from = places[19].start;
    let pin = reader.pin(from).unwrap();
    let second = reader.pin(from).unwrap();
    wal.trim(wal.end()).unwrap();
    assert_eq!(
        scan(&reader, from, reader.end()).unwrap(),
        (20..=40).collect::<Vec<_>>()
    );
    assert!(matches!(
        scan(&reader, Lsn::ZERO, from),
        Err(WalError::NotInLog { .. })
    ));
    assert!(matches!(
        reader.pin(Lsn::ZERO),
        Err(WalError::NotInLog { .. })
    ));

    drop(pin);
    assert_eq!(wal.trim(wal.end()).unwrap().segments, 0, "one pin is left");
    assert_eq!(second.from(), from);
    drop(second);
    assert!(wal.trim(wal.end()).unwrap().segments > 0);
    let gone = reader.read(Lsn::new(from.get() + 56), 32).unwrap_err();
    assert!(matches!(gone, WalError::NotInLog { .. }));
}

#[test]
fn a_reader_outlives_the_writer_and_reads_what_a_damaged_log_still_has() {
    let (disk, places) = log_of(20, &options());
    let disk = copy(&disk);
    let length = disk.bytes(&path("db.wal.2")).unwrap().len() as u64;
    disk.flip_bit(&path("db.wal.2"), length - 2, 1).unwrap();
    let (wal, recovery, found) = open(&disk, &options(), Lsn::ZERO);
    let reader = wal.reader();
    let end = wal.end();
    drop(wal);
    assert_eq!(end, places[19].end);
    let LogState::Corrupt(damages) = &recovery.state else {
        panic!("{recovery:?}");
    };
    let [damage] = &damages[..] else {
        panic!("{damages:?}");
    };
    let mut read = scan(&reader, Lsn::ZERO, damage.from).unwrap();
    assert!(read.len() > 3);
    read.extend(scan(&reader, damage.to.unwrap(), end).unwrap());
    assert_eq!(read, found);
    assert_eq!(found.len(), 19);
}

#[test]
fn limits_are_refused_before_anything_is_added() {
    let mut batch = BatchBuilder::new();
    let mut push = |key: usize, payload: usize| {
        let (key, payload) = (vec![1; key], vec![2; payload]);
        let record = RecordRef {
            kind: RecordKind::Put,
            collection: CollectionId::DEFAULT,
            transaction: TransactionId::new(1),
            key: &key,
            payload: &payload,
        };
        let (before, pushed) = (batch.len_bytes(), batch.push(record));
        assert_eq!(pushed.is_ok(), batch.len_bytes() > before);
        pushed
    };
    push(limits::MAX_KEY_BYTES, 0).unwrap();
    assert!(matches!(
        push(limits::MAX_KEY_BYTES + 1, 0),
        Err(WalError::TooLarge { .. })
    ));
    assert!(matches!(
        push(0, limits::MAX_PAYLOAD_BYTES + 1),
        Err(WalError::TooLarge { .. })
    ));
    for _ in 0..3 {
        push(0, limits::MAX_PAYLOAD_BYTES).unwrap();
    }
    let over = push(0, limits::MAX_PAYLOAD_BYTES).unwrap_err();
    assert!(matches!(over, WalError::TooLarge { what: "batch", .. }));
}

#[test]
fn the_largest_record_survives_a_restart_with_everything_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let options = WalOptions::new(directory.path());
    let open = |found: &mut Vec<usize>| {
        let visit = &mut |record: docdb_wal::Recovered<'_>| {
            found.push(record.record.payload.len());
            Ok(())
        };
        Wal::open(
            &Host::real(),
            &identity(),
            &options,
            Covered::NOTHING,
            visit,
        )
        .unwrap()
        .0
    };
    let mut wal = open(&mut Vec::new());
    let payload = vec![b'x'; limits::MAX_PAYLOAD_BYTES];
    write(&mut wal, 1, b"small");
    let (lsn, stored) = write(&mut wal, 2, &payload);
    write(&mut wal, 3, b"behind");
    drop(wal);
    let mut found = Vec::new();
    let wal = open(&mut found);
    assert_eq!(found, [5, payload.len(), 6]);
    assert!(wal.reader().read(lsn, stored).unwrap().payload() == payload);
}

#[test]
fn what_is_taken_back_from_a_batch_is_not_in_it() {
    let disk = SimVfs::new(1);
    let (mut wal, _, _) = open(&disk, &options(), Lsn::ZERO);
    let mut batch = BatchBuilder::new();
    fixture::add(&mut batch, 1);
    let mark = batch.mark();
    fixture::add(&mut batch, 2);
    batch.truncate_to(mark);
    fixture::add(&mut batch, 3);
    wal.commit(&mut batch).unwrap();
    batch.begin();
    assert!(batch.is_empty());
    let end = wal.end();
    assert_eq!(
        wal.commit(&mut batch).unwrap(),
        Appended { start: end, end }
    );
    assert_eq!(open(&copy(&disk), &options(), Lsn::ZERO).2, [1, 3]);
}

#[test]
fn readers_see_whole_records_while_the_writer_appends_rotates_and_trims() {
    const WRITES: usize = 3000;
    let directory = tempfile::tempdir().unwrap();
    let options = WalOptions {
        segment_bytes: 16 * 1024,
        keep_segments: 3,
        fsync: docdb_types::FsyncMode::None,
        ..WalOptions::new(directory.path())
    };
    let mut wal = Wal::open(
        &Host::real(),
        &identity(),
        &options,
        Covered::NOTHING,
        &mut |_| Ok(()),
    )
    .unwrap()
    .0;
    let places: Arc<Vec<OnceLock<(Lsn, u32)>>> =
        Arc::new((0..WRITES).map(|_| OnceLock::new()).collect());
    let written = Arc::new(AtomicUsize::new(0));
    let payload = |number: usize| vec![number as u8; number % 300];
    let read =
        |reader: LogReader, places: Arc<Vec<OnceLock<(Lsn, u32)>>>, written: Arc<AtomicUsize>| {
            let (mut reads, mut next) = (0, 0usize);
            loop {
                let upto = written.load(Ordering::Acquire);
                if upto == 0 {
                    thread::yield_now();
                    continue;
                }
                next = (next * 7 + 13) % upto;
                let number = if reads % 2 == 0 { upto - 1 } else { next };
                let (lsn, stored) = *places[number].get().unwrap();
                match reader.read(lsn, stored) {
                    Ok(record) => assert_eq!(record.payload(), payload(number)),
                    Err(WalError::NotInLog { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
                reads += 1;
                if upto == WRITES {
                    return;
                }
            }
        };
    thread::scope(|scope| {
        for _ in 0..2 {
            let (reader, places, written) = (wal.reader(), places.clone(), written.clone());
            scope.spawn(move || read(reader, places, written));
        }
        for number in 0..WRITES {
            let place = write(&mut wal, number as u64 + 1, &payload(number));
            places[number].set(place).unwrap();
            written.store(number + 1, Ordering::Release);
            if number % 100 == 0 {
                wal.trim(wal.end()).unwrap();
            }
        }
    });
    assert!(wal.statistics().trimmed_segments > 10);
    commit(&mut wal, 1);
}
