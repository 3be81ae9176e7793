//! What worker threads promise: order, isolation of panics, growing and shrinking.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use docdb_scheduler::{Admission, Permit, Scheduler, SchedulerOptions, SchedulerStats};
use docdb_types::DatabaseId;

type Work = Box<dyn FnOnce() + Send>;

const DATABASE: DatabaseId = DatabaseId::new(1);

/// Bounds a wait for what has to happen; reached only by a failing test.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(options: SchedulerOptions) -> Arc<Scheduler<Work>> {
    Scheduler::start(options).expect("a scheduler")
}

fn one_place() -> SchedulerOptions {
    SchedulerOptions {
        worker_count: 1,
        ..SchedulerOptions::default()
    }
}

/// Takes a place without doing anything.
fn occupy(scheduler: &Scheduler<Work>) -> Permit<Work> {
    match scheduler.admit(DATABASE, 1, Box::new(|| ())) {
        Ok(Admission::Inline(permit, _)) => permit,
        other => panic!("no place: {other:?}"),
    }
}

fn queue(scheduler: &Scheduler<Work>, work: impl FnOnce() + Send + 'static) {
    match scheduler.admit(DATABASE, 1, Box::new(work)) {
        Ok(Admission::Queued) => {}
        other => panic!("not queued: {other:?}"),
    }
}

fn next<T>(receiver: &Receiver<T>) -> T {
    receiver
        .recv_timeout(PATIENCE)
        .expect("a job should have run")
}

fn wait_until(scheduler: &Scheduler<Work>, reached: impl Fn(&SchedulerStats) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached(&scheduler.stats()) {
        assert!(
            Instant::now() < deadline,
            "not reached: {:?}",
            scheduler.stats()
        );
        std::thread::yield_now();
    }
}

#[test]
fn queued_jobs_run_on_a_worker_in_the_order_they_came() {
    let scheduler = start(one_place());
    let permit = occupy(&scheduler);
    let (sender, receiver) = mpsc::channel();
    for job in 0..100 {
        let sender = sender.clone();
        queue(&scheduler, move || {
            sender
                .send((job, std::thread::current().id()))
                .expect("the test waits");
        });
    }
    assert_eq!(scheduler.stats().databases[0].queued, 100);
    drop(permit);
    for expected in 0..100 {
        let (job, thread) = next(&receiver);
        assert_eq!(job, expected);
        assert_ne!(thread, std::thread::current().id());
    }
    assert!(scheduler.drain(PATIENCE));
    let stats = scheduler.stats();
    assert_eq!(
        (stats.finished, stats.waits.count, stats.admitted_inline),
        (101, 100, 1)
    );
    assert!(stats.databases[0].waits.max > Duration::ZERO);
}

#[test]
fn a_panic_ends_its_own_job_only() {
    struct ThrowsAgain;
    impl Drop for ThrowsAgain {
        fn drop(&mut self) {
            panic!("on purpose, once more");
        }
    }

    let scheduler = start(one_place());
    let permit = occupy(&scheduler);
    let (sender, receiver) = mpsc::channel();
    queue(&scheduler, || panic!("on purpose"));
    queue(&scheduler, || std::panic::panic_any(ThrowsAgain));
    queue(&scheduler, move || sender.send(()).expect("the test waits"));
    drop(permit);
    next(&receiver);
    wait_until(&scheduler, |stats| stats.finished == 4);
    let stats = scheduler.stats();
    assert_eq!(
        (stats.panics, stats.workers_alive, stats.running),
        (2, 1, 0)
    );
    drop(occupy(&scheduler));
}

#[test]
fn a_panic_of_an_inline_job_gives_its_place_back() {
    let scheduler = start(one_place());
    let permit = occupy(&scheduler);
    let unwound = std::thread::spawn(move || {
        let _permit = permit;
        panic!("on purpose");
    });
    assert!(unwound.join().is_err());
    drop(occupy(&scheduler));
}

#[test]
fn workers_grow_with_the_load_and_shrink_to_one() {
    let options = SchedulerOptions {
        cores: 4,
        idle_timeout: Duration::from_millis(1),
        ..SchedulerOptions::default()
    };
    let scheduler = start(options);
    let permits: Vec<_> = (0..8).map(|_| occupy(&scheduler)).collect();
    let meeting = Arc::new(Barrier::new(9));
    for _ in 0..8 {
        let meeting = Arc::clone(&meeting);
        queue(&scheduler, move || {
            meeting.wait();
            meeting.wait();
        });
    }
    drop(permits);
    // Passes only with eight workers at it at once.
    meeting.wait();
    let stats = scheduler.stats();
    assert_eq!(
        (stats.workers_alive, stats.running, stats.queued),
        (8, 8, 0)
    );
    meeting.wait();
    wait_until(&scheduler, |stats| {
        stats.workers_alive == 1 && stats.workers_idle == 1
    });

    // And they come again.
    let permits: Vec<_> = (0..8).map(|_| occupy(&scheduler)).collect();
    let (sender, receiver) = mpsc::channel();
    queue(&scheduler, move || sender.send(()).expect("the test waits"));
    drop(permits);
    next(&receiver);
}

#[test]
fn there_are_never_more_workers_than_places() {
    let scheduler = start(SchedulerOptions {
        worker_count: 3,
        ..SchedulerOptions::default()
    });
    let (sender, receiver) = mpsc::channel();
    let mut admitted = 0;
    for number in 0..2_000 {
        let sender = sender.clone();
        let work: Work = Box::new(move || sender.send(()).expect("the test waits"));
        match scheduler.admit(DatabaseId::new(number % 7), 1, work) {
            Ok(Admission::Inline(permit, work)) => {
                work();
                drop(permit);
                admitted += 1;
            }
            Ok(Admission::Queued) => admitted += 1,
            Err(_) => {}
        }
        assert!(scheduler.stats().workers_alive <= 3);
    }
    for _ in 0..admitted {
        next(&receiver);
    }
}

#[test]
fn one_hanging_database_does_not_hold_up_another() {
    let scheduler = start(SchedulerOptions {
        cores: 2,
        ..SchedulerOptions::default()
    });
    let hanging: Vec<_> = (0..4).map(|_| occupy(&scheduler)).collect();
    let (release, gate) = mpsc::channel::<()>();
    queue(&scheduler, move || {
        // Ends when the test lets go of its side.
        let _ = gate.recv_timeout(PATIENCE);
    });
    for _ in 0..98 {
        queue(&scheduler, || ());
    }
    for _ in 0..1_000 {
        let quiet = scheduler.admit(DatabaseId::new(2), 1, Box::new(|| ()));
        assert!(matches!(quiet, Ok(Admission::Inline(..))), "{quiet:?}");
    }
    assert_eq!(scheduler.stats().queued, 99);
    drop(hanging);
    drop(release);
    assert!(scheduler.drain(PATIENCE));
}

#[test]
fn workers_end_when_the_scheduler_is_dropped() {
    thread_local! {
        /// Dropped when its thread ends.
        static MARK: std::cell::RefCell<Option<mpsc::Sender<()>>> =
            const { std::cell::RefCell::new(None) };
    }

    let scheduler = start(one_place());
    let permit = occupy(&scheduler);
    let (sender, receiver) = mpsc::channel();
    queue(&scheduler, move || MARK.set(Some(sender)));
    drop(permit);
    wait_until(&scheduler, |stats| {
        stats.workers_idle == 1 && stats.finished == 2
    });
    drop(scheduler);
    assert_eq!(
        receiver.recv_timeout(PATIENCE),
        Err(mpsc::RecvTimeoutError::Disconnected)
    );
}
