//! Deterministic simulation. `DOCDB_SEEDS=FROM..TO` chooses the seeds, `DOCDB_STEPS=N` the length of
//! a history; a failing seed is shrunk and printed.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use docdb_tests::simulation::{Plan, run, shrink};

fn seeds() -> std::ops::Range<u64> {
    let text = std::env::var("DOCDB_SEEDS").unwrap_or_else(|_| "0..300".to_owned());
    let (from, to) = text.split_once("..").expect("FROM..TO");
    from.parse().expect("a number")..to.parse().expect("a number")
}

fn steps() -> usize {
    std::env::var("DOCDB_STEPS").map_or(250, |text| text.parse().expect("a number"))
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
