//! How fast footers are written and read: the time to open a database.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing benchmark")]

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use docdb_storage::{
    DataFile, DataFileWriter, FileSet, Index, Manifest, Parity, Record, RecordKind, StorageHome,
};
use docdb_types::{CollectionId, DatabaseName, DatabaseUid, TransactionId};
use docdb_vfs::Host;

const DOCUMENTS: u64 = 1_000_000;

fn home(directory: &Path) -> StorageHome {
    StorageHome {
        host: Host::real(),
        directory: directory.to_owned(),
        name: DatabaseName::new("db").unwrap(),
        uid: DatabaseUid::from(7),
    }
}

/// Splits the documents over so many files.
fn written(home: &StorageHome, files: u64) -> Manifest {
    let mut manifest = Manifest::empty();
    for file in 0..files {
        let metadata = manifest.next_metadata(&[]);
        let mut writer =
            DataFileWriter::create(home, manifest.next_data_file, Parity::DEFAULT).unwrap();
        for id in (file..DOCUMENTS).step_by(files as usize) {
            writer
                .push(&Record {
                    collection: CollectionId::DEFAULT,
                    key: &id.to_be_bytes(),
                    transaction: TransactionId::new(1000 + id / 3),
                    kind: RecordKind::Document,
                    payload: b"{\"n\":12345}",
                })
                .unwrap();
        }
        let added = writer.finish(&metadata).unwrap();
        manifest = manifest.succeeded_by(added, &metadata).unwrap();
    }
    manifest
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a million documents");
    group
        .sample_size(20)
        .throughput(Throughput::Elements(DOCUMENTS));
    let directory = tempfile::tempdir().unwrap();
    let one = home(directory.path());
    let manifest = written(&one, 1);
    let number = manifest.data_files.first().unwrap().number;
    group.bench_function("open the file", |bencher| {
        bencher.iter(|| DataFile::open(&one, number).unwrap());
    });
    let file = DataFile::open(&one, number).unwrap();
    group.bench_function("decode the footer", |bencher| {
        bencher.iter(|| {
            file.entries::<u64>()
                .map(|entry| entry.unwrap().offset)
                .max()
        });
    });
    for files in [1, 8] {
        let directory = tempfile::tempdir().unwrap();
        let home = home(directory.path());
        let manifest = written(&home, files);
        group.bench_function(format!("open and index {files} files"), |bencher| {
            bencher.iter(|| {
                let (files, _) = FileSet::open(&home, &manifest).unwrap();
                Index::<u64>::load(&manifest, &files.view()).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
