use std::time::Duration;

use bytes::Bytes;
use docdb_ipc::FrameLimit;

/// How a client connects, waits and retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// Name of the program, for the logs of the server.
    pub name: String,
    /// Proof of who the client is; empty where none is asked for.
    pub token: Bytes,
    /// How long connecting and the hello may take together.
    pub connect_timeout: Duration,
    /// How long a request may take until its answer is given up. No further try begins after that
    /// time, counted from the first.
    pub request_timeout: Duration,
    /// What is done about errors that pass by themselves.
    pub retry: RetryPolicy,
    /// The largest frame that is accepted or sent. The server's own limit applies when it is lower.
    pub frame_limit: FrameLimit,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            token: Bytes::new(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            frame_limit: FrameLimit::default(),
        }
    }
}

/// Back-off between the tries of a request: doubling, with jitter.
///
/// A request is tried again only when its error says that it was not applied and that a retry can
/// help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, the first among them; 1 is no retry.
    pub tries: u32,
    /// Wait before the second try. Up to as much again is added at random to every wait.
    pub first_delay: Duration,
    /// Longest wait, without what is added at random.
    pub max_delay: Duration,
}

impl RetryPolicy {
    /// Never tries again.
    pub const NONE: Self = Self {
        tries: 1,
        ..Self::DEFAULT
    };

    const DEFAULT: Self = Self {
        tries: 5,
        first_delay: Duration::from_millis(10),
        max_delay: Duration::from_secs(1),
    };
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
