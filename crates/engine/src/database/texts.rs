use std::sync::Arc;

use bytes::Bytes;
use docdb_types::Error;
use parking_lot::Mutex;

use super::LogicalDb;
use crate::commit::TextRoom;
use crate::pool::MemoryShare;

/// The texts that were read and are on their way to whoever asked, where a request has more than a
/// little of them.
///
/// Callers decide how many answers they leave unread, so what lies in them counts against the caps
/// of memory as the payload of requests does.
#[derive(Debug)]
pub(crate) struct Texts {
    bytes: Mutex<u64>,
    share: MemoryShare,
}

/// A text that counts for as long as anybody has it.
struct Counted {
    text: Bytes,
    of: Arc<Texts>,
}

impl Texts {
    pub(super) fn new(share: MemoryShare) -> Arc<Self> {
        Arc::new(Self {
            bytes: Mutex::new(0),
            share,
        })
    }

    /// How many bytes they have together.
    pub(super) fn bytes(&self) -> u64 {
        *self.bytes.lock()
    }

    fn count(self: &Arc<Self>, text: Bytes) -> Bytes {
        let mut bytes = self.bytes.lock();
        *bytes += text.len() as u64;
        self.share.publish(*bytes);
        drop(bytes);
        Bytes::from_owner(Counted {
            text,
            of: Arc::clone(self),
        })
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // ORDER: published under the lock, so that the last figure is the last one published.
        let mut bytes = self.of.bytes.lock();
        *bytes -= self.text.len() as u64;
        self.of.share.publish(*bytes);
    }
}

impl LogicalDb {
    /// Whether a text of so many bytes may be read into an answer. One at a time always may.
    ///
    /// # Errors
    /// `FrameTooLarge` where the answer has no room for it, `MemoryLimit` where the database has
    /// none.
    pub(super) fn admit_text(&self, text_bytes: usize, room: &mut TextRoom) -> Result<(), Error> {
        room.take(text_bytes)?;
        if room.is_large() && self.texts.bytes() > 0 {
            self.check_growth(text_bytes as u64)?;
        }
        Ok(())
    }

    /// Counts a text that was admitted.
    pub(super) fn count_text(&self, text: Bytes, room: &TextRoom) -> Bytes {
        if room.is_large() {
            self.texts.count(text)
        } else {
            text
        }
    }
}
