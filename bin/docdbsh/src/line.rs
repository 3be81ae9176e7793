//! The parts of a line.

/// The first word of a text and everything behind the white space that follows it, byte for byte.
pub(crate) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = text
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_ascii_start())
}

/// The words of a text; double quotes hold one together, and a backslash within them takes the
/// next byte as it is. `None` where a quote is left open.
pub(crate) fn words(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quoted = false;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            b'\\' if quoted => word.get_or_insert_default().push(bytes.next()?),
            byte if byte.is_ascii_whitespace() && !quoted => words.extend(word.take()),
            byte => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

/// Whether a JSON text has brackets that are still open, so that more lines may follow. A string
/// that is left open can never be closed on another line.
pub(crate) fn is_open(json: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                None => return false,
            },
            b'"' => loop {
                match bytes.next() {
                    Some(b'"') => break,
                    Some(b'\\') => {
                        bytes.next();
                    }
                    Some(_) => {}
                    None => return false,
                }
            },
            _ => {}
        }
    }
    depth > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_behind_the_words_is_kept_byte_for_byte() {
        let (word, rest) = split_word(b"  .create \t 7   {\"a\":  \"x  y\"}  ");
        assert_eq!(word, b".create");
        let (id, payload) = split_word(rest);
        assert_eq!(id, b"7");
        assert_eq!(payload, b"{\"a\":  \"x  y\"}  ");
        assert_eq!(split_word(b".ls"), (&b".ls"[..], &b""[..]));
    }

    #[test]
    fn quotes_hold_words_together() {
        let expected: Vec<Vec<u8>> = vec![b"my file".to_vec(), b"--array".to_vec(), Vec::new()];
        assert_eq!(words(br#" "my file" --array """#), Some(expected));
        assert_eq!(words(br#""a\"b" c"#).unwrap()[0], br#"a"b"#);
        assert_eq!(words(br#""open"#), None);
    }

    #[test]
    fn only_open_brackets_ask_for_more() {
        assert!(is_open(br#"{"a":["#));
        assert!(is_open(br#"{"a":"}""#));
        assert!(!is_open(br#"{"a":"[\"{"}"#));
        assert!(!is_open(br#"{"a":"x"#));
        assert!(!is_open(b"}{"));
        assert!(!is_open(b"12"));
    }
}
