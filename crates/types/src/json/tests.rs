//! What is accepted, what is refused and where, at each limit and one past it.

use super::{Checked, Checker, JsonError, JsonKind, JsonLimits, JsonReason, check};
use JsonReason::*;
use proptest::prelude::*;

const SAMPLE: &str = r#" {"id": 9007199254740993, "name":"Grüße \"x\" \ud83d\ude00\n",
  "list":[1.0, -0, 1e5, true, false, null, {}, [ ], ""], "deep":{"a":{"b":[[{}]]}}, "\u0061b":"/"} "#;

fn verdict(text: impl AsRef<[u8]>) -> Result<Checked, JsonError> {
    check(text.as_ref(), JsonLimits::default())
}

fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

#[track_caller]
fn refused(text: impl AsRef<[u8]>, offset: usize, reason: JsonReason) {
    let text = text.as_ref();
    let shown = String::from_utf8_lossy(text);
    assert_eq!(verdict(text), Err(JsonError { offset, reason }), "{shown}");
}

#[test]
fn every_kind_of_value_is_a_document() {
    for (text, kind) in [
        ("{}", JsonKind::Object),
        (" [ ] ", JsonKind::Array),
        (r#""""#, JsonKind::String),
        ("-0.0e-0", JsonKind::Number),
        ("true", JsonKind::Boolean),
        ("\t\r\n false ", JsonKind::Boolean),
        ("null", JsonKind::Null),
        (SAMPLE, JsonKind::Object),
    ] {
        assert_eq!(
            verdict(text).map(|checked| checked.kind),
            Ok(kind),
            "{text}"
        );
    }
}

#[test]
fn numbers_of_any_length_and_exponent_are_kept() {
    let long = "9".repeat(5_000);
    for text in [
        "0",
        "-0",
        "10",
        "0.10",
        "1E+400",
        "1e-99999999999999999999",
        "9007199254740993",
        &long,
        &format!("-{long}.{long}e{long}"),
    ] {
        assert_eq!(
            verdict(text).map(|checked| checked.kind),
            Ok(JsonKind::Number),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_number_is_refused_at_its_place() {
    refused("01", 0, LeadingZero);
    refused("-012", 1, LeadingZero);
    refused("[1,00]", 3, LeadingZero);
    refused("-", 1, UnexpectedEnd);
    refused("-a", 1, ExpectedDigit);
    refused("1.", 2, UnexpectedEnd);
    refused("[1.]", 3, ExpectedDigit);
    refused("[.5]", 1, ExpectedValue);
    refused("+1", 0, ExpectedValue);
    refused("[1e]", 3, ExpectedDigit);
    refused("1e+", 3, UnexpectedEnd);
    refused("0x10", 1, TrailingBytes);
    refused("[1_000]", 2, ExpectedCommaOrBracket);
    for text in ["NaN", "Infinity", "-Infinity", "[nan]", "inf"] {
        assert!(verdict(text).is_err(), "{text}");
    }
}

#[test]
fn only_one_value_and_nothing_else_is_a_document() {
    refused("", 0, Empty);
    refused(" \n\t\r ", 5, Empty);
    refused("{} {}", 3, TrailingBytes);
    refused("1 2", 2, TrailingBytes);
    refused("null\0", 4, TrailingBytes);
    refused("\u{b}1", 0, ExpectedValue);
    refused("\u{a0}1", 0, ExpectedValue);
    refused("tru", 3, UnexpectedEnd);
    refused("truE", 0, ExpectedValue);
    refused("TRUE", 0, ExpectedValue);
    refused("'a'", 0, ExpectedValue);
    refused("// c\n1", 0, ExpectedValue);
}

#[test]
fn the_grammar_of_objects_and_arrays_is_kept() {
    refused("[1,]", 3, ExpectedValue);
    refused("[,1]", 1, ExpectedValue);
    refused("[1 2]", 3, ExpectedCommaOrBracket);
    refused("[1}", 2, ExpectedCommaOrBracket);
    refused("]", 0, ExpectedValue);
    refused(r#"{"a":1,}"#, 7, ExpectedKey);
    refused("{a:1}", 1, ExpectedKey);
    refused("{1:1}", 1, ExpectedKey);
    refused(r#"{"a" 1}"#, 5, ExpectedColon);
    refused(r#"{"a":}"#, 5, ExpectedValue);
    refused(r#"{"a":1]"#, 6, ExpectedCommaOrBrace);
    refused(r#"{"a":1 "b":2}"#, 7, ExpectedCommaOrBrace);
    refused("{", 1, UnexpectedEnd);
    refused("[", 1, UnexpectedEnd);
    refused("[1,", 3, UnexpectedEnd);
    refused(r#"{"a"#, 3, UnexpectedEnd);
    refused(r#"{"a":"#, 5, UnexpectedEnd);
}

#[test]
fn strings_hold_no_control_characters_and_only_known_escapes() {
    for control in 0..0x20u8 {
        for padding in 0..17 {
            let plain = "x".repeat(padding);
            let text = format!("\"{plain}{}tail-tail-tail\"", char::from(control));
            refused(text, 1 + padding, ControlCharacter);
        }
    }
    assert!(verdict("\"\u{7f}\u{80}\u{2028}\"").is_ok());
    assert!(verdict(r#""\"\\\/\b\f\n\r\t\u0000\uFFFF\uabcd""#).is_ok());
    refused(r#""\a""#, 2, InvalidEscape);
    refused(r#""\u00g0""#, 5, InvalidEscape);
    refused(r#""\U0041""#, 2, InvalidEscape);
    refused(r#""\u12"#, 5, UnexpectedEnd);
    refused(r#""\"#, 2, UnexpectedEnd);
    refused("\"\\\n\"", 2, InvalidEscape);
}

#[test]
fn half_of_a_surrogate_pair_is_refused() {
    assert!(verdict(r#""\ud83d\ude00\uD800\uDC00\udbff\udfff""#).is_ok());
    for text in [
        r#""\ud83d""#,
        r#""\ud83dx""#,
        r#""\ude00""#,
        r#""\ud83d\n""#,
        r#""\ud83d\ud83d""#,
        r#""\ud83d\u0041""#,
        r#""\ude00\ud83d""#,
    ] {
        refused(text, 2, LoneSurrogate);
    }
    refused(r#""\ud83d\u"#, 9, UnexpectedEnd);
    refused(r#""\ud83d"#, 7, UnexpectedEnd);
}

#[test]
fn only_utf8_without_a_byte_order_mark_is_accepted() {
    refused(b"\xEF\xBB\xBF{}", 0, ByteOrderMark);
    refused(b"\xFE\xFF\0{\0}", 0, InvalidUtf8);
    for wrong in [
        b"\"\xFF\"".as_slice(),
        b"\"\xC0\x80\"",
        b"\"\xC1\xBF\"",
        b"\"\xE0\x80\xAF\"",
        b"\"\xF0\x80\x80\xAF\"",
        b"\"\xED\xA0\x80\"",
        b"\"\xED\xBF\xBF\"",
        b"\"\xF4\x90\x80\x80\"",
        b"\"\x80\"",
        b"\"\xC3\"",
        b"\"\xE2\x82\"",
    ] {
        refused(wrong, 1, InvalidUtf8);
    }
    assert!(verdict("\"\u{feff}é€😀\u{10ffff}\"").is_ok());
    assert!(verdict("{\"é\":\"\u{feff}\"}").is_ok());
}

#[test]
fn nesting_is_allowed_up_to_its_limit_and_refused_beyond() {
    assert_eq!(verdict(nested(128)).map(|checked| checked.depth), Ok(128));
    refused(nested(129), 128, TooDeep { limit: 128 });
    let objects = |levels| r#"{"a":"#.repeat(levels) + "0" + &"}".repeat(levels);
    assert_eq!(verdict(objects(128)).map(|checked| checked.depth), Ok(128));
    refused(objects(129), 128 * 5, TooDeep { limit: 128 });
    refused(nested(100_000), 128, TooDeep { limit: 128 });
    refused("[".repeat(1_000_000), 128, TooDeep { limit: 128 });

    let limits = |max_depth| JsonLimits {
        max_depth,
        ..JsonLimits::default()
    };
    assert!(check(b"1", limits(0)).is_ok());
    assert!(check(b"[]", limits(0)).is_err());
    assert!(check(b"[1]", limits(1)).is_ok());
    assert!(check(nested(1024).as_bytes(), limits(u16::MAX)).is_ok());
    assert!(check(nested(1025).as_bytes(), limits(u16::MAX)).is_err());
    assert_eq!(
        verdict("[[],{},[[1]],2]").map(|checked| checked.depth),
        Ok(3)
    );
}

#[test]
fn a_text_is_allowed_up_to_its_limit_in_bytes_and_refused_beyond() {
    let limits = JsonLimits {
        max_bytes: 10,
        ..JsonLimits::default()
    };
    assert!(check(b"\"12345678\"", limits).is_ok());
    let longer = check(b"\"12345678\" ", limits);
    assert_eq!(
        longer,
        Err(JsonError {
            offset: 10,
            reason: TooLarge { limit: 10 }
        })
    );
    let full = format!("\"{}\"", "x".repeat(16 * 1024 * 1024 - 2));
    assert!(verdict(&full).is_ok());
    refused(full + " ", 16 << 20, TooLarge { limit: 16 << 20 });
}

#[test]
fn a_name_occurs_once_in_an_object_after_unescaping() {
    refused(r#"{"a":1,"a":2}"#, 8, DuplicateKey);
    refused(r#"{"a":1,"\u0061":2}"#, 8, DuplicateKey);
    refused(r#"{"\u0061":1,"a":2}"#, 13, DuplicateKey);
    refused(r#"{"\ud83d\ude00":1,"😀":2}"#, 19, DuplicateKey);
    refused(r#"{"\/":1,"/":2}"#, 9, DuplicateKey);
    refused(r#"{"":1,"":2}"#, 7, DuplicateKey);
    refused(r#"{"x":{"a":1,"b":[{"a":1}],"a":2}}"#, 27, DuplicateKey);
    refused(r#"{"a":{"x":{}},"b":[{}],"a":0}"#, 24, DuplicateKey);
    assert!(verdict(r#"{"a":{"a":{"a":1}},"A":[{"a":1},{"a":1}],"a ":1,"\\u0061":1}"#).is_ok());
}

/// An object of the names given, each under the value 0.
fn object<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let members: Vec<_> = names
        .into_iter()
        .map(|name| format!("\"{name}\":0"))
        .collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn a_repeated_name_is_found_in_objects_of_every_size() {
    for len in 1..40usize {
        // Names that agree in length, in their first and in their last bytes.
        for members in [2usize, 31, 32, 33, 34, 300] {
            let middle = |n: usize| format!("{}{n:05}{}", "a".repeat(len), "z".repeat(len));
            let names: Vec<_> = (0..members).map(middle).collect();
            let text = object(names.iter().map(String::as_str));
            assert!(verdict(&text).is_ok(), "{text}");
            for repeated in [0, members / 2, members - 1] {
                let again = [&names[..], &names[repeated..=repeated]].concat();
                let text = object(again.iter().map(String::as_str));
                let offset = text.rfind(&names[repeated]).unwrap();
                refused(&text, offset, DuplicateKey);
            }
        }
    }
}

#[test]
fn a_hostile_object_of_many_names_is_checked_in_one_pass_and_a_sort() {
    let name = |n: u32| format!("same-first-bytes-{n:08}-same-last-bytes");
    let names: Vec<_> = (0..50_000).map(name).collect();
    assert!(verdict(object(names.iter().map(String::as_str))).is_ok());
    let short: Vec<_> = (0..200_000).map(|n: u32| format!("{n:x}")).collect();
    assert!(verdict(object(short.iter().map(String::as_str))).is_ok());
    let again = object(short.iter().map(String::as_str).chain(["1e240"]));
    assert_eq!(
        verdict(again).map_err(|error| error.reason),
        Err(DuplicateKey)
    );
}

#[test]
fn every_truncation_of_an_object_is_refused() {
    let text = SAMPLE.trim_end();
    assert!(verdict(text).is_ok());
    for len in 0..text.len() {
        assert!(verdict(&text.as_bytes()[..len]).is_err(), "{len}");
    }
}

#[test]
fn a_refusal_leaves_nothing_behind_in_the_checker() {
    let mut checker = Checker::default();
    for broken in [
        r#"{"a":[{"b":1,"\u0063":"#,
        r#"{"a":{"a":1,"a":2}}"#,
        "[[[[",
        "[\"\\ud800\"]",
    ] {
        assert!(
            checker
                .check(broken.as_bytes(), JsonLimits::default())
                .is_err()
        );
        let checked = checker.check(br#"{"a":{"b":1},"c":2}"#, JsonLimits::default());
        assert_eq!(
            checked,
            Ok(Checked {
                kind: JsonKind::Object,
                depth: 2
            })
        );
    }
}

#[test]
fn errors_say_what_and_where_in_one_line() {
    let error = verdict("[1,,2]").unwrap_err();
    assert_eq!(error.to_string(), "expected a value at byte 3");
    let error = verdict(nested(129)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nesting is deeper than 128 levels at byte 128"
    );
}

/// Whether another implementation accepts `text`.
fn peer_accepts(text: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(text).is_ok()
}

/// Compares the verdict on `text` with the other implementation's, where both define it: the peer
/// lets names repeat and nests one level less.
fn agrees_with_peer(text: &[u8]) -> Result<(), TestCaseError> {
    let shown = String::from_utf8_lossy(text);
    match verdict(text) {
        Ok(_) => prop_assert!(peer_accepts(text), "only we accept {shown}"),
        Err(JsonError {
            reason: DuplicateKey,
            ..
        }) => {}
        Err(error) => prop_assert!(!peer_accepts(text), "only we refuse {shown}: {error}"),
    }
    Ok(())
}

#[test]
fn every_change_of_one_byte_is_judged_as_by_a_peer() {
    for at in 0..SAMPLE.len() {
        let mut text = SAMPLE.as_bytes().to_vec();
        for byte in 0..=255 {
            text[at] = byte;
            agrees_with_peer(&text).unwrap();
        }
    }
}

/// Texts that are JSON or nearly so.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        8 => prop::sample::select(vec!["{", "}", "[", "]", ",", ":", " ", "\"a\":", "\"b\":", "\"\""]),
        4 => prop::sample::select(vec!["0", "1", "-", ".", "e", "E+", "true", "null", "false", "12"]),
        2 => prop::sample::select(vec!["\"", "\\", "\\u", "d83d", "\\ude00", "\\n", "\u{e9}", "\u{1}"]),
        1 => prop::sample::select(vec!["\u{feff}", "\n", "nan", "/", "\\u0061", "\u{10ffff}"]),
    ];
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat().into_bytes())
}

/// JSON values of some depth, as text with white space in any place.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "(null|true|false)",
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    let space = "[ \n\r\t]{0,2}";
    leaf.prop_recursive(5, 64, 8, move |inner| {
        let element = (space, inner.clone(), space).prop_map(|(a, b, c)| a + &b + &c);
        let member = (space, "[ -!#-\\[\\]-~é]{0,12}", space, space, inner, space)
            .prop_map(|(a, name, b, c, value, d)| format!("{a}\"{name}\"{b}:{c}{value}{d}"));
        prop_oneof![
            prop::collection::vec(element, 1..8).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 1..8)
                .prop_map(|items| format!("{{{}}}", items.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn texts_that_are_nearly_json_are_judged_as_by_a_peer(text in nearly_json()) {
        agrees_with_peer(&text)?;
    }

    #[test]
    fn generated_json_is_accepted_and_its_changes_judged_as_by_a_peer(
        text in json_text(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let accepted = verdict(&text);
        let repeats = matches!(accepted, Err(JsonError { reason: DuplicateKey, .. }));
        prop_assert!(accepted.is_ok() || repeats, "{text}: {accepted:?}");
        let mut changed = text.into_bytes();
        let at = at.index(changed.len());
        changed[at] = byte;
        agrees_with_peer(&changed)?;
    }

    #[test]
    fn any_bytes_are_judged_as_by_a_peer(text in prop::collection::vec(any::<u8>(), 0..40)) {
        agrees_with_peer(&text)?;
    }
}
