use docdb_types::{Code, Effect, Error};

/// Why a connection cannot go on: what follows in the stream has no known beginning.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The announced length is over the limit.
    #[error("frame of {length} bytes, at most {limit}")]
    TooLong {
        /// What was announced.
        length: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The announced length is 0.
    #[error("frame of 0 bytes")]
    Empty,
    /// The stream ended inside a frame.
    #[error("the stream ended {missing} bytes before the end of a frame")]
    Truncated {
        /// Bytes that are missing, as far as they were announced.
        missing: u64,
    },
    /// The frame holds no message that can be understood.
    #[error("frame without a valid message: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The stream failed.
    #[error("the stream failed")]
    Io(#[from] std::io::Error),
}

impl From<FrameError> for Error {
    /// The effect of what is lost with the connection is unknown.
    fn from(error: FrameError) -> Self {
        let code = match &error {
            FrameError::TooLong { .. } => Code::FrameTooLarge,
            _ => Code::Network,
        };
        let message = match &error {
            FrameError::Io(cause) => format!("{error}: {cause}"),
            _ => error.to_string(),
        };
        Self::new(code, message).with_effect(Effect::Unknown)
    }
}
