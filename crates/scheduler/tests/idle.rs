//! An idle scheduler uses no processor time. Alone in its process, so that every worker thread
//! seen is its own.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use docdb_scheduler::{Admission, Scheduler, SchedulerOptions};
use docdb_types::DatabaseId;

type Work = Box<dyn FnOnce() + Send>;

/// The lines of the kernel's account of each worker thread that say how often it was switched to
/// and away from; a thread that stays asleep leaves them as they are.
fn switches_of_workers() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the kernel lists the threads");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
        .filter(|status| status.starts_with("Name:\tdocdb-work-"))
        .map(|status| {
            status
                .lines()
                .filter(|line| line.contains("ctxt_switches"))
                .collect::<String>()
        })
        .collect()
}

#[test]
fn workers_without_work_sleep_without_waking() {
    let options = SchedulerOptions {
        cores: 4,
        idle_timeout: Duration::from_millis(1),
        ..SchedulerOptions::default()
    };
    let scheduler = Scheduler::<Work>::start(options).expect("a scheduler");
    let mut permits = Vec::new();
    for _ in 0..50 {
        let admission = scheduler.admit(DatabaseId::new(1), 1, Box::new(|| ()));
        if let Admission::Inline(permit, _) = admission.expect("the queue holds a hundred") {
            permits.push(permit);
        }
    }
    drop(permits);
    let deadline = Instant::now() + Duration::from_secs(60);
    while scheduler.stats().workers_idle != 1 || switches_of_workers().len() != 1 {
        assert!(
            Instant::now() < deadline,
            "workers stay: {:?}",
            scheduler.stats()
        );
        std::thread::yield_now();
    }
    // On a loaded machine the last one may take a while to reach its sleep; then it stays there.
    let sleeps = (0..40).any(|_| {
        let before = switches_of_workers();
        std::thread::sleep(Duration::from_millis(300));
        switches_of_workers() == before
    });
    assert!(
        sleeps,
        "the last worker wakes up although there is nothing to do"
    );
}
