//! What can be chosen about an engine, and what one database is told of it.

use std::path::PathBuf;
use std::time::Duration;

use docdb_storage::CompactionPolicy;
use docdb_types::{Code, Error, FsyncMode, Limits};

use crate::healing::HealingOptions;
use crate::transaction::TransactionLimits;

const MIB: u64 = 1024 * 1024;

/// Everything that can be chosen about an [`Engine`](crate::Engine).
///
/// The default values are those of the server: a working engine in `./data`.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineOptions {
    /// Where the catalog, manifests and data files are kept. Created when missing.
    pub data_directory: PathBuf,
    /// Where the logs are kept. Created when missing; may be the data directory itself.
    pub wal_directory: PathBuf,
    /// When a write is acknowledged.
    pub fsync: FsyncMode,
    /// In [`FsyncMode::Interval`]: how long an acknowledged write may stay unsynced. Above zero, at
    /// most [`EngineOptions::MAX_FSYNC_INTERVAL`].
    pub fsync_interval: Duration,
    /// Most transactions in one batch of the log, 1 and up.
    pub max_batch_size: usize,
    /// Length at which a log segment is full, in bytes; at least
    /// [`EngineOptions::MIN_SEGMENT_BYTES`]. One batch larger than this gets a segment of its own.
    pub segment_bytes: u64,
    /// Log segments that are kept although a checkpoint covers them.
    pub keep_segments: u32,
    /// Bytes by which the active segment is extended ahead of its end; 0 turns it off. At most
    /// [`segment_bytes`](Self::segment_bytes). A sync of bytes that were extended over has no new length
    /// to record: 256 KiB, the server's default, makes a lone writer on ext4 a third faster.
    pub preallocate_bytes: u64,
    /// Log bytes after which a database asks for a checkpoint, 1 and up.
    pub checkpoint_bytes: u64,
    /// Whether such checkpoints run by themselves. A clean close makes one either way.
    pub automatic_checkpoints: bool,
    /// Whether a checkpoint removes the log segments it covers.
    pub trim_after_checkpoint: bool,
    /// Dead share of a data file past which it is rewritten, above 0 and at most 1.
    pub compaction_dead_ratio: f64,
    /// Bytes of all data files of a database below which their dead share does not matter.
    pub compaction_threshold_bytes: u64,
    /// Whether data files are compacted by themselves.
    pub automatic_compaction: bool,
    /// Space that is kept back in the data directory (and in that of the logs, where it lies
    /// elsewhere) for what frees space on a full disk, in bytes; 0: none. Of a small disk it is a
    /// tenth of what is available. Once it is used, only deletions, checkpoints and compactions are
    /// written until twice as much is available.
    ///
    /// 64 MiB in the server; none here, because it takes space that a program may not expect.
    pub reserve_bytes: u64,
    /// Cap on the memory of all open databases together, in bytes; at least
    /// [`database_memory_bytes`](Self::database_memory_bytes).
    pub global_memory_bytes: u64,
    /// Cap on the memory of one database, in bytes, 1 and up.
    pub database_memory_bytes: u64,
    /// Memory that documents which were read lately take at most, in bytes; 0: none are kept. They count
    /// against the two caps and give way before anything is refused; of one database they take no more
    /// than is left of fifteen sixteenths of its cap. Texts of more than 64 KiB are not kept.
    ///
    /// A quarter of the cap in the server; none here, because the machine keeps the pages of the files
    /// as well.
    pub document_cache_bytes: u64,
    /// Open databases beyond which the least recently used one without users is closed, 1 and up.
    pub max_open_databases: usize,
    /// Files of open databases beyond which the least recently used database without users is closed,
    /// 1 and up. Looked at when a database is opened and when one has made a checkpoint; a file that is
    /// being written or removed is not counted.
    pub max_open_files: u64,
    /// How long a database without users stays open after its last use; zero: for ever.
    pub idle_timeout: Duration,
    /// Bounds on documents and requests.
    pub limits: Limits,
    /// Bounds on snapshots and transactions.
    pub transactions: TransactionLimits,
    /// How damage is found and restored.
    pub healing: HealingOptions,
    /// Who does what is due beside requests.
    pub housekeeping: Housekeeping,
}

