use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use docdb_types::{Code, CollectionName, Error, TransactionId, Version};
use parking_lot::RwLock;

/// Whether a database serves, and why not.
#[derive(Debug, Default)]
pub(crate) struct Health {
    condition: AtomicU8,
    cause: RwLock<Option<Error>>,
    /// Stays when the database is closed: whoever reads still must be told.
    loss: OnceLock<Loss>,
}

/// Committed transactions that are lost.
#[derive(Debug)]
struct Loss {
    /// Which, and where in the log.
    cause: Error,
    /// The transaction from which on none is; `None`: nobody can tell.
    known_from: Option<TransactionId>,
}

/// What a database can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Condition {
    /// It reads and writes.
    Serving = 0,
    /// It reads; a failed write or sync ended its writing until it is opened again.
    ReadOnly = 1,
    /// Committed transactions are lost. It reads what it has: what a lost transaction may have replaced
    /// is marked, and a miss proves nothing.
    Degraded = 2,
    /// It is closed.
    Closed = 3,
}

impl Condition {
    /// The name used in lists, statistics and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::ReadOnly => "read_only",
            Self::Degraded => "degraded",
            Self::Closed => "closed",
        }
    }

    const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Serving,
            1 => Self::ReadOnly,
            2 => Self::Degraded,
            _ => Self::Closed,
        }
    }
}

impl Health {
    pub(crate) fn condition(&self) -> Condition {
        Condition::from_number(self.condition.load(Ordering::Acquire))
    }

    /// What ended the writing, or lost transactions.
    pub(crate) fn cause(&self) -> Option<Error> {
        self.cause.read().clone()
    }

    /// Ends writing after a failure whose outcome on the disk is unknown. For ever: only a reopen,
    /// which reads what the disk holds, can tell.
    pub(crate) fn stop_writing(&self, cause: &Error) {
        self.worsen(Condition::ReadOnly, Some(cause));
    }

    /// Notes that committed transactions are lost, and from which one on none is.
    pub(crate) fn degrade(&self, cause: &Error, known_from: Option<TransactionId>) {
        // ORDER: before anybody can see the condition.
        self.loss.get_or_init(|| Loss {
            cause: cause.clone(),
            known_from,
        });
        self.worsen(Condition::Degraded, Some(cause));
    }

    pub(crate) fn close(&self) {
        self.worsen(Condition::Closed, None);
    }

    /// INVARIANT: a condition only ever gets worse while a database is open.
    fn worsen(&self, to: Condition, cause: Option<&Error>) {
        let mut known = self.cause.write();
        if (self.condition() as u8) < to as u8 {
            if let Some(cause) = cause {
                tracing::error!(condition = to.as_str(), %cause, "a database takes no more writes");
                known.get_or_insert_with(|| cause.clone());
            }
            self.condition.store(to as u8, Ordering::Release);
        }
    }

    /// # Errors
    /// `DbReadOnly` with the cause, `DbNotActive` once closed.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        match self.condition() {
            Condition::Serving => Ok(()),
            Condition::Closed => Err(crate::commit::closed()),
            Condition::ReadOnly | Condition::Degraded => {
                let cause = self
                    .cause()
                    .map_or_else(String::new, |cause| format!(": {cause}"));
                Err(Error::new(
                    Code::DbReadOnly,
                    format!("the database takes no writes{cause}"),
                ))
            }
        }
    }

    /// # Errors
    /// `DbNotActive` once closed.
    pub(crate) fn check_readable(&self) -> Result<(), Error> {
        match self.condition() {
            Condition::Closed => Err(crate::commit::closed()),
            Condition::Serving | Condition::ReadOnly | Condition::Degraded => Ok(()),
        }
    }

    /// What a miss answers: that nothing is there, or, where transactions are lost, that nobody can
    /// tell.
    pub(crate) fn missing(&self) -> Error {
        match self.check_complete() {
            Ok(()) => Error::new(Code::DocNotFound, Code::DocNotFound.meaning()),
            Err(unknown) => unknown,
        }
    }

    /// As [`missing`](Self::missing), for a collection.
    pub(crate) fn no_collection(&self, name: &CollectionName) -> Error {
        let error = match self.check_complete() {
            Ok(()) => Error::new(Code::CollectionNotFound, Code::CollectionNotFound.meaning()),
            Err(unknown) => unknown,
        };
        error.in_collection(name)
    }

    /// Whether documents may be missing.
    pub(crate) fn may_lack(&self) -> bool {
        self.loss.get().is_some()
    }

    /// Whether nothing is lost, so that what is not there never was, or was deleted.
    ///
    /// # Errors
    /// `CorruptLog` with the range that is lost.
    pub(crate) fn check_complete(&self) -> Result<(), Error> {
        match self.loss.get() {
            None => Ok(()),
            Some(loss) => Err(loss.error("documents may be among the transactions that are lost")),
        }
    }

    /// Whether a version that is there may have been replaced or removed by a lost transaction.
    ///
    /// INVARIANT: any lost transaction may have written any document. What was written behind the last
    /// lost one is the newest, and so is what is not committed yet, whose version is 0.
    pub(crate) fn may_be_older(&self, version: Version) -> bool {
        self.loss.get().is_some_and(|loss| {
            let is_known = |known: TransactionId| version >= known;
            version > Version::ZERO && !loss.known_from.is_some_and(is_known)
        })
    }

    /// Whether a version that is there is the newest that was ever committed.
    ///
    /// # Errors
    /// `CorruptLog` with the range that is lost.
    pub(crate) fn check_newest(&self, version: Version) -> Result<(), Error> {
        match self.loss.get() {
            Some(loss) if self.may_be_older(version) => Err(loss.error(&format!(
                "a newer version than {version} may be among the transactions that are lost"
            ))),
            _ => Ok(()),
        }
    }
}

