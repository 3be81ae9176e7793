//! The file `<db>.healing`: what was healed last, and how far the scrub is.
//!
//! Written whole, like everything but the log; two copies, the second one at the first multiple of
//! 4096 behind the first. It is no source of anything: damaged in both copies, it begins anew.
//!
//! ```text
//!  0  magic "docdbHEA"
//!  8  format version, 1          u32
//! 12  bytes of the body          u32
//! 16  unique id of the database  16 bytes
//! 32  crc32 of 0..32 and the body u32
//! 36  body
//!     end of the last scrub, ms since 1970, 0: none          u64
//!     where the scrub is: stage u8, data file u32, place u64
//!     number of witnesses u32, then each
//! ```

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use docdb_storage::DataFileNumber;
use docdb_types::{DatabaseName, DatabaseUid};
use docdb_vfs::{Vfs, read_readable, write_whole};
use docdb_wal::Lsn;

use super::Witness;
use super::witness::take;

/// What the name of the file ends in, behind that of the database.
pub(crate) const JOURNAL_SUFFIX: &str = ".healing";
/// Witnesses that are kept.
pub(super) const MAX_WITNESSES: usize = 256;
const MAGIC: [u8; 8] = *b"docdbHEA";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 36;
const COPY_ALIGNMENT: usize = 4096;
/// Far above what the witnesses take.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The path of the file.
pub(crate) fn journal_path(directory: &Path, name: &DatabaseName) -> PathBuf {
    directory.join(format!("{name}{JOURNAL_SUFFIX}"))
}

/// Where a scrub goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the manifest: the beginning.
    Manifest,
    /// At a byte of a data file, or at the beginning of the next one where it is gone.
    Data(DataFileNumber, u64),
    /// At a position of the log.
    Log(Lsn),
}

/// What is remembered of healing from one opening to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Journal {
    /// When the last scrub ended, since 1970.
    pub(super) last_scan: Option<Duration>,
    /// Where the one that is on its way goes on.
    pub(super) place: Option<Place>,
    /// The newest last.
    pub(super) witnesses: VecDeque<Witness>,
}

impl Journal {
    pub(super) fn note(&mut self, witness: Witness) {
        if self.witnesses.len() >= MAX_WITNESSES {
            self.witnesses.pop_front();
        }
        self.witnesses.push_back(witness);
    }

    /// # Durability
    /// On success what the journal says survives a power cut.
    pub(super) fn store(&self, files: &dyn Vfs, path: &Path, uid: DatabaseUid) -> io::Result<()> {
        let copy = self.encode(uid);
        let second = copy.len().next_multiple_of(COPY_ALIGNMENT);
        let mut bytes = copy.clone();
        bytes.resize(second, 0);
        bytes.extend_from_slice(&copy);
        write_whole(files, path, &bytes)
    }