/// Who does what is due beside requests: syncs in interval mode, checkpoints, closing idle
/// databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Housekeeping {
    /// Threads of the engine, which sleep while nothing is due.
    #[default]
    Background,
    /// Nobody, until [`Engine::tick`](crate::Engine::tick) is called: for simulations, where the
    /// clock moves by hand and everything must happen in one order.
    Manual,
}

/// What one database needs to know of the [`EngineOptions`].
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseOptions {
    /// Where its manifest and data files are.
    pub data_directory: PathBuf,
    /// Where its log is.
    pub wal_directory: PathBuf,
    /// When a write is acknowledged.
    pub fsync: FsyncMode,
    /// How long an acknowledged write may stay unsynced in [`FsyncMode::Interval`].
    pub fsync_interval: Duration,
    /// Most transactions in one batch.
    pub max_batch_size: usize,
    /// Length at which a log segment is full, in bytes.
    pub segment_bytes: u64,
    /// Log segments that are kept although a checkpoint covers them.
    pub keep_segments: u32,
    /// Bytes by which the active segment is extended ahead of its end; 0: off.
    pub preallocate_bytes: u64,
    /// Log bytes after which it asks for a checkpoint; `None`: it never asks.
    pub checkpoint_bytes: Option<u64>,
    /// Whether a checkpoint removes the log segments it covers.
    pub trim_after_checkpoint: bool,
    /// When its data files are worth compacting.
    pub compaction: CompactionPolicy,
    /// Whether they are compacted by themselves.
    pub automatic_compaction: bool,
    /// Whether it is opened for writing although its log has lost committed transactions: the
    /// decision of a person, for one opening.
    pub(crate) accept_loss: bool,
    /// Cap on its memory, in bytes.
    pub memory_bytes: u64,
    /// Bounds on documents and requests.
    pub limits: Limits,
    /// Bounds on snapshots and transactions.
    pub transactions: TransactionLimits,
    /// How damage is found and restored.
    pub healing: HealingOptions,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self::in_directory("./data")
    }
}

impl EngineOptions {
    /// The shortest log segment: room for the header and some records.
    pub const MIN_SEGMENT_BYTES: u64 = 4096;
    /// The longest time that an acknowledged write may stay unsynced.
    pub const MAX_FSYNC_INTERVAL: Duration = Duration::from_secs(60);

