use docdb_types::Limits;
use docdb_types::patch::PatchError;

fn merged(document: &str, patch: &str) -> Result<String, PatchError> {
    let text = crate::patch::merge(document.as_bytes(), patch.as_bytes(), &Limits::DEFAULT)?;
    Ok(String::from_utf8(text).unwrap())
}

#[test]
fn merge_patches_do_what_the_table_of_rfc_7396_shows() {
    for (document, patch, expected) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
        (
            r#"{"a":{"b":"c"}}"#,
            r#"{"a":{"b":"d","c":null}}"#,
            r#"{"a":{"b":"d"}}"#,
        ),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
        (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
        (r#"{"a":"foo"}"#, "null", "null"),
        (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
        ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        (
            r#"{"a":1}"#,
            r#"{"a":{"b":{"c":null,"d":[null]}}}"#,
            r#"{"a":{"b":{"d":[null]}}}"#,
        ),
        ("12", r#"{"a":1.0}"#, r#"{"a":1.0}"#),
        ("12", "13", "13"),
    ] {
        assert_eq!(
            merged(document, patch).as_deref(),
            Ok(expected),
            "{document} {patch}"
        );
    }
}

#[test]
fn a_merge_changes_nothing_that_it_does_not_name() {
    let document = " { \"z\" : 9007199254740993 , \"a\":{ \"x\":1.0, \"\\u0041\" : [ 1 ] } }\n";
    for patch in [
        "{}",
        r#"{"a":{}}"#,
        r#"{"none":null}"#,
        r#"{"a":{"none":null}}"#,
    ] {
        assert_eq!(merged(document, patch).as_deref(), Ok(document), "{patch}");
    }
    let expected = document.replace("[ 1 ]", "2");
    assert_eq!(
        merged(document, r#"{"a":{"A":2}}"#).as_deref(),
        Ok(&*expected)
    );
}

#[test]
fn a_merge_patch_that_is_no_document_is_refused() {
    for patch in ["", "{", r#"{"a":1,"a":2}"#, "{} {}", "\u{feff}{}"] {
        assert!(
            matches!(merged("{}", patch), Err(PatchError::NotJson(_))),
            "{patch}"
        );
    }
    assert!(matches!(merged("{", "{}"), Err(PatchError::InvalidJson(_))));
}
