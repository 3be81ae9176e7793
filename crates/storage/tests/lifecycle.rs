//! Everything together, against a map: writes, deletions, checkpoints, compactions, snapshots,
//! restarts and power cuts in any order.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing test")]

mod fixture;

use docdb_storage::{CompactionPolicy, Manifest, StorageError};
use docdb_types::CollectionId;
use docdb_vfs::{CrashProfile, SimVfs};
use proptest::prelude::*;

use fixture::{C0, Documents, TestLog, TestSnapshot, TestStore, disk, home};

const POLICY: CompactionPolicy = CompactionPolicy {
    dead_ratio: 0.3,
    threshold_bytes: 0,
    fan_in: 3,
    merge_bytes: 1 << 20,
};

#[derive(Debug, Clone)]
enum Step {
    Put(u64, u8),
    Delete(u64),
    PutOther(u64, u8),
    Checkpoint,
    Compact,
    CompactEverything,
    OpenSnapshot,
    CloseSnapshot(usize),
    Restart,
    CheckpointCut(u64, u64),
    CompactCut(u64, u64),
    RebuildManifest,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0_u64..24, any::<u8>()).prop_map(|(key, byte)| Step::Put(key, byte)),
        8 => (0_u64..24).prop_map(Step::Delete),
        3 => (0_u64..6, any::<u8>()).prop_map(|(key, byte)| Step::PutOther(key, byte)),
        4 => Just(Step::Checkpoint),
        2 => Just(Step::Compact),
        1 => Just(Step::CompactEverything),
        2 => Just(Step::OpenSnapshot),
        2 => any::<usize>().prop_map(Step::CloseSnapshot),
        1 => Just(Step::Restart),
        1 => (0_u64..40, any::<u64>()).prop_map(|(at, seed)| Step::CheckpointCut(at, seed)),
        1 => (0_u64..40, any::<u64>()).prop_map(|(at, seed)| Step::CompactCut(at, seed)),
        1 => Just(Step::RebuildManifest),
    ]
}

struct Run {
    disk: SimVfs,
    store: TestStore,
    other: CollectionId,
    snapshots: Vec<TestSnapshot>,
}

impl Run {
    fn new() -> Self {
        let disk = disk(1);
        let mut store = TestStore::open(home(&disk), TestLog::default(), Documents::new());
        let other = store.create_collection("other");
        Self {
            disk,
            store,
            other,
            snapshots: Vec::new(),
        }
    }

    fn step(mut self, step: Step) -> Self {
        match step {
            Step::Put(key, byte) => self.store.put(C0, key, &[b'0' + byte % 10; 40]),
            Step::Delete(key) => self.store.delete(C0, key),
            Step::PutOther(key, byte) => self.store.put(self.other, key, &[byte; 3]),
            Step::Checkpoint => self.store.checkpoint().unwrap(),
            Step::Compact => drop(self.store.compact(&POLICY).unwrap()),
            Step::CompactEverything => {
                self.store.compact(&POLICY.thorough()).unwrap();
            }
            Step::OpenSnapshot => self.snapshots.push(self.store.snapshot()),
            Step::CloseSnapshot(which) => {
                if !self.snapshots.is_empty() {
                    let which = which % self.snapshots.len();
                    self.snapshots.swap_remove(which);
                }
            }
            Step::Restart => self = self.restart_on(None),
            Step::CheckpointCut(at, seed) => {
                self.disk.crash_at_mutation(self.disk.mutations() + at);
                let _ = self.store.checkpoint();
                self = self.restart_on(Some(seed));
            }
            Step::CompactCut(at, seed) => {
                self.disk.crash_at_mutation(self.disk.mutations() + at);
                let _ = self.store.compact(&POLICY);
                self = self.restart_on(Some(seed));
            }
            Step::RebuildManifest => match Manifest::rebuild(&self.store.home) {
                Ok(rebuilt) => assert_eq!(rebuilt, self.store.manifest),
                Err(StorageError::NoDataFile { .. }) => {
                    assert!(self.store.manifest.data_files.is_empty());
                }
                Err(error) => panic!("{error}"),
            },
        }
        self
    }

