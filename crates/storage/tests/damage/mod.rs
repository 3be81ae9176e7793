//! Data files to be damaged, and what may come out of them.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test uses its part; a failing call is a failing test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

use docdb_storage::{
    DataFile, DataFileRecord, DataFileWriter, FileSet, FooterEntry, HealedMerge, Index, Manifest,
    MendSource, Merge, MergeStep, Parity, Record, RecordIdentity, RecordKind, StorageError,
    StorageHome, Unread, record_bytes,
};
use docdb_types::CollectionId;
use docdb_vfs::SimVfs;

use crate::fixture::{C0, disk, home, number, tx};

pub(crate) const BLOCK: u64 = 4096;

/// What the log has of a record.
pub(crate) type Supplied = Result<Option<Vec<u8>>, Unread>;

/// What a damage does to a part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    Flip,
    Zero(u64),
}

pub(crate) const DAMAGES: [Damage; 4] = [
    Damage::Flip,
    Damage::Zero(512),
    Damage::Zero(4096),
    Damage::Zero(65536),
];

impl Damage {
    /// The bytes `whole` with the damage at `at`.
    pub(crate) fn range(self, at: u64, length: u64) -> Range<u64> {
        match self {
            Self::Flip => at..at + 1,
            Self::Zero(bytes) => at..(at + bytes).min(length),
        }
    }
}

/// One data file with parity, live in a manifest, and what stands in it.
pub(crate) struct Site {
    pub(crate) disk: SimVfs,
    pub(crate) home: StorageHome,
    pub(crate) manifest: Manifest,
    pub(crate) data: PathBuf,
    pub(crate) parity: PathBuf,
    /// The bytes as they were written.
    pub(crate) data_bytes: Vec<u8>,
    pub(crate) parity_bytes: Vec<u8>,
    pub(crate) entries: Vec<FooterEntry<u64>>,
}

pub(crate) fn payload(key: u64, version: u64, bytes: usize) -> Vec<u8> {
    let mut state = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ version;
    (0..bytes)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as u8 | 1
        })
        .collect()
}

pub(crate) fn write(
    home: &StorageHome,
    manifest: &Manifest,
    version: u64,
    documents: u64,
    bytes: usize,
    parity: Parity,
) -> DataFileRecord {
    let mut writer = DataFileWriter::create(home, manifest.next_data_file, parity).unwrap();
    for key in 0..documents {
        let is_deleted = key % 17 == 16;
        let payload = payload(key, version, bytes);
        let record = Record {
            collection: C0,
            key: &key.to_be_bytes(),
            transaction: tx(version + key),
            kind: if is_deleted {
                RecordKind::Tombstone
            } else {
                RecordKind::Document
            },
            payload: if is_deleted { &[] } else { &payload },
        };
        writer.push(&record).unwrap();
    }
    writer.finish(&manifest.next_metadata(&[])).unwrap()
}

/// The version of key 0.
pub(crate) const VERSION: u64 = 1000;

impl Site {
    pub(crate) fn new(documents: u64, bytes: usize, parity: Parity) -> Self {
        let disk = disk(11);
        let home = home(&disk);
        let manifest = Manifest::empty();
        let added = write(&home, &manifest, VERSION, documents, bytes, parity);
        let metadata = manifest.next_metadata(&[]);
        let manifest = manifest.succeeded_by(added, &metadata).unwrap();
        manifest.store(&home).unwrap();
        let data = home.data_file_path(added.number);
        let parity = home.parity_path(added.number);
        let file = DataFile::open(&home, added.number).unwrap();
        Self {
            data_bytes: disk.bytes(&data).unwrap(),
            parity_bytes: disk.bytes(&parity).unwrap_or_default(),
            entries: file.entries().collect::<Result<_, _>>().unwrap(),
            disk,
            home,
            manifest,
            data,
            parity,
        }
    }

