//! How fast parity is computed, a damaged record restored, and a file scrubbed: per second of one
//! core, from the time that the thread was running, so that a busy machine changes little.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing benchmark")]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use docdb_storage::{
    DataFile, DataFileWriter, FooterEntry, Manifest, Parity, Record, RecordIdentity, RecordKind,
    StorageHome,
};
use docdb_types::{CollectionId, DatabaseName, DatabaseUid, TransactionId};
use docdb_vfs::Host;
use rustix::time::{ClockId, clock_gettime};

const DOCUMENTS: u64 = 64 * 1024;
const DOCUMENT_BYTES: usize = 1024;

fn home(directory: &Path) -> StorageHome {
    StorageHome {
        host: Host::real(),
        directory: directory.to_owned(),
        name: DatabaseName::new("db").unwrap(),
        uid: DatabaseUid::from(7),
    }
}

/// How long this thread has been running.
fn running() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn measure<T>(bencher: &mut Bencher<'_>, mut work: impl FnMut() -> T) {
    bencher.iter_custom(|rounds| {
        let begun = running();
        for _ in 0..rounds {
            std::hint::black_box(work());
        }
        running() - begun
    });
}

fn write(home: &StorageHome, parity: Parity) -> DataFile {
    let manifest = Manifest::empty();
    let payload = [b'1'; DOCUMENT_BYTES];
    let mut writer = DataFileWriter::create(home, manifest.next_data_file, parity).unwrap();
    for id in 0..DOCUMENTS {
        writer
            .push(&Record {
                collection: CollectionId::DEFAULT,
                key: &id.to_be_bytes(),
                transaction: TransactionId::new(id),
                kind: RecordKind::Document,
                payload: &payload,
            })
            .unwrap();
    }
    let added = writer.finish(&manifest.next_metadata(&[])).unwrap();
    DataFile::open(home, added.number).unwrap()
}

/// Parity costs what a file with it takes longer than one without: checksums on the way into the
/// file, reading it back, comparing, computing, writing the parity.
fn encoding(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let home = home(directory.path());
    let bytes = write(&home, Parity::NONE).file_bytes();
    let path = home.data_file_path(Manifest::empty().next_data_file);
    let mut group = criterion.benchmark_group("writing a data file of 69 MB");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(bytes));
    for (name, parity) in [
        ("without parity", Parity::NONE),
        ("with parity", Parity::DEFAULT),
    ] {
        group.bench_function(name, |bencher| {
            measure(bencher, || {
                std::fs::remove_file(&path).unwrap();
                write(&home, parity)
            });
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("parity alone of a data file of 69 MB");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(bytes));
    for percent in [5, 12, 25] {
        group.bench_function(format!("{percent} %"), |bencher| {
            let parity = Parity::from_percent(percent);
            let timed = |parity| {
                std::fs::remove_file(&path).unwrap();
                let begun = running();
                std::hint::black_box(write(&home, parity));
                running() - begun
            };
            bencher.iter_custom(|rounds| {
                let mut with_and_without = [Duration::ZERO; 2];
                for _ in 0..rounds {
                    with_and_without[0] += timed(parity);
                    with_and_without[1] += timed(Parity::NONE);
                }
                with_and_without[0].saturating_sub(with_and_without[1])
            });
        });
    }
    group.finish();
}

fn scrubbing(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let home = home(directory.path());
    let file = write(&home, Parity::DEFAULT);
    let mut group = criterion.benchmark_group("scrub of a data file of 69 MB");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(file.file_bytes() + file.parity_bytes()));
    group.bench_function("at full rate", |bencher| {
        measure(bencher, || {
            let scrub = file.scrub::<u64>(0, &mut |_| true).unwrap();
            assert!(scrub.is_clean());
        });
    });
    group.finish();
}

fn restoring(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let home = home(directory.path());
    let file = write(&home, Parity::DEFAULT);
    let disk = OpenOptions::new().write(true).open(file.path()).unwrap();
    for (bytes, name) in [
        (4096, "restore a record of 1 KiB, 4 KiB damaged"),
        (65536, "restore a record of 1 KiB, 64 KiB damaged"),
    ] {
        let damaged: FooterEntry<u64> = file.entries().nth(1000).unwrap().unwrap();
        disk.write_all_at(&vec![0; bytes], damaged.offset).unwrap();
        let key = damaged.key.to_be_bytes();
        let identity = RecordIdentity {
            collection: damaged.collection,
            key: &key,
            transaction: damaged.transaction,
        };
        criterion.bench_function(name, |bencher| {
            measure(bencher, || {
                let found = file.read_restored(damaged.offset, damaged.payload_bytes, &identity);
                found.unwrap()
            });
        });
    }
    let mut group = criterion.benchmark_group("scrub of 69 MB, 64 KiB damaged");
    group.sample_size(10);
    group.bench_function("at full rate", |bencher| {
        measure(bencher, || {
            let scrub = file.scrub::<u64>(0, &mut |_| true).unwrap();
            assert!(!scrub.is_clean() && scrub.is_restorable);
        });
    });
    group.finish();
}

criterion_group!(benches, encoding, scrubbing, restoring);
criterion_main!(benches);
