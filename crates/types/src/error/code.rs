use std::fmt;

/// What kind of trouble an error is, and so who can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Passes by itself: the same request may succeed later.
    Transient,
    /// The same request will fail again until something else changes.
    Permanent,
    /// A person must look.
    Critical,
    /// The request itself is wrong.
    Validation,
    /// The connection is gone or broken.
    Network,
}

impl Category {
    /// The name used in statistics, metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Critical => "critical",
            Self::Validation => "validation",
            Self::Network => "network",
        }
    }
}

/// What became of an operation that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing of it happened, and nothing of it will.
    NotApplied,
    /// It happened; only its answer is an error.
    Applied,
    /// It may have happened. Only a read, or repeating it under its idempotency key, can tell.
    Unknown,
}

/// The status of an answer on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It succeeded.
    Ok,
    /// It failed in a way that has no status of its own.
    Error,
    /// What it names does not exist.
    NotFound,
    /// Something else is in the way: an existing name or id, another version.
    Conflict,
    /// A memory cap would be passed.
    MemoryLimit,
    /// A queue is full.
    QueueFull,
    /// The connection has not authenticated.
    Unauthenticated,
    /// The identity may not do this.
    Forbidden,
}

/// The stable name of an error. Names and meanings are frozen: codes are only ever added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The text is not one valid JSON value.
    InvalidJson,
    /// A live document has this id.
    DocExists,
    /// No live document has this id.
    DocNotFound,
    /// The document has another version than expected.
    VersionMismatch,
    /// Another transaction committed what this one depends on.
    TxnConflict,
    /// The transaction or snapshot passed its time limit.
    TxnExpired,
    /// The database is not open on this connection.
    DbNotOpen,
    /// No database has this name.
    DbNotFound,
    /// A database has this name.
    DbExists,
    /// The database is being opened, closed or dropped.
    DbNotActive,
    /// The database takes no writes until it is reopened or repaired.
    DbReadOnly,
    /// The name breaks the rules for names.
    InvalidName,
    /// A collection has this name.
    CollectionExists,
    /// No collection has this name.
    CollectionNotFound,
    /// The collection still has documents.
    CollectionNotEmpty,
    /// The path does not lead to a place that the step can use.
    InvalidPath,
    /// The document is neither an object nor an array.
    NotJsonObject,
    /// The patch is malformed.
    InvalidPatch,
    /// The request would pass a memory cap.
    MemoryLimit,
    /// The payload is larger than allowed.
    PayloadTooLarge,
    /// The frame is larger than allowed.
    FrameTooLarge,
    /// The request has more operations than allowed.
    TooManyOps,
    /// The queue of the database is full.
    QueueFull,
    /// The server is stopping.
    PoolStopped,
    /// A stored record is damaged.
    CorruptRecord,
    /// A checksum does not match.
    CrcMismatch,
    /// The log is damaged where it had been durable.
    CorruptLog,
    /// A file could not be opened.
    FileOpen,
    /// A file could not be read.
    FileRead,
    /// A file could not be written.
    FileWrite,
    /// A file could not be synced.
    FileSync,
    /// No space is left on the device.
    DiskFull,
    /// The operation or command is unknown.
    UnknownOperation,
    /// The request id is missing or in use.
    InvalidRequestId,
    /// The connection has not authenticated.
    Unauthenticated,
    /// The identity may not do this.
    Forbidden,
    /// The operation did not finish in time.
    Timeout,
    /// An invariant of the server does not hold.
    Internal,
    /// The connection failed.
    Network,
    /// As many transactions are open as are allowed.
    TooManyTxns,
    /// The database would take more of the disk than its quota.
    DiskQuota,
    /// The database would have more documents than its quota.
    DocumentQuota,
    /// The database had as many operations in the last second as its quota.
    RateQuota,
    /// The database has as many requests under way as its quota.
    RequestQuota,
}

/// One row of the table: everything that is fixed about a code.
struct Row {
    code: Code,
    name: &'static str,
    category: Category,
    status: Status,
    meaning: &'static str,
}

const fn row(
    code: Code,
    name: &'static str,
    category: Category,
    status: Status,
    meaning: &'static str,
) -> Row {
    Row {
        code,
        name,
        category,
        status,
        meaning,
    }
}

