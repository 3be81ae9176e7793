//! The first call to the disk fails, then the second, and so on, until a history meets no fault any
//! more; once, from there on, and once with the power cut right behind it; in every way a call can
//! fail. `DOCDB_FAIL_SEEDS=FROM..TO` chooses
//! the histories, `DOCDB_FAIL_STEPS=N` their length.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use docdb_tests::simulation::{Plan, run};
use docdb_tests::{number_from, range_from};
use docdb_vfs::{FaultKind, Persistence};

const KINDS: [FaultKind; 6] = [
    FaultKind::Eio,
    FaultKind::Enospc,
    FaultKind::ShortWrite,
    FaultKind::Eintr,
    FaultKind::Erofs,
    FaultKind::Emfile,
];

#[test]
fn every_call_may_fail_once_and_from_then_on() {
    let steps = usize::try_from(number_from("DOCDB_FAIL_STEPS", 30)).unwrap();
    let seeds = range_from("DOCDB_FAIL_SEEDS", 0..1);
    let mut runs = 0;
    for seed in seeds.clone() {
        let healthy = Plan::healthy(seed, steps);
        let sudden = Plan {
            cut_after_fault: true,
            ..healthy.clone()
        };
        for kind in KINDS {
            runs += until_no_fault_is_met(&healthy, kind, Persistence::Once);
            runs += until_no_fault_is_met(&healthy, kind, Persistence::Always);
            runs += until_no_fault_is_met(&sudden, kind, Persistence::Once);
        }
    }
    println!("{runs} histories of {steps} steps with a failing call, no promise broken");
    assert!(runs > 500 * (seeds.end - seeds.start), "only {runs} runs");
}

fn until_no_fault_is_met(healthy: &Plan, kind: FaultKind, persistence: Persistence) -> u64 {
    let mut missed = 0;
    for call in 0.. {
        let plan = healthy.with_fault(call, kind, persistence);
        let outcome = run(&plan).unwrap_or_else(|failure| {
            panic!(
                "seed {}, call {call} fails with {kind:?}, {persistence:?}: step {}: {}",
                plan.seed, failure.step, failure.broken
            )
        });
        // A single fault passes over calls that cannot fail in this way.
        missed = if outcome.faults == 0 { missed + 1 } else { 0 };
        if missed > 200 {
            return call + 1 - missed;
        }
    }
    0
}
