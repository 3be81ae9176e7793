use docdb_types::{DatabaseName, Error, TransactionId};

/// A backup as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupSummary {
    /// What it is named by in its directory: counted up, 1 and up.
    pub number: u64,
    /// When it was taken, in milliseconds since 1970, by the clock of the machine.
    pub taken_unix_ms: u64,
    /// Its databases, in the order of their names.
    pub databases: Vec<BackedUp>,
}

/// One database of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackedUp {
    /// Its name.
    pub name: DatabaseName,
    /// The newest transaction in it; everything up to that is in it, and nothing else.
    pub last_transaction: TransactionId,
    /// Data files that it consists of.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes that were copied; the others were in the directory already. 0 where a backup is only
    /// listed.
    pub copied_bytes: u64,
}

/// A database that is not in a backup.
#[derive(Debug)]
#[non_exhaustive]
pub struct BackupFailure {
    /// Its name.
    pub name: DatabaseName,
    /// Why.
    pub error: Error,
}

/// What a backup did.
#[derive(Debug)]
#[non_exhaustive]
pub struct BackupReport {
    /// The backup.
    pub summary: BackupSummary,
    /// What is not in it, although it was to be. Nothing older is removed then.
    pub failures: Vec<BackupFailure>,
    /// Older backups that were removed.
    pub removed: Vec<u64>,
}

/// What a verification of a backup found.
#[derive(Debug)]
#[non_exhaustive]
pub struct CheckedBackup {
    /// The backup.
    pub summary: BackupSummary,
    /// Files that were read and compared.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What is damaged, each with its database.
    pub damage: Vec<BackupFailure>,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreReport {
    /// The backup.
    pub number: u64,
    /// When it was taken, in milliseconds since 1970.
    pub taken_unix_ms: u64,
    /// What was restored, in the order of the names.
    pub databases: Vec<Restored>,
}

/// One database that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// Its name.
    pub name: DatabaseName,
    /// Live documents that it has.
    pub documents: u64,
    /// The newest transaction that it has of the backup.
    pub last_transaction: TransactionId,
    /// Bytes that were copied.
    pub bytes: u64,
}