    /// The default values, with the data in `directory` and the logs in its folder `wal`.
    #[must_use]
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        let data_directory = directory.into();
        Self {
            wal_directory: data_directory.join("wal"),
            data_directory,
            fsync: FsyncMode::Group,
            fsync_interval: Duration::from_millis(1),
            max_batch_size: 100,
            segment_bytes: 64 * MIB,
            keep_segments: 2,
            preallocate_bytes: 0,
            checkpoint_bytes: 64 * MIB,
            automatic_checkpoints: true,
            trim_after_checkpoint: true,
            compaction_dead_ratio: 0.3,
            compaction_threshold_bytes: 100 * MIB,
            automatic_compaction: true,
            reserve_bytes: 0,
            global_memory_bytes: 1024 * MIB,
            database_memory_bytes: 256 * MIB,
            document_cache_bytes: 0,
            max_open_databases: 100,
            max_open_files: u64::MAX,
            idle_timeout: Duration::from_secs(5 * 60),
            limits: Limits::DEFAULT,
            transactions: TransactionLimits::DEFAULT,
            healing: HealingOptions::DEFAULT,
            housekeeping: Housekeeping::Background,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of its range, with what was found and what is allowed.
    pub fn validate(&self) -> Result<(), InvalidOption> {
        let directory = |field, path: &PathBuf| {
            rule(
                field,
                !path.as_os_str().is_empty(),
                &"empty",
                "the path of a directory",
            )
        };
        directory("data_directory", &self.data_directory)?;
        directory("wal_directory", &self.wal_directory)?;
        rule(
            "fsync_interval",
            !self.fsync_interval.is_zero() && self.fsync_interval <= Self::MAX_FSYNC_INTERVAL,
            &format_args!("{:?}", self.fsync_interval),
            "above 0, at most 60 s",
        )?;
        rule(
            "max_batch_size",
            self.max_batch_size > 0,
            &self.max_batch_size,
            "1 and up",
        )?;
        rule(
            "segment_bytes",
            self.segment_bytes >= Self::MIN_SEGMENT_BYTES,
            &self.segment_bytes,
            "4096 and up",
        )?;
        rule(
            "preallocate_bytes",
            self.preallocate_bytes <= self.segment_bytes,
            &self.preallocate_bytes,
            "at most segment_bytes",
        )?;
        rule(
            "checkpoint_bytes",
            self.checkpoint_bytes > 0,
            &self.checkpoint_bytes,
            "1 and up",
        )?;
        rule(
            "compaction_dead_ratio",
            self.compaction_dead_ratio > 0.0 && self.compaction_dead_ratio <= 1.0,
            &self.compaction_dead_ratio,
            "above 0, at most 1",
        )?;
        rule(
            "database_memory_bytes",
            self.database_memory_bytes > 0,
            &self.database_memory_bytes,
            "1 and up",
        )?;
        rule(
            "global_memory_bytes",
            self.global_memory_bytes >= self.database_memory_bytes,
            &self.global_memory_bytes,
            "at least database_memory_bytes",
        )?;
        rule(
            "document_cache_bytes",
            self.document_cache_bytes <= self.global_memory_bytes,
            &self.document_cache_bytes,
            "at most global_memory_bytes",
        )?;
        rule(
            "max_open_databases",
            self.max_open_databases > 0,
            &self.max_open_databases,
            "1 and up",
        )?;
        rule(
            "max_open_files",
            self.max_open_files > 0,
            &self.max_open_files,
            "1 and up",
        )?;
        self.validate_limits()
    }

    fn validate_limits(&self) -> Result<(), InvalidOption> {
        let limits = &self.limits;
        rule(
            "limits.document_bytes",
            (1..=Limits::MAX_DOCUMENT_BYTES).contains(&limits.document_bytes),
            &limits.document_bytes,
            "1 to 16777216",
        )?;
        rule(
            "limits.document_depth",
            limits.document_depth > 0,
            &limits.document_depth,
            "1 and up",
        )?;
        rule(
            "limits.request_operations",
            limits.request_operations > 0,
            &limits.request_operations,
            "1 and up",
        )?;
        rule(
            "limits.request_bytes",
            limits.request_bytes >= limits.document_bytes,
            &limits.request_bytes,
            "at least limits.document_bytes",
        )?;
        self.validate_transactions()
    }

    fn validate_transactions(&self) -> Result<(), InvalidOption> {
        let limits = &self.transactions;
        rule(
            "transactions.max_age",
            !limits.max_age.is_zero(),
            &format_args!("{:?}", limits.max_age),
            "above 0",
        )?;
        rule(
            "transactions.operations",
            limits.operations > 0,
            &limits.operations,
            "1 and up",
        )?;
        rule(
            "transactions.bytes",
            (1..=TransactionLimits::MAX_BYTES).contains(&limits.bytes),
            &limits.bytes,
            "1 to 67108864",
        )?;
        rule(
            "transactions.open",
            limits.open > 0,
            &limits.open,
            "1 and up",
        )?;
        self.validate_healing()
    }

    fn validate_healing(&self) -> Result<(), InvalidOption> {
        rule(
            "healing.max_batch_size",
            self.healing.max_batch_size > 0,
            &self.healing.max_batch_size,
            "1 and up",
        )?;
        rule(
            "healing.parity_percent",
            self.healing.parity_percent <= 100,
            &self.healing.parity_percent,
            "0 to 100",
        )
    }

    /// What one database is told.
    #[must_use]
    pub fn database(&self) -> DatabaseOptions {
        DatabaseOptions {
            data_directory: self.data_directory.clone(),
            wal_directory: self.wal_directory.clone(),
            fsync: self.fsync,
            fsync_interval: self.fsync_interval,
            max_batch_size: self.max_batch_size,
            segment_bytes: self.segment_bytes,
            keep_segments: self.keep_segments,
            preallocate_bytes: self.preallocate_bytes,
            checkpoint_bytes: self.automatic_checkpoints.then_some(self.checkpoint_bytes),
            trim_after_checkpoint: self.trim_after_checkpoint,
            compaction: CompactionPolicy {
                dead_ratio: self.compaction_dead_ratio,
                threshold_bytes: self.compaction_threshold_bytes,
                ..CompactionPolicy::default()
            },
            automatic_compaction: self.automatic_compaction,
            accept_loss: false,
            memory_bytes: self.database_memory_bytes,
            limits: self.limits,
            transactions: self.transactions,
            healing: self.healing,
        }
    }
}

/// A field of the [`EngineOptions`] that is out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("option {field} is {found}, allowed: {allowed}")]
#[non_exhaustive]
pub struct InvalidOption {
    /// The name of the field.
    pub field: &'static str,
    /// Its value.
    pub found: String,
    /// The values it may have.
    pub allowed: &'static str,
}

impl From<InvalidOption> for Error {
    fn from(invalid: InvalidOption) -> Self {
        Self::new(Code::UnknownOperation, invalid.to_string())
    }
}

fn rule(
    field: &'static str,
    holds: bool,
    found: &dyn std::fmt::Display,
    allowed: &'static str,
) -> Result<(), InvalidOption> {
    if holds {
        return Ok(());
    }
    Err(InvalidOption {
        field,
        found: found.to_string(),
        allowed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_values_are_valid_and_those_of_the_server() {
        let options = EngineOptions::default();
        options.validate().unwrap();
        assert_eq!(options.data_directory, PathBuf::from("./data"));
        assert_eq!(options.wal_directory, PathBuf::from("./data/wal"));
        assert_eq!(options.fsync, FsyncMode::Group);
        assert_eq!(options.max_batch_size, 100);
        assert_eq!(options.segment_bytes, 64 << 20);
        assert_eq!(options.global_memory_bytes, 1 << 30);
    }

    #[test]
    fn each_wrong_field_is_named() {
        type Break = fn(&mut EngineOptions);
        let cases: [(&str, Break); 24] = [
            ("data_directory", |o| o.data_directory = PathBuf::new()),
            ("wal_directory", |o| o.wal_directory = PathBuf::new()),
            ("fsync_interval", |o| o.fsync_interval = Duration::ZERO),
            ("fsync_interval", |o| {
                o.fsync_interval = Duration::from_secs(61);
            }),
            ("max_batch_size", |o| o.max_batch_size = 0),
            ("segment_bytes", |o| o.segment_bytes = 4095),
            ("preallocate_bytes", |o| {
                o.preallocate_bytes = o.segment_bytes + 1;
            }),
            ("checkpoint_bytes", |o| o.checkpoint_bytes = 0),
            ("compaction_dead_ratio", |o| o.compaction_dead_ratio = 0.0),
            ("compaction_dead_ratio", |o| {
                o.compaction_dead_ratio = f64::NAN;
            }),
            ("global_memory_bytes", |o| o.global_memory_bytes = 1),
            ("database_memory_bytes", |o| o.database_memory_bytes = 0),
            ("document_cache_bytes", |o| {
                o.document_cache_bytes = o.global_memory_bytes + 1;
            }),
            ("max_open_databases", |o| o.max_open_databases = 0),
            ("max_open_files", |o| o.max_open_files = 0),
            ("limits.document_bytes", |o| {
                o.limits.document_bytes = (16 << 20) + 1;
            }),
            ("limits.document_depth", |o| o.limits.document_depth = 0),
            ("limits.request_bytes", |o| o.limits.request_bytes = 1),
            ("transactions.max_age", |o| {
                o.transactions.max_age = Duration::ZERO;
            }),
            ("transactions.operations", |o| o.transactions.operations = 0),
            ("transactions.bytes", |o| {
                o.transactions.bytes = (64 << 20) + 1;
            }),
            ("transactions.open", |o| o.transactions.open = 0),
            ("healing.max_batch_size", |o| o.healing.max_batch_size = 0),
            ("healing.parity_percent", |o| o.healing.parity_percent = 101),
        ];
        for (field, break_it) in cases {
            let mut options = EngineOptions::default();
            break_it(&mut options);
            let invalid = options.validate().unwrap_err();
            assert_eq!(invalid.field, field);
            assert!(invalid.to_string().contains(field), "{invalid}");
        }
    }

    #[test]
    fn a_database_never_asks_for_checkpoints_that_are_turned_off() {
        let mut options = EngineOptions::default();
        assert_eq!(options.database().checkpoint_bytes, Some(64 << 20));
        options.automatic_checkpoints = false;
        assert_eq!(options.database().checkpoint_bytes, None);
    }
}
