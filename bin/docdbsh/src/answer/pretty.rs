//! Indents JSON without touching anything but white space.

/// The document with one member or element a line. Strings, digits and the order of members stay
/// as they are.
pub(super) fn pretty(document: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(document.len() * 2);
    let mut depth = 0_usize;
    let mut rest = document;
    // A bracket whose line break is due unless its partner follows.
    let mut just_opened = false;
    while let Some((byte, tail)) = rest.split_first() {
        if byte.is_ascii_whitespace() {
            rest = tail;
            continue;
        }
        let closes = matches!(byte, b'}' | b']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        if just_opened != closes {
            break_line(&mut output, depth);
        }
        just_opened = matches!(byte, b'{' | b'[');
        if just_opened {
            depth += 1;
        }
        let end = if *byte == b'"' { string_end(rest) } else { 1 };
        let (token, behind) = rest.split_at(end);
        output.extend_from_slice(token);
        rest = behind;
        match byte {
            b':' => output.push(b' '),
            b',' => break_line(&mut output, depth),
            _ => {}
        }
    }
    output
}

fn break_line(output: &mut Vec<u8>, depth: usize) {
    output.push(b'\n');
    output.resize(output.len() + 2 * depth, b' ');
}

/// The length of the string that `text` begins with, quotes included.
fn string_end(text: &[u8]) -> usize {
    let mut escaped = false;
    for (position, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return position + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        String::from_utf8(pretty(text.as_bytes())).unwrap()
    }

    #[test]
    fn only_white_space_changes() {
        let text = "{\"z\": 1.0,\"a\":[9007199254740993 ,\n-1E+2,{}, [ ] ],\"é\\\"{,:\":\"a  b\"}";
        let expected = "{\n  \"z\": 1.0,\n  \"a\": [\n    9007199254740993,\n    -1E+2,\n    {},\n    []\n  ],\n  \"é\\\"{,:\": \"a  b\"\n}";
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn scalars_and_empty_brackets_stay_on_their_line() {
        for text in ["1.50", "\"a b\"", "{}", "[]", "null"] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("[[]]"), "[\n  []\n]");
        assert_eq!(shown("[[1]]"), "[\n  [\n    1\n  ]\n]");
    }
}
