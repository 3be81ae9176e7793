use std::collections::{BTreeMap, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn database(number: u64) -> DatabaseId {
    DatabaseId::new(number)
}

/// By load on two cores: four places for up to two active databases.
fn two_cores() -> SchedulerOptions {
    SchedulerOptions {
        cores: 2,
        queue_depth: 5,
        ..SchedulerOptions::default()
    }
}

fn fixed(worker_count: usize) -> SchedulerOptions {
    SchedulerOptions {
        worker_count,
        ..two_cores()
    }
}

/// Brings a job and dispatches, as the front does.
fn bring(ledger: &mut Ledger<u64>, number: u64, job: u64) -> Verdict<u64> {
    let verdict = ledger.admit(database(number), 1, job);
    ledger.dispatch();
    verdict
}

fn inline(ledger: &mut Ledger<u64>, number: u64) -> FlowId {
    match bring(ledger, number, 0) {
        Verdict::Inline(id, _) => id,
        verdict => panic!("not inline: {verdict:?}"),
    }
}

fn queued(ledger: &mut Ledger<u64>, number: u64, job: u64) {
    let verdict = bring(ledger, number, job);
    assert!(
        matches!(verdict, Verdict::Queued),
        "not queued: {verdict:?}"
    );
}

fn finish(ledger: &mut Ledger<u64>, id: FlowId) {
    ledger.finish(id);
    ledger.dispatch();
}

#[test]
fn an_idle_scheduler_admits_inline_and_a_busy_one_queues() {
    let mut ledger = Ledger::new(&two_cores());
    for _ in 0..4 {
        inline(&mut ledger, 1);
    }
    queued(&mut ledger, 1, 1);
    assert_eq!((ledger.queue.running(), ledger.queue.queued()), (4, 1));
}

#[test]
fn the_queue_refuses_one_more_than_its_depth_and_gives_the_job_back() {
    let mut ledger = Ledger::new(&fixed(1));
    inline(&mut ledger, 1);
    for job in 0..5 {
        queued(&mut ledger, 1, job);
    }
    match bring(&mut ledger, 1, 77) {
        Verdict::Refused(job, why) => {
            assert_eq!((job, why), (77, Refusal::QueueFull { depth: 5 }));
        }
        verdict => panic!("not refused: {verdict:?}"),
    }
    // The same place in the queue of another database is free.
    queued(&mut ledger, 2, 1);
}

#[test]
fn a_newcomer_runs_at_once_beside_a_flood() {
    let mut ledger = Ledger::new(&two_cores());
    for _ in 0..4 {
        inline(&mut ledger, 1);
    }
    for job in 0..5 {
        queued(&mut ledger, 1, job);
    }
    inline(&mut ledger, 2);
    assert_eq!(ledger.dispatched(), 0);
}

#[test]
fn a_newcomer_runs_at_once_beside_a_flood_under_a_fixed_count() {
    let mut ledger = Ledger::new(&fixed(4));
    for _ in 0..3 {
        inline(&mut ledger, 1);
    }
    queued(&mut ledger, 1, 0);
    inline(&mut ledger, 2);
}

#[test]
fn a_hanging_database_keeps_its_places_and_takes_no_others() {
    let mut ledger = Ledger::new(&two_cores());
    for _ in 0..4 {
        inline(&mut ledger, 1);
    }
    for job in 0..5 {
        queued(&mut ledger, 1, job);
    }
    for _ in 0..100 {
        let id = inline(&mut ledger, 2);
        finish(&mut ledger, id);
    }
    assert_eq!((ledger.queue.running(), ledger.dispatched()), (4, 0));
}

#[test]
fn a_further_place_is_not_given_inline_while_another_database_waits() {
    let mut ledger = Ledger::new(&two_cores());
    for _ in 0..4 {
        inline(&mut ledger, 1);
    }
    let second = inline(&mut ledger, 2);
    queued(&mut ledger, 2, 1);
    // Database 1 runs more than its share by now: what it gives back is not for itself.
    queued(&mut ledger, 1, 2);
    finish(&mut ledger, second);
    assert_eq!(ledger.begin().map(|(_, job)| job), Some(1));
}

#[test]
fn a_place_that_becomes_free_goes_to_who_waits_and_not_to_who_comes() {
    let mut ledger = Ledger::new(&fixed(1));
    let first = inline(&mut ledger, 1);
    queued(&mut ledger, 1, 1);
    finish(&mut ledger, first);
    assert_eq!((ledger.dispatched(), ledger.queue.running()), (1, 1));
    queued(&mut ledger, 2, 2);
    queued(&mut ledger, 1, 3);
    assert_eq!(ledger.begin().map(|(_, job)| job), Some(1));
    assert!(ledger.begin().is_none());
}

#[test]
fn jobs_behind_a_dispatched_one_do_not_overtake_it() {
    let mut ledger = Ledger::new(&two_cores());
    let ids: Vec<_> = (0..4).map(|_| inline(&mut ledger, 1)).collect();
    queued(&mut ledger, 1, 1);
    for id in ids {
        finish(&mut ledger, id);
    }
    // The first stands dispatched; the second may run too, but not on a thread that begins now.
    queued(&mut ledger, 1, 2);
    assert_eq!(ledger.dispatched(), 2);
    assert_eq!(ledger.begin().map(|(_, job)| job), Some(1));
    assert_eq!(ledger.begin().map(|(_, job)| job), Some(2));
    inline(&mut ledger, 1);
}

#[test]
fn what_has_not_begun_is_handed_back_in_order_and_gives_its_places_back() {
    let mut ledger = Ledger::new(&two_cores());
    let ids: Vec<_> = (0..4).map(|_| inline(&mut ledger, 1)).collect();
    for job in 1..4 {
        queued(&mut ledger, 1, job);
    }
    finish(&mut ledger, ids[0]);
    assert_eq!(ledger.dispatched(), 1);
    assert_eq!(ledger.take_all(), [1, 2, 3]);
    assert!(ledger.is_drained());
    assert!(!ledger.is_quiet());
    for id in &ids[1..] {
        finish(&mut ledger, *id);
    }
    assert!(ledger.is_quiet());
}

#[test]
fn figures_are_true_and_reading_them_changes_nothing() {
    let mut ledger = Ledger::new(&fixed(1));
    let id = inline(&mut ledger, 2);
    queued(&mut ledger, 1, 0);
    queued(&mut ledger, 2, 0);
    finish(&mut ledger, id);
    let (id, _) = ledger.begin().unwrap();
    finish(&mut ledger, id);
    ledger.begin().unwrap();
    let stats = ledger.stats();
    assert_eq!(
        (stats.admitted_inline, stats.admitted_queued, stats.finished),
        (1, 2, 2)
    );
    assert_eq!((stats.queued, stats.running, stats.waits.count), (0, 1, 2));
    let per_database: Vec<_> = stats
        .databases
        .iter()
        .map(|stats| (stats.database.get(), stats.running, stats.waits.count))
        .collect();
    assert_eq!(per_database, [(1, 0, 1), (2, 1, 1)]);
    assert_eq!(ledger.stats(), stats);
    ledger.forget(database(1));
    assert_eq!(ledger.stats().databases.len(), 1);
}

#[derive(Debug, Clone)]
enum Step {
    Bring { number: u64, cost: u64 },
    Begin,
    Finish { which: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6u64, 0..300_000u64).prop_map(|(number, cost)| Step::Bring { number, cost }),
        2 => Just(Step::Begin),
        3 => any::<usize>().prop_map(|which| Step::Finish { which }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// After every step: no place beyond the hard limit, none free for who waits, a place for
    /// every active database as long as there is one, and the order of admission kept.
    #[test]
    fn places_are_given_by_the_rules(
        worker_count in 0..8usize,
        cores in 1..4usize,
        max_workers in 1..12usize,
        steps in vec(step(), 1..400),
    ) {
        let options =
            SchedulerOptions { worker_count, cores, max_workers, queue_depth: 4, ..two_cores() };
        let places = options.places();
        let mut ledger = Ledger::new(&options);
        let mut expected = BTreeMap::<u64, VecDeque<u64>>::new();
        let mut running = Vec::<FlowId>::new();
        for (job, step) in steps.into_iter().enumerate() {
            let job = job as u64;
            match step {
                Step::Bring { number, cost } => {
                    let newcomer = ledger
                        .queue
                        .databases()
                        .all(|flow| flow.database.get() != number || flow.running == 0);
                    let room = ledger.queue.running() < places.hard();
                    match ledger.admit(database(number), cost, job) {
                        Verdict::Inline(id, _) => {
                            prop_assert!(room);
                            prop_assert!(expected.get(&number).is_none_or(VecDeque::is_empty));
                            running.push(id);
                        }
                        Verdict::Queued => {
                            prop_assert!(!(newcomer && room));
                            expected.entry(number).or_default().push_back(job);
                        }
                        Verdict::Refused(..) => {}
                    }
                }
                Step::Begin => {
                    if let Some((id, job)) = ledger.begin() {
                        let number = ledger.queue.flow(id).database.get();
                        let due = expected.get_mut(&number).and_then(VecDeque::pop_front);
                        prop_assert_eq!(due, Some(job));
                        running.push(id);
                    }
                }
                Step::Finish { which } => {
                    if !running.is_empty() {
                        ledger.finish(running.swap_remove(which % running.len()));
                    }
                }
            }
            ledger.dispatch();
            prop_assert_eq!(ledger.queue.running(), running.len() + ledger.dispatched());
            prop_assert!(ledger.queue.running() <= places.hard());
            let full = ledger.queue.running() == places.hard();
            prop_assert!(full || ledger.queue.starved() == 0);
            prop_assert!(full || ledger.queue.queued() == 0 || !ledger.has_further_place());
        }
        let waiting: usize = expected.values().map(VecDeque::len).sum();
        prop_assert_eq!(ledger.take_all().len(), waiting);
        for id in running {
            ledger.finish(id);
        }
        prop_assert!(ledger.is_quiet());
    }
}
