//! How a scheduler ends: every job that was admitted is run or handed back.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use docdb_scheduler::{
    Admission, Job, Permit, Refusal, Refused, Scheduler, SchedulerOptions, StartError,
};
use docdb_types::DatabaseId;

const DATABASE: DatabaseId = DatabaseId::new(1);

/// Bounds a wait for what has to happen; reached only by a failing test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A job that counts its runs, and knows its number.
#[derive(Debug)]
struct Counted {
    number: usize,
    runs: Arc<AtomicUsize>,
}

impl Job for Counted {
    fn run(self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }
}

struct Setup {
    scheduler: Arc<Scheduler<Counted>>,
    runs: Arc<AtomicUsize>,
}

impl Setup {
    fn new(worker_count: usize) -> Self {
        let options = SchedulerOptions {
            worker_count,
            ..SchedulerOptions::default()
        };
        Self {
            scheduler: Scheduler::start(options).expect("a scheduler"),
            runs: Arc::default(),
        }
    }

    fn job(&self, number: usize) -> Counted {
        Counted {
            number,
            runs: Arc::clone(&self.runs),
        }
    }

    fn bring(&self, number: usize) -> Result<Admission<Counted>, Refused<Counted>> {
        self.scheduler.admit(DATABASE, 1, self.job(number))
    }

    fn occupy(&self) -> Permit<Counted> {
        match self.bring(0) {
            Ok(Admission::Inline(permit, _)) => permit,
            other => panic!("no place: {other:?}"),
        }
    }

    fn queue(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let admission = self.bring(number);
            assert!(matches!(admission, Ok(Admission::Queued)), "{admission:?}");
        }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }
}

#[test]
fn draining_runs_what_is_queued_and_admits_nothing() {
    let setup = Setup::new(1);
    let permit = setup.occupy();
    setup.queue(0..50);
    assert!(!setup.scheduler.drain(Duration::ZERO), "an inline job runs");
    let refused = setup.bring(77).unwrap_err();
    assert_eq!((refused.job.number, refused.why), (77, Refusal::Stopping));
    drop(permit);
    assert!(setup.scheduler.drain(PATIENCE));
    assert_eq!(setup.runs(), 50);
    assert!(setup.scheduler.drain(Duration::MAX));
    assert_eq!(setup.scheduler.stats().refused_stopping, 1);
    assert!(setup.scheduler.stop().is_empty());
}

#[test]
fn draining_waits_for_inline_jobs() {
    let setup = Setup::new(4);
    let (permit, other) = (setup.occupy(), [setup.occupy(), setup.occupy()]);
    let (drained, has_drained) = mpsc::channel();
    let scheduler = Arc::clone(&setup.scheduler);
    std::thread::spawn(move || drained.send(scheduler.drain(Duration::MAX)));
    // Refused for that reason, the drain waits.
    while !matches!(
        setup.bring(0),
        Err(Refused {
            why: Refusal::Stopping,
            ..
        })
    ) {
        std::thread::yield_now();
    }
    // What was queued until then runs, so that the inline job is the last.
    drop(other);
    while setup.scheduler.stats().running > 1 || setup.scheduler.stats().queued > 0 {
        std::thread::yield_now();
    }
    assert!(has_drained.try_recv().is_err());
    drop(permit);
    assert_eq!(has_drained.recv_timeout(PATIENCE), Ok(true));
}

#[test]
fn stopping_hands_back_what_had_not_begun_in_order() {
    let setup = Setup::new(1);
    let permit = setup.occupy();
    setup.queue(0..50);
    let numbers: Vec<_> = setup
        .scheduler
        .stop()
        .iter()
        .map(|job| job.number)
        .collect();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    assert_eq!(setup.runs(), 0);
    assert_eq!(setup.scheduler.stats().workers_alive, 0);
    assert_eq!(setup.bring(77).unwrap_err().why, Refusal::Stopping);
    assert!(setup.scheduler.stop().is_empty());
    assert!(
        !setup.scheduler.drain(Duration::ZERO),
        "the inline job still runs"
    );
    drop(permit);
    assert!(setup.scheduler.drain(PATIENCE));
}

