use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const QUANTUM: u64 = 64 * 1024;

fn database(number: u64) -> DatabaseId {
    DatabaseId::new(number)
}

fn push<T: std::fmt::Debug>(queue: &mut FairQueue<T>, number: u64, cost: u64, item: T) {
    let id = queue.enter(database(number));
    queue.push(id, cost, item).unwrap();
}

/// Serves the next item to its end, and says whose it was.
fn serve<T>(queue: &mut FairQueue<T>) -> Option<(u64, T)> {
    let (id, item) = queue.pop(Pick::Any)?;
    let number = queue.flow(id).database.get();
    queue.finish(id);
    Some((number, item))
}

/// Serves `count` items, each database always having more of its cost, and sums up the costs.
fn served_costs(costs: &[u64], count: usize) -> Vec<u64> {
    let mut queue = FairQueue::new(QUANTUM, 2);
    for (number, cost) in costs.iter().enumerate() {
        push(&mut queue, number as u64, *cost, ());
        push(&mut queue, number as u64, *cost, ());
    }
    let mut served = vec![0; costs.len()];
    for _ in 0..count {
        let (number, ()) = serve(&mut queue).unwrap();
        served[number as usize] += costs[number as usize];
        push(&mut queue, number, costs[number as usize], ());
    }
    served
}

