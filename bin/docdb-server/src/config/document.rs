use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::problem::{Origin, Problem};
use super::scalar::Scalar;

/// A value of a file, with the full path of its key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) value: Scalar,
    pub(crate) origin: Origin,
}

/// The values of a configuration file, in their order.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>, Problem> {
    let text = std::fs::read_to_string(path).map_err(|error| Problem::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    parse(&text, path)
}

/// The values of a configuration text, which is said to be that of the file at `path`.
pub(crate) fn parse(text: &str, path: &Path) -> Result<Vec<Entry>, Problem> {
    let malformed = |reason: String| Problem::Malformed {
        path: path.to_owned(),
        reason,
    };
    let options = serde_saphyr::options! {
        // `0600` is what people write for permission bits.
        leading_zero_numbers_as_strings: true,
        strict_booleans: true,
        with_snippet: false,
    };
    let top: Node = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| malformed(error.to_string().replace('\n', " ")))?;
    let mut entries = Vec::new();
    match top {
        Node::Value(Scalar::Nothing) => {}
        Node::Section(members) => flatten("", members, path, &mut entries),
        Node::Value(other) => return Err(malformed(format!("{other} instead of keys"))),
    }
    Ok(entries)
}

fn flatten(
    above: &str,
    members: Vec<(String, Spanned<Node>)>,
    file: &Path,
    entries: &mut Vec<Entry>,
) {
    for (key, node) in members {
        // No key of ours holds what this changes; what others hold goes into a line of text.
        let key = key.escape_debug();
        let path = if above.is_empty() {
            key.to_string()
        } else {
            format!("{above}.{key}")
        };
        match node.value {
            Node::Section(members) if !members.is_empty() => {
                flatten(&path, members, file, entries);
            }
            Node::Section(_) => entries.push(entry(path, Scalar::Section, &node.referenced, file)),
            Node::Value(value) => entries.push(entry(path, value, &node.referenced, file)),
        }
    }
}

fn entry(path: String, value: Scalar, at: &serde_saphyr::Location, file: &Path) -> Entry {
    Entry {
        path,
        value,
        origin: Origin::File {
            path: file.to_owned(),
            line: at.line(),
        },
    }
}

/// A node of a file.
enum Node {
    Value(Scalar),
    Section(Vec<(String, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value or a section")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Value(Scalar::Switch(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Value(Scalar::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Value(i64::try_from(value).map_or_else(
            |_| Scalar::Text(value.to_string()),
            Scalar::Integer,
        )))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Value(Scalar::Decimal(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Value(Scalar::Text(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Value(Scalar::Nothing))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Value(Scalar::Nothing))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Node::Value(Scalar::List))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry::<String, Spanned<Node>>()? {
            members.push(member);
        }
        Ok(Node::Section(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, Scalar, u64)> {
        let entries = parse(text, Path::new("x.yaml")).unwrap();
        let line = |origin| match origin {
            Origin::File { line, .. } => line,
            other => panic!("{other}"),
        };
        entries
            .into_iter()
            .map(|entry| (entry.path, entry.value, line(entry.origin)))
            .collect()
    }

    #[test]
    fn values_keep_their_path_kind_and_line() {
        let text = "# a comment\ndata_dir: ./d\nwal:\n  fsync: { mode: group,\n    interval_ms: 5 }\n  trim: true\nmode: 0600\nquoted: \"12\"\nratio: 0.5\nnone:\nlist: [1, 2]\nempty: {}\n";
        let text_of = |text: &str| Scalar::Text(text.to_owned());
        let expected = [
            ("data_dir", text_of("./d"), 2),
            ("wal.fsync.mode", text_of("group"), 4),
            ("wal.fsync.interval_ms", Scalar::Integer(5), 5),
            ("wal.trim", Scalar::Switch(true), 6),
            ("mode", text_of("0600"), 7),
            ("quoted", text_of("12"), 8),
            ("ratio", Scalar::Decimal(0.5), 9),
            ("none", Scalar::Nothing, 10),
            ("list", Scalar::List, 11),
            ("empty", Scalar::Section, 12),
        ];
        let expected = expected.map(|(path, value, line)| (path.to_owned(), value, line));
        assert_eq!(values(text), expected);
        assert_eq!(values(""), []);
        assert_eq!(values("# nothing but a comment\n"), []);
    }

    #[test]
    fn what_is_no_single_document_of_keys_is_refused() {
        for text in [
            "a: 1\na: 2\n",
            "a: [1\n",
            "a: {b: 1\n",
            "just text\n",
            "- a\n- b\n",
            "a: 1\n---\nb: 2\n",
            "a: 1\n b: 2\n",
            "[a]: 3\n",
            "a: .nan\n",
        ] {
            let refused = parse(text, Path::new("x.yaml"));
            assert!(
                matches!(refused, Err(Problem::Malformed { .. })),
                "{text:?}: {refused:?}"
            );
        }
    }
}