#[test]
fn stopping_waits_for_the_job_that_a_worker_runs() {
    type Work = Box<dyn FnOnce() + Send>;
    let options = SchedulerOptions {
        worker_count: 1,
        ..SchedulerOptions::default()
    };
    let scheduler = Scheduler::<Work>::start(options).expect("a scheduler");
    let Ok(Admission::Inline(permit, _)) = scheduler.admit(DATABASE, 1, Box::new(|| ())) else {
        panic!("no place");
    };
    let (begun, has_begun) = mpsc::channel();
    let (release, gate) = mpsc::channel::<()>();
    let ended = Arc::new(AtomicUsize::new(0));
    let ends = Arc::clone(&ended);
    let work: Work = Box::new(move || {
        begun.send(()).expect("the test waits");
        // Ends when the test lets go of its side.
        let _ = gate.recv_timeout(PATIENCE);
        ends.fetch_add(1, Ordering::SeqCst);
    });
    assert!(matches!(
        scheduler.admit(DATABASE, 1, work),
        Ok(Admission::Queued)
    ));
    assert!(matches!(
        scheduler.admit(DATABASE, 1, Box::new(|| ())),
        Ok(Admission::Queued)
    ));
    drop(permit);
    has_begun.recv_timeout(PATIENCE).expect("the job begins");
    let stopping = {
        let scheduler = Arc::clone(&scheduler);
        std::thread::spawn(move || scheduler.stop().len())
    };
    // The running job holds the only place, so nothing queued behind it can have begun.
    let mut queued = 1;
    while let Ok(admission) = scheduler.admit(DATABASE, 1, Box::new(|| ())) {
        assert!(matches!(admission, Admission::Queued));
        queued += 1;
        while scheduler
            .stats()
            .databases
            .iter()
            .any(|database| database.queued == 100)
        {
            std::thread::yield_now();
        }
    }
    assert_eq!(ended.load(Ordering::SeqCst), 0);
    // Waiting for quiet meanwhile does not take the end back.
    assert!(!scheduler.drain(Duration::ZERO));
    drop(release);
    assert_eq!(stopping.join().expect("stop returns"), queued);
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}

#[test]
fn a_dropped_scheduler_runs_what_it_admitted() {
    struct Reporting(mpsc::Sender<usize>, usize);
    impl Job for Reporting {
        fn run(self) {
            self.0.send(self.1).expect("the test waits");
        }
    }

    let options = SchedulerOptions {
        worker_count: 1,
        ..SchedulerOptions::default()
    };
    let scheduler = Scheduler::start(options).expect("a scheduler");
    let (sender, receiver) = mpsc::channel();
    let Ok(Admission::Inline(permit, _)) =
        scheduler.admit(DATABASE, 1, Reporting(sender.clone(), 0))
    else {
        panic!("no place");
    };
    for number in 0..50 {
        let admission = scheduler.admit(DATABASE, 1, Reporting(sender.clone(), number));
        assert!(matches!(admission, Ok(Admission::Queued)), "{admission:?}");
    }
    drop(sender);
    drop(scheduler);
    drop(permit);
    assert_eq!(
        receiver.iter().collect::<Vec<_>>(),
        (0..50).collect::<Vec<_>>()
    );
}

#[test]
fn every_job_is_run_or_handed_back_however_the_end_falls() {
    const THREADS: usize = 6;
    const JOBS: usize = 400;
    for (round, worker_count) in [0, 1, 2, 3, 0, 5].into_iter().enumerate() {
        let setup = Setup::new(worker_count);
        let inline = AtomicUsize::new(0);
        let refused = AtomicUsize::new(0);
        let brought = AtomicUsize::new(0);
        let handed_back = std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (setup, inline, refused, brought) = (&setup, &inline, &refused, &brought);
                scope.spawn(move || {
                    for number in 0..JOBS {
                        let database = DatabaseId::new(((thread + number) % 4) as u64);
                        let cost = (number * 7_919 % 200_000) as u64;
                        match setup.scheduler.admit(database, cost, setup.job(number)) {
                            Ok(Admission::Inline(permit, job)) => {
                                std::thread::yield_now();
                                job.run();
                                drop(permit);
                                inline.fetch_add(1, Ordering::Relaxed);
                            }
                            Ok(Admission::Queued) => {}
                            Err(_) => {
                                refused.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        if number % 50 == 0 {
                            setup.scheduler.forget(database);
                        }
                        brought.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            while brought.load(Ordering::Relaxed) < THREADS * JOBS * round / 5 {
                std::thread::yield_now();
            }
            if round % 2 == 0 {
                setup.scheduler.drain(Duration::from_millis(1));
            }
            setup.scheduler.stop().len()
        });
        assert_eq!(
            setup.runs() + handed_back + refused.load(Ordering::Relaxed),
            THREADS * JOBS,
            "round {round}"
        );
        let stats = setup.scheduler.stats();
        assert_eq!(
            (stats.queued, stats.running, stats.workers_alive),
            (0, 0, 0)
        );
        assert_eq!(stats.finished as usize, setup.runs());
        assert_eq!(
            stats.admitted_inline as usize,
            inline.load(Ordering::Relaxed)
        );
        assert_eq!(
            (stats.refused_queue_full + stats.refused_stopping) as usize,
            refused.load(Ordering::Relaxed)
        );
    }
}

#[test]
fn a_scheduler_with_an_impossible_option_does_not_start() {
    let options = SchedulerOptions {
        queue_depth: 0,
        ..SchedulerOptions::default()
    };
    let refused = Scheduler::<Counted>::start(options).unwrap_err();
    assert!(
        matches!(
            refused,
            StartError::ZeroOption {
                option: "queue_depth"
            }
        ),
        "{refused}"
    );
}
