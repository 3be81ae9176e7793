//! The price of admission: where nobody has to wait, and where a worker takes over.

use std::hint::black_box;
use std::sync::mpsc;

use criterion::{Criterion, criterion_group, criterion_main};
use docdb_scheduler::{Admission, Job, Scheduler, SchedulerOptions};
use docdb_types::DatabaseId;

struct Nothing;

impl Job for Nothing {
    fn run(self) {}
}

fn admit_inline(criterion: &mut Criterion) {
    for databases in [1, 1000] {
        let Ok(scheduler) = Scheduler::start(SchedulerOptions::default()) else {
            return;
        };
        let mut next = 0;
        criterion.bench_function(
            &format!("admit and release inline, {databases} known"),
            |b| {
                b.iter(|| {
                    next = (next + 1) % databases;
                    drop(black_box(scheduler.admit(
                        DatabaseId::new(next),
                        1024,
                        Nothing,
                    )))
                });
            },
        );
    }
}

struct Answer(mpsc::Sender<()>);

impl Job for Answer {
    fn run(self) {
        // The bench has ended where nobody listens.
        let _ = self.0.send(());
    }
}

/// A place taken, a job queued behind it, the place given back, and the answer awaited.
fn hand_over(criterion: &mut Criterion) {
    let options = SchedulerOptions {
        worker_count: 1,
        ..SchedulerOptions::default()
    };
    let Ok(scheduler) = Scheduler::start(options) else {
        return;
    };
    let (sender, receiver) = mpsc::channel();
    let database = DatabaseId::new(1);
    criterion.bench_function("queue, hand over to a worker, answer", |b| {
        b.iter(|| {
            let admitted: Vec<_> = (0..2)
                .filter_map(|_| scheduler.admit(database, 1024, Answer(sender.clone())).ok())
                .collect();
            let answers = admitted.len();
            for admission in admitted {
                if let Admission::Inline(permit, job) = admission {
                    job.run();
                    drop(permit);
                }
            }
            for _ in 0..answers {
                let _ = receiver.recv();
            }
        });
    });
}

criterion_group!(benches, admit_inline, hand_over);
criterion_main!(benches);
