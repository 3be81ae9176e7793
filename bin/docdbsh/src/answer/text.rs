//! Answers as lines for people and simple scripts.

use std::fmt::Write as _;

use docdb_types::Error;

use super::{Answer, Record, Value, on_one_line, pretty::pretty as indent};

/// Columns of the line that are shown around a fault.
const CARET_COLUMNS: usize = 60;

/// `OK` and `key=value` lines, or the document.
pub(super) fn answer(answer: &Answer, pretty: bool) -> Vec<u8> {
    let mut output = Vec::new();
    match answer {
        Answer::Record(record) | Answer::Partly(record) | Answer::Figures(_, record) => {
            output.extend_from_slice(b"OK\n");
            lines(&mut output, record, "", pretty);
        }
        Answer::Document { document, .. } => {
            if pretty {
                output.extend(indent(document));
            } else {
                output.extend_from_slice(document);
            }
            output.push(b'\n');
        }
        Answer::Help(commands) => {
            output.extend_from_slice(b"OK\n");
            let mut text = String::new();
            for command in commands {
                let synopsis = command.synopsis();
                // Writing to a string cannot fail.
                let _ = if synopsis.len() < 24 {
                    writeln!(text, "{synopsis:<24}{}", command.help)
                } else {
                    writeln!(text, "{synopsis}\n{:<24}{}", "", command.help)
                };
            }
            output.extend(text.into_bytes());
        }
        Answer::Exit => output.extend_from_slice(b"OK\n"),
        Answer::Written | Answer::PartlyWritten => {}
    }
    output
}

fn lines(output: &mut Vec<u8>, record: &Record, prefix: &str, pretty: bool) {
    for (name, value) in &record.0 {
        match value {
            Value::Absent => {}
            Value::Record(inner) => lines(output, inner, &format!("{prefix}{name}."), pretty),
            Value::Records(records) => {
                for record in records {
                    pairs(output, record, pretty);
                    output.push(b'\n');
                }
            }
            Value::Lines(lines) => {
                for line in lines {
                    output.extend_from_slice(line.as_bytes());
                    output.push(b'\n');
                }
            }
            value => {
                output.extend_from_slice(format!("{prefix}{name}=").as_bytes());
                scalar(output, value, pretty);
                output.push(b'\n');
            }
        }
    }
}

/// The values of a record on one line.
fn pairs(output: &mut Vec<u8>, record: &Record, pretty: bool) {
    let mut first = true;
    for (name, value) in &record.0 {
        if matches!(value, Value::Absent) {
            continue;
        }
        if !first {
            output.push(b' ');
        }
        first = false;
        output.extend_from_slice(format!("{name}=").as_bytes());
        scalar(output, value, pretty);
    }
}

fn scalar(output: &mut Vec<u8>, value: &Value, pretty: bool) {
    match value {
        Value::Number(number) => output.extend(number.to_string().into_bytes()),
        Value::Decimal(number) => output.extend(format!("{number:.3}").into_bytes()),
        Value::Flag(flag) => output.extend(flag.to_string().into_bytes()),
        Value::Text(text) => output.extend(one_line(text).into_bytes()),
        Value::Document(document) if pretty => output.extend(indent(document)),
        Value::Document(document) => output.extend_from_slice(&on_one_line(document)),
        Value::Absent | Value::Null | Value::Record(_) | Value::Records(_) | Value::Lines(_) => {}
    }
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// `ERROR CODE` and a line of text.
pub(super) fn error(error: &Error) -> String {
    format!(
        "ERROR {}\n{}\n",
        error.code().as_str(),
        one_line(&error.to_string())
    )
}

/// The place of a fault: the part of the line around it, and a caret below its byte.
pub(super) fn caret(line: &[u8], offset: usize) -> String {
    let (before, behind) = line.split_at(offset.min(line.len()));
    let before = String::from_utf8_lossy(before);
    let behind = String::from_utf8_lossy(behind);
    let before = before.rsplit('\n').next().unwrap_or_default();
    let behind = behind.split('\n').next().unwrap_or_default();
    let skipped = before.chars().count().saturating_sub(CARET_COLUMNS / 2);
    let before: String = before.chars().skip(skipped).collect();
    let width = before.chars().count();
    let behind: String = behind.chars().take(CARET_COLUMNS - width).collect();
    let shown = one_line(&format!("{before}{behind}"));
    format!("  {shown}\n  {:width$}^\n", "")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use docdb_types::{Code, DocumentId, Version};

    use super::*;

    fn text(answered: &Answer) -> String {
        String::from_utf8(answer(answered, false)).unwrap()
    }

    #[test]
    fn values_stand_on_lines_and_lists_one_item_a_line() {
        let record = Record::new()
            .with("id", 3)
            .with("created", true)
            .with("none", None::<u64>)
            .with("log", Record::new().with("bytes", 7))
            .with(
                "docs",
                vec![
                    Record::new()
                        .with("id", 1)
                        .with("doc", Value::Document(Bytes::from_static(b"{\n\"a\": 1}"))),
                    Record::new().with("id", 2).with("name", "x\ny"),
                ],
            );
        let expected = "OK\nid=3\ncreated=true\nlog.bytes=7\nid=1 doc={\"a\": 1}\nid=2 name=x y\n";
        assert_eq!(text(&Answer::Record(record)), expected);
    }

    #[test]
    fn a_document_is_printed_as_it_is_stored() {
        let answer = Answer::Document {
            id: DocumentId::MIN,
            version: Version::new(1),
            document: Bytes::from_static(b"{\n \"a\":  1.0}"),
            may_be_older: true,
        };
        assert_eq!(text(&answer), "{\n \"a\":  1.0}\n");
    }

    #[test]
    fn an_error_is_a_code_and_one_line() {
        let text = error(&Error::new(Code::DocExists, "document\nexists"));
        assert_eq!(text, "ERROR DocExists\ndocument exists\n");
    }

    #[test]
    fn the_caret_stands_below_the_fault() {
        assert_eq!(
            caret(b".create {\"a\":x}", 13),
            "  .create {\"a\":x}\n               ^\n"
        );
        assert_eq!(caret("é\né:x".as_bytes(), 6), "  é:x\n    ^\n");
        assert_eq!(caret(b"abc", 9), "  abc\n     ^\n");
        let long = caret(&[b'a'; 1000], 500);
        assert!(
            long.lines()
                .all(|line| line.chars().count() <= 2 + CARET_COLUMNS)
        );
    }
}
