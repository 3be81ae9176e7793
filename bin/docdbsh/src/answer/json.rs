//! Answers as one line of JSON each.

use docdb_types::Error;
use docdb_types::json::escape::push_string;

use super::{Answer, Record, Value, on_one_line};

/// `{"ok":true,…}` and a line feed.
pub(super) fn answer(answer: &Answer) -> Vec<u8> {
    let mut output = br#"{"ok":true"#.to_vec();
    match answer {
        Answer::Record(record) | Answer::Partly(record) => members(&mut output, record, false),
        Answer::Document {
            id,
            version,
            document,
            may_be_older,
        } => {
            let record = Record::new()
                .with("id", id.get())
                .with("version", version.get())
                .with("may_be_older", Value::mark(*may_be_older))
                .with("doc", Value::Document(document.clone()));
            members(&mut output, &record, false);
        }
        Answer::Help(commands) => {
            let rows = commands
                .iter()
                .map(|command| {
                    Record::new()
                        .with("name", command.name)
                        .with("usage", command.synopsis())
                        .with("help", command.help)
                })
                .collect::<Vec<_>>();
            members(&mut output, &Record::new().with("commands", rows), false);
        }
        Answer::Figures(name, record) => {
            output.push(b',');
            push_string(&mut output, name);
            output.push(b':');
            object(&mut output, record);
        }
        Answer::Exit | Answer::Written | Answer::PartlyWritten => {}
    }
    output.extend_from_slice(b"}\n");
    output
}

/// `{"ok":false,"code":…,"message":…}` and a line feed.
pub(super) fn error(error: &Error) -> Vec<u8> {
    let mut output = br#"{"ok":false,"code":"#.to_vec();
    push_string(&mut output, error.code().as_str());
    output.extend_from_slice(br#","message":"#);
    push_string(&mut output, &error.to_string());
    output.extend_from_slice(b"}\n");
    output
}

/// The members of an object; `first` where no other stands in front of them.
fn members(output: &mut Vec<u8>, record: &Record, mut first: bool) {
    for (name, value) in &record.0 {
        if matches!(value, Value::Absent) {
            continue;
        }
        if !first {
            output.push(b',');
        }
        first = false;
        push_string(output, name);
        output.push(b':');
        self::value(output, value);
    }
}

fn value(output: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Number(number) => output.extend(number.to_string().into_bytes()),
        Value::Decimal(number) if number.is_finite() => {
            output.extend(format!("{number:.3}").into_bytes());
        }
        Value::Absent | Value::Null | Value::Decimal(_) => output.extend_from_slice(b"null"),
        Value::Flag(flag) => output.extend(flag.to_string().into_bytes()),
        Value::Text(text) => push_string(output, text),
        Value::Document(document) => output.extend_from_slice(&on_one_line(document)),
        Value::Record(record) => object(output, record),
        Value::Records(records) => list(output, records, object),
        Value::Lines(lines) => list(output, lines, |output, line| push_string(output, line)),
    }
}

fn object(output: &mut Vec<u8>, record: &Record) {
    output.push(b'{');
    members(output, record, true);
    output.push(b'}');
}

fn list<T>(output: &mut Vec<u8>, items: &[T], mut item: impl FnMut(&mut Vec<u8>, &T)) {
    output.push(b'[');
    for (position, each) in items.iter().enumerate() {
        if position > 0 {
            output.push(b',');
        }
        item(output, each);
    }
    output.push(b']');
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use docdb_types::json::{JsonLimits, check};
    use docdb_types::{Code, DocumentId, Version};

    use super::*;

    fn line(bytes: &[u8]) -> String {
        let text = std::str::from_utf8(bytes).unwrap();
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains(['\n', '\r']));
        check(line.as_bytes(), JsonLimits::default()).unwrap();
        line.to_owned()
    }

    #[test]
    fn a_stored_document_stands_as_it_is_but_on_one_line() {
        let answered = Answer::Document {
            id: DocumentId::MIN,
            version: Version::new(9),
            document: Bytes::from_static(b"{\r\n  \"n\": 9007199254740993,\n\"s\":\"a\\n  b\"}"),
            may_be_older: false,
        };
        let expected =
            r#"{"ok":true,"id":1,"version":9,"doc":{  "n": 9007199254740993,"s":"a\n  b"}}"#;
        assert_eq!(line(&answer(&answered)), expected);
    }

    #[test]
    fn what_may_be_older_says_so_and_nothing_else_does() {
        let answered = |may_be_older| Answer::Document {
            id: DocumentId::MIN,
            version: Version::new(9),
            document: Bytes::from_static(b"1"),
            may_be_older,
        };
        let expected = r#"{"ok":true,"id":1,"version":9,"may_be_older":true,"doc":1}"#;
        assert_eq!(line(&answer(&answered(true))), expected);
        let expected = r#"{"ok":true,"id":1,"version":9,"doc":1}"#;
        assert_eq!(line(&answer(&answered(false))), expected);
    }

    #[test]
    fn lists_records_and_what_was_not_measured() {
        let record = Record::new()
            .with("none", None::<u64>)
            .with("db", Value::Null)
            .with("mean", 1.5)
            .with(
                "names",
                Value::Lines(vec!["a\"b".to_owned(), "é\u{1}".to_owned()]),
            )
            .with(
                "docs",
                vec![Record::new().with("id", 1), Record::new().with("id", 2)],
            )
            .with(
                "stats",
                Record::new().with("x", None::<bool>).with("y", true),
            );
        let expected = concat!(
            r#"{"ok":true,"db":null,"mean":1.500,"names":["a\"b","é\u0001"],"#,
            r#""docs":[{"id":1},{"id":2}],"stats":{"y":true}}"#
        );
        let seen = line(&answer(&Answer::Record(record)));
        assert_eq!(seen.to_lowercase(), expected);
    }

    #[test]
    fn an_error_carries_its_code_and_a_message() {
        let refused = Error::new(Code::DocExists, "a \"quoted\"\nline");
        let expected = r#"{"ok":false,"code":"DocExists","message":"a \"quoted\"\nline"}"#;
        assert_eq!(line(&error(&refused)), expected);
    }
}