    /// What is there of this database; nothing where there is none, and where no copy verifies.
    pub(super) fn load(files: &dyn Vfs, path: &Path, uid: DatabaseUid) -> Self {
        let bytes = match read_readable(files, path, MAX_FILE_BYTES) {
            Ok((bytes, _)) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the journal of healing begins anew");
                return Self::default();
            }
        };
        let copies = (0..bytes.len()).step_by(COPY_ALIGNMENT);
        let found = copies
            .filter_map(|at| Self::decode(bytes.get(at..).unwrap_or_default(), uid))
            .next();
        found.unwrap_or_else(|| {
            tracing::warn!(path = %path.display(), "the journal of healing begins anew: damaged");
            Self::default()
        })
    }

    fn encode(&self, uid: DatabaseUid) -> Vec<u8> {
        let mut body = Vec::new();
        let last = self.last_scan.map_or(0, |at| at.as_millis() as u64);
        body.extend(last.to_le_bytes());
        let (stage, file, place) = match self.place {
            None => (0_u8, 0, 0),
            Some(Place::Manifest) => (1, 0, 0),
            Some(Place::Data(number, offset)) => (2, number.get(), offset),
            Some(Place::Log(lsn)) => (3, 0, lsn.get()),
        };
        body.push(stage);
        body.extend(file.to_le_bytes());
        body.extend(place.to_le_bytes());
        body.extend((self.witnesses.len() as u32).to_le_bytes());
        for witness in &self.witnesses {
            witness.encode(&mut body);
        }
        let mut out = Vec::with_capacity(HEADER_BYTES + body.len());
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend((body.len() as u32).to_le_bytes());
        out.extend(uid.to_bytes());
        let checksum = checksum(&out, &body);
        out.extend(checksum.to_le_bytes());
        out.extend(body);
        out
    }

    fn decode(bytes: &[u8], uid: DatabaseUid) -> Option<Self> {
        let (header, mut rest) = bytes.split_at_checked(HEADER_BYTES)?;
        let (sealed, _) = header.split_at_checked(HEADER_BYTES - size_of::<u32>())?;
        let mut fields = header;
        let magic: [u8; 8] = take(&mut fields)?;
        let version = u32::from_le_bytes(take(&mut fields)?);
        let body_bytes = u32::from_le_bytes(take(&mut fields)?) as usize;
        let found = DatabaseUid::from_bytes(take(&mut fields)?);
        let expected = u32::from_le_bytes(take(&mut fields)?);
        if magic != MAGIC || version != VERSION || found != uid {
            return None;
        }
        let body = rest.get(..body_bytes)?;
        if checksum(sealed, body) != expected {
            return None;
        }
        rest = body;
        let last = u64::from_le_bytes(take(&mut rest)?);
        let [stage] = take(&mut rest)?;
        let file = u32::from_le_bytes(take(&mut rest)?);
        let place = u64::from_le_bytes(take(&mut rest)?);
        let place = match stage {
            1 => Some(Place::Manifest),
            2 => Some(Place::Data(DataFileNumber::new(file)?, place)),
            3 => Some(Place::Log(Lsn::new(place))),
            _ => None,
        };
        let count = u32::from_le_bytes(take(&mut rest)?) as usize;
        let mut journal = Self {
            last_scan: (last > 0).then(|| Duration::from_millis(last)),
            place,
            witnesses: VecDeque::new(),
        };
        for _ in 0..count.min(MAX_WITNESSES) {
            journal.witnesses.push_back(Witness::decode(&mut rest)?);
        }
        Some(journal)
    }
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::healing::{HealSource, HealTrigger, Healed};
    use docdb_types::{CollectionId, DocumentId, TransactionId};
    use docdb_vfs::SimVfs;

    fn sample(witnesses: u64) -> Journal {
        let mut journal = Journal {
            last_scan: Some(Duration::from_millis(1_700_000_000_123)),
            place: Some(Place::Data(DataFileNumber::FIRST, 77)),
            witnesses: VecDeque::new(),
        };
        for number in 1..=witnesses {
            journal.note(Witness {
                at: Duration::from_millis(number),
                healed: Healed::Document {
                    collection: CollectionId::DEFAULT,
                    id: DocumentId::new(number).unwrap(),
                    version: TransactionId::new(number * 3),
                },
                file: format!("db.data.{number}"),
                offset: number << 33,
                source: HealSource::Parity,
                trigger: HealTrigger::Scrub,
            });
        }
        journal
    }

    #[test]
    fn what_is_stored_comes_back_and_the_oldest_witness_gives_way() {
        let disk = SimVfs::new(1);
        let path = Path::new("/db.healing");
        let uid = DatabaseUid::from(7);
        assert_eq!(Journal::load(&disk, path, uid), Journal::default());
        let journal = sample(MAX_WITNESSES as u64 + 10);
        assert_eq!(journal.witnesses.len(), MAX_WITNESSES);
        assert_eq!(
            journal.witnesses.front().unwrap().at,
            Duration::from_millis(11)
        );
        journal.store(&disk, path, uid).unwrap();
        assert_eq!(Journal::load(&disk, path, uid), journal);
        let other = DatabaseUid::from(8);
        assert_eq!(
            Journal::load(&disk, path, other),
            Journal::default(),
            "of another database"
        );
    }

    #[test]
    fn any_flipped_bit_leaves_the_other_copy() {
        let path = Path::new("/db.healing");
        let uid = DatabaseUid::from(7);
        let journal = sample(3);
        let disk = SimVfs::new(1);
        journal.store(&disk, path, uid).unwrap();
        let length = disk.bytes(path).unwrap().len() as u64;
        for bit in (0..length * 8).step_by(7) {
            disk.flip_bit(path, bit / 8, (bit % 8) as u32).unwrap();
            assert_eq!(Journal::load(&disk, path, uid), journal, "bit {bit}");
            disk.flip_bit(path, bit / 8, (bit % 8) as u32).unwrap();
        }
    }
}
