//! What was healed: one entry each.

use std::time::Duration;

use docdb_types::{CollectionId, DocumentId, TransactionId, Version};

use super::{HealSource, HealTrigger};

/// What was restored, or found lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Healed {
    /// A document.
    Document {
        /// The collection.
        collection: CollectionId,
        /// The document.
        id: DocumentId,
        /// The version that was damaged.
        version: Version,
    },
    /// The frame of a data file: everything of it that is no document.
    DataFile,
    /// The parity of a data file.
    Parity,
    /// The manifest.
    Manifest,
    /// A part of the log, which is passed over and never changed.
    Log,
    /// The catalog.
    Catalog,
}

/// That something was restored, or found lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// When, by the wall clock since 1970.
    pub at: Duration,
    /// What it was.
    pub healed: Healed,
    /// The file that was damaged.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// From where it was restored.
    pub source: HealSource,
    /// What made it be restored.
    pub trigger: HealTrigger,
}

/// Longest name of a file in a witness: those of databases are far shorter.
const MAX_FILE_BYTES: usize = 512;

impl Healed {
    /// The name used in answers and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Document { .. } => "document",
            Self::DataFile => "data_file",
            Self::Parity => "parity",
            Self::Manifest => "manifest",
            Self::Log => "log",
            Self::Catalog => "catalog",
        }
    }
}

impl Witness {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let file = self.file.as_bytes();
        let file = file.get(..file.len().min(MAX_FILE_BYTES)).unwrap_or(file);
        let (kind, collection, id, version) = match self.healed {
            Healed::Document {
                collection,
                id,
                version,
            } => (1_u8, collection.get(), id.get(), version.get()),
            Healed::DataFile => (2, 0, 0, 0),
            Healed::Parity => (3, 0, 0, 0),
            Healed::Manifest => (4, 0, 0, 0),
            Healed::Log => (5, 0, 0, 0),
            Healed::Catalog => (6, 0, 0, 0),
        };
        let at = u64::try_from(self.at.as_millis()).unwrap_or(u64::MAX);
        out.extend(at.to_le_bytes());
        out.extend([kind, self.source as u8, self.trigger as u8, 0]);
        out.extend(collection.to_le_bytes());
        out.extend(id.to_le_bytes());
        out.extend(version.to_le_bytes());
        out.extend(self.offset.to_le_bytes());
        out.extend((file.len() as u32).to_le_bytes());
        out.extend(file);
    }

    /// Takes one entry off the front of `bytes`.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let at = Duration::from_millis(u64::from_le_bytes(take(bytes)?));
        let [kind, source, trigger, _] = take(bytes)?;
        let collection = CollectionId::new(u32::from_le_bytes(take(bytes)?));
        let id = u64::from_le_bytes(take(bytes)?);
        let version = TransactionId::new(u64::from_le_bytes(take(bytes)?));
        let offset = u64::from_le_bytes(take(bytes)?);
        let file_bytes = u32::from_le_bytes(take(bytes)?) as usize;
        if file_bytes > MAX_FILE_BYTES {
            return None;
        }
        let (file, rest) = bytes.split_at_checked(file_bytes)?;
        *bytes = rest;
        let healed = match kind {
            1 => Healed::Document {
                collection,
                id: DocumentId::new(id)?,
                version,
            },
            2 => Healed::DataFile,
            3 => Healed::Parity,
            4 => Healed::Manifest,
            5 => Healed::Log,
            6 => Healed::Catalog,
            _ => return None,
        };
        Some(Self {
            at,
            healed,
            file: String::from_utf8_lossy(file).into_owned(),
            offset,
            source: HealSource::from_number(source)?,
            trigger: HealTrigger::from_number(trigger)?,
        })
    }
}

/// Takes `N` bytes off the front.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