#[test]
fn items_of_one_database_come_in_the_order_they_went() {
    let mut queue = FairQueue::new(QUANTUM, 10);
    for item in 0..10 {
        push(&mut queue, 1, if item % 2 == 0 { 1 } else { 500_000 }, item);
    }
    let order: Vec<_> = std::iter::from_fn(|| serve(&mut queue))
        .map(|(_, item)| item)
        .collect();
    assert_eq!(order, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_full_queue_gives_the_item_back_and_leaves_the_others_room() {
    let mut queue = FairQueue::new(QUANTUM, 3);
    let flooded = queue.enter(database(1));
    for item in 0..3 {
        assert_eq!(queue.push(flooded, 1, item), Ok(()));
    }
    assert_eq!(queue.push(flooded, 1, 3), Err(3));
    assert_eq!(queue.flow(flooded).refused, 1);
    assert_eq!(queue.queued(), 3);
    push(&mut queue, 2, 1, 4);
}

#[test]
fn databases_share_by_cost_whatever_the_size_of_their_jobs() {
    let costs = [QUANTUM / 16, QUANTUM / 3, QUANTUM, 10 * QUANTUM + 1];
    let served = served_costs(&costs, 10_000);
    let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
    assert!(*least > 100 * QUANTUM, "{served:?}");
    assert!(most - least <= QUANTUM + 2 * costs[3], "{served:?}");
}

#[test]
fn one_turn_serves_a_bounded_number_of_tiny_jobs() {
    let mut queue = FairQueue::new(QUANTUM, 100);
    for _ in 0..100 {
        push(&mut queue, 1, 0, ());
    }
    assert_eq!(serve(&mut queue).unwrap().0, 1);
    push(&mut queue, 2, 0, ());
    let before_the_quiet_one = std::iter::from_fn(|| serve(&mut queue))
        .take_while(|(number, ())| *number == 1)
        .count();
    assert_eq!(before_the_quiet_one, 15);
}

#[test]
fn a_cost_of_many_quanta_is_paid_without_walking_through_the_rounds() {
    let mut queue = FairQueue::new(1, 2);
    push(&mut queue, 1, u64::MAX, 'a');
    push(&mut queue, 2, u64::MAX - 5, 'b');
    push(&mut queue, 2, u64::MAX, 'c');
    let order: Vec<_> = std::iter::from_fn(|| serve(&mut queue)).collect();
    assert_eq!(order, [(2, 'b'), (1, 'a'), (2, 'c')]);
}

#[test]
fn what_was_saved_up_is_gone_when_the_queue_runs_empty() {
    let mut queue = FairQueue::new(QUANTUM, 10);
    push(&mut queue, 1, QUANTUM / 4, ());
    serve(&mut queue).unwrap();
    // With the three quarters left over from the turn above it would serve seven.
    for _ in 0..8 {
        push(&mut queue, 1, QUANTUM / 4, ());
    }
    push(&mut queue, 2, QUANTUM, ());
    let in_turn = std::iter::from_fn(|| serve(&mut queue))
        .take_while(|(number, ())| *number == 1)
        .count();
    assert_eq!(in_turn, 4);
}

#[test]
fn only_databases_that_run_nothing_are_starved_and_the_others_keep_their_turn() {
    let mut queue = FairQueue::new(QUANTUM, 10);
    push(&mut queue, 1, QUANTUM / 2, 'a');
    push(&mut queue, 1, QUANTUM / 2, 'b');
    push(&mut queue, 2, QUANTUM, 'c');
    let (first, item) = queue.pop(Pick::Starved).unwrap();
    assert_eq!((item, queue.starved(), queue.busy()), ('a', 1, 1));
    let (second, item) = queue.pop(Pick::Starved).unwrap();
    assert_eq!((item, queue.starved(), queue.busy()), ('c', 0, 2));
    assert!(queue.pop(Pick::Starved).is_none());
    push(&mut queue, 2, QUANTUM, 'd');
    queue.finish(first);
    queue.finish(second);
    assert_eq!(queue.starved(), 2);
    assert_eq!(queue.pop(Pick::Starved).unwrap().1, 'b');
}

#[test]
fn a_forgotten_database_goes_when_its_last_work_has_finished() {
    let mut queue = FairQueue::new(QUANTUM, 10);
    push(&mut queue, 1, 1, 'a');
    push(&mut queue, 1, 1, 'b');
    queue.forget(database(1));
    let (id, _) = queue.pop(Pick::Any).unwrap();
    queue.finish(id);
    let (id, item) = queue.pop(Pick::Any).unwrap();
    assert_eq!((item, queue.databases().count()), ('b', 1));
    queue.finish(id);
    assert_eq!(queue.databases().count(), 0);
    queue.forget(database(1));

    // The room is used again, and nothing of its former owner is left in it.
    let again = queue.enter(database(2));
    assert_eq!(again, id);
    assert_eq!(queue.flow(again).database, database(2));
    assert_eq!(queue.flows.len(), 1);
}

#[test]
fn a_forgotten_database_that_comes_back_stays() {
    let mut queue = FairQueue::<()>::new(QUANTUM, 10);
    let id = queue.enter(database(1));
    queue.begin(id);
    queue.forget(database(1));
    assert_eq!(queue.enter(database(1)), id);
    queue.finish(id);
    assert_eq!(queue.databases().count(), 1);
}

#[test]
fn everything_that_waits_can_be_taken_out_in_order() {
    let mut queue = FairQueue::new(QUANTUM, 10);
    for (number, item) in [(1, 'a'), (2, 'x'), (1, 'b'), (2, 'y')] {
        push(&mut queue, number, 1, item);
    }
    assert_eq!(queue.take_all(), ['a', 'b', 'x', 'y']);
    assert_eq!((queue.queued(), queue.starved(), queue.busy()), (0, 0, 0));
    assert!(queue.pop(Pick::Any).is_none());
    push(&mut queue, 1, 1, 'c');
    assert_eq!(serve(&mut queue), Some((1, 'c')));
}

#[derive(Debug, Clone)]
enum Step {
    Push { number: u64, cost: u64 },
    Pop { starved_only: bool },
    Finish { which: usize },
    Forget { number: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5u64, 0..300_000u64).prop_map(|(number, cost)| Step::Push { number, cost }),
        3 => any::<bool>().prop_map(|starved_only| Step::Pop { starved_only }),
        3 => any::<usize>().prop_map(|which| Step::Finish { which }),
        1 => (0..5u64).prop_map(|number| Step::Forget { number }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Two databases that always have something waiting are never further apart in what they were
    /// served than a quantum and two jobs (the bound of the paper, for equal quanta).
    #[test]
    fn no_backlogged_database_gets_ahead_of_another(
        costs in vec(vec(QUANTUM / 16..4 * QUANTUM, 1..6), 2..6),
        pops in 1..400usize,
    ) {
        let largest = costs.iter().flatten().copied().max().unwrap();
        let mut queue = FairQueue::new(QUANTUM, 1000);
        let mut served = vec![0; costs.len()];
        for (number, costs) in costs.iter().enumerate() {
            for cost in costs.iter().cycle().take(pops + 1) {
                push(&mut queue, number as u64, *cost, *cost);
            }
        }
        for _ in 0..pops {
            let (number, cost) = serve(&mut queue).unwrap();
            served[number as usize] += cost;
            let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
            prop_assert!(most - least <= QUANTUM + 2 * largest, "{:?}", served);
        }
    }

    /// A newcomer with one job of at most a quantum waits for one turn of each of the others.
    #[test]
    fn a_quiet_database_is_served_within_one_round(
        costs in vec(0..4 * QUANTUM, 1..8),
        before in 0..200usize,
        quiet in 0..=QUANTUM,
    ) {
        let mut queue = FairQueue::new(QUANTUM, 1000);
        for (number, cost) in costs.iter().enumerate() {
            for _ in 0..1000 {
                push(&mut queue, number as u64, *cost, *cost);
            }
        }
        for _ in 0..before {
            serve(&mut queue).unwrap();
        }
        push(&mut queue, 99, quiet, quiet);
        let mut served = vec![0; costs.len()];
        loop {
            let (number, cost) = serve(&mut queue).unwrap();
            if number == 99 {
                break;
            }
            served[number as usize] += cost;
        }
        for (served, cost) in served.iter().zip(&costs) {
            prop_assert!(*served <= QUANTUM + cost, "{:?} of {:?}", served, costs);
        }
    }

    /// Every item comes out once, in the order of its database, and the counters are what a count
    /// of all databases gives.
    #[test]
    fn nothing_is_lost_and_the_counters_are_true(steps in vec(step(), 1..300)) {
        let mut queue = FairQueue::new(QUANTUM, 20);
        let mut waiting = BTreeMap::<u64, VecDeque<usize>>::new();
        let mut running = Vec::<FlowId>::new();
        for (item, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push { number, cost } => {
                    let id = queue.enter(database(number));
                    let expected = waiting.entry(number).or_default();
                    let room = expected.len() < 20;
                    prop_assert_eq!(queue.push(id, cost, item).is_ok(), room);
                    if room {
                        expected.push_back(item);
                    }
                }
                Step::Pop { starved_only } => {
                    let pick = if starved_only { Pick::Starved } else { Pick::Any };
                    let due = if starved_only { queue.starved() } else { queue.queued() };
                    let popped = queue.pop(pick);
                    prop_assert_eq!(popped.is_some(), due > 0);
                    if let Some((id, item)) = popped {
                        let number = queue.flow(id).database.get();
                        let expected = waiting.get_mut(&number).and_then(VecDeque::pop_front);
                        prop_assert_eq!(Some(item), expected);
                        prop_assert!(!starved_only || !running.contains(&id));
                        running.push(id);
                    }
                }
                Step::Finish { which } => {
                    if !running.is_empty() {
                        let id = running.swap_remove(which % running.len());
                        queue.finish(id);
                    }
                }
                Step::Forget { number } => queue.forget(database(number)),
            }
            prop_assert_eq!(queue.queued(), waiting.values().map(VecDeque::len).sum::<usize>());
            prop_assert_eq!(queue.running(), running.len());
            let busy = queue.databases().filter(|flow| flow.running > 0).count();
            prop_assert_eq!(queue.busy(), busy);
            let starved = queue.databases().filter(|flow| flow.is_starved()).count();
            prop_assert_eq!(queue.starved(), starved);
        }
        let rest: Vec<_> = queue.take_all();
        prop_assert_eq!(rest.len(), waiting.values().map(VecDeque::len).sum::<usize>());
    }
}