    pub(crate) fn stripes(&self) -> u64 {
        (self.data_bytes.len() as u64).div_ceil(BLOCK).div_ceil(16)
    }

    /// Puts bytes into the data file, as a disk would.
    pub(crate) fn put(&self, offset: u64, bytes: &[u8]) {
        self.disk.corrupt(&self.data, offset, bytes).unwrap();
    }

    pub(crate) fn zero(&self, range: Range<u64>) {
        self.put(range.start, &vec![0; (range.end - range.start) as usize]);
    }

    pub(crate) fn zero_block(&self, block: u64) {
        let end = ((block + 1) * BLOCK).min(self.data_bytes.len() as u64);
        self.zero(block * BLOCK..end);
    }

    pub(crate) fn damage(&self, damage: Damage, at: u64) {
        let range = damage.range(at, self.data_bytes.len() as u64);
        match damage {
            Damage::Flip => self.disk.flip_bit(&self.data, at, (at % 8) as u32).unwrap(),
            Damage::Zero(_) => self.zero(range),
        }
    }

    /// Takes the damage of a part of the data file back.
    pub(crate) fn undo_at(&self, range: Range<u64>) {
        let whole = &self.data_bytes[range.start as usize..range.end as usize];
        self.put(range.start, whole);
    }

    /// Takes every damage back, in data file and parity.
    pub(crate) fn undo(&self) {
        self.put(0, &self.data_bytes);
        if !self.parity_bytes.is_empty() {
            self.disk
                .corrupt(&self.parity, 0, &self.parity_bytes)
                .unwrap();
        }
    }

    /// What the data file, whose bytes are `now`, would be if every stripe with at most two damaged
    /// blocks was whole.
    pub(crate) fn best_of(&self, now: &[u8]) -> Vec<u8> {
        let mut damaged = BTreeMap::<u64, Vec<usize>>::new();
        let blocks = now.chunks(BLOCK as usize);
        for (number, (now, whole)) in blocks
            .zip(self.data_bytes.chunks(BLOCK as usize))
            .enumerate()
        {
            if now != whole {
                let stripe = number as u64 % self.stripes();
                damaged.entry(stripe).or_default().push(number);
            }
        }
        let mut best = now.to_vec();
        for number in damaged
            .into_values()
            .filter(|blocks| blocks.len() <= 2)
            .flatten()
        {
            let start = number * BLOCK as usize;
            let end = (start + BLOCK as usize).min(best.len());
            best[start..end].copy_from_slice(&self.data_bytes[start..end]);
        }
        best
    }

    /// The keys of documents that are not to be had out of `best`.
    pub(crate) fn missing_in(&self, best: &[u8]) -> BTreeSet<u64> {
        let is_missing = |entry: &&FooterEntry<u64>| {
            let range = stored(entry);
            entry.kind == RecordKind::Document && best[range.clone()] != self.data_bytes[range]
        };
        let missing = self.entries.iter().filter(is_missing);
        missing.map(|entry| entry.key).collect()
    }

    /// The keys of documents that nobody can have any more.
    pub(crate) fn beyond(&self) -> BTreeSet<u64> {
        let now = self.disk.bytes(&self.data).unwrap();
        self.missing_in(&self.best_of(&now))
    }

    /// Reads the documents whose bytes are damaged now; returns the keys of those that are refused.
    pub(crate) fn refused_of_damaged(&self, file: &DataFile, bytes: usize) -> BTreeSet<u64> {
        let now = self.disk.bytes(&self.data).unwrap();
        let is_damaged =
            |entry: &FooterEntry<u64>| now[stored(entry)] != self.data_bytes[stored(entry)];
        self.refused_where(file, bytes, is_damaged)
    }

    /// Reads every document of `file`, with the help of parity; returns the keys of those that are
    /// refused. Whatever is served has to be what was written.
    pub(crate) fn refused(&self, file: &DataFile, bytes: usize) -> BTreeSet<u64> {
        self.refused_where(file, bytes, |_| true)
    }