    /// Ends the process; with a seed, the power too.
    fn restart_on(self, seed: Option<u64>) -> Self {
        let Self {
            disk, store, other, ..
        } = self;
        let disk = match seed {
            None => disk.kill(),
            Some(seed) => disk.crash(CrashProfile::Strict, seed),
        };
        let store = store.reopen(home(&disk));
        Self {
            disk,
            store,
            other,
            snapshots: Vec::new(),
        }
    }

    fn check(&self) {
        self.store.check();
        for snapshot in &self.snapshots {
            self.store.check_snapshot(snapshot);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn storage_is_a_map_with_snapshots_through_restarts_and_power_cuts(
        steps in proptest::collection::vec(step(), 1..80)
    ) {
        let mut run = Run::new();
        for step in steps {
            run = run.step(step);
            run.check();
        }
        // With every snapshot closed, nothing is kept for one.
        run.snapshots.clear();
        run.store.put(C0, 1, b"1");
        prop_assert_eq!(run.store.index.view().kept_versions(), 0);
    }
}

#[test]
fn a_power_cut_at_any_step_of_a_checkpoint_or_compaction_loses_nothing() {
    for profile in [CrashProfile::Strict, CrashProfile::DropAll] {
        let mut at = 0;
        loop {
            let mut run = Run::new();
            for key in 0..20 {
                run.store.put(C0, key, b"\"first\"");
            }
            run.store.checkpoint().unwrap();
            for key in 0..15 {
                run.store.delete(C0, key);
            }
            let before = run.disk.mutations();
            run.disk.crash_at_mutation(before + at);
            let done = run
                .store
                .checkpoint()
                .and_then(|()| run.store.compact(&POLICY));
            let disk = run.disk.crash(profile, at);
            let store = run.store.reopen(home(&disk));
            store.check();
            let reopened = store.reopen(home(&disk));
            reopened.check();
            if done.is_ok() {
                assert!(at > 20, "only {at} steps");
                break;
            }
            at += 1;
        }
    }
}

#[test]
fn a_deleted_document_stays_deleted_when_its_file_outlives_its_tombstones() {
    let mut run = Run::new();
    run.store.put(C0, 1, b"1");
    run.store.put(C0, 2, b"2");
    run.store.checkpoint().unwrap();
    run.store.delete(C0, 1);
    run.store.checkpoint().unwrap();
    run.store.put(C0, 3, b"3");
    run.store.checkpoint().unwrap();
    // The tombstone's file is merged without the file that it hides a document in.
    let files: Vec<_> = run
        .store
        .manifest
        .data_files
        .iter()
        .map(|file| file.number)
        .collect();
    let [_, with_tombstone, newest] = files[..] else {
        panic!("{files:?}")
    };
    run.store.merge(&[with_tombstone, newest]).unwrap();
    let run = run.restart_on(None);
    run.check();
    assert_eq!(
        run.store
            .manifest
            .data_files
            .last()
            .unwrap()
            .content
            .tombstones,
        1
    );
    // With everything merged, nothing is hidden any more.
    let mut run = run;
    let candidates = run.store.candidates();
    let inputs: Vec<_> = candidates.iter().map(|file| file.number).collect();
    run.store.merge(&inputs).unwrap();
    assert_eq!(run.store.manifest.data_files[0].content.tombstones, 0);
    run.restart_on(None).check();
}

#[test]
fn a_tombstone_goes_when_no_file_that_remains_holds_what_it_hides() {
    let mut run = Run::new();
    run.store.put(C0, 1, b"1");
    run.store.put(C0, 2, b"2");
    run.store.checkpoint().unwrap();
    run.store.delete(C0, 1);
    run.store.checkpoint().unwrap();
    let numbers = |run: &Run| -> Vec<_> {
        let files = run.store.candidates();
        files.iter().map(|file| file.number).collect()
    };
    let [with_document, with_tombstone] = numbers(&run)[..] else {
        panic!("two files")
    };
    // The document goes first, and other old ones stay.
    run.store.merge(&[with_document]).unwrap();
    run.store.merge(&[with_tombstone]).unwrap();
    let files = &run.store.manifest.data_files;
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| file.content.tombstones == 0));
    assert_eq!(
        files.iter().map(|file| file.content.documents).sum::<u64>(),
        1
    );
    run.restart_on(None).check();
}

