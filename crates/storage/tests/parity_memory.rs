//! Memory that parity takes: of computing it, of scrubbing and of rewriting, whatever the file is
//! long.

use docdb_storage::{
    DataFile, DataFileWriter, FileSet, Manifest, Merge, MergeStep, Parity, Record, RecordKind,
    StorageHome,
};
use docdb_types::{CollectionId, DatabaseName, DatabaseUid, TransactionId};
use docdb_vfs::Host;

const DOCUMENTS: u64 = 96;
const DOCUMENT_BYTES: usize = 1 << 20;
/// The tables of the code take 8 MiB, buffers a few.
const LIMIT_BYTES: u64 = 32 << 20;

/// The most memory that the process has had, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

// One test, so that nothing else allocates meanwhile.
#[test]
fn parity_of_96_mib_takes_less_than_32_mib_of_memory() {
    let directory = tempfile::tempdir().unwrap();
    let home = StorageHome {
        host: Host::real(),
        directory: directory.path().to_owned(),
        name: DatabaseName::new("db").unwrap(),
        uid: DatabaseUid::from(7),
    };
    let manifest = Manifest::empty();
    let payload = vec![b'1'; DOCUMENT_BYTES];
    let before = peak_bytes();
    let mut writer =
        DataFileWriter::create(&home, manifest.next_data_file, Parity::DEFAULT).unwrap();
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
    let metadata = manifest.next_metadata(&[]);
    let added = writer.finish(&metadata).unwrap();
    let manifest = manifest.succeeded_by(added, &metadata).unwrap();
    let file = DataFile::open(&home, added.number).unwrap();
    assert!(file.scrub::<u64>(0, &mut |_| true).unwrap().is_clean());
    file.encode_parity::<u64>(Parity::DEFAULT, &mut |_| true)
        .unwrap();
    let (files, _) = FileSet::open(&home, &manifest).unwrap();
    let inputs = [added.number];
    let merge = Merge {
        home: &home,
        live: &files.view(),
        inputs: &inputs,
        output: manifest.next_data_file,
        parity: Parity::DEFAULT,
        metadata: &manifest.next_metadata(&inputs),
    };
    let healed = merge.run_healing::<u64>(&mut |_, _| MergeStep::Copy, &mut |_, _| Ok(None), false);
    assert!(healed.unwrap().mended.is_empty());
    if let (Some(before), Some(after)) = (before, peak_bytes()) {
        let taken = after - before;
        println!("{} KiB", taken / 1024);
        assert!(taken < LIMIT_BYTES, "{taken} bytes");
    }
}
