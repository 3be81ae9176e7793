//! The log as a source: the record of a certain version is found wherever it stands, and damage to
//! sealed segments is found by looking.

mod fixture;

use docdb_types::{CollectionId, TransactionId};
use docdb_vfs::SimVfs;
use docdb_wal::{LogDamage, Lsn, RecordKind, VersionKey, Wal, WalOptions};
use fixture::{copy, log_of, open, options, path, records};

const LAST: u64 = 2500;
/// Every so manieth transaction is looked up: shares no factor with what the records repeat by.
const SAMPLE: usize = 61;

/// Segments far longer than a span that is read through.
fn large() -> WalOptions {
    WalOptions {
        segment_bytes: 200 * 1024,
        ..options()
    }
}

fn reopened(disk: &SimVfs) -> Wal {
    open(&copy(disk), &large(), Lsn::ZERO).0
}

#[test]
fn the_record_of_every_version_is_found_and_only_of_that_version() {
    let (disk, _) = log_of(LAST, &large());
    let wal = reopened(&disk);
    let reader = wal.reader();
    assert!(reader.segments().len() > 1);
    for number in (1..=LAST).step_by(SAMPLE) {
        for (kind, collection, key, payload) in records(number) {
            let wanted = VersionKey {
                collection: CollectionId::new(collection),
                key: &key,
                transaction: TransactionId::new(number),
            };
            let found = reader.find(&wanted).unwrap();
            if kind == RecordKind::Put {
                assert_eq!(found.unwrap().payload(), payload, "{number}");
            } else {
                assert!(found.is_none(), "a deletion is no version of a document");
            }
            let other = VersionKey {
                transaction: TransactionId::new(number + 1),
                ..wanted
            };
            assert!(reader.find(&other).unwrap().is_none());
        }
    }
}

#[test]
fn damage_elsewhere_does_not_hide_a_version_and_its_own_is_never_returned() {
    let (disk, places) = log_of(LAST, &large());
    // Every twentieth batch of the first segment is damaged under the open log.
    let disk = copy(&disk);
    let (wal, _, _) = open(&disk, &large(), Lsn::ZERO);
    let reader = wal.reader();
    let first = reader.segments().remove(0);
    let mut found = 0;
    for place in places.iter().step_by(20) {
        if place.end < first.end {
            let middle = u64::midpoint(place.start.get(), place.end.get());
            disk.flip_bit(&path(&first.name), middle - first.start.get(), 3)
                .unwrap();
            found += 1;
        }
    }
    assert!(found > 10);
    let last = places.iter().filter(|it| it.end < first.end).count() as u64;
    for number in (1..=last).filter(|number| (number - 1) % 20 == 0 || number % 61 == 0) {
        let (kind, collection, key, payload) = records(number).remove(0);
        let wanted = VersionKey {
            collection: CollectionId::new(collection),
            key: &key,
            transaction: TransactionId::new(number),
        };
        let place = places[number as usize - 1];
        let is_damaged = (number - 1) % 20 == 0 && place.end < first.end;
        match reader.find(&wanted).unwrap() {
            Some(record) => assert_eq!(record.payload(), payload),
            None => assert!(is_damaged || kind != RecordKind::Put, "{number}"),
        }
        if is_damaged {
            assert!(reader.find(&wanted).unwrap().is_none(), "{number}");
        }
    }
}

#[test]
fn looking_in_pieces_finds_every_damaged_place_of_sealed_segments_once() {
    let (disk, places) = log_of(LAST, &large());
    let disk = copy(&disk);
    let (wal, _, _) = open(&disk, &large(), Lsn::ZERO);
    let reader = wal.reader();
    let whole = |pieces: u64| {
        let (mut from, mut bytes, mut damages) = (Lsn::ZERO, 0, Vec::<LogDamage>::new());
        loop {
            let scrub = reader.scrub(from, pieces).unwrap();
            bytes += scrub.bytes;
            damages.extend(scrub.damages);
            match scrub.next {
                Some(next) => from = next,
                None => return (bytes, damages),
            }
        }
    };
    let sealed: u64 = reader
        .segments()
        .iter()
        .filter(|segment| segment.sealed)
        .map(|segment| segment.end.get() - segment.start.get())
        .sum();
    assert_eq!(whole(4096), (sealed, Vec::new()));

    let first = reader.segments().remove(0);
    disk.flip_bit(&path(&first.name), 40, 1).unwrap();
    let hit = places[77];
    disk.flip_bit(&path(&first.name), hit.end.get() - first.start.get() - 1, 0)
        .unwrap();
    for pieces in [1, 4096, u64::MAX] {
        let (bytes, damages) = whole(pieces);
        assert_eq!(bytes, sealed);
        let found: Vec<_> = damages.iter().map(|it| (it.from, it.to)).collect();
        assert_eq!(
            found,
            [
                (first.start, Lsn::new(first.start.get() + fixture::HEADER)),
                (hit.start, hit.end)
            ]
        );
    }
}