impl Loss {
    /// What cannot be told, and because of which loss.
    fn error(&self, what: &str) -> Error {
        let error = Error::new(
            Code::CorruptLog,
            format!("{what}: {}", self.cause.message()),
        );
        let context = self.cause.context();
        let error = match &context.file {
            Some(file) => error.in_file(file.clone()),
            None => error,
        };
        match context.offset {
            Some(offset) => error.at_offset(offset),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_never_improves_while_the_database_is_open() {
        let health = Health::default();
        assert!(health.check_writable().is_ok());
        let cause = Error::new(Code::FileSync, "input/output error");
        health.stop_writing(&cause);
        health.stop_writing(&Error::new(Code::FileWrite, "another"));
        assert_eq!(
            health.check_writable().unwrap_err().code(),
            Code::DbReadOnly
        );
        assert_eq!(health.cause(), Some(cause));
        assert!(health.check_readable().is_ok());
        assert_eq!(health.missing().code(), Code::DocNotFound);
        health.close();
        health.stop_writing(&Error::new(Code::FileWrite, "later"));
        assert_eq!(health.condition(), Condition::Closed);
        assert_eq!(
            health.check_readable().unwrap_err().code(),
            Code::DbNotActive
        );
    }

    fn lost() -> Error {
        Error::new(Code::CorruptLog, "lost transactions 5 to 9")
            .in_file("a.wal")
            .at_offset(40)
    }

    fn names_the_loss(error: &Error) {
        assert_eq!(error.code(), Code::CorruptLog);
        assert_eq!(error.context().file.as_deref(), Some("a.wal"));
        assert_eq!(error.context().offset, Some(40));
    }

    #[test]
    fn a_miss_in_a_degraded_database_does_not_say_not_found() {
        let health = Health::default();
        assert!(health.check_complete().is_ok() && !health.may_lack());
        health.degrade(&lost(), Some(Version::new(10)));
        names_the_loss(&health.missing());
        names_the_loss(&health.no_collection(&CollectionName::DEFAULT));
        names_the_loss(&health.check_complete().unwrap_err());
        assert!(health.may_lack());
        assert_eq!(
            health.check_writable().unwrap_err().code(),
            Code::DbReadOnly
        );
        // Whoever still reads while it is closed.
        health.close();
        names_the_loss(&health.missing());
    }

    #[test]
    fn what_was_written_in_front_of_a_loss_may_be_older_and_nothing_else() {
        let health = Health::default();
        let may_be_older = |health: &Health, version| {
            let version = Version::new(version);
            let is_marked = health.may_be_older(version);
            assert_eq!(health.check_newest(version).is_err(), is_marked);
            is_marked
        };
        assert!(!may_be_older(&health, 4));
        health.degrade(&lost(), Some(Version::new(10)));
        for (version, is_marked) in [(0, false), (1, true), (4, true), (9, true), (10, false)] {
            assert_eq!(may_be_older(&health, version), is_marked, "{version}");
        }
        names_the_loss(&health.check_newest(Version::new(4)).unwrap_err());

        let health = Health::default();
        health.degrade(&lost(), None);
        assert!(may_be_older(&health, u64::MAX));
    }
}
