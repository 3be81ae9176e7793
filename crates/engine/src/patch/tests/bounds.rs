use crate::patch::tree::{Tree, WORK_BYTES};
use docdb_types::json::{JsonError, JsonLimits, JsonReason};
use docdb_types::patch::{PatchError, PathFault};
use docdb_types::{Limits, PatchStep};

fn limits(document_bytes: usize, document_depth: u16) -> Limits {
    Limits {
        document_bytes,
        document_depth,
        ..Limits::DEFAULT
    }
}

fn set(path: impl Into<String>, value: &str) -> PatchStep {
    PatchStep::Set {
        path: path.into(),
        value: value.into(),
    }
}

fn copy(from: &str, path: &str) -> PatchStep {
    PatchStep::Copy {
        from: from.into(),
        path: path.into(),
    }
}

fn apply(document: &str, steps: &[PatchStep], limits: &Limits) -> Result<String, PatchError> {
    let text = crate::patch::apply(document.as_bytes(), steps, limits)?;
    Ok(String::from_utf8(text).unwrap())
}

#[test]
fn a_result_is_allowed_up_to_the_size_of_a_document_and_refused_beyond() {
    let limits = limits(20, 128);
    let exact = r#"{"a":"123456789012"}"#;
    assert_eq!(exact.len(), 20);
    let steps = [set("/a", r#""123456789012""#)];
    assert_eq!(apply("{}", &steps, &limits).as_deref(), Ok(exact));
    let steps = [set("/a", r#""1234567890123""#)];
    assert_eq!(
        apply("{}", &steps, &limits),
        Err(PatchError::TooLarge { limit: 20 })
    );
    assert_eq!(
        apply(&format!(" {exact}"), &[], &limits),
        Err(PatchError::TooLarge { limit: 20 })
    );
    let steps = [set("/b", r#""123456""#), copy("/b", "/c")];
    assert_eq!(
        apply("{}", &steps, &limits),
        Err(PatchError::TooLarge { limit: 20 })
    );
}

#[test]
fn a_document_of_the_largest_size_can_be_patched_within_it() {
    let text = "x".repeat(Limits::MAX_DOCUMENT_BYTES - 14);
    let document = format!(r#"{{"a":0,"b":"{text}"}}"#);
    assert_eq!(document.len(), Limits::MAX_DOCUMENT_BYTES);
    let patched = apply(&document, &[set("/a", "1")], &Limits::DEFAULT).unwrap();
    assert_eq!(patched, document.replacen('0', "1", 1));
    let refused = apply(&document, &[set("/a", "10")], &Limits::DEFAULT);
    assert_eq!(
        refused,
        Err(PatchError::TooLarge {
            limit: Limits::MAX_DOCUMENT_BYTES
        })
    );
}

#[test]
fn a_result_nests_up_to_the_depth_of_a_document_and_no_deeper() {
    let limits = limits(10_000, 8);
    let path = |levels: usize| "/a".repeat(levels);
    let deepest = apply("{}", &[set(path(8), "1")], &limits).unwrap();
    assert_eq!(deepest, r#"{"a":"#.repeat(8) + "1" + &"}".repeat(8));
    let too_deep = |offset| {
        Err(PatchError::InvalidJson(JsonError {
            offset,
            reason: JsonReason::TooDeep { limit: 8 },
        }))
    };
    assert_eq!(apply("{}", &[set(path(8), "[]")], &limits), too_deep(40));
    let refused = apply("{}", &[set(path(9), "1")], &limits);
    let fault = PathFault::TooDeep { limit: 8 };
    assert_eq!(
        refused,
        Err(PatchError::InvalidPath {
            step: 0,
            path: path(9).into(),
            fault
        })
    );
}

#[test]
fn moves_that_nest_without_end_meet_the_depth_and_not_the_stack() {
    let limits = limits(1_000_000, 100);
    let mut steps = Vec::new();
    for _ in 0..10_000 {
        steps.push(set("/b/x", "[]"));
        steps.push(PatchStep::Move {
            from: "/a".into(),
            path: "/b/x".into(),
        });
        steps.push(PatchStep::Move {
            from: "/b".into(),
            path: "/a".into(),
        });
    }
    let refused = apply(r#"{"a":{}}"#, &steps, &limits);
    let deep = matches!(
        refused,
        Err(PatchError::InvalidJson(JsonError {
            reason: JsonReason::TooDeep { limit: 100 },
            ..
        }))
    );
    assert!(deep, "{refused:?}");
    steps.push(set("/a", "0"));
    assert_eq!(
        apply(r#"{"a":{}}"#, &steps, &limits).as_deref(),
        Ok(r#"{"a":0}"#)
    );
}

#[test]
fn copies_that_double_a_document_are_refused_in_time() {
    let steps: Vec<_> = (0..64).map(|n| copy("", &format!("/{n}"))).collect();
    let limits = limits(100_000, 1000);
    assert_eq!(
        apply(r#"{"a":0}"#, &steps, &limits),
        Err(PatchError::TooLarge { limit: 100_000 })
    );
}

#[test]
fn steps_that_read_the_same_value_again_and_again_are_refused_in_time() {
    let document = format!(r#"{{"a":[{}]}}"#, vec!["0"; 1000].join(","));
    let mut tree = Tree::new(document.as_bytes(), JsonLimits::default()).unwrap();
    tree.work = 20 * document.len();
    let place = tree.find(&["a".into()]).ok().unwrap();
    let value = &document.as_bytes()[5..document.len() - 1];
    let whole = (0..100)
        .take_while(|_| tree.equals(place, value) == Ok(true))
        .count();
    assert_eq!(whole, 9);
    assert!(matches!(
        tree.equals(place, value),
        Err(PatchError::TooCostly { .. })
    ));
}

#[test]
fn a_deep_and_large_document_is_read_about_once_and_not_once_a_level() {
    let elements = vec!["[\"x\", {\"y\":[0]}]"; 20_000].join(" , ");
    let document = format!(
        "{} , {elements}{}",
        "[0,".repeat(120) + "[1]",
        "]".repeat(120)
    );
    let mut tree = Tree::new(document.as_bytes(), JsonLimits::default()).unwrap();
    let path: Vec<_> = (0..120).map(|_| "1".into()).collect();
    let place = tree.find(&path).ok().unwrap();
    assert_eq!(tree.equals(place, b"[1]"), Ok(true));
    assert!(WORK_BYTES - tree.work < 3 * document.len());

    let patched = apply(&document, &[set("/1".repeat(120), "2")], &Limits::DEFAULT);
    assert_eq!(patched, Ok(document.replacen("[1]", "2", 1)));
    let last = format!("{}/20001/1/y/0", "/1".repeat(119));
    let patched = apply(&document, &[set(last, "3")], &Limits::DEFAULT).unwrap();
    let at = document.rfind("[0]").unwrap();
    assert_eq!(
        patched,
        format!("{}[3]{}", &document[..at], &document[at + 3..])
    );
}

#[test]
fn a_list_of_many_steps_on_a_large_document_costs_about_one_pass() {
    // Each step on its own would copy or scan some megabytes: 20,000 of them, tens of gigabytes.
    let members: Vec<_> = (0..100_000)
        .map(|n| format!(r#""member-{n}":{n}"#))
        .collect();
    let document = format!(
        "{{{},\"list\":[{}]}}",
        members.join(","),
        vec!["1"; 500_000].join(",")
    );
    let mut steps = Vec::new();
    for n in 0..4_000 {
        steps.push(set(format!("/member-{}", n * 20), "null"));
        steps.push(PatchStep::Delete {
            path: format!("/member-{}", n * 20 + 1),
        });
        steps.push(set(format!("/new-{n}"), "1.0"));
        steps.push(PatchStep::Insert {
            path: "/list/0".into(),
            value: b"2".to_vec(),
        });
        steps.push(PatchStep::Delete {
            path: "/list/250000".into(),
        });
    }
    let patched = apply(&document, &steps, &Limits::DEFAULT).unwrap();
    let value: serde_json::Value = serde_json::from_str(&patched).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 100_001);
    assert_eq!(value["list"].as_array().unwrap().len(), 500_000);
    assert_eq!(value["member-20"], serde_json::Value::Null);
    assert_eq!(value.get("member-21"), None);
    assert_eq!(value["member-22"], 22);
}
