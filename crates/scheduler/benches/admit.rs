//! The price of admission where nobody has to wait.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use docdb_scheduler::{Job, Scheduler, SchedulerOptions};
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

criterion_group!(benches, admit_inline);
criterion_main!(benches);
