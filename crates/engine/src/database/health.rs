use std::sync::atomic::{AtomicU8, Ordering};

use docdb_types::{Code, Error};
use parking_lot::RwLock;

/// Whether a database serves, and why not.
#[derive(Debug, Default)]
pub(crate) struct Health {
    condition: AtomicU8,
    cause: RwLock<Option<Error>>,
}

/// What a database can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Condition {
    /// It reads and writes.
    Serving = 0,
    /// It reads; a failed write or sync ended its writing until it is opened again.
    ReadOnly = 1,
    /// It reads what it has; committed transactions are lost, so that a miss proves nothing.
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

    /// Notes that committed transactions are lost.
    pub(crate) fn degrade(&self, cause: &Error) {
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
        if self.condition() == Condition::Degraded {
            let cause = self
                .cause()
                .map_or_else(String::new, |cause| format!(": {cause}"));
            return Error::new(
                Code::CorruptLog,
                format!("the document may be among transactions that are lost{cause}"),
            );
        }
        Error::new(Code::DocNotFound, Code::DocNotFound.meaning())
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

    #[test]
    fn a_miss_in_a_degraded_database_does_not_say_not_found() {
        let health = Health::default();
        health.degrade(&Error::new(Code::CorruptLog, "lost transactions 5 to 9"));
        assert_eq!(health.missing().code(), Code::CorruptLog);
        assert_eq!(
            health.check_writable().unwrap_err().code(),
            Code::DbReadOnly
        );
    }
}