#[test]
fn a_tombstone_outlives_a_document_that_only_the_log_holds() {
    let mut run = Run::new();
    run.store.put(C0, 1, b"1");
    run.store.checkpoint().unwrap();
    run.store.delete(C0, 1);
    run.store.checkpoint().unwrap();
    run.store.put(C0, 3, b"3");
    run.store.checkpoint().unwrap();
    let files: Vec<_> = run
        .store
        .manifest
        .data_files
        .iter()
        .map(|file| file.number)
        .collect();
    let [_, with_tombstone, newest] = files[..] else {
        panic!("{files:?}")
    };
    // Created again, in the log alone, while the tombstone is merged; then deleted, so that no
    // checkpoint ever writes it.
    run.store.put(C0, 1, b"again");
    run.store.merge(&[with_tombstone, newest]).unwrap();
    run.store.delete(C0, 1);
    run.store.checkpoint().unwrap();
    run.restart_on(None).check();
}

#[test]
fn a_document_deleted_while_its_checkpoint_ran_stays_deleted() {
    // The swing finds a deletion; only the next checkpoint can write its tombstone.
    let mut run = Run::new();
    run.store.put(C0, 1, b"1");
    run.store.checkpoint().unwrap();
    run.store.put(C0, 2, b"2");
    let manifest = run.store.manifest.clone();
    run.store.checkpoint().unwrap();
    assert_ne!(manifest, run.store.manifest);
    run.store.delete(C0, 2);
    run.store.checkpoint().unwrap();
    assert_eq!(
        run.store
            .manifest
            .data_files
            .last()
            .unwrap()
            .content
            .tombstones,
        1
    );
    run.restart_on(None).check();
}

#[test]
fn a_dropped_collection_stays_dropped_and_its_name_begins_empty() {
    let mut run = Run::new();
    run.store.put(run.other, 1, b"1");
    run.store.checkpoint().unwrap();
    let seen = run.store.snapshot();
    run.store.drop_collection(run.other);
    run.store.check_snapshot(&seen);
    let again = run.store.create_collection("other");
    assert_ne!(again, run.other);
    run.check();
    drop(seen);
    run.store.checkpoint().unwrap();
    let run = run.restart_on(None);
    run.check();
    assert_eq!(
        run.store.index.view().collection(again).unwrap().documents,
        0
    );
    assert_eq!(run.store.index.view().collection(run.other), None);
}

#[test]
fn ids_of_deleted_documents_are_not_assigned_again_after_a_restart() {
    let mut run = Run::new();
    run.store.put(C0, 9, b"9");
    run.store.delete(C0, 9);
    run.store.checkpoint().unwrap();
    let run = run.restart_on(None);
    let collection = run.store.index.view().collection(C0).unwrap();
    assert_eq!(collection.next_document_id().unwrap().get(), 10);
    assert_eq!(collection.tombstones, 0);
}

#[test]
fn space_stays_within_a_factor_of_the_live_data() {
    let mut run = Run::new();
    let policy = CompactionPolicy {
        fan_in: 8,
        ..POLICY
    };
    let payload = [b'1'; 400];
    for round in 0..60 {
        for key in 0..50 {
            run.store.put(C0, (key * 7 + round) % 100, &payload);
        }
        run.store.checkpoint().unwrap();
        run.store.compact(&policy).unwrap();
    }
    run.check();
    let live = 100 * docdb_storage::record_bytes(8, 400);
    let stored: u64 = run
        .store
        .candidates()
        .iter()
        .map(|file| file.content.document_bytes)
        .sum();
    assert!(stored as f64 <= live as f64 / 0.7, "{stored} for {live}");
    assert!(run.store.manifest.data_files.len() <= 16);
}