    fn refused_where(
        &self,
        file: &DataFile,
        bytes: usize,
        is_meant: impl Fn(&FooterEntry<u64>) -> bool,
    ) -> BTreeSet<u64> {
        let mut refused = BTreeSet::new();
        let is_read =
            |entry: &&FooterEntry<u64>| entry.kind == RecordKind::Document && is_meant(entry);
        for entry in self.entries.iter().filter(is_read) {
            match read(file, entry) {
                Ok(found) => {
                    let expected = payload(entry.key, VERSION, bytes);
                    assert!(found == expected, "wrong bytes of document {}", entry.key);
                }
                Err(error) => {
                    assert!(error.is_corruption(), "{error}");
                    refused.insert(entry.key);
                }
            }
        }
        refused
    }

    /// Rewrites the data file, with what the log says.
    pub(crate) fn rewrite(
        &self,
        supply: &mut dyn FnMut(&FooterEntry<u64>) -> Supplied,
    ) -> Result<(HealedMerge<u64>, Manifest), StorageError> {
        let (files, _) = FileSet::open(&self.home, &self.manifest)?;
        let inputs = [number(1)];
        let metadata = self.manifest.next_metadata(&inputs);
        let merge = Merge {
            home: &self.home,
            live: &files.view(),
            inputs: &inputs,
            output: self.manifest.next_data_file,
            parity: Parity::DEFAULT,
            metadata: &metadata,
        };
        let healed = merge.run_healing::<u64>(
            &mut |_, _| MergeStep::Copy,
            &mut |_, entry| supply(entry),
            false,
        )?;
        let next = self.manifest.succeeded_by(healed.record, &metadata)?;
        Ok((healed, next))
    }
}

pub(crate) fn stored(entry: &FooterEntry<u64>) -> Range<usize> {
    let start = entry.offset as usize;
    start..start + record_bytes(8, entry.payload_bytes) as usize
}

/// As an engine reads: as it stands, then through parity.
pub(crate) fn read(file: &DataFile, entry: &FooterEntry<u64>) -> Result<Vec<u8>, StorageError> {
    let key = entry.key.to_be_bytes();
    let identity = RecordIdentity {
        collection: entry.collection,
        key: &key,
        transaction: entry.transaction,
    };
    file.read(entry.offset, entry.payload_bytes, &identity)
        .or_else(|_| {
            file.read_restored(entry.offset, entry.payload_bytes, &identity)
                .map(|restored| restored.payload)
        })
}

/// Reads a document of a database that was opened anew: `None` when it is not there.
pub(crate) fn read_indexed(
    home: &StorageHome,
    manifest: &Manifest,
    key: u64,
) -> Option<Result<Vec<u8>, StorageError>> {
    let (files, _) = FileSet::open(home, manifest).unwrap();
    let index = Index::<u64>::load(manifest, &files.view()).unwrap();
    read_by(&index, &files, key)
}

/// Reads a document where the index says that it is.
pub(crate) fn read_by(
    index: &Index<u64>,
    files: &FileSet,
    key: u64,
) -> Option<Result<Vec<u8>, StorageError>> {
    let entry = index.get(CollectionId::DEFAULT, &key)?;
    let docdb_storage::Location::Data { file, offset } = entry.location() else {
        panic!("only data files here")
    };
    let encoded = key.to_be_bytes();
    let identity = RecordIdentity {
        collection: CollectionId::DEFAULT,
        key: &encoded,
        transaction: entry.version(),
    };
    let file = files.get(file).unwrap();
    Some(file.read(offset, entry.length(), &identity))
}

pub(crate) fn keys_from(healed: &HealedMerge<u64>, source: MendSource) -> BTreeSet<u64> {
    let of_source = healed
        .mended
        .iter()
        .filter(|mended| mended.source == source);
    of_source.map(|mended| mended.entry.key).collect()
}
