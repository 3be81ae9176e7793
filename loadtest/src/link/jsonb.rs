use bytes::{Bytes, BytesMut};

/// A document of the generator as `jsonb` gives it back: members sorted by the length of their name
/// and then by its bytes, a space behind every colon and comma
/// (PostgreSQL documentation, "JSON Types").
const SORTED_OPENING: &[u8] = b"{\"pad\": \"";
const SORTED_MIDDLE: &[u8] = b"\", \"tag\": \"";
const CLOSING: &[u8] = b"\"}";

/// The document as it was before `jsonb` sorted it. A text that is none of the generator's stays as
/// it is, and will be found wrong.
pub(super) fn restored(text: Bytes) -> Bytes {
    let restored = || {
        let rest = text.strip_prefix(SORTED_OPENING)?.strip_suffix(CLOSING)?;
        // Neither a body nor a tag has a quote in it.
        let end = rest.iter().position(|byte| *byte == b'"')?;
        let (body, rest) = rest.split_at_checked(end)?;
        let tag = rest.strip_prefix(SORTED_MIDDLE)?;
        let mut document = BytesMut::with_capacity(text.len());
        for part in [b"{\"tag\":\"", tag, b"\",\"pad\":\"", body, CLOSING] {
            document.extend_from_slice(part);
        }
        Some(document.freeze())
    };
    restored().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sorted_document_is_put_in_order_and_anything_else_is_left() {
        let sorted = Bytes::from_static(b"{\"pad\": \"abc\", \"tag\": \"0123\"}");
        assert_eq!(restored(sorted), &b"{\"tag\":\"0123\",\"pad\":\"abc\"}"[..]);
        for other in [&b"{}"[..], b"{\"pad\": \"abc\"}", b"{\"pad\": \"a\"x\"}"] {
            let other = Bytes::from_static(other);
            assert_eq!(restored(other.clone()), other);
        }
    }
}
