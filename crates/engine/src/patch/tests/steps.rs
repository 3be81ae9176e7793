use super::{becomes, patched};
use docdb_types::json::{JsonError, JsonKind, JsonReason};
use docdb_types::patch::{PatchError, PathFault, StepFault, parse_steps};
use docdb_types::{Code, Limits, PatchStep};

#[track_caller]
fn lost(document: &str, steps: &str, fault: PathFault) {
    match patched(document, steps) {
        Err(PatchError::InvalidPath { fault: found, .. }) => assert_eq!(found, fault),
        other => panic!("{document} {steps}: {other:?}"),
    }
}

#[track_caller]
fn invalid(document: &str, steps: &str, step: usize, fault: StepFault) {
    assert_eq!(
        patched(document, steps),
        Err(PatchError::InvalidPatch { step, fault }),
        "{steps}"
    );
}

fn no_member(name: &str) -> PathFault {
    PathFault::NoMember { name: name.into() }
}

fn not_an_index(segment: &str) -> PathFault {
    PathFault::NotAnIndex {
        segment: segment.into(),
    }
}

#[test]
fn what_a_patch_does_not_name_keeps_every_byte() {
    let document = concat!(
        " {\t\"z\" : 9007199254740993, \"one\":1.0 ,\"long\":0.1000000000000000055511151231257827,\n",
        r#" "e":1E+2,"text":"\u0041\/\ud83d\ude00é","\u006eame":[ 1 , 2.50 ,{ } ], "a":{"b" : -0 }} "#,
        "\n"
    );
    for steps in [
        "[]",
        r#"[{"op":"test","path":"/name/1","value":2.5}]"#,
        r#"[{"op":"test","path":"/a/b","value":0},{"op":"test","path":"/z","value":9007199254740993}]"#,
        r#"[{"op":"move","from":"/name","path":"/name"}]"#,
        r#"[{"op":"set","path":"/new/x","value":1},{"op":"delete","path":"/new"}]"#,
        r#"[{"op":"set","path":"/a/b","value":-0}]"#,
        r#"[{"op":"replace","path":"/one","value": 1.0 }]"#,
    ] {
        becomes(document, steps, document);
    }
    let steps = r#"[{"op":"set","path":"/a/b","value":7},{"op":"delete","path":"/name/0"}]"#;
    let expected = document
        .replace("-0 }", "7 }")
        .replace("[ 1 , 2.50", "[ 2.50");
    becomes(document, steps, &expected);
    let steps = r#"[{"op":"remove","path":"/z"},{"op":"add","path":"/last","value":null}]"#;
    let expected = document
        .replace("\t\"z\" : 9007199254740993,", "")
        .replace("-0 }}", "-0 },\"last\":null}");
    becomes(document, steps, &expected);
}

