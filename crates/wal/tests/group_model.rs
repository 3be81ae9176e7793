//! Every interleaving of a group commit: `RUSTFLAGS="--cfg loom" cargo test -p docdb-wal --test
//! group_model --release`.

#![cfg(loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use docdb_wal::group::{GroupQueue, Leadership};
use loom::model::Builder;
use loom::thread;

/// Explores every schedule with at most three switches away from a thread that could go on. What the
/// test itself counts is no point of switching.
fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(run);
}

/// Counts how it ended.
struct Item {
    committed: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Drop for Item {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone)]
struct World {
    queue: GroupQueue<Item>,
    leading: Arc<AtomicBool>,
    committed: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl World {
    fn new() -> Self {
        Self {
            queue: GroupQueue::new(),
            leading: Arc::new(AtomicBool::new(false)),
            committed: Arc::new(AtomicUsize::new(0)),
            ended: Arc::new(AtomicUsize::new(0)),
        }
    }

    fn join(&self) -> Option<Leadership<Item>> {
        self.queue.join(Item {
            committed: self.committed.clone(),
            ended: self.ended.clone(),
        })
    }

    fn commit(&self, leader: &mut Leadership<Item>) {
        assert!(!self.leading.swap(true, Ordering::SeqCst), "two lead");
        let mut batch = Vec::new();
        leader.take(2, &mut batch);
        for item in &batch {
            item.committed.fetch_add(1, Ordering::SeqCst);
        }
        assert!(self.leading.swap(false, Ordering::SeqCst));
    }

    fn write(&self) {
        let mut leader = self.join();
        while let Some(mut leads) = leader {
            self.commit(&mut leads);
            leader = leads.finish();
        }
    }
}

#[test]
fn no_item_is_forgotten_and_one_leads_at_a_time() {
    model(|| {
        let world = World::new();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let world = world.clone();
                thread::spawn(move || world.write())
            })
            .collect();
        world.write();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(world.committed.load(Ordering::SeqCst), 3);
        assert_eq!(world.ended.load(Ordering::SeqCst), 3);
        assert!(world.queue.is_empty());
    });
}

#[test]
fn a_leader_that_gives_up_strands_nobody() {
    model(|| {
        let world = World::new();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let world = world.clone();
                thread::spawn(move || world.write())
            })
            .collect();
        if let Some(mut leader) = world.join() {
            world.commit(&mut leader);
            drop(leader);
        }
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(
            world.ended.load(Ordering::SeqCst),
            3,
            "committed or dropped"
        );
        assert!(world.queue.is_empty());
    });
}
