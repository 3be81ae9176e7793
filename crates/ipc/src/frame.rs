use bytes::{Buf, BufMut, Bytes, BytesMut};
use docdb_types::Limits;
use prost::Message;

use crate::FrameError;

/// Bytes of the length field in front of every message.
pub const HEADER_BYTES: usize = 4;

/// A buffer grows by at most this beyond what has been received, doubling aside.
const GROWTH_STEP_BYTES: usize = 64 * 1024;

/// The largest message that a frame may hold, in bytes, without the length field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameLimit(u32);

impl FrameLimit {
    /// Room for `payload_bytes` of payload and the envelope around it.
    #[must_use]
    pub const fn for_payload(payload_bytes: usize) -> Self {
        Self::new(payload_bytes.saturating_add(Limits::FRAME_ENVELOPE_BYTES))
    }

    /// A limit of this many bytes, 1 and up to what a length field can say.
    #[must_use]
    pub const fn new(bytes: usize) -> Self {
        if bytes == 0 {
            Self(1)
        } else if bytes > u32::MAX as usize {
            Self(u32::MAX)
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "compared with the range above"
            )]
            Self(bytes as u32)
        }
    }

    /// The limit in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }
}

impl Default for FrameLimit {
    fn default() -> Self {
        Self::for_payload(Limits::DEFAULT.request_bytes)
    }
}

/// Takes the next whole frame from the front of `source`, without its length field.
///
/// INVARIANT: nothing is allocated for a length that was only announced; the buffer grows with what
/// has been received.
pub(crate) fn take_frame(
    source: &mut BytesMut,
    limit: FrameLimit,
) -> Result<Option<Bytes>, FrameError> {
    let Some(header) = source.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let announced = u32::from_le_bytes(*header);
    if announced == 0 {
        return Err(FrameError::Empty);
    }
    if announced > limit.0 {
        return Err(FrameError::TooLong {
            length: announced.into(),
            limit: limit.0.into(),
        });
    }
    let length = announced as usize;
    let received = source.len() - HEADER_BYTES;
    if received < length {
        source.reserve((length - received).min(GROWTH_STEP_BYTES));
        return Ok(None);
    }
    source.advance(HEADER_BYTES);
    let frame = source.split_to(length).freeze();
    // The buffer of a large frame goes with the frame, so that a connection which once carried one
    // does not keep it.
    if length > GROWTH_STEP_BYTES && source.len() <= GROWTH_STEP_BYTES {
        *source = BytesMut::from(&**source);
    }
    Ok(Some(frame))
}

/// As [`take_frame`], at the end of the stream: what is left over is an error.
pub(crate) fn take_last_frame(
    source: &mut BytesMut,
    limit: FrameLimit,
) -> Result<Option<Bytes>, FrameError> {
    match take_frame(source, limit)? {
        Some(frame) => Ok(Some(frame)),
        None if source.is_empty() => Ok(None),
        None => {
            let length = source
                .first_chunk()
                .map_or(0, |header| u32::from_le_bytes(*header));
            let whole = HEADER_BYTES as u64 + u64::from(length);
            Err(FrameError::Truncated {
                missing: whole.saturating_sub(source.len() as u64),
            })
        }
    }
}

/// Appends a message as one frame, straight into the buffer that will be written.
///
/// # Errors
/// `TooLong`; nothing was appended then.
pub(crate) fn put_frame(
    message: &impl Message,
    limit: FrameLimit,
    destination: &mut BytesMut,
) -> Result<(), FrameError> {
    let length = message.encoded_len();
    let announced = match u32::try_from(length) {
        Ok(announced) if announced <= limit.0 => announced,
        _ => {
            return Err(FrameError::TooLong {
                length: length as u64,
                limit: limit.0.into(),
            });
        }
    };
    destination.reserve(HEADER_BYTES + length);
    destination.put_u32_le(announced);
    message.encode_raw(destination);
    Ok(())
}
