//! Power is lost behind every call that changes the disk. `DOCDB_CRASH_ACTS=N` takes all sequences of
//! up to N acts, `DOCDB_CRASH_SEEDS=FROM..TO` chooses the seeds of longer ones, `DOCDB_CRASH_DRAWS=N`
//! how many images of each kind are drawn behind a call.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use docdb_tests::images::{Checked, History, every_sequence, random_acts};
use docdb_tests::{number_from, range_from};

fn history(seed: u64, preallocate_bytes: u64) -> History {
    History {
        seed,
        images_per_profile: number_from("DOCDB_CRASH_DRAWS", 1),
        preallocate_bytes,
    }
}

#[test]
fn every_short_sequence_survives_a_crash_at_every_call() {
    let acts = u32::try_from(number_from("DOCDB_CRASH_ACTS", 2)).unwrap();
    let mut all = Checked::default();
    let sequences = every_sequence(acts);
    for sequence in &sequences {
        let checked = history(7, 0)
            .run(sequence)
            .unwrap_or_else(|broken| panic!("{sequence:?}: {broken}"));
        all.images += checked.images;
        all.nested += checked.nested;
    }
    println!(
        "{} sequences of up to {acts} acts: {} images recovered, {} crashes inside recoveries",
        sequences.len(),
        all.images,
        all.nested
    );
    assert!(all.images > sequences.len() as u64 * 10);
}

#[test]
fn long_histories_survive_a_crash_at_every_call() {
    let mut all = Checked::default();
    let seeds = range_from("DOCDB_CRASH_SEEDS", 0..4);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let acts = random_acts(seed, 40);
        let checked = history(seed, (seed % 3) * 1024)
            .run(&acts)
            .unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        all.images += checked.images;
        all.nested += checked.nested;
    }
    println!(
        "{count} histories of 40 acts: {} images recovered, {} crashes inside recoveries",
        all.images, all.nested
    );
}
