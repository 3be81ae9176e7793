//! Every target over its corpus, and over seeded mutations of it. `DOCDB_FUZZ_TARGET=NAME` takes one
//! target, `DOCDB_FUZZ_RUNS=FROM..TO` chooses the mutations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use docdb_tests::hostile::{TARGETS, Target, mutated};
use docdb_tests::{Random, range_from};

/// No input may keep a target busy for longer, on a machine that has other things to do too.
const LONGEST: Duration = Duration::from_secs(5);

/// The inputs of a corpus: one a line, in hexadecimal digits.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(format!("{name}.hex"));
    let text = fs::read_to_string(&path).unwrap_or_default();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            (0..line.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&line[at..at + 2], 16).expect("hexadecimal digits"))
                .collect()
        })
        .collect()
}

fn feed(target: &Target, input: &[u8], what: &str) {
    let begun = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    if result.is_err() {
        let digits: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!(
            "{}, {what}: a panic; for its corpus:\n{digits}",
            target.name
        );
    }
    let took = begun.elapsed();
    assert!(took < LONGEST, "{}, {what}: {took:?}", target.name);
}

#[test]
fn no_input_breaks_a_decoder() {
    let runs = range_from("DOCDB_FUZZ_RUNS", 0..150);
    let chosen = std::env::var("DOCDB_FUZZ_TARGET").ok();
    for target in TARGETS {
        if chosen.as_deref().is_some_and(|name| name != target.name) {
            continue;
        }
        let begun = Instant::now();
        let mut inputs = (target.seeds)();
        inputs.extend(corpus(target.name));
        for (number, input) in inputs.iter().enumerate() {
            feed(target, input, &format!("input {number}"));
        }
        for run in runs.clone() {
            let mut random = Random::new(run);
            feed(
                target,
                &mutated(&inputs, &mut random),
                &format!("run {run}"),
            );
        }
        println!(
            "{}: {} inputs and {} mutations in {:.1} s",
            target.name,
            inputs.len(),
            runs.end - runs.start,
            begun.elapsed().as_secs_f64()
        );
    }
}

#[test]
fn right_checksums_are_those_of_the_format() {
    use docdb_tests::hostile::{Kind, repair};
    for (name, kind) in [
        ("log", Kind::Log),
        ("sealed_log", Kind::Log),
        ("data_file", Kind::Data),
        ("parity", Kind::Parity),
        ("manifest", Kind::Manifest),
        ("catalog", Kind::Catalog),
    ] {
        let target = TARGETS.iter().find(|target| target.name == name).unwrap();
        for healthy in (target.seeds)() {
            assert!(healthy.len() > 90, "{name}");
            let mut repaired = healthy.clone();
            assert!(repair(kind, &mut repaired), "{name}: ends early");
            assert!(repaired == healthy, "{name}: another checksum");
        }
    }
}