#[test]
fn pointers_are_read_as_rfc_6901_says() {
    let document = r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"é😀":9,"\u0041":10,"~1":11}"#;
    for (path, value) in [
        ("", document),
        ("/foo", r#"["bar","baz"]"#),
        ("/foo/0", r#""bar""#),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        (r"/i\\j", "5"),
        (r#"/k\"l"#, "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
        ("/é😀", "9"),
        ("/A", "10"),
        ("/~01", "11"),
    ] {
        let steps = format!(r#"[{{"op":"test","path":"{path}","value":{value}}}]"#);
        becomes(document, &steps, document);
    }
    let at = |path: &str| format!(r#"[{{"op":"test","path":"{path}","value":1}}]"#);
    lost("{}", &at("a"), PathFault::NoSlash);
    lost("{}", &at(" /a"), PathFault::NoSlash);
    lost("{}", &at("/~"), PathFault::Tilde);
    lost("{}", &at("/~2"), PathFault::Tilde);
    lost("{}", &at("/a~/b"), PathFault::Tilde);
    lost(document, &at("/foo/"), not_an_index(""));
    for index in ["01", "00", "+1", "-1", "1.0", "1e0", " 1", "x"] {
        lost(document, &at(&format!("/foo/{index}")), not_an_index(index));
    }
    lost(
        document,
        &at("/foo/2"),
        PathFault::NoElement { index: 2, len: 2 },
    );
    lost(
        document,
        &at("/foo/-"),
        PathFault::NoElement { index: 2, len: 2 },
    );
    let huge = PathFault::NoElement {
        index: usize::MAX,
        len: 2,
    };
    lost(document, &at("/foo/99999999999999999999999"), huge);
    lost(document, &at("/b"), no_member("b"));
    lost(
        document,
        &at("/foo/0/x"),
        PathFault::Scalar {
            kind: JsonKind::String,
        },
    );
}

#[test]
fn set_creates_missing_parents_and_replaces_members_and_elements() {
    becomes(
        "{}",
        r#"[{"op":"set","path":"/a","value":1}]"#,
        r#"{"a":1}"#,
    );
    becomes(
        "{ }",
        r#"[{"op":"set","path":"/a/b~1/~0","value":[1.0]}]"#,
        r#"{"a":{"b/":{"~":[1.0]}} }"#,
    );
    becomes(
        r#"{"a":{}}"#,
        r#"[{"op":"set","path":"/a/0/1","value":null}]"#,
        r#"{"a":{"0":{"1":null}}}"#,
    );
    becomes(
        r#"{"a":null}"#,
        r#"[{"op":"set","path":"/a","value":{}}]"#,
        r#"{"a":{}}"#,
    );
    becomes(
        r#"{"a":[1,{"b":2}]}"#,
        r#"[{"op":"set","path":"/a/1/c","value":3}]"#,
        r#"{"a":[1,{"b":2,"c":3}]}"#,
    );
    becomes(
        "[1,2,3]",
        r#"[{"op":"set","path":"/1","value":null}]"#,
        "[1,null,3]",
    );
    becomes(
        "[1]",
        r#"[{"op":"set","path":"","value":{"a":1}}]"#,
        r#"{"a":1}"#,
    );
    becomes(
        "{}",
        r#"[{"op":"set","path":"/\u0000\"\\é","value":1}]"#,
        r#"{"\u0000\"\\é":1}"#,
    );
    let set = |path: &str| format!(r#"[{{"op":"set","path":"{path}","value":1}}]"#);
    lost("[1]", &set("/1"), PathFault::NoElement { index: 1, len: 1 });
    lost("[1]", &set("/-"), PathFault::NoElement { index: 1, len: 1 });
    lost(
        "[1]",
        &set("/1/a"),
        PathFault::NoElement { index: 1, len: 1 },
    );
    lost("[1]", &set("/a"), not_an_index("a"));
}

#[test]
fn a_scalar_or_null_on_the_way_is_never_overwritten() {
    for (scalar, kind) in [
        (r#""text""#, JsonKind::String),
        ("12", JsonKind::Number),
        ("true", JsonKind::Boolean),
        ("null", JsonKind::Null),
    ] {
        let document = format!(r#"{{"a":{scalar},"l":[{scalar}]}}"#);
        for path in ["/a/b", "/a/b/c", "/a/0", "/a/-", "/l/0/b"] {
            for op in ["set", "insert", "add", "replace", "test"] {
                let steps = format!(r#"[{{"op":"{op}","path":"{path}","value":1}}]"#);
                lost(&document, &steps, PathFault::Scalar { kind });
            }
            for op in ["delete", "remove"] {
                let steps = format!(r#"[{{"op":"{op}","path":"{path}"}}]"#);
                lost(&document, &steps, PathFault::Scalar { kind });
            }
        }
    }
}

#[test]
fn delete_removes_a_member_or_an_element() {
    for op in ["delete", "remove"] {
        let at = |path: &str| format!(r#"[{{"op":"{op}","path":"{path}"}}]"#);
        becomes(r#"{"a":1,"b":2,"c":3}"#, &at("/a"), r#"{"b":2,"c":3}"#);
        becomes(r#"{"a":1,"b":2,"c":3}"#, &at("/c"), r#"{"a":1,"b":2}"#);
        becomes(
            "{\n  \"a\": 1,\n  \"b\": 2\n}",
            &at("/b"),
            "{\n  \"a\": 1\n}",
        );
        becomes(r#"{ "a" : null }"#, &at("/a"), "{ }");
        becomes(r#"[1,[2,3],4]"#, &at("/1/0"), "[1,[3],4]");
        becomes("[1]", &at("/0"), "[]");
        lost("[1]", &at("/1"), PathFault::NoElement { index: 1, len: 1 });
        lost("[1]", &at("/-"), PathFault::NoElement { index: 1, len: 1 });
        lost("{}", &at("/a"), no_member("a"));
        lost("{}", &at(""), PathFault::WholeDocument);
    }
}

#[test]
fn insert_puts_a_value_into_an_array_and_nowhere_else() {
    let at = |path: &str| format!(r#"[{{"op":"insert","path":"{path}","value":null}}]"#);
    becomes("[1,2]", &at("/0"), "[null,1,2]");
    becomes("[1,2]", &at("/1"), "[1,null,2]");
    becomes("[1,2]", &at("/2"), "[1,2,null]");
    becomes("[1,2]", &at("/-"), "[1,2,null]");
    becomes(r#"{"a":[ ]}"#, &at("/a/-"), r#"{"a":[null ]}"#);
    lost(
        "[1,2]",
        &at("/3"),
        PathFault::NoElement { index: 3, len: 2 },
    );
    lost("[1,2]", &at("/x"), not_an_index("x"));
    lost(r#"{"a":{}}"#, &at("/a/0"), PathFault::NotInArray);
    lost(r#"{"a":{}}"#, &at("/b/0"), no_member("b"));
    lost("[1]", &at(""), PathFault::NotInArray);
}

#[test]
fn rfc_6902_operations_do_what_its_examples_show() {
    for (document, steps, expected) in [
        (
            r#"{"foo":"bar"}"#,
            r#"[{"op":"add","path":"/baz","value":"qux"}]"#,
            r#"{"foo":"bar","baz":"qux"}"#,
        ),
        (
            r#"{"foo":["bar","baz"]}"#,
            r#"[{"op":"add","path":"/foo/1","value":"qux"}]"#,
            r#"{"foo":["bar","qux","baz"]}"#,
        ),
        (
            r#"{"foo":["bar"]}"#,
            r#"[{"op":"add","path":"/foo/-","value":["abc","def"]}]"#,
            r#"{"foo":["bar",["abc","def"]]}"#,
        ),
        (
            r#"{"a":1,"b":2}"#,
            r#"[{"op":"add","path":"/a","value":null}]"#,
            r#"{"a":null,"b":2}"#,
        ),
        (
            r#"{"baz":"qux","foo":"bar"}"#,
            r#"[{"op":"remove","path":"/baz"}]"#,
            r#"{"foo":"bar"}"#,
        ),
        (
            r#"{"foo":["bar","qux","baz"]}"#,
            r#"[{"op":"remove","path":"/foo/1"}]"#,
            r#"{"foo":["bar","baz"]}"#,
        ),
        (
            r#"{"baz":"qux","foo":"bar"}"#,
            r#"[{"op":"replace","path":"/baz","value":"boo"}]"#,
            r#"{"baz":"boo","foo":"bar"}"#,
        ),
        (
            "[1,2]",
            r#"[{"op":"replace","path":"/0","value":[]}]"#,
            "[[],2]",
        ),
        (
            r#"{"a":1}"#,
            r#"[{"op":"replace","path":"","value":"text"}]"#,
            r#""text""#,
        ),
        (
            r#"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}"#,
            r#"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
            r#"{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}"#,
        ),
        (
            r#"{"foo":["all","grass","cows","eat"]}"#,
            r#"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
            r#"{"foo":["all","cows","eat","grass"]}"#,
        ),
        (
            "[1,2,3]",
            r#"[{"op":"move","from":"/0","path":"/-"}]"#,
            "[2,3,1]",
        ),
        (
            r#"{"a":{"b":1},"c":2}"#,
            r#"[{"op":"move","from":"/a/b","path":"/a"}]"#,
            r#"{"a":1,"c":2}"#,
        ),
        (
            r#"{"a":{"b":1}}"#,
            r#"[{"op":"move","from":"/a","path":""}]"#,
            r#"{"b":1}"#,
        ),
        (
            r#"{"a":1,"ab":2}"#,
            r#"[{"op":"move","from":"/a","path":"/ab"}]"#,
            r#"{"ab":1}"#,
        ),
        (
            r#"{"a":[1.0]}"#,
            r#"[{"op":"copy","from":"/a","path":"/b"}]"#,
            r#"{"a":[1.0],"b":[1.0]}"#,
        ),
        (
            r#"{"a":[1]}"#,
            r#"[{"op":"copy","from":"/a","path":"/a/0"}]"#,
            r#"{"a":[[1],1]}"#,
        ),
        (
            r#"{"a":1}"#,
            r#"[{"op":"copy","from":"","path":"/b"}]"#,
            r#"{"a":1,"b":{"a":1}}"#,
        ),
        (
            r#"{"a":[1]}"#,
            r#"[{"op":"copy","from":"/a/0","path":""},{"op":"test","path":"","value":1}]"#,
            "1",
        ),
        (
            r#"{"a":{"x":1}}"#,
            r#"[{"op":"set","path":"/a/y","value":2},{"op":"copy","from":"/a","path":"/b"},{"op":"set","path":"/b/x","value":3}]"#,
            r#"{"a":{"x":1,"y":2},"b":{"x":3,"y":2}}"#,
        ),
        (
            r#"{"foo":"bar"}"#,
            r#"[{"op":"add","path":"/baz","value":"qux","xyz":123}]"#,
            r#"{"foo":"bar","baz":"qux"}"#,
        ),
    ] {
        becomes(document, steps, expected);
    }
    lost(
        r#"{"foo":"bar"}"#,
        r#"[{"op":"add","path":"/baz/bat","value":"qux"}]"#,
        no_member("baz"),
    );
    lost(
        "[1]",
        r#"[{"op":"add","path":"/2","value":1}]"#,
        PathFault::NoElement { index: 2, len: 1 },
    );
    lost(
        "{}",
        r#"[{"op":"replace","path":"/a","value":1}]"#,
        no_member("a"),
    );
    lost(
        "[]",
        r#"[{"op":"replace","path":"/-","value":1}]"#,
        PathFault::NoElement { index: 0, len: 0 },
    );
    lost(
        "{}",
        r#"[{"op":"copy","from":"/a","path":"/b"}]"#,
        no_member("a"),
    );
    lost(
        "{}",
        r#"[{"op":"move","from":"/a","path":"/a"}]"#,
        no_member("a"),
    );
}

#[test]
fn a_value_is_not_moved_into_itself() {
    let document = r#"{"a":{"b":{}},"~":{}}"#;
    for (from, path) in [
        ("/a", "/a/b"),
        ("/a", "/a/b/c"),
        ("", "/x"),
        ("/~0", "/~0/x"),
    ] {
        let steps = format!(r#"[{{"op":"move","from":"{from}","path":"{path}"}}]"#);
        invalid(document, &steps, 0, StepFault::IntoItself);
    }
}

#[test]
fn test_compares_values_and_not_their_spelling() {
    let document = r#"{"n":[1,1.0,10e-1,9007199254740993,-0],"s":"\u0041\/é","o":{"x":1,"y":[{"z":null}]},"e":{},"l":[]}"#;
    for (path, value) in [
        ("/n/0", "1.00"),
        ("/n/1", "1"),
        ("/n/2", "1e0"),
        ("/n/3", "9007199254740993.0"),
        ("/n/4", "0.0e5"),
        ("/s", r#""A/\u00e9""#),
        ("/o", r#"{"y":[{"\u007a":null}],"x":1e0}"#),
        ("/e", "{ }"),
        ("/l", "[ ]"),
    ] {
        let steps = format!(r#"[{{"op":"test","path":"{path}","value":{value}}}]"#);
        becomes(document, &steps, document);
    }
    for (path, value) in [
        ("/n/0", r#""1""#),
        ("/n/0", "true"),
        ("/n/3", "9007199254740992"),
        ("/s", r#""A/e""#),
        ("/s", r#""A/é!""#),
        ("/o", r#"{"x":1}"#),
        ("/o", r#"{"x":1,"y":[{"z":null}],"w":0}"#),
        ("/o", r#"{"x":1,"w":[{"z":null}]}"#),
        ("/o/y", r#"[{"z":false}]"#),
        ("/o/y", r#"[{"z":null},1]"#),
        ("/e", "[]"),
        ("/l", "{}"),
        ("/l", "null"),
    ] {
        let steps = format!(r#"[{{"op":"test","path":"{path}","value":{value}}}]"#);
        invalid(document, &steps, 0, StepFault::TestFailed);
    }
}

#[test]
fn test_sees_what_the_steps_before_it_have_done() {
    let document = r#"{"a":{"b":[1,2],"c":{"d":true}},"x":0}"#;
    let steps = r#"[
        {"op":"set","path":"/a/b/0","value":"one"},
        {"op":"insert","path":"/a/b/-","value":{"k":[3]}},
        {"op":"delete","path":"/a/c/d"},
        {"op":"add","path":"/a/\u00e9\"","value":null},
        {"op":"test","path":"","value":{"x":0,"a":{"é\"":null,"c":{},"b":["one",2,{"k":[3.0]}]}}}
    ]"#;
    let expected = r#"{"a":{"b":["one",2,{"k":[3]}],"c":{},"é\"":null},"x":0}"#;
    becomes(document, steps, expected);
    let other = steps.replace("3.0", "3.1");
    invalid(document, &other, 4, StepFault::TestFailed);
}

#[test]
fn null_is_a_value_like_any_other() {
    becomes(
        r#"{"a":1}"#,
        r#"[{"op":"set","path":"/a","value":null}]"#,
        r#"{"a":null}"#,
    );
    becomes(
        r#"{"a":null}"#,
        r#"[{"op":"test","path":"/a","value":null}]"#,
        r#"{"a":null}"#,
    );
    becomes(
        r#"{"a":null}"#,
        r#"[{"op":"replace","path":"/a","value":0}]"#,
        r#"{"a":0}"#,
    );
    becomes(
        r#"{"a":null}"#,
        r#"[{"op":"move","from":"/a","path":"/b"}]"#,
        r#"{"b":null}"#,
    );
}

#[test]
fn a_scalar_document_is_only_patched_as_a_whole_by_rfc_6902() {
    for document in [" 1 ", r#""text""#, "true", "null"] {
        for step in [
            r#"{"op":"set","path":"","value":1}"#,
            r#"{"op":"set","path":"/a","value":1}"#,
            r#"{"op":"delete","path":""}"#,
            r#"{"op":"delete","path":"/a"}"#,
            r#"{"op":"insert","path":"/0","value":1}"#,
            r#"{"op":"add","path":"/a","value":1}"#,
            r#"{"op":"remove","path":"/a"}"#,
            r#"{"op":"replace","path":"/a","value":1}"#,
            r#"{"op":"test","path":"/a","value":1}"#,
            r#"{"op":"copy","from":"","path":"/a"}"#,
            r#"{"op":"move","from":"/a","path":""}"#,
        ] {
            let refused = patched(document, &format!("[{step}]"));
            assert_eq!(
                refused,
                Err(PatchError::NotJsonObject { step: 0 }),
                "{document} {step}"
            );
        }
        lost(
            document,
            r#"[{"op":"remove","path":""}]"#,
            PathFault::WholeDocument,
        );
        let value = document.trim();
        let test = format!(r#"[{{"op":"test","path":"","value":{value}}}]"#);
        becomes(document, &test, document);
        becomes(document, r#"[{"op":"copy","from":"","path":""}]"#, document);
    }
    becomes(
        " 1 ",
        r#"[{"op":"replace","path":"","value":{"a":[]}},{"op":"insert","path":"/a/0","value":2}]"#,
        r#" {"a":[2]} "#,
    );
    becomes("1", r#"[{"op":"add","path":"","value":[]}]"#, "[]");
    let refused = patched(
        "{}",
        r#"[{"op":"add","path":"","value":1},{"op":"set","path":"/a","value":1}]"#,
    );
    assert_eq!(refused, Err(PatchError::NotJsonObject { step: 1 }));
}

#[test]
fn a_refusal_names_the_step_the_path_and_the_code() {
    let document = r#"{"a":"text"}"#;
    let error = patched(
        document,
        r#"[{"op":"set","path":"/b","value":1},{"op":"set","path":"/a/b","value":1}]"#,
    );
    let error = error.unwrap_err();
    assert_eq!((error.code(), error.step()), (Code::InvalidPath, Some(1)));
    assert_eq!(
        error.to_string(),
        r#"step 1: path "/a/b": String on the way has no members"#
    );
    let error = patched(document, r#"[{"op":"test","path":"/a","value":1}]"#).unwrap_err();
    assert_eq!((error.code(), error.step()), (Code::InvalidPatch, Some(0)));
    let long = format!(r#"[{{"op":"remove","path":"/{}"}}]"#, "x".repeat(100_000));
    assert!(patched(document, &long).unwrap_err().to_string().len() < 1000);
}

#[test]
fn a_value_that_is_no_json_cannot_smuggle_anything_in() {
    for value in [
        "",
        " ",
        "1,\"admin\":true",
        "1}",
        "[",
        "\u{feff}1",
        "{\"a\":1,\"a\":2}",
        "nul",
    ] {
        let step = PatchStep::Set {
            path: "/a".into(),
            value: value.into(),
        };
        let refused = crate::patch::apply(b"{}", &[step], &Limits::DEFAULT);
        let expected = matches!(
            refused,
            Err(PatchError::InvalidPatch {
                step: 0,
                fault: StepFault::Value(_)
            })
        );
        assert!(expected, "{value}: {refused:?}");
    }
    let step = PatchStep::Set {
        path: "/a".into(),
        value: b" \n{ } ".to_vec(),
    };
    let set = crate::patch::apply(b"{}", &[step], &Limits::DEFAULT);
    assert_eq!(set.as_deref(), Ok(br#"{"a":{ }}"#.as_slice()));
}

#[test]
fn a_document_that_is_damaged_is_refused_and_not_served() {
    for (document, offset, reason) in [
        ("{\"a\":1,\"a\":2}", 8, JsonReason::DuplicateKey),
        ("{\"a\":tru}", 5, JsonReason::ExpectedValue),
    ] {
        let refused = patched(document, "[]");
        assert_eq!(
            refused,
            Err(PatchError::InvalidJson(JsonError { offset, reason }))
        );
    }
    for document in ["", "{", "x", "[1,2", "{\"a\":"] {
        let steps = parse_steps(br#"[{"op":"add","path":"/a/0","value":1}]"#).unwrap();
        assert!(crate::patch::apply(document.as_bytes(), &steps, &Limits::DEFAULT).is_err());
    }
}
