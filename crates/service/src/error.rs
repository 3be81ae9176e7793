use docdb_scheduler::StartError as SchedulerError;
use docdb_types::Error;

use crate::http::HttpError;
use crate::listener::{SocketError, TcpError};
use crate::tls::TlsError;

/// Why a service does not start. Nothing of it runs then, and nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The databases cannot be served: the directory is missing, in use, or not writable.
    #[error(transparent)]
    Engine(#[from] Error),
    /// The socket cannot be listened at.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Nobody can be listened to on TCP.
    #[error(transparent)]
    Tcp(#[from] TcpError),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nothing can be told over HTTP.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The scheduler does not start.
    #[error("the scheduler does not start: {0}")]
    Scheduler(#[from] SchedulerError),
    /// An option is out of its range.
    #[error("option {option} is 0, allowed: 1 and up")]
    ZeroOption {
        /// The name of the option.
        option: &'static str,
    },
}
