//! Data files: written whole or not at all, and never believed when they are not what was written.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing test")]

mod fixture;

use docdb_storage::{
    DataFile, DataFileMetadata, DataFileWriter, FooterEntry, MAX_KEY_BYTES, MAX_PAYLOAD_BYTES,
    Manifest, Parity, RecordIdentity, RecordKind, Salvage, StorageError, StorageHome, record_bytes,
};
use docdb_types::{CollectionId, DatabaseUid};
use docdb_vfs::{
    CallKind, CrashProfile, Fault, FaultKind, FaultOn, OpenMode, SimVfs, Vfs, is_power_loss,
};
use proptest::prelude::*;

use fixture::{disk, home, number, record, sample_records, tx, write_sample};

fn metadata() -> DataFileMetadata {
    Manifest::empty().next_metadata(&[])
}

fn sample() -> (SimVfs, StorageHome, Vec<u8>) {
    let disk = disk(3);
    let home = home(&disk);
    write_sample(&home, number(4), &metadata()).unwrap();
    let bytes = disk.bytes(&home.data_file_path(number(4))).unwrap();
    (disk, home, bytes)
}

/// Puts `bytes` in the place of the file, as somebody outside of docdb would.
fn replace(home: &StorageHome, bytes: &[u8]) {
    let vfs = &*home.host.files;
    let path = home.data_file_path(number(4));
    let _ = vfs.remove(&path);
    let file = vfs.open(&path, OpenMode::CreateNew).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

fn entries(file: &DataFile) -> Vec<FooterEntry<u64>> {
    file.entries().collect::<Result<_, _>>().unwrap()
}

fn read(file: &DataFile, entry: &FooterEntry<u64>) -> Result<Vec<u8>, StorageError> {
    let key = entry.key.to_be_bytes();
    let identity = RecordIdentity {
        collection: entry.collection,
        key: &key,
        transaction: entry.transaction,
    };
    file.read(entry.offset, entry.payload_bytes, &identity)
}

fn bounds(salvage: &Salvage) -> Vec<(u64, u64)> {
    salvage
        .lost
        .iter()
        .map(|range| (range.start, range.end))
        .collect()
}

/// Every document that the file serves, and whether anything about the file was refused.
fn served(home: &StorageHome) -> (Vec<(u32, u64, Vec<u8>)>, bool) {
    let mut documents = Vec::new();
    let Ok(file) = DataFile::open(home, number(4)) else {
        return (documents, true);
    };
    let mut is_refused = false;
    for entry in file.entries::<u64>() {
        match entry.map(|entry| (read(&file, &entry), entry)) {
            Ok((Ok(payload), entry)) => {
                documents.push((entry.collection.get(), entry.key, payload));
            }
            Ok((Err(_), entry)) => is_refused |= entry.kind == RecordKind::Document,
            Err(_) => is_refused = true,
        }
    }
    is_refused |= file
        .verify_all::<u64>()
        .map_or(true, |found| !found.damaged.is_empty());
    (documents, is_refused)
}

fn written() -> Vec<(u32, u64, Vec<u8>)> {
    sample_records()
        .into_iter()
        .filter(|(_, _, _, payload)| !payload.is_empty())
        .map(|(collection, key, _, payload)| (collection, u64::from_be_bytes(key), payload))
        .collect()
}

#[test]
fn what_was_written_is_read_back() {
    let (_disk, home, _) = sample();
    let file = DataFile::open(&home, number(4)).unwrap();
    assert_eq!(file.metadata(), Some(&metadata()));
    assert_eq!(
        (file.content().documents, file.content().tombstones),
        (3, 1)
    );
    assert_eq!(file.content().oldest_transaction, tx(3));
    assert_eq!(file.content().newest_transaction, tx(9));
    let found: Vec<_> = entries(&file)
        .iter()
        .map(|e| {
            (
                e.collection.get(),
                e.key.to_be_bytes(),
                e.transaction.get(),
                e.payload_bytes,
            )
        })
        .collect();
    let expected: Vec<_> = sample_records()
        .into_iter()
        .map(|(collection, key, transaction, payload)| {
            (collection, key, transaction, payload.len() as u32)
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(served(&home), (written(), false));
}

#[test]
fn every_flipped_bit_is_refused_and_nothing_wrong_is_served() {
    let (_disk, home, bytes) = sample();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        replace(&home, &flipped);
        let (documents, is_refused) = served(&home);
        assert!(is_refused, "bit {bit} of byte {} went unnoticed", bit / 8);
        assert!(
            documents
                .iter()
                .all(|document| written().contains(document)),
            "bit {bit}"
        );
    }
}

#[test]
fn every_truncation_and_every_extension_is_refused() {
    let (_disk, home, bytes) = sample();
    for length in 0..bytes.len() {
        replace(&home, &bytes[..length]);
        let error = DataFile::open(&home, number(4)).unwrap_err();
        assert!(
            matches!(error, StorageError::Corrupt { .. }),
            "{length}: {error}"
        );
    }
    for extra in [1, 8, 80, 4096] {
        replace(&home, &[&bytes[..], &vec![0; extra]].concat());
        assert!(
            DataFile::open(&home, number(4))
                .unwrap_err()
                .is_corruption()
        );
    }
}

#[test]
fn a_damaged_record_names_the_file_and_the_offset_and_the_others_are_served() {
    let (disk, home, _) = sample();
    let path = home.data_file_path(number(4));
    let found = entries(&DataFile::open(&home, number(4)).unwrap());
    let offset = found[2].offset;
    disk.flip_bit(&path, offset + 40, 3).unwrap();
    let file = DataFile::open(&home, number(4)).unwrap();
    match read(&file, &found[2]).unwrap_err() {
        StorageError::Corrupt {
            path: named,
            offset: at,
            ..
        } => {
            assert_eq!((named, at), (path, offset));
        }
        other => panic!("{other}"),
    }
    assert_eq!(read(&file, &found[0]).unwrap(), b"{\"n\":1}");
    let verification = file.verify_all::<u64>().unwrap();
    assert_eq!(verification.records, 4);
    assert_eq!(verification.damaged.len(), 1);
    assert_eq!(
        (verification.damaged[0].key, verification.damaged[0].offset),
        (700, offset)
    );
}

#[test]
fn a_record_is_served_only_as_who_it_is() {
    let (_disk, home, _) = sample();
    let file = DataFile::open(&home, number(4)).unwrap();
    let found = entries(&file);
    let right = &found[0];
    assert!(read(&file, right).is_ok());
    for wrong in [
        FooterEntry {
            collection: CollectionId::new(1),
            ..right.clone()
        },
        FooterEntry {
            key: 2,
            ..right.clone()
        },
        FooterEntry {
            transaction: tx(4),
            ..right.clone()
        },
        FooterEntry {
            payload_bytes: right.payload_bytes + 1,
            ..right.clone()
        },
        FooterEntry {
            payload_bytes: right.payload_bytes - 1,
            ..right.clone()
        },
        FooterEntry {
            payload_bytes: u32::MAX,
            ..right.clone()
        },
        FooterEntry {
            offset: right.offset + 8,
            ..right.clone()
        },
        FooterEntry {
            offset: 0,
            ..right.clone()
        },
        FooterEntry {
            offset: u64::MAX - 7,
            ..right.clone()
        },
        found[1].clone(),
    ] {
        let error = read(&file, &wrong).unwrap_err();
        assert!(error.is_corruption(), "{wrong:?}: {error}");
    }
}

#[test]
fn files_of_others_are_refused() {
    let (_disk, home, bytes) = sample();
    let vfs = &*home.host.files;
    let other = StorageHome {
        uid: DatabaseUid::from(8),
        ..home.clone()
    };
    let error = DataFile::open(&other, number(4)).unwrap_err();
    assert!(matches!(error, StorageError::Foreign { .. }), "{error}");
    vfs.rename(
        &home.data_file_path(number(4)),
        &home.data_file_path(number(5)),
    )
    .unwrap();
    let error = DataFile::open(&home, number(5)).unwrap_err();
    assert!(
        matches!(error, StorageError::Misplaced { found: 4, .. }),
        "{error}"
    );
    let error = DataFile::open(&home, number(4)).unwrap_err();
    assert!(matches!(error, StorageError::Missing { .. }), "{error}");
    replace(&home, &bytes);
    assert!(DataFile::open(&home, number(4)).is_ok());
}

#[test]
fn salvage_finds_every_record_whatever_happened_to_the_frame() {
    let (_disk, home, bytes) = sample();
    let file = DataFile::open(&home, number(4)).unwrap();
    let expected = entries(&file);
    let last = expected.last().unwrap();
    let records_end = last.offset + record_bytes(8, last.payload_bytes);
    let frames = [
        ("header", 0..64),
        ("all behind the records", records_end as usize..bytes.len()),
        ("trailer", bytes.len() - 80..bytes.len()),
        ("section table", bytes.len() - 180..bytes.len() - 80),
        (
            "first metadata",
            records_end as usize..records_end as usize + 20,
        ),
    ];
    for (what, damage) in frames {
        let mut damaged = bytes.clone();
        damaged[damage].fill(0x55);
        replace(&home, &damaged);
        assert!(DataFile::open(&home, number(4)).is_err(), "{what}");
        let salvage = DataFile::salvage(&home, number(4)).unwrap();
        assert!(salvage.file.is_salvaged());
        assert_eq!(entries(&salvage.file), expected, "{what}");
        assert!(
            salvage.file.verify_all::<u64>().unwrap().damaged.is_empty(),
            "{what}"
        );
        assert_eq!(salvage.file.content(), file.content(), "{what}");
        if what == "all behind the records" {
            assert_eq!(salvage.file.metadata(), None);
            assert_eq!(bounds(&salvage), [(records_end, bytes.len() as u64)]);
        } else {
            assert_eq!(salvage.file.metadata(), Some(&metadata()), "{what}");
            assert!(salvage.lost.is_empty(), "{what}");
        }
    }
}

#[test]
fn salvage_takes_the_word_of_the_footer_for_a_damaged_record() {
    let (_disk, home, mut bytes) = sample();
    let expected = entries(&DataFile::open(&home, number(4)).unwrap());
    // A document in the middle, and the header.
    bytes[expected[2].offset as usize + 9] ^= 1;
    bytes[20] ^= 1;
    let trailer = bytes.len() - 80;
    for with_trailer in [true, false] {
        if !with_trailer {
            bytes[20] ^= 1;
            bytes[trailer..].fill(0);
        }
        replace(&home, &bytes);
        let salvage = DataFile::salvage(&home, number(4)).unwrap();
        assert!(salvage.lost.is_empty(), "with trailer: {with_trailer}");
        assert_eq!(entries(&salvage.file), expected);
        assert!(read(&salvage.file, &expected[0]).is_ok());
        assert!(
            read(&salvage.file, &expected[2])
                .unwrap_err()
                .is_corruption()
        );
        let verification = salvage.file.verify_all::<u64>().unwrap();
        assert_eq!(verification.damaged.len(), 1);
        assert_eq!(verification.damaged[0].key, 700);
    }
}

#[test]
fn salvage_says_where_records_were_lost() {
    let (_disk, home, mut bytes) = sample();
    let found = entries(&DataFile::open(&home, number(4)).unwrap());
    let (from, to) = (found[1].offset, found[2].offset);
    bytes[from as usize + 9] ^= 1;
    // The first block of the footer, whose place the third entry of the section table tells.
    let entry = bytes.len() - 80 - 96 + 2 * 24;
    let footer = u64::from_le_bytes(bytes[entry + 8..entry + 16].try_into().unwrap()) as usize;
    bytes[footer] ^= 1;
    let trailer = bytes.len() - 80;
    for with_trailer in [true, false] {
        if !with_trailer {
            bytes[trailer..].fill(0);
        }
        replace(&home, &bytes);
        let salvage = DataFile::salvage(&home, number(4)).unwrap();
        assert_eq!(
            bounds(&salvage),
            [(from, to)],
            "with trailer: {with_trailer}"
        );
        let keys: Vec<_> = entries(&salvage.file)
            .iter()
            .map(|entry| entry.key)
            .collect();
        assert_eq!(keys, [1, 700, 1]);
    }
}

#[test]
fn any_bytes_under_the_name_are_opened_or_refused() {
    let (_disk, home, bytes) = sample();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let damage = (
        0..bytes.len(),
        proptest::collection::vec(any::<u8>(), 1..200),
        0..200_usize,
    );
    runner
        .run(&damage, |(at, with, removed)| {
            let mut damaged = bytes.clone();
            let end = (at + removed).min(damaged.len());
            damaged.splice(at..end, with);
            replace(&home, &damaged);
            let (documents, _) = served(&home);
            prop_assert!(
                documents
                    .iter()
                    .all(|document| written().contains(document))
            );
            if let Ok(salvage) = DataFile::salvage(&home, number(4)) {
                for entry in entries(&salvage.file) {
                    let document = (entry.collection.get(), entry.key);
                    if let Ok(payload) = read(&salvage.file, &entry) {
                        prop_assert!(written().contains(&(document.0, document.1, payload)));
                    }
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_power_cut_at_any_step_leaves_the_whole_file_or_none_under_its_name() {
    let steps = {
        let disk = disk(3);
        let before = disk.mutations();
        write_sample(&home(&disk), number(4), &metadata()).unwrap();
        disk.mutations() - before
    };
    for profile in [
        CrashProfile::Strict,
        CrashProfile::Garbage,
        CrashProfile::Prefix,
    ] {
        for at in 0..=steps {
            for seed in 0..10 {
                let disk = disk(3);
                disk.crash_at_mutation(disk.mutations() + at);
                let finished = write_sample(&home(&disk), number(4), &metadata());
                let after = disk.crash(profile, seed);
                let home = home(&after);
                match DataFile::open(&home, number(4)) {
                    Ok(_) => assert_eq!(served(&home), (written(), false)),
                    Err(StorageError::Missing { .. }) => {
                        assert!(finished.is_err(), "a finished file is gone");
                    }
                    Err(error) => panic!("{profile:?} {at} {seed}: {error}"),
                }
                // The number can be used again.
                if finished.is_err() && !after.exists(&home.data_file_path(number(4))).unwrap() {
                    write_sample(&home, number(4), &metadata()).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_failing_disk_leaves_nothing_behind_and_the_next_try_works() {
    let kinds = [
        CallKind::Write,
        CallKind::Sync,
        CallKind::Rename,
        CallKind::SyncDir,
    ];
    let faults = kinds.map(|kind| (kind, FaultKind::Eio)).into_iter();
    for (kind, fault) in faults.chain([(CallKind::Write, FaultKind::Enospc)]) {
        let disk = disk(3);
        let home = home(&disk);
        disk.fail(Fault::once(FaultOn::call(kind, ""), fault));
        let error = write_sample(&home, number(4), &metadata()).unwrap_err();
        assert!(matches!(&error, StorageError::Io { source, .. } if !is_power_loss(source)));
        assert_eq!(disk.fault_hits(), 1);
        assert!(disk.list(&home.directory).unwrap().is_empty(), "{kind:?}");
        write_sample(&home, number(4), &metadata()).unwrap();
        assert_eq!(served(&home), (written(), false));
    }
}

#[test]
fn an_existing_file_is_never_written_over() {
    let (disk, home, bytes) = sample();
    assert!(matches!(
        DataFileWriter::create(&home, number(4), Parity::NONE),
        Err(StorageError::Io { .. })
    ));
    assert_eq!(disk.bytes(&home.data_file_path(number(4))).unwrap(), bytes);
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let disk = disk(3);
    let home = home(&disk);
    let mut writer = DataFileWriter::create(&home, number(4), Parity::NONE).unwrap();
    writer
        .push(&record(0, &[1; 8], 1, &[b'1'; 600_000]))
        .unwrap();
    drop(writer);
    assert!(disk.list(&home.directory).unwrap().is_empty());
}

#[test]
fn records_out_of_order_and_past_the_limits_are_refused_and_the_writer_goes_on() {
    let disk = disk(3);
    let home = home(&disk);
    let mut writer = DataFileWriter::create(&home, number(4), Parity::NONE).unwrap();
    let key = |id: u64| id.to_be_bytes();
    writer.push(&record(1, &key(5), 1, b"1")).unwrap();
    for refused in [
        record(1, &key(5), 2, b"2"),
        record(1, &key(4), 2, b"2"),
        record(0, &key(9), 2, b"2"),
    ] {
        let error = writer.push(&refused).unwrap_err();
        assert!(matches!(error, StorageError::RecordOrder { .. }));
    }
    let long = vec![7; MAX_KEY_BYTES + 1];
    let large = vec![b' '; MAX_PAYLOAD_BYTES as usize + 1];
    for refused in [
        record(2, &long, 2, b"2"),
        record(2, &[], 2, b"2"),
        record(2, &key(1), 2, &large),
    ] {
        let error = writer.push(&refused).unwrap_err();
        assert!(matches!(error, StorageError::TooLarge { .. }));
    }
    writer.push(&record(1, &key(6), 2, b"2")).unwrap();
    writer.finish(&metadata()).unwrap();
    let file = DataFile::open(&home, number(4)).unwrap();
    assert_eq!(entries(&file).len(), 2);
}

#[test]
fn large_and_small_documents_read_back_from_one_file() {
    let disk = disk(3);
    let home = home(&disk);
    let mut writer = DataFileWriter::create(&home, number(4), Parity::NONE).unwrap();
    let lengths = [
        1,
        7,
        131_063,
        131_064,
        131_071,
        131_072,
        131_073,
        262_144,
        17 << 20,
        0,
        5,
    ];
    let payload = |length: usize| vec![b'a' + (length % 23) as u8; length];
    for (id, length) in lengths.iter().enumerate() {
        let payload = payload(*length);
        let key = (id as u64).to_be_bytes();
        let document = docdb_storage::Record {
            kind: RecordKind::Document,
            ..record(0, &key, 1, &payload)
        };
        writer.push(&document).unwrap();
    }
    writer.finish(&metadata()).unwrap();
    let file = DataFile::open(&home, number(4)).unwrap();
    for (entry, length) in entries(&file).iter().zip(lengths) {
        assert!(read(&file, entry).unwrap() == payload(length), "{length}");
    }
    assert!(file.verify_all::<u64>().unwrap().damaged.is_empty());
    assert!(disk.bytes(&home.data_file_path(number(4))).unwrap().len() < 19 << 20);
}

#[test]
fn an_empty_file_keeps_the_metadata() {
    let disk = disk(3);
    let home = home(&disk);
    let record = DataFileWriter::create(&home, number(4), Parity::NONE)
        .unwrap()
        .finish(&metadata())
        .unwrap();
    let file = DataFile::open(&home, number(4)).unwrap();
    assert_eq!(file.record(), record);
    assert_eq!(file.metadata(), Some(&metadata()));
    assert!(entries(&file).is_empty());
    assert!(record.file_bytes < 1024);
}
