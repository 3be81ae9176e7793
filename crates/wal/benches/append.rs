//! What appending, syncing, reading and replaying cost: `cargo bench -p docdb-wal`.
//!
//! `DOCDB_BENCH_DIR` names the directory to write in; without it a temporary one is used, which may
//! be on a file system in memory.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing benchmark")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use docdb_types::{CollectionId, DatabaseName, DatabaseUid, FsyncMode, TransactionId};
use docdb_vfs::Host;
use docdb_wal::{
    BatchBuilder, Covered, Lsn, RecordKind, RecordRef, RecordSlot, Wal, WalIdentity, WalOptions,
};
use tempfile::TempDir;

const PAYLOAD: [u8; 1024] = [b'x'; 1024];

fn directory() -> TempDir {
    match std::env::var_os("DOCDB_BENCH_DIR") {
        Some(directory) => TempDir::new_in(directory).unwrap(),
        None => TempDir::new().unwrap(),
    }
}

fn open(options: &WalOptions, records: &mut u64) -> Wal {
    let identity = WalIdentity {
        name: DatabaseName::new("bench").unwrap(),
        uid: DatabaseUid::from(1),
    };
    let visit = &mut |_: docdb_wal::Recovered<'_>| {
        *records += 1;
        Ok(())
    };
    Wal::open(&Host::real(), &identity, options, Covered::NOTHING, visit)
        .unwrap()
        .0
}

fn options(directory: &TempDir, fsync: FsyncMode) -> WalOptions {
    WalOptions {
        keep_segments: 0,
        fsync,
        ..WalOptions::new(directory.path())
    }
}

fn push(batch: &mut BatchBuilder, number: u64) -> RecordSlot {
    batch
        .push(RecordRef {
            kind: RecordKind::Put,
            collection: CollectionId::DEFAULT,
            transaction: TransactionId::new(number),
            key: &number.to_be_bytes(),
            payload: &PAYLOAD,
        })
        .unwrap()
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Bytes(PAYLOAD.len() as u64));
    let mut batch = BatchBuilder::new();
    group.bench_function("1 KiB record", |bencher| {
        bencher.iter(|| {
            batch.begin();
            black_box(push(&mut batch, 1))
        });
    });
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    for (name, fsync, preallocate_bytes) in [
        ("1 KiB record, unsynced", FsyncMode::None, 0),
        ("1 KiB record, synced", FsyncMode::Group, 0),
        (
            "1 KiB record, synced, zeros ahead",
            FsyncMode::Group,
            4 << 20,
        ),
    ] {
        let directory = directory();
        let options = WalOptions {
            preallocate_bytes,
            ..options(&directory, fsync)
        };
        let mut wal = open(&options, &mut 0);
        let mut batch = BatchBuilder::new();
        let mut number = 0;
        group.throughput(Throughput::Bytes(PAYLOAD.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                number += 1;
                batch.begin();
                push(&mut batch, number);
                let appended = wal.commit(&mut batch).unwrap();
                if number % 65_536 == 0 {
                    wal.trim(appended.start).unwrap();
                }
                appended
            });
        });
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let directory = directory();
    let mut wal = open(&options(&directory, FsyncMode::None), &mut 0);
    let mut batch = BatchBuilder::new();
    let slots: Vec<_> = (1..=1000).map(|number| push(&mut batch, number)).collect();
    let appended = wal.append(&mut batch).unwrap();
    let places: Vec<(Lsn, u32)> = slots
        .into_iter()
        .map(|slot| (appended.lsn(slot), slot.stored_bytes()))
        .collect();
    let reader = wal.reader();
    let mut next = places.iter().cycle();
    criterion.bench_function("read 1 KiB record", |bencher| {
        bencher.iter(|| {
            let (lsn, stored) = *next.next().unwrap();
            reader.read(lsn, stored).unwrap()
        });
    });
}

fn replay(criterion: &mut Criterion) {
    const RECORDS: u64 = 32 * 1024;
    let directory = directory();
    let options = options(&directory, FsyncMode::None);
    let mut wal = open(&options, &mut 0);
    for number in 1..=RECORDS {
        let mut batch = BatchBuilder::new();
        push(&mut batch, number);
        wal.append(&mut batch).unwrap();
    }
    let bytes = wal.bytes();
    wal.close().unwrap();
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(bytes));
    for (name, drop_cache_before_read) in [("from the cache", false), ("from the disk", true)] {
        let options = WalOptions {
            drop_cache_before_read,
            ..options.clone()
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut records = 0;
                let wal = open(&options, &mut records);
                assert_eq!(records, RECORDS);
                wal
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encode, append, read, replay);
criterion_main!(benches);
