//! How fast records are read, written and verified.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing call is a failing benchmark"
)]

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use docdb_storage::{
    DataFile, DataFileWriter, FooterEntry, Manifest, Parity, Record, RecordIdentity, RecordKind,
    StorageHome,
};
use docdb_types::{CollectionId, DatabaseName, DatabaseUid, TransactionId};
use docdb_vfs::Host;

const DOCUMENTS: u64 = 20_000;
const DOCUMENT_BYTES: usize = 1024;

fn home(directory: &Path) -> StorageHome {
    StorageHome {
        host: Host::real(),
        directory: directory.to_owned(),
        name: DatabaseName::new("db").unwrap(),
        uid: DatabaseUid::from(7),
    }
}

fn write(home: &StorageHome) -> DataFile {
    let manifest = Manifest::empty();
    let payload = [b'1'; DOCUMENT_BYTES];
    let mut writer =
        DataFileWriter::create(home, manifest.next_data_file, Parity::DEFAULT).unwrap();
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

fn records(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let home = home(directory.path());
    let file = write(&home);
    let entries: Vec<FooterEntry<u64>> = file.entries().map(Result::unwrap).collect();

    let mut group = criterion.benchmark_group("documents of 1 KiB");
    group.throughput(Throughput::Elements(1));
    let mut at = 0;
    group.bench_function("read one", |bencher| {
        bencher.iter(|| {
            at = (at + 7919) % entries.len();
            let entry = &entries[at];
            let key = entry.key.to_be_bytes();
            let identity = RecordIdentity {
                collection: entry.collection,
                key: &key,
                transaction: entry.transaction,
            };
            file.read(entry.offset, entry.payload_bytes, &identity)
                .unwrap()
        });
    });
    group
        .throughput(Throughput::Bytes(file.file_bytes()))
        .sample_size(20);
    group.bench_function("verify a file", |bencher| {
        bencher.iter(|| file.verify_all::<u64>().unwrap().records);
    });
    group.bench_function("write a file, durably", |bencher| {
        bencher.iter_batched(
            || std::fs::remove_file(file.path()).unwrap_or_default(),
            |()| write(&home),
            criterion::BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, records);
criterion_main!(benches);
