//! Lines, answers and exit statuses.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::harness::{Harness, run};

#[test]
fn lines_run_one_after_the_other() {
    let harness = Harness::start();
    let ran = harness.lines(&[
        ".pwd",
        ".create 7 {\"a\":1}",
        ".create - [2]",
        ".read 7",
        ".upsert 7 {\"a\":2}",
        ".upsert 9 true",
        ".delete 9",
        ".count",
        ".mkcoll orders",
        ".coll orders",
        ".count",
        ".exit",
        ".nothing runs behind an exit",
    ]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let lines: Vec<_> = ran
        .output
        .lines()
        .filter(|line| !line.starts_with("version=") && !line.starts_with("db_id="))
        .collect();
    let expected = [
        "OK",
        "db=shop",
        "collection=_default", // .pwd
        "OK",
        "id=7", // .create
        "OK",
        "id=8",      // .create, assigned
        "{\"a\":1}", // .read
        "OK",
        "id=7",
        "created=false", // .upsert
        "OK",
        "id=9",
        "created=true", // .upsert
        "OK",
        "id=9", // .delete
        "OK",
        "count=2", // .count
        "OK",
        "collection=orders", // .mkcoll
        "OK",
        "collection=orders", // .coll
        "OK",
        "count=0", // .count
        "OK",      // .exit
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_first_error_ends_a_run_with_status_1() {
    let harness = Harness::start();
    let ran = harness.lines(&[".create 1 {}", ".create 1 {}", ".create 2 {}"]);
    assert_eq!(ran.status, 1);
    let last: Vec<_> = ran.output.lines().rev().take(2).collect();
    assert_eq!(last[1], "ERROR DocExists");
    assert!(last[0].contains("document 1"), "{last:?}");

    let script = harness.file("script", ".read 1\n.read 2\n.read 1\n");
    let ran = harness.shell(&["--db", "shop", &script], "");
    assert_eq!(ran.status, 1);
    assert!(ran.output.starts_with("{}\nERROR DocNotFound\n"), "{ran:?}");
    assert_eq!(ran.output.lines().count(), 3);

    let ran = harness.shell(&["--db", "shop"], ".read 1\n\n.bogus\n.read 1\n");
    assert_eq!(ran.status, 1);
    assert!(ran.output.starts_with("{}\nERROR UnknownOperation\n"));
    assert_eq!(ran.output.lines().count(), 3);
}

#[test]
fn without_a_server_or_with_wrong_flags_nothing_is_run() {
    let directory = tempfile::tempdir().unwrap();
    let ran = run(&directory.path().join("none.sock"), &["-c", ".ls"], "");
    assert_eq!((ran.status, ran.output.as_str()), (1, ""));
    assert!(ran.errors.contains("none.sock"), "{ran:?}");
    let ran = run(directory.path(), &["--nonsense"], "");
    assert_eq!((ran.status, ran.output.as_str()), (2, ""));
}

#[test]
fn with_json_every_line_has_exactly_one_line() {
    let harness = Harness::start();
    let input = concat!(
        ".create 1 {\"a\":1.0}\n",
        "\n   \n",
        ".create 1 {}\n",
        "nonsense\n",
        ".read 1\r\n",
        ".create 2 {\"a\":}\n",
        ".scan\n",
        ".collections\n",
        ".ls\n",
        ".stats\n",
        ".mem\n",
        ".wal\n",
        ".help\n",
        ".history\n",
        ".checkpoint\n",
        ".compact\n",
        ".heal 1\n",
        ".heal 9\n",
        ".heal 1 --newer\n",
        ".heal-all\n",
        ".heal-stats\n",
        ".validate\n",
        ".validate 9\n",
        ".validate --all\n",
        ".pretty on\n",
        ".read 1\n",
        ".clear\n",
        ".close\n",
        ".read 1\n",
        ".exit\n",
        ".ls\n",
    );
    let ran = harness.json(input);
    assert_eq!(ran.status, 0, "{ran:?}");
    let lines = ran.lines();
    let begins = [
        r#"{"ok":true,"id":1,"version":"#,
        r#"{"ok":false,"code":"DocExists","message":""#,
        r#"{"ok":false,"code":"UnknownOperation","message":""#,
        r#"{"ok":true,"id":1,"version":"#,
        r#"{"ok":false,"code":"InvalidJson","message":""#,
        r#"{"ok":true,"count":1,"snapshot":"#,
        r#"{"ok":true,"collections":[{"collection":"_default","documents":1}]"#,
        r#"{"ok":true,"databases":[{"db":"shop","db_id":"#,
        r#"{"ok":true,"stats":{"server":{"version":"#,
        r#"{"ok":true,"mem":{"#,
        r#"{"ok":true,"wal":{"fsync":"group""#,
        r#"{"ok":true,"commands":[{"name":".help""#,
        r#"{"ok":true,"history":[".create 1 {\"a\":1.0}","#,
        r#"{"ok":true,"documents":"#,
        r#"{"ok":true,"replaced_files":"#,
        r#"{"ok":true,"id":1,"health":"valid","version":"#,
        r#"{"ok":false,"code":"DocNotFound","message":""#,
        r#"{"ok":false,"code":"UnknownOperation","message":""#,
        r#"{"ok":true,"documents":1,"healed":0,"corrupt":0,"#,
        r#"{"ok":true,"healing":{"scans":1,"#,
        r#"{"ok":true,"documents":1,"valid":1,"#,
        r#"{"ok":true,"documents":1,"valid":0,"healed":0,"corrupt":0,"missing":1,"#,
        r#"{"ok":true,"documents":1,"valid":1,"#,
        r#"{"ok":true,"pretty":"on"}"#,
        r#"{"ok":true,"id":1,"version":"#,
        r#"{"ok":true}"#,
        r#"{"ok":true}"#,
        r#"{"ok":false,"code":"DbNotOpen","message":""#,
        r#"{"ok":true}"#,
    ];
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line} does not begin {begin}");
        assert!(line.ends_with('}'));
    }
    assert_eq!(lines.len(), begins.len());
    for line in [lines[3], lines[24]] {
        assert!(line.ends_with(r#","doc":{"a":1.0}}"#), "{line}");
    }
    assert!(lines[5].contains(r#""doc":{"a":1.0}}]"#), "{}", lines[5]);
}

#[test]
fn an_answer_is_there_before_the_next_line_is_sent() {
    let harness = Harness::start();
    let mut child = Command::new(env!("CARGO_BIN_EXE_docdbsh"))
        .arg("--socket")
        .arg(harness.path("docdb.sock"))
        .args(["--db", "shop", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for line in [".create 1 {}", ".create 1 {}", ".read 1"] {
        writeln!(input, "{line}").unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert!(answer.starts_with("{\"ok\":"), "{answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn bytes_typed_are_bytes_stored() {
    let harness = Harness::start();
    let documents = [
        r#"{"a":  " x  y ",   "b" : [ 1 ,2 ] }  "#,
        r#"{"z":1.0,"a":9007199254740993,"m":1E400,"s":"\u0041\/\ud83d\ude00é"}"#,
        r#""just   text""#,
        "-0",
        "null",
        r#"{"deep":[[[[{"x":[]}]]]],"":"empty name"}"#,
    ];
    for document in documents {
        let ran = harness.lines(&[&format!(".upsert 1   {document}"), ".read 1"]);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(ran.output.ends_with(&format!("\n{document}\n")), "{ran:?}");
    }
    let broken = "{\n  \"a\": 1\r\n}";
    let ran = harness.lines(&[&format!(".upsert 1 {broken}"), ".read 1"]);
    assert!(ran.output.ends_with(&format!("\n{broken}\n")), "{ran:?}");
    let ran = harness.json(".read 1\n");
    assert!(ran.output.ends_with("\"doc\":{  \"a\": 1}}\n"), "{ran:?}");
}

#[test]
fn patches_change_what_they_name() {
    let harness = Harness::start();
    let ran = harness.lines(&[
        r#".create 1 {"n":9007199254740993,"a":{"b":1.0}}"#,
        r#".patch 1 [{"op":"set","path":"/a/c","value":[1.50]}]"#,
        ".read 1",
        r#".merge 1 {"a":{"b":null}}"#,
        ".read 1",
        r#".patch 1 [{"op":"set","path":"/n/x","value":1}]"#,
    ]);
    let documents: Vec<_> = ran.output.lines().filter(|l| l.starts_with('{')).collect();
    let expected = [
        r#"{"n":9007199254740993,"a":{"b":1.0,"c":[1.50]}}"#,
        r#"{"n":9007199254740993,"a":{"c":[1.50]}}"#,
    ];
    assert_eq!(documents, expected);
    assert_eq!(ran.status, 1);
    assert!(ran.output.contains("ERROR InvalidPath\n"), "{ran:?}");
    let ran = harness.json(".patch 1 [{\"op\":\"set\"}]\n.patch 1 {}\n.patch 1 [\n");
    assert_eq!(
        ran.output.matches(r#""code":"InvalidPatch""#).count(),
        3,
        "{ran:?}"
    );
}

#[test]
fn payloads_that_are_not_json_are_refused_with_a_hint() {
    let harness = Harness::start();
    for payload in ["raw:hello", "hex:00ff"] {
        for command in [
            ".create 1",
            ".create",
            ".update 1",
            ".upsert 1",
            ".merge 1",
            ".patch 1",
        ] {
            let ran = harness.lines(&[&format!("{command} {payload}")]);
            assert_eq!(ran.status, 1);
            assert!(
                ran.output
                    .starts_with("ERROR InvalidJson\npayloads are json only"),
                "{ran:?}"
            );
            assert_eq!(ran.output.lines().count(), 2);
        }
    }
    assert!(harness.lines(&[".count"]).output.contains("count=0"));
}

#[test]
fn commands_of_other_versions_are_unknown() {
    let harness = Harness::start();
    let mut input = String::new();
    for word in ["vacuum 1", "heal-some", "analyze 1"] {
        input.push_str(&format!(".{word}\n"));
    }
    let ran = harness.json(&input);
    assert_eq!(
        ran.output.matches(r#""code":"UnknownOperation""#).count(),
        3
    );
    let help = harness.lines(&[".help"]).output;
    assert!(
        help.contains(".heal-stats") && !help.contains(".vacuum"),
        "{help}"
    );
    let help = harness.lines(&[".help upsert"]).output;
    assert!(help.starts_with("OK\n.upsert ID JSON"), "{help}");
}

#[test]
fn databases_are_opened_used_closed_and_dropped() {
    let harness = Harness::start();
    let input = concat!(
        ".count\n",
        ".use shop\n",
        ".open shop\n",
        ".create {}\n",
        ".open my other\n",
        ".count\n",
        ".use shop\n",
        ".count\n",
        ".drop shop\n",
        ".count\n",
        ".use shop\n",
        ".open ../x\n",
        ".ls\n",
    );
    let ran = harness.shell(&["--json"], input);
    let lines = ran.lines();
    assert!(lines[0].contains("DbNotOpen"), "{lines:?}");
    assert!(lines[1].contains("DbNotFound"), "{lines:?}");
    assert!(
        lines[2].contains(r#""db":"shop","created":true"#),
        "{lines:?}"
    );
    assert!(
        lines[4].contains(r#""db":"my other","created":true"#),
        "{lines:?}"
    );
    assert_eq!(lines[5], r#"{"ok":true,"count":0}"#);
    assert_eq!(lines[7], r#"{"ok":true,"count":1}"#);
    assert_eq!(lines[8], r#"{"ok":true}"#);
    assert!(lines[9].contains("DbNotOpen"), "{lines:?}");
    assert!(lines[10].contains("DbNotFound"), "{lines:?}");
    assert!(lines[11].contains("InvalidName"), "{lines:?}");
    assert!(
        lines[12].contains("my other") && !lines[12].contains("shop"),
        "{lines:?}"
    );
}

#[test]
fn collections_are_made_filled_and_removed() {
    let harness = Harness::start();
    let input = concat!(
        ".mkcoll orders\n",
        ".mkcoll orders\n",
        ".coll orders\n",
        ".create 1 {}\n",
        ".rmcoll orders\n",
        ".delete 1\n",
        ".rmcoll orders\n",
        ".pwd\n",
        ".coll orders\n",
        ".rmcoll _default\n",
    );
    let ran = harness.json(input);
    let lines = ran.lines();
    assert!(lines[1].contains("CollectionExists"), "{lines:?}");
    assert!(lines[4].contains("CollectionNotEmpty"), "{lines:?}");
    assert!(lines[6].contains(r#""ok":true"#), "{lines:?}");
    assert!(lines[7].contains(r#""collection":"_default""#), "{lines:?}");
    assert!(lines[8].contains("CollectionNotFound"), "{lines:?}");
    assert!(lines[9].contains(r#""ok":false"#), "{lines:?}");
}

#[test]
fn a_scan_tells_where_it_goes_on() {
    let harness = Harness::start();
    let mut input = String::new();
    for id in [2, 3, 5, 8] {
        input.push_str(&format!(".create {id} {id}\n"));
    }
    harness.json(&input);
    let ran = harness.json(".scan - 2\n.scan 3 2\n.scan 8 1\n.scan 9\n.scan\n");
    let ids = |line: &str| -> Vec<String> {
        line.split("\"id\":")
            .skip(1)
            .map(|part| part.split(',').next().unwrap().to_owned())
            .collect()
    };
    let lines = ran.lines();
    assert_eq!(ids(lines[0]), ["2", "3"]);
    assert!(lines[0].contains(r#""next":"#), "{lines:?}");
    assert_eq!(ids(lines[1]), ["3", "5"]);
    assert_eq!(ids(lines[2]), ["8"]);
    assert!(ids(lines[3]).is_empty());
    assert_eq!(ids(lines[4]), ["2", "3", "5", "8"]);
    assert!(!lines[4].contains("next"), "{lines:?}");
}

#[test]
fn pretty_indents_and_changes_nothing_else() {
    let harness = Harness::start();
    let ran = harness.lines(&[
        r#".create 1 {"b":1.0,"a":[9007199254740993,{}]}"#,
        ".pretty on",
        ".read 1",
        ".pretty off",
        ".read 1",
    ]);
    let expected = "OK\npretty=on\n{\n  \"b\": 1.0,\n  \"a\": [\n    9007199254740993,\n    {}\n  ]\n}\nOK\npretty=off\n{\"b\":1.0,\"a\":[9007199254740993,{}]}\n";
    assert!(ran.output.ends_with(expected), "{ran:?}");
}

#[test]
fn a_quota_is_set_shown_and_refuses() {
    let harness = Harness::start();
    let ran = harness.lines(&[
        ".quota documents=1 disk_bytes=2MiB",
        ".create 1 1",
        ".quota requests_in_flight=9",
        ".create 2 2",
    ]);
    assert_eq!(ran.status, 1, "{ran:?}");
    let quota = "disk_bytes=2097152\ndocuments=1\noperations_per_second=0\nrequests_in_flight=";
    assert!(ran.output.contains(&format!("{quota}0\n")), "{ran:?}");
    assert!(ran.output.contains(&format!("{quota}9\n")), "{ran:?}");
    assert!(ran.output.contains("ERROR DocumentQuota"), "{ran:?}");
    for wrong in [
        ".quota documents",
        ".quota documents=many",
        ".quota documents=1KiB",
        ".quota disk_bytes=2MB",
        ".quota colour=1",
        ".quota documents=1 documents=2",
    ] {
        let ran = harness.lines(&[wrong]);
        assert_eq!(ran.status, 1, "{wrong}: {ran:?}");
    }
}
