use std::fmt;

use bytes::Bytes;

use crate::{Code, Error};

/// What a client names a request by that it may have to repeat: as long as the key is known, the
/// request happens once, and every repetition answers as the first did.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Bytes);

impl IdempotencyKey {
    /// Longest key, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// A key of these bytes, 1 to [`IdempotencyKey::MAX_BYTES`] of any kind. Sixteen random ones do.
    ///
    /// # Errors
    /// `InvalidRequestId`.
    pub fn new(bytes: Bytes) -> Result<Self, Error> {
        if bytes.is_empty() || bytes.len() > Self::MAX_BYTES {
            let text = format!(
                "an idempotency key of {} bytes, allowed are 1 to {}",
                bytes.len(),
                Self::MAX_BYTES
            );
            return Err(Error::new(Code::InvalidRequestId, text));
        }
        Ok(Self(bytes))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "IdempotencyKey(\"{}\")", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_1_to_64_bytes() {
        for length in [1, 16, 64] {
            assert!(IdempotencyKey::new(vec![0xff; length].into()).is_ok());
        }
        for length in [0, 65] {
            let error = IdempotencyKey::new(vec![0; length].into()).unwrap_err();
            assert_eq!(error.code(), Code::InvalidRequestId);
        }
    }
}
