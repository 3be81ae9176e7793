//! Storage alone: a write-once store of sorted lines, without a log, a server or a thread.
//!
//! `cargo run -p docdb-storage --example bulk_store` writes a thousand lines, opens them again,
//! reads one, verifies them all, and compacts what it replaced.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;

use docdb_storage::{
    CompactionCandidate, CompactionPolicy, DataFileWriter, FileSet, Index, Location, Manifest,
    Merge, MergeStep, Parity, Record, RecordIdentity, RecordKind, StorageError, StorageHome,
};
use docdb_types::{CollectionId, DatabaseName, DatabaseUid, DocumentId, TransactionId};
use docdb_vfs::Host;

const LINES: CollectionId = CollectionId::DEFAULT;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let home = StorageHome {
        host: Host::real(),
        directory: directory.path().to_owned(),
        name: DatabaseName::new("lines")?,
        uid: DatabaseUid::from(1),
    };
    let manifest = add(&home, &Manifest::empty(), 1, 1..=1000)?;
    let manifest = add(&home, &manifest, 2, 400..=900)?;

    let (files, _) = FileSet::open(&home, &manifest)?;
    let index = Index::<DocumentId>::load(&manifest, &files.view())?;
    println!(
        "{} files, {} bytes of index",
        manifest.data_files.len(),
        index.view().bytes()
    );
    println!("line 500: {}", read(&files, &index, 500)?);

    let candidates: Vec<_> = files
        .view()
        .iter()
        .map(|file| CompactionCandidate::new(file, index.view().file_use(file.number())))
        .collect();
    let policy = CompactionPolicy::default().thorough();
    let inputs = policy.plan(&candidates).unwrap_or_default();
    let metadata = manifest.next_metadata(&inputs);
    let live = files.view();
    let output = manifest.next_data_file;
    let merge = Merge {
        home: &home,
        live: &live,
        inputs: &inputs,
        output,
        parity: Parity::DEFAULT,
        metadata: &metadata,
    };
    let merged = merge.run(&mut |file, entry| MergeStep::of(index.needs(file, entry)))?;
    manifest.succeeded_by(merged, &metadata)?.store(&home)?;
    let file = files.add(&merged)?;
    index.adopt(&file)?;
    files.retire(&inputs);
    let _is_any_left = files.remove_retired(&mut |_| None);

    let damaged = file.verify_all::<DocumentId>()?.damaged.len();
    println!(
        "merged into {} documents, {damaged} of them damaged",
        file.content().documents
    );
    println!("line 500: {}", read(&files, &index, 500)?);
    Ok(())
}

/// Adds a data file with a line for each of the ids.
fn add(
    home: &StorageHome,
    manifest: &Manifest,
    version: u64,
    ids: impl Iterator<Item = u64>,
) -> Result<Manifest, StorageError> {
    let metadata = manifest.next_metadata(&[]);
    let mut writer = DataFileWriter::create(home, manifest.next_data_file, Parity::DEFAULT)?;
    for id in ids.filter_map(DocumentId::new) {
        writer.push(&Record {
            collection: LINES,
            key: &id.to_key(),
            transaction: TransactionId::new(version),
            kind: RecordKind::Document,
            payload: format!("\"line {id} of version {version}\"").as_bytes(),
        })?;
    }
    let added = writer.finish(&metadata)?;
    let next = manifest.succeeded_by(added, &metadata)?;
    next.store(home)?;
    Ok(next)
}

fn read(files: &FileSet, index: &Index, id: u64) -> Result<String, Box<dyn Error>> {
    let id = DocumentId::new(id).ok_or("ids begin at 1")?;
    let entry = index.get(LINES, &id).ok_or("there is no such line")?;
    let Location::Data { file, offset } = entry.location() else {
        return Err("nothing is in a log here".into());
    };
    let file = files.get(file).ok_or("the file is not open")?;
    let key = id.to_key();
    let identity = RecordIdentity {
        collection: LINES,
        key: &key,
        transaction: entry.version(),
    };
    Ok(String::from_utf8(file.read(
        offset,
        entry.length(),
        &identity,
    )?)?)
}
