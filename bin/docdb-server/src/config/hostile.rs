//! Configuration files that nobody of good will has written. `DOCDB_FUZZ_RUNS=FROM..TO` chooses the
//! mutations.

use std::time::{Duration, Instant};

use docdb_tests::hostile::mutated;
use docdb_tests::{Random, range_from};

use super::{Given, example, load, printed};

/// No file may keep the start busy for longer, on a machine that has other things to do too.
const LONGEST: Duration = Duration::from_secs(5);

/// The example with every key in force, and texts that have more of YAML than keys.
fn texts() -> Vec<Vec<u8>> {
    let in_force: String = example()
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    [
        example(),
        in_force,
        "server: {socket: /run/docdb.sock, workers: 4}\nwal: {fsync: group}\n".to_owned(),
        "a: &a [1, 2]\nb: *a\nc: !!str 7\nd: |\n  text\ne: >-\n  folded\n".to_owned(),
        "---\nserver:\n\tworkers: 1\n...\n---\n".to_owned(),
        "wal: {<<: {fsync: none}, ? [1] : 2}\n".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

/// Also when a file names the same thing in a thousand ways, the start ends in an answer: settings
/// that can be printed, or problems of one line each.
#[test]
fn no_file_breaks_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docdb.yaml");
    let texts = texts();
    let given = Given {
        file: Some(path.clone()),
        ..Given::default()
    };
    let (mut taken, mut refused) = (0, 0);
    for run in range_from("DOCDB_FUZZ_RUNS", 0..1500) {
        let text = mutated(&texts, &mut Random::new(run));
        std::fs::write(&path, &text).unwrap();
        let begun = Instant::now();
        match load(&given) {
            Ok(configured) => {
                taken += 1;
                assert!(!printed(&configured).is_empty(), "run {run}");
            }
            Err(problems) => {
                refused += 1;
                assert!(!problems.is_empty(), "run {run}");
                for problem in problems {
                    let line = problem.to_string();
                    let is_line = !line.is_empty() && !line.contains('\n');
                    assert!(is_line, "run {run}: {line:?}");
                }
            }
        }
        let took = begun.elapsed();
        assert!(took < LONGEST, "run {run}: {took:?}");
    }
    println!("{taken} files taken, {refused} refused");
    assert!(taken > 0 && refused > 0);
}
