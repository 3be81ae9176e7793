use docdb_types::TransactionId;

use crate::error::Corruption;
use crate::{Lsn, RecordRef};

/// A record that recovery or a scan hands over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered<'a> {
    /// Where it stands.
    pub lsn: Lsn,
    /// What it says.
    pub record: RecordRef<'a>,
    /// Bytes that it takes in the log; see [`stored_bytes`](crate::stored_bytes).
    pub stored_bytes: u32,
}

/// What opening a log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// In which state the log was.
    pub state: LogState,
    /// Damage to what a checkpoint has covered: passed over, because nothing there is needed.
    pub skipped: Vec<Damage>,
    /// The position behind the last batch that was handed over.
    pub end: Lsn,
    /// The highest transaction id that the log or the manifest knows of, in what could be read.
    pub last_transaction: TransactionId,
    /// Segments found.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Batches handed over.
    pub batches: u64,
    /// Records handed over.
    pub records: u64,
    /// Bytes of the batches handed over.
    pub replayed_bytes: u64,
}

/// In which state a log was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogState {
    /// There was none.
    Created,
    /// Every byte verified, up to the end.
    Clean,
    /// It ended in bytes that were never promised to be durable: an append that a crash cut short.
    /// They are gone.
    TornTail {
        /// The name of the file.
        file: String,
        /// Where it was cut.
        offset: u64,
        /// Bytes cut off.
        cut_bytes: u64,
    },
    /// Bytes that had been durable are lost, in the order of the log. What stands in front of them,
    /// between them and behind them was handed over.
    Corrupt(Vec<Damage>),
}

impl LogState {
    /// The transaction from which on none is lost: of what it and later ones wrote nothing is missing,
    /// and a version that is not below it is the newest there is. `None` where the log is lost to its
    /// end, and where batches do not follow each other: some of them are of another time then, and
    /// nobody can tell which.
    #[must_use]
    pub fn known_from(&self) -> Option<TransactionId> {
        let is_mixed = |damage: &Damage| {
            matches!(
                damage.what,
                Corruption::BatchSequence | Corruption::BrokenChain
            )
        };
        match self {
            Self::Corrupt(damages) if damages.iter().any(is_mixed) => None,
            Self::Corrupt(damages) => damages.last()?.before,
            Self::Created | Self::Clean | Self::TornTail { .. } => Some(TransactionId::ZERO),
        }
    }
}

/// A place of the log that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The name of the file that is damaged or missing.
    pub file: String,
    /// Where in the file the damage begins.
    pub offset: u64,
    /// How it shows.
    pub what: Corruption,
    /// The first position that is lost.
    pub from: Lsn,
    /// The first position behind it that is not; `None` when nothing behind it was found.
    pub to: Option<Lsn>,
    /// The last transaction known in front of it: lost ones have higher ids.
    pub after: TransactionId,
    /// The first transaction known behind it: lost ones have lower ids. `None` when there is none.
    pub before: Option<TransactionId>,
}
