//! What is read as a list of steps and what is refused.

use super::{PatchError, PatchStep, StepFault, parse_steps};
use crate::error::{Code, Error};
use crate::json::{JsonError, JsonReason};

fn bytes(text: &str) -> Vec<u8> {
    text.into()
}

#[track_caller]
fn refused(text: &str, step: usize, fault: StepFault) {
    assert_eq!(
        parse_steps(text.as_bytes()),
        Err(PatchError::InvalidPatch { step, fault }),
        "{text}"
    );
}

#[test]
fn every_operation_is_read_with_its_value_byte_for_byte() {
    let text = r#" [
        {"op":"set", "path":"/a/b", "value": {"x" : [1.0, 9007199254740993]} },
        {"op":"delete","path":"/a~1b"},
        {"value":null,"path":"/l/-","op":"insert"},
        {"op":"add","path":"","value":"\u0041"},
        {"op":"remove","path":"/é"},
        {"op":"replace","path":"/\u00e9\ud83d\ude00\"","value":-0.0e+1},
        {"op":"move","from":"/a","path":"/b"},
        {"op":"copy","path":"/b","from":"/a"},
        {"\u006fp":"te\u0073t","path":"/a","value":[ ]}
    ] "#;
    let expected = [
        PatchStep::Set {
            path: "/a/b".into(),
            value: bytes(r#"{"x" : [1.0, 9007199254740993]}"#),
        },
        PatchStep::Delete {
            path: "/a~1b".into(),
        },
        PatchStep::Insert {
            path: "/l/-".into(),
            value: bytes("null"),
        },
        PatchStep::Add {
            path: "".into(),
            value: bytes(r#""\u0041""#),
        },
        PatchStep::Remove { path: "/é".into() },
        PatchStep::Replace {
            path: "/é😀\"".into(),
            value: bytes("-0.0e+1"),
        },
        PatchStep::Move {
            from: "/a".into(),
            path: "/b".into(),
        },
        PatchStep::Copy {
            from: "/a".into(),
            path: "/b".into(),
        },
        PatchStep::Test {
            path: "/a".into(),
            value: bytes("[ ]"),
        },
    ];
    assert_eq!(
        parse_steps(text.as_bytes()).as_deref(),
        Ok(expected.as_slice())
    );
    assert_eq!(parse_steps(b"[]").as_deref(), Ok([].as_slice()));
}

#[test]
fn members_that_an_operation_does_not_define_are_ignored() {
    let steps = parse_steps(br#"[{"op":"remove","path":"/a","value":1,"note":{"op":"add"}}]"#);
    assert_eq!(
        steps.as_deref(),
        Ok([PatchStep::Remove { path: "/a".into() }].as_slice())
    );
}

#[test]
fn a_step_that_lacks_something_is_named_with_what_it_lacks() {
    let ok = r#"{"op":"remove","path":"/a"}"#;
    for op in ["set", "insert", "add", "replace", "test"] {
        let step = format!(r#"[{ok},{{"op":"{op}","path":"/a"}}]"#);
        refused(&step, 1, StepFault::Missing { name: "value" });
    }
    for op in [
        "set", "delete", "insert", "add", "remove", "replace", "test",
    ] {
        let step = format!(r#"[{ok},{ok},{{"op":"{op}","value":1,"from":"/a"}}]"#);
        refused(&step, 2, StepFault::Missing { name: "path" });
    }
    for op in ["move", "copy"] {
        let step = format!(r#"[{{"op":"{op}","path":"/a"}}]"#);
        refused(&step, 0, StepFault::Missing { name: "from" });
        let step = format!(r#"[{{"op":"{op}","path":"/a","from":7}}]"#);
        refused(&step, 0, StepFault::NotAString { name: "from" });
        let step = format!(r#"[{{"op":"{op}","from":"/a"}}]"#);
        refused(&step, 0, StepFault::Missing { name: "path" });
    }
    refused(r#"[{"path":"/a"}]"#, 0, StepFault::Missing { name: "op" });
    refused(
        r#"[{"op":null,"path":"/a"}]"#,
        0,
        StepFault::NotAString { name: "op" },
    );
    refused(
        r#"[{"op":"remove","path":["a"]}]"#,
        0,
        StepFault::NotAString { name: "path" },
    );
    refused(&format!("[{ok},3]"), 1, StepFault::NotAnObject);
    refused("[[]]", 0, StepFault::NotAnObject);
    for name in ["", "Set", "SET", "merge", "se\\u0000t"] {
        let step = format!(r#"[{{"op":"{name}","path":"/a","value":1}}]"#);
        let name = name.replace("\\u0000", "\0").into();
        refused(&step, 0, StepFault::UnknownOperation { name });
    }
}

#[test]
fn only_a_json_array_is_a_list_of_steps() {
    for text in [r#"{"op":"remove","path":"/a"}"#, "null", "\"[]\"", "1"] {
        assert_eq!(
            parse_steps(text.as_bytes()),
            Err(PatchError::NotAnArray),
            "{text}"
        );
    }
    let repeated = parse_steps(br#"[{"op":"remove","op":"add","path":"/a"}]"#);
    let error = JsonError {
        offset: 17,
        reason: JsonReason::DuplicateKey,
    };
    assert_eq!(repeated, Err(PatchError::NotJson(error)));
    assert!(matches!(parse_steps(b""), Err(PatchError::NotJson(_))));
    assert!(matches!(parse_steps(b"[{]"), Err(PatchError::NotJson(_))));
}

#[test]
fn a_refused_step_keeps_its_code_and_its_index_outside() {
    let error = parse_steps(br#"[{"op":"remove","path":""},{"op":"?","path":""}]"#).unwrap_err();
    let outside = Error::from(error);
    assert_eq!(
        (outside.code(), outside.context().step),
        (Code::InvalidPatch, Some(1))
    );
    let outside = Error::from(parse_steps(b"[").unwrap_err());
    assert_eq!(
        outside.message(),
        "patch is not valid json: unexpected end of text at byte 1"
    );
}

#[test]
fn an_error_shows_the_beginning_of_a_long_name() {
    let text = format!(r#"[{{"op":"{}","path":""}}]"#, "é".repeat(100_000));
    assert!(parse_steps(text.as_bytes()).unwrap_err().to_string().len() < 400);
}