/// The error table, in the order of [`Code`].
#[rustfmt::skip]
const TABLE: &[Row] = &[
    row(Code::InvalidJson, "InvalidJson", Category::Validation, Status::Error, "the text is not one valid JSON value"),
    row(Code::DocExists, "DocExists", Category::Permanent, Status::Conflict, "a live document has this id"),
    row(Code::DocNotFound, "DocNotFound", Category::Permanent, Status::NotFound, "no live document has this id"),
    row(Code::VersionMismatch, "VersionMismatch", Category::Permanent, Status::Conflict, "the document has another version than expected"),
    row(Code::TxnConflict, "TxnConflict", Category::Transient, Status::Conflict, "another transaction committed what this one depends on"),
    row(Code::TxnExpired, "TxnExpired", Category::Transient, Status::Error, "the transaction or snapshot passed its time limit"),
    row(Code::DbNotOpen, "DbNotOpen", Category::Permanent, Status::NotFound, "the database is not open on this connection"),
    row(Code::DbNotFound, "DbNotFound", Category::Permanent, Status::NotFound, "no database has this name"),
    row(Code::DbExists, "DbExists", Category::Permanent, Status::Conflict, "a database has this name"),
    row(Code::DbNotActive, "DbNotActive", Category::Transient, Status::Error, "the database is being opened, closed or dropped"),
    row(Code::DbReadOnly, "DbReadOnly", Category::Permanent, Status::Error, "the database takes no writes until it is reopened or repaired"),
    row(Code::InvalidName, "InvalidName", Category::Validation, Status::Error, "the name breaks the rules for names"),
    row(Code::CollectionExists, "CollectionExists", Category::Permanent, Status::Conflict, "a collection has this name"),
    row(Code::CollectionNotFound, "CollectionNotFound", Category::Permanent, Status::NotFound, "no collection has this name"),
    row(Code::CollectionNotEmpty, "CollectionNotEmpty", Category::Permanent, Status::Conflict, "the collection still has documents"),
    row(Code::InvalidPath, "InvalidPath", Category::Validation, Status::Error, "the path does not lead to a place that the step can use"),
    row(Code::NotJsonObject, "NotJsonObject", Category::Validation, Status::Error, "the document is neither an object nor an array"),
    row(Code::InvalidPatch, "InvalidPatch", Category::Validation, Status::Error, "the patch is malformed"),
    row(Code::MemoryLimit, "MemoryLimit", Category::Permanent, Status::MemoryLimit, "the request would pass a memory cap"),
    row(Code::PayloadTooLarge, "PayloadTooLarge", Category::Permanent, Status::Error, "the payload is larger than allowed"),
    row(Code::FrameTooLarge, "FrameTooLarge", Category::Permanent, Status::Error, "the frame is larger than allowed"),
    row(Code::TooManyOps, "TooManyOps", Category::Permanent, Status::Error, "the request has more operations than allowed"),
    row(Code::QueueFull, "QueueFull", Category::Transient, Status::QueueFull, "the queue of the database is full"),
    row(Code::PoolStopped, "PoolStopped", Category::Transient, Status::Error, "the server is stopping"),
    row(Code::CorruptRecord, "CorruptRecord", Category::Critical, Status::Error, "a stored record is damaged"),
    row(Code::CrcMismatch, "CrcMismatch", Category::Validation, Status::Error, "a checksum does not match"),
    row(Code::CorruptLog, "CorruptLog", Category::Critical, Status::Error, "the log is damaged where it had been durable"),
    row(Code::FileOpen, "FileOpen", Category::Critical, Status::Error, "a file could not be opened"),
    row(Code::FileRead, "FileRead", Category::Critical, Status::Error, "a file could not be read"),
    row(Code::FileWrite, "FileWrite", Category::Critical, Status::Error, "a file could not be written"),
    row(Code::FileSync, "FileSync", Category::Critical, Status::Error, "a file could not be synced"),
    row(Code::DiskFull, "DiskFull", Category::Critical, Status::Error, "no space is left on the device"),
    row(Code::UnknownOperation, "UnknownOperation", Category::Validation, Status::Error, "the operation or command is unknown"),
    row(Code::InvalidRequestId, "InvalidRequestId", Category::Validation, Status::Error, "the request id is missing or in use"),
    row(Code::Unauthenticated, "Unauthenticated", Category::Permanent, Status::Unauthenticated, "the connection has not authenticated"),
    row(Code::Forbidden, "Forbidden", Category::Permanent, Status::Forbidden, "the identity may not do this"),
    row(Code::Timeout, "Timeout", Category::Transient, Status::Error, "the operation did not finish in time"),
    row(Code::Internal, "Internal", Category::Critical, Status::Error, "an invariant of the server does not hold"),
    row(Code::Network, "Network", Category::Network, Status::Error, "the connection failed"),
    row(Code::TooManyTxns, "TooManyTxns", Category::Transient, Status::Error, "as many transactions are open as are allowed"),
    row(Code::DiskQuota, "DiskQuota", Category::Permanent, Status::Error, "the database would take more of the disk than its quota"),
    row(Code::DocumentQuota, "DocumentQuota", Category::Permanent, Status::Error, "the database would have more documents than its quota"),
    row(Code::RateQuota, "RateQuota", Category::Transient, Status::QueueFull, "the database had as many operations in the last second as its quota"),
    row(Code::RequestQuota, "RequestQuota", Category::Transient, Status::QueueFull, "the database has as many requests under way as its quota"),
];

impl Code {
    /// All codes.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.code)
    }

    /// The code with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.code)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a test holds the table to the order of the enum"
    )]
    const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The frozen name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The kind of trouble.
    #[must_use]
    pub const fn category(self) -> Category {
        self.row().category
    }

    /// The status of an answer that carries this code.
    #[must_use]
    pub const fn status(self) -> Status {
        self.row().status
    }

    /// What the code means, in a line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// Whether repeating the same request later can help, provided that its effect is
    /// [`Effect::NotApplied`] or the request carries an idempotency key.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self.category(), Category::Transient | Category::Network)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_codes() {
        for (position, row) in TABLE.iter().enumerate() {
            assert_eq!(row.code as usize, position, "{}", row.name);
            assert_eq!(format!("{:?}", row.code), row.name);
            assert_eq!(Code::from_name(row.name), Some(row.code));
        }
        assert_eq!(Code::all().last(), Some(Code::RequestQuota));
    }

    #[test]
    fn retries_are_offered_for_transient_and_network_trouble_only() {
        let retryable: Vec<_> = Code::all().filter(|code| code.is_retryable()).collect();
        assert_eq!(
            retryable,
            [
                Code::TxnConflict,
                Code::TxnExpired,
                Code::DbNotActive,
                Code::QueueFull,
                Code::PoolStopped,
                Code::Timeout,
                Code::Network,
                Code::TooManyTxns,
                Code::RateQuota,
                Code::RequestQuota
            ]
        );
    }
}
