//! Imports and exports.

use std::fs;

use crate::harness::Harness;

/// Documents that come back otherwise wherever somebody parses and prints them.
const WEIRD: [&str; 8] = [
    r#"{"z":1.0,"a":9007199254740993,"e":1E400,"n":-0}"#,
    r#"{"s":"\u0041\/\ud83d\ude00 é\t  x","":[ ]}"#,
    r#"[ 1 , {"deep":[[[{"x":"]},\"["}]]]} ]"#,
    r#""  a text, \"quoted\"\\""#,
    "0.10",
    "true",
    "null",
    "{}",
];

/// All documents of the collection, by id.
fn stored(harness: &Harness, count: usize) -> Vec<String> {
    let lines: Vec<_> = (1..=count).map(|id| format!(".read {id}")).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let ran = harness.lines(&lines);
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.output.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn lines_and_arrays_are_stored_byte_for_byte() {
    let lines = Harness::start();
    let file = lines.file(
        "in.ndjson",
        &format!("{}\n\n", WEIRD.join("\n")).replace("\n[", "\r\n["),
    );
    let ran = lines.lines(&[&format!(".import {file} --lines")]);
    assert_eq!(
        (ran.status, ran.output.as_str()),
        (0, "OK\nimported=8\nrefused=0\n")
    );
    assert_eq!(stored(&lines, 8), WEIRD);

    let array = Harness::start();
    let file = array.file("in.json", &format!(" [\n{}\n] \n", WEIRD.join(",\n ")));
    let ran = array.lines(&[&format!(".import {file}")]);
    assert_eq!(
        (ran.status, ran.output.as_str()),
        (0, "OK\nimported=8\nrefused=0\n")
    );
    assert_eq!(stored(&array, 8), WEIRD);
}

#[test]
fn an_array_within_a_document_is_found_by_its_pointer() {
    let harness = Harness::start();
    let text = format!(
        r#"{{"meta":{{"n":[9]}},"639/3":[{}],"rest":1}}"#,
        WEIRD.join(",")
    );
    let file = harness.file("in.json", &text);
    let ran = harness.lines(&[&format!(".import {file} --array /639~13")]);
    assert_eq!(
        (ran.status, ran.output.as_str()),
        (0, "OK\nimported=8\nrefused=0\n")
    );
    assert_eq!(stored(&harness, 8), WEIRD);
    let ran = harness.lines(&[&format!(".import {file} --array /nowhere")]);
    assert_eq!(ran.status, 1);
    assert!(ran.output.starts_with("ERROR InvalidPath\n"), "{ran:?}");
}

#[test]
fn standard_input_is_imported_unless_it_holds_the_commands() {
    let harness = Harness::start();
    let arguments = ["--db", "shop", "-c", ".import -", "-c", ".count"];
    let ran = harness.shell(&arguments, "{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(ran.output, "OK\nimported=2\nrefused=0\nOK\ncount=2\n");
    let ran = harness.json(".import -\n.count\n");
    assert!(ran.lines()[0].contains("UnknownOperation"), "{ran:?}");
    assert_eq!(ran.lines()[1], r#"{"ok":true,"count":2}"#);
}

#[test]
fn refused_lines_are_named_and_the_others_are_stored() {
    let harness = Harness::start();
    let text = "{\"n\":1}\n{\"n\":}\n\n{\"n\":1}\n{\"m\":1}\n{\"n\":3,\"n\":4}\n{\"n\":5}\n";
    let file = harness.file("in.ndjson", text);
    let ran = harness.lines(&[&format!(".import {file} --id n"), ".count"]);
    // What was refused shows in the exit status, but does not keep the next line from running.
    assert_eq!(ran.status, 1);
    assert!(
        ran.output.starts_with("OK\nimported=2\nrefused=4\n"),
        "{ran:?}"
    );
    for refusal in [
        "line=2 code=InvalidJson message=",
        "line=4 code=DocExists message=",
        "line=5 code=InvalidJson message=member \"n\" is missing",
        "line=6 code=InvalidJson message=",
    ] {
        assert!(
            ran.output.contains(refusal),
            "{refusal} is missing in {ran:?}"
        );
    }
    assert!(ran.output.ends_with("OK\ncount=2\n"), "{ran:?}");

    let ran = harness.json(&format!(".import {file} --id n --upsert\n.read 5\n"));
    let answer = ran.lines()[0];
    assert!(
        answer.starts_with(r#"{"ok":true,"imported":3,"refused":3,"refusals":[{"line":2,"#),
        "{answer}"
    );
    assert!(ran.lines()[1].contains(r#""id":5"#));
}

#[test]
fn many_documents_fill_many_batches() {
    let harness = Harness::start();
    let documents: Vec<_> = (1..=2600)
        .map(|n| format!("{{\"n\":{n},\"v\":\"{n}  \"}}"))
        .collect();
    let file = harness.file("in.json", &format!("[{}]", documents.join(",")));
    let ran = harness.lines(&[
        &format!(".import {file} --id n"),
        ".count",
        ".read 2600",
        ".scan",
    ]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let expected = "OK\nimported=2600\nrefused=0\nOK\ncount=2600\n{\"n\":2600,\"v\":\"2600  \"}\n";
    assert!(ran.output.starts_with(expected), "{}", ran.output);
    assert!(ran.output.contains("OK\ncount=1000\n") && ran.output.contains("next=1001\n"));
}

#[test]
fn the_largest_document_is_imported_and_a_larger_one_is_refused() {
    const LARGEST: usize = 16 * 1024 * 1024;
    let harness = Harness::start();
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let largest = text(LARGEST);
    let documents = ["1", &largest, "2", &text(LARGEST + 1), "3"].join("\n");
    let file = harness.file("in.ndjson", &documents);
    let ran = harness.lines(&[&format!(".import {file}"), ".count"]);
    assert!(
        ran.output
            .starts_with("OK\nimported=4\nrefused=1\nline=4 code=PayloadTooLarge "),
        "{ran:?}"
    );
    assert!(ran.output.ends_with("OK\ncount=4\n"), "{ran:?}");
    assert!(harness.lines(&[".read 2"]).output == format!("{largest}\n"));
}

#[test]
fn a_damaged_array_is_an_error_that_counts_what_was_stored() {
    let harness = Harness::start();
    let file = harness.file("in.json", "[1,2,3 4]");
    let ran = harness.lines(&[&format!(".import {file}")]);
    assert_eq!(ran.status, 1);
    assert!(ran.output.starts_with("ERROR InvalidJson\n"), "{ran:?}");
    assert!(ran.output.contains("3 imported"), "{ran:?}");
    let ran = harness.lines(&[".import /nowhere/at.all"]);
    assert!(ran.output.starts_with("ERROR FileOpen\n"), "{ran:?}");
}

#[test]
fn an_export_is_imported_again_byte_for_byte() {
    let source = Harness::start();
    let broken = "{\n \"a\" : \"\\n\",\r\n \"b\":[ 1.0 ]\n}";
    let mut lines = vec![format!(".create 1000 {broken}")];
    lines.extend(
        WEIRD
            .iter()
            .enumerate()
            .map(|(n, doc)| format!(".create {} {doc}", n + 1)),
    );
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    assert_eq!(source.lines(&lines).status, 0);

    let path = source.path("out.ndjson");
    let file = path.to_str().unwrap();
    let ran = source.lines(&[&format!(".export {file}")]);
    assert!(ran.output.starts_with("OK\ncount=9\ncrc32="), "{ran:?}");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 10);
    assert!(text.starts_with("{\"id\":1,\"version\":"), "{text}");
    assert!(
        text.contains(&format!("\"doc\":{}}}\n", WEIRD[2])),
        "{text}"
    );
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with("{\"count\":9,\"crc32\":\"")
    );
    let printed = source.lines(&[".export -"]);
    assert_eq!((printed.status, printed.output), (0, text.clone()));

    let target = Harness::start();
    let ran = target.lines(&[&format!(".import {file} --exported")]);
    assert_eq!(
        (ran.status, ran.output.as_str()),
        (0, "OK\nimported=9\nrefused=0\n")
    );
    assert_eq!(stored(&target, 8), WEIRD);
    assert_eq!(target.lines(&[".read 1000"]).output, format!("{broken}\n"));

    let cut: String = text
        .lines()
        .take(9)
        .map(|line| format!("{line}\n"))
        .collect();
    let empty = Harness::start();
    for damaged in [cut, text.replace("0.10", "0.11"), format!("{text}{{}}\n")] {
        let file = empty.file("damaged", &damaged);
        let ran = empty.lines(&[&format!(".import {file} --exported")]);
        assert_eq!(ran.status, 1);
        assert!(ran.output.starts_with("ERROR CrcMismatch\n"), "{ran:?}");
        assert_eq!(empty.lines(&[".count"]).output, "OK\ncount=0\n");
        let arguments = ["--db", "shop", "-c", ".import - --exported --upsert"];
        let ran = target.shell(&arguments, &damaged);
        assert_eq!(ran.status, 1);
        assert!(ran.output.starts_with("ERROR CrcMismatch\n"), "{ran:?}");
    }
}

#[test]
fn an_export_never_leaves_half_a_file() {
    let harness = Harness::start();
    harness.lines(&[".create 1 {}"]);
    let ran = harness.lines(&[".export /nowhere/at/all"]);
    assert!(ran.output.starts_with("ERROR FileWrite\n"), "{ran:?}");
    let ran = harness.json(".export -\n.count\n");
    assert!(ran.lines()[0].contains("UnknownOperation"), "{ran:?}");
    assert_eq!(ran.lines()[1], r#"{"ok":true,"count":1}"#);
    let path = harness.path("out");
    fs::write(&path, "old").unwrap();
    harness.lines(&[&format!(".export {}", path.to_str().unwrap())]);
    assert!(fs::read_to_string(&path).unwrap().starts_with("{\"id\":1,"));
    let names: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}
