//! How fast parity is computed, a damaged record restored, and a file scrubbed.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing benchmark")]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use docdb_storage::{
    DataFile, DataFileWriter, FooterEntry, Manifest, Parity, Record, RecordIdentity, RecordKind,
    StorageHome,
};
use docdb_types::{CollectionId, DatabaseName, DatabaseUid, TransactionId};
use docdb_vfs::Host;

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

/// Parity with everything that belongs to it: reading the file back, comparing it with its
/// checksums, computing, writing, syncing.
fn encoding(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let home = home(directory.path());
    let file = write(&home, Parity::NONE);
    let mut group = criterion.benchmark_group("parity of a data file of 69 MB");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(file.file_bytes()));
    group.bench_function("verify, compute, write", |bencher| {
        bencher.iter(|| {
            file.encode_parity::<u64>(Parity::DEFAULT, &mut |_| true)
                .unwrap()
        });
    });
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
        bencher.iter(|| file.scrub::<u64>(0, &mut |_| true).unwrap().is_clean());
    });
    group.finish();
}

fn restoring(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let home = home(directory.path());
    let file = write(&home, Parity::DEFAULT);
    let damaged: FooterEntry<u64> = file.entries().nth(1000).unwrap().unwrap();
    let disk = OpenOptions::new().write(true).open(file.path()).unwrap();
    disk.write_all_at(&[0; 4096], damaged.offset).unwrap();
    let key = damaged.key.to_be_bytes();
    let identity = RecordIdentity {
        collection: damaged.collection,
        key: &key,
        transaction: damaged.transaction,
    };
    criterion.bench_function("restore a record of 1 KiB", |bencher| {
        bencher.iter(|| {
            file.read_restored(damaged.offset, damaged.payload_bytes, &identity)
                .unwrap()
        });
    });
}

criterion_group!(benches, encoding, scrubbing, restoring);
criterion_main!(benches);
