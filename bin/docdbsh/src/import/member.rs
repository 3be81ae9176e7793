//! Takes a document's id from one of its members.

use docdb_types::json::{JsonKind, escape::unescape, walk};
use docdb_types::{Code, DocumentId, Error};

/// The members of a text that has been checked; none where it is no object.
pub(super) fn members(text: &[u8]) -> impl Iterator<Item = (walk::Member, &[u8])> {
    let object = match walk::value(text) {
        Some((JsonKind::Object, range)) => text.get(range).unwrap_or_default(),
        _ => &[],
    };
    walk::items(object).filter_map(move |range| {
        let item = object.get(range)?;
        Some((walk::member(item)?, item))
    })
}

/// The number that stands in the member.
///
/// # Errors
/// `InvalidJson` where the document is no object, has no such member, or holds something else in
/// it than a whole number from 1 up.
pub(super) fn id_of(document: &[u8], name: &str) -> Result<DocumentId, Error> {
    let value = members(document)
        .find(|(member, item)| {
            let body = item.get(member.name.clone()).unwrap_or_default();
            *unescape(body) == *name.as_bytes()
        })
        .and_then(|(member, item)| item.get(member.value));
    let refused = |what: &str| Error::new(Code::InvalidJson, format!("member {name:?} {what}"));
    let value = value.ok_or_else(|| refused("is missing"))?;
    number(value)
        .and_then(DocumentId::new)
        .ok_or_else(|| refused("is not a whole number from 1 up"))
}

/// A number without sign, fraction and exponent.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_whole_number_in_the_member() {
        let id = |text: &str| id_of(text.as_bytes(), "né").map(DocumentId::get);
        assert_eq!(
            id(r#" {"x":{"né":3},"n\u00e9" : 18446744073709551615 } "#),
            Ok(u64::MAX)
        );
        assert_eq!(id(r#"{"né":7}"#), Ok(7));
        for text in [
            "{}",
            "[1]",
            "3",
            r#"{"né":0}"#,
            r#"{"né":1.0}"#,
            r#"{"né":"7"}"#,
            r#"{"né":-1}"#,
        ] {
            assert_eq!(id(text).unwrap_err().code(), Code::InvalidJson, "{text}");
        }
        assert!(id(r#"{"né":18446744073709551616}"#).is_err());
    }
}
