use super::*;

const ONE: DatabaseId = DatabaseId::new(1);
const TWO: DatabaseId = DatabaseId::new(2);

fn on(id: DatabaseId, access: Access) -> Scope {
    Scope::Database(id, access)
}

fn next(order: &mut Order<u32>) -> Option<u32> {
    order.next().map(|begin| begin.request)
}

#[test]
fn writes_follow_each_other_as_soon_as_the_committer_has_them() {
    let mut order = Order::default();
    let write = on(ONE, Access::Write);
    for request in 1..=3 {
        order.arrive(write, request);
    }
    assert_eq!(next(&mut order), Some(1));
    assert_eq!(
        next(&mut order),
        None,
        "the first has not reached the committer"
    );
    order.placed(write);
    assert_eq!(next(&mut order), Some(2));
    order.placed(write);
    order.answered(write);
    assert_eq!(next(&mut order), Some(3));
}

#[test]
fn only_a_request_with_nothing_beside_it_is_alone() {
    let mut order = Order::default();
    let write = on(ONE, Access::Write);
    order.arrive(write, 1);
    order.arrive(write, 2);
    assert!(order.next().unwrap().is_alone);
    order.placed(write);
    assert!(!order.next().unwrap().is_alone);
}

#[test]
fn a_read_waits_for_every_write_before_it_and_holds_back_every_write_behind_it() {
    let mut order = Order::default();
    let (read, write) = (on(ONE, Access::Read), on(ONE, Access::Write));
    order.arrive(write, 1);
    order.arrive(read, 2);
    order.arrive(read, 3);
    order.arrive(write, 4);
    assert_eq!(next(&mut order), Some(1));
    order.placed(write);
    assert_eq!(next(&mut order), None);
    order.answered(write);
    assert_eq!(next(&mut order), Some(2));
    assert_eq!(next(&mut order), Some(3), "reads run beside each other");
    assert_eq!(next(&mut order), None);
    order.answered(read);
    assert_eq!(next(&mut order), None);
    order.answered(read);
    assert_eq!(next(&mut order), Some(4));
}

#[test]
fn databases_do_not_wait_for_each_other() {
    let mut order = Order::default();
    order.arrive(on(ONE, Access::Write), 1);
    order.arrive(on(ONE, Access::Read), 2);
    order.arrive(on(TWO, Access::Read), 3);
    assert_eq!(next(&mut order), Some(1));
    assert_eq!(next(&mut order), Some(3));
    assert_eq!(next(&mut order), None);
}

#[test]
fn what_is_alone_shares_with_nobody() {
    let mut order = Order::default();
    let alone = on(ONE, Access::Alone);
    order.arrive(alone, 1);
    order.arrive(alone, 2);
    assert_eq!(next(&mut order), Some(1));
    assert_eq!(next(&mut order), None);
    order.answered(alone);
    assert_eq!(next(&mut order), Some(2));
}

#[test]
fn a_request_of_the_whole_connection_waits_for_all_and_all_wait_for_it() {
    let mut order = Order::default();
    let (one, two) = (on(ONE, Access::Write), on(TWO, Access::Read));
    order.arrive(one, 1);
    order.arrive(Scope::Connection, 2);
    order.arrive(two, 3);
    order.arrive(Scope::Connection, 4);
    assert_eq!(next(&mut order), Some(1));
    assert_eq!(next(&mut order), None);
    order.answered(one);
    assert_eq!(next(&mut order), Some(2));
    assert_eq!(next(&mut order), None);
    order.answered(Scope::Connection);
    assert_eq!(next(&mut order), Some(3));
    assert_eq!(next(&mut order), None);
    order.answered(two);
    assert_eq!(next(&mut order), Some(4));
}

#[test]
fn what_waits_is_handed_back_and_what_runs_is_not() {
    let mut order = Order::default();
    let write = on(ONE, Access::Write);
    order.arrive(write, 1);
    order.arrive(write, 2);
    order.arrive(Scope::Connection, 3);
    order.arrive(on(TWO, Access::Read), 4);
    assert_eq!(next(&mut order), Some(1));
    assert_eq!(order.take_waiting(), [2, 3, 4]);
    order.answered(write);
    assert_eq!(next(&mut order), None);
    order.arrive(Scope::Connection, 5);
    assert_eq!(
        next(&mut order),
        Some(5),
        "nothing is left that it would wait for"
    );
}
