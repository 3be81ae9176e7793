use bytes::Bytes;

use crate::json::{self, JsonLimits};
use crate::{Code, Error, Limits};

/// One valid JSON value, kept byte for byte as it was sent.
///
/// INVARIANT: the text passed [`json::check`], or was read back from a file under a checksum that
/// covers what had passed it.
#[derive(Clone, PartialEq, Eq)]
pub struct Document(Bytes);

impl Document {
    /// Checks the text and keeps it, without copying.
    ///
    /// # Errors
    /// `PayloadTooLarge` above `limits.document_bytes`, `InvalidJson` with the offset of what is
    /// wrong.
    pub fn new(text: Bytes, limits: &Limits) -> Result<Self, Error> {
        if text.len() > limits.document_bytes {
            return Err(Error::new(
                Code::PayloadTooLarge,
                format!(
                    "document of {} bytes, at most {}",
                    text.len(),
                    limits.document_bytes
                ),
            ));
        }
        let bounds = JsonLimits {
            max_depth: limits.document_depth,
            max_bytes: limits.document_bytes,
        };
        json::check(&text, bounds).map_err(|e| {
            Error::new(Code::InvalidJson, e.reason.to_string()).at_offset(e.offset as u64)
        })?;
        Ok(Self(text))
    }

    /// As [`Document::new`], from text that is copied.
    ///
    /// # Errors
    /// As [`Document::new`].
    pub fn from_text(text: &str, limits: &Limits) -> Result<Self, Error> {
        Self::new(Bytes::copy_from_slice(text.as_bytes()), limits)
    }

    /// Takes bytes that were a document when they were stored and whose checksum has been verified
    /// since, or that a patch produced and checked.
    #[must_use]
    pub const fn from_verified(text: Bytes) -> Self {
        Self(text)
    }

    /// The text as it was sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text as it was sent, shared.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Length of the text in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no JSON value is empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl std::fmt::Debug for Document {
    /// Shows the length only: documents are other people's data and stay out of logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Document({} bytes)", self.0.len())
    }
}
