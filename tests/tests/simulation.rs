//! Deterministic simulation. `DOCDB_SEEDS=FROM..TO` chooses the seeds, `DOCDB_STEPS=N` the length of
//! a history; a failing seed is shrunk and printed.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use docdb_tests::simulation::{Plan, run, shrink};
use docdb_tests::{number_from, range_from};

fn seeds() -> std::ops::Range<u64> {
    range_from("DOCDB_SEEDS", 0..300)
}

fn steps() -> usize {
    usize::try_from(number_from("DOCDB_STEPS", 250)).unwrap()
}

#[test]
fn every_promise_holds_in_every_history() {
    let (seeds, steps) = (seeds(), steps());
    let (mut acknowledged, mut crashes, mut faults) = (0, 0, 0);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let plan = Plan::of(seed, steps);
        match run(&plan) {
            Ok(outcome) => {
                acknowledged += outcome.acknowledged;
                crashes += outcome.crashes;
                faults += outcome.faults;
            }
            Err(failure) => {
                let short = shrink(&plan);
                let broken = run(&short).map_or_else(|it| it.broken, |_| failure.broken.clone());
                for (number, step) in short.steps.iter().enumerate() {
                    println!("{number}: {step:?}");
                }
                println!("options: {:?}", short.options);
                panic!(
                    "seed {seed}, step {}: {}\nshrunk to {} steps: {broken}\n\
                     again: DOCDB_SEEDS={seed}..{} DOCDB_STEPS={steps}",
                    failure.step,
                    failure.broken,
                    short.steps.len(),
                    seed + 1,
                );
            }
        }
    }
    println!(
        "{count} seeds of {steps} steps: {acknowledged} acknowledged writes, {crashes} crashes, \
         {faults} failed calls, no promise broken"
    );
}

#[test]
fn one_seed_gives_one_history() {
    for seed in seeds().step_by(100) {
        let plan = Plan::of(seed, steps());
        let (first, second) = (run(&plan), run(&plan));
        assert_eq!(first.ok(), second.ok(), "seed {seed}");
    }
}
