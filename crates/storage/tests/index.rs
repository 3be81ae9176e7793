//! The index against a list of everything that ever happened.

mod fixture;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use docdb_storage::{Entry, Index, IndexChange, LogPosition, Snapshot, StorageError};
use docdb_types::{CollectionId, CollectionName};
use proptest::prelude::*;

use fixture::{C0, at, delete, empty_index, put, tx};

/// Key → every version, oldest first; `None` is a deletion.
type History = BTreeMap<u64, Vec<(u64, Option<Entry>)>>;

fn seen(history: &History, key: u64, version: u64) -> Option<Entry> {
    let versions = history.get(&key)?;
    versions
        .iter()
        .rev()
        .find(|(written, _)| *written <= version)?
        .1
}

/// The parts of an entry that commits decide.
fn essence(entry: Entry) -> (u64, u32) {
    (entry.version().get(), entry.length())
}

fn collect(
    index: &Index<u64>,
    snapshot: Option<&Snapshot<u64>>,
    limit: usize,
) -> Vec<(u64, Entry)> {
    let mut found = Vec::new();
    let mut from = None;
    loop {
        from = index
            .view()
            .page(C0, from.as_ref(), snapshot, limit, &mut found);
        if from.is_none() {
            return found;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_snapshot_sees_exactly_what_was_committed_before_it(
        batches in proptest::collection::vec(
            (
                // (kind, key) of the changes of one batch; each is a transaction of its own.
                proptest::collection::vec((0_u8..5, 0_u64..40), 1..12),
                0_u8..6,
                any::<usize>(),
            ),
            1..60,
        )
    ) {
        let index = empty_index();
        let mut history = History::new();
        let mut snapshots: Vec<Snapshot<u64>> = Vec::new();
        let mut version = 0;
        for (steps, action, which) in batches {
            let mut changes = Vec::new();
            for (kind, key) in steps {
                version += 1;
                let entry = Entry::document(tx(version), at(version), (version % 100) as u32);
                let (change, kept) = if kind == 0 {
                    (delete(C0, key, version), None)
                } else {
                    (IndexChange::Set { collection: C0, key, entry }, Some(entry))
                };
                changes.push(change);
                history.entry(key).or_default().push((version, kept));
            }
            index.apply(tx(version), &changes).unwrap();
            match action {
                0 | 1 => snapshots.push(index.snapshot()),
                2 if !snapshots.is_empty() => drop(snapshots.swap_remove(which % snapshots.len())),
                3 if !snapshots.is_empty() => {
                    snapshots.push(snapshots[which % snapshots.len()].clone());
                }
                4 => index.forget_deletions(LogPosition::new(version)),
                _ => {}
            }
            let newest = collect(&index, None, 7);
            let expected: Vec<_> = history
                .keys()
                .filter_map(|key| seen(&history, *key, version).map(|entry| (*key, essence(entry))))
                .collect();
            let newest: Vec<_> = newest.into_iter().map(|(k, e)| (k, essence(e))).collect();
            prop_assert_eq!(newest, expected);
            for snapshot in &snapshots {
                let at = snapshot.version().get();
                for key in 0..40 {
                    let found = index.get_at(snapshot, C0, &key).map(essence);
                    prop_assert_eq!(found, seen(&history, key, at).map(essence));
                }
                let listed: Vec<_> =
                    collect(&index, Some(snapshot), 5).into_iter().map(|(k, _)| k).collect();
                let expected: Vec<_> =
                    (0..40).filter(|key| seen(&history, *key, at).is_some()).collect();
                prop_assert_eq!(listed, expected);
            }
        }
        drop(snapshots);
        index.forget_deletions(LogPosition::MAX);
        prop_assert_eq!(index.view().kept_versions(), 0);
        prop_assert_eq!(index.view().collection(C0).unwrap().tombstones, 0);
    }
}

#[test]
fn a_million_updates_of_one_document_under_short_snapshots_keep_memory_flat() {
    let index = empty_index();
    index.apply(tx(1), &[put(C0, 1, 1)]).unwrap();
    let before = index.view().bytes();
    let mut previous = None;
    for version in 2..1_000_000 {
        if version % 3 == 0 {
            previous = Some(index.snapshot());
        }
        index.apply(tx(version), &[put(C0, 1, version)]).unwrap();
        if version % 3 == 1 {
            drop(previous.take());
        }
        assert!(index.view().kept_versions() <= 2);
    }
    drop(previous);
    index
        .apply(tx(1_000_000), &[put(C0, 1, 1_000_000)])
        .unwrap();
    assert_eq!(index.view().kept_versions(), 0);
    assert!(index.view().bytes() <= before + 64);
}

#[test]
fn an_old_snapshot_keeps_one_version_per_document_not_one_per_update() {
    let index = empty_index();
    index.apply(tx(1), &[put(C0, 1, 1), put(C0, 2, 1)]).unwrap();
    let old = index.snapshot();
    for version in 2..10_000 {
        let short = index.snapshot();
        index
            .apply(tx(version), &[put(C0, 1 + version % 2, version)])
            .unwrap();
        drop(short);
    }
    assert_eq!(index.view().kept_versions(), 2);
    assert_eq!(index.get_at(&old, C0, &1).unwrap().version(), tx(1));
    drop(old);
    assert_eq!(index.view().kept_versions(), 0);
}

#[test]
fn a_snapshot_closed_while_the_index_is_in_use_is_cleaned_up_after_by_the_next_commit() {
    let index = empty_index();
    index.apply(tx(1), &[put(C0, 1, 1)]).unwrap();
    let snapshot = index.snapshot();
    index.apply(tx(2), &[put(C0, 1, 2)]).unwrap();
    let view = index.view();
    drop(snapshot);
    assert_eq!(view.kept_versions(), 1);
    drop(view);
    index.apply(tx(3), &[put(C0, 1, 3)]).unwrap();
    assert_eq!(index.view().kept_versions(), 0);
}

#[test]
fn a_change_of_an_unknown_collection_refuses_the_whole_batch() {
    let index = empty_index();
    let unknown = CollectionId::new(7);
    let batch = [put(C0, 1, 1), put(unknown, 1, 2)];
    let error = index.apply(tx(2), &batch).unwrap_err();
    assert!(
        matches!(error, StorageError::UnknownCollection { collection } if collection == unknown)
    );
    assert_eq!(index.get(C0, &1), None);
    assert_eq!(index.last_applied(), tx(0));
    // Created in the same batch, it is known from there on.
    let name = CollectionName::new("seven").unwrap();
    let create = IndexChange::CreateCollection {
        id: unknown,
        name: name.clone(),
        version: tx(2),
    };
    let before = index.snapshot();
    index.apply(tx(2), &[create, put(unknown, 1, 2)]).unwrap();
    assert!(index.get(unknown, &1).is_some());
    let after = index.snapshot();
    let dropped = IndexChange::DropCollection {
        id: unknown,
        version: tx(3),
    };
    index.apply(tx(3), &[dropped]).unwrap();
    assert!(index.apply(tx(4), &[put(unknown, 1, 4)]).is_err());
    assert_eq!(index.view().next_collection_id(), CollectionId::new(8));
    // Each snapshot knows the names of its moment.
    let view = index.view();
    assert_eq!(view.collection_id_at(&before, &name), None);
    assert_eq!(view.collection_id_at(&after, &name), Some(unknown));
    assert_eq!(view.collection_id(&name), None);
}

#[test]
fn a_deletion_behind_an_open_snapshot_stays_known_as_newer() {
    let index = empty_index();
    index.apply(tx(1), &[put(C0, 5, 1)]).unwrap();
    let snapshot = index.snapshot();
    let changes = [put(C0, 9, 2), delete(C0, 9, 3), delete(C0, 5, 4)];
    index.apply(tx(4), &changes).unwrap();
    index.forget_deletions(LogPosition::MAX);
    // The snapshot saw nothing under 9, and the checkpoint is done with its deletion.
    let newer = |from, to| {
        let view = index.view();
        let found = view.first_newer(C0, Some(&from), Some(&to), snapshot.version());
        found.map(|(key, entry)| (key, entry.version()))
    };
    assert_eq!(newer(6, 100), Some((9, tx(3))));
    assert_eq!(newer(1, 8), Some((5, tx(4))));
    assert_eq!(newer(10, 100), None);
    assert_eq!(index.view().collection(C0).unwrap().tombstones, 2);
    assert!(index.has_opened(&snapshot) && !empty_index().has_opened(&snapshot));
    drop(snapshot);
    assert_eq!(index.view().collection(C0).unwrap().tombstones, 0);
    assert_eq!(index.newest(C0, &9), None);
}

#[test]
fn unsaved_lists_what_a_checkpoint_has_to_deal_with() {
    let index = empty_index();
    let changes: Vec<_> = (1..=1000).map(|key| put(C0, key, key)).collect();
    index.apply(tx(1000), &changes).unwrap();
    index
        .apply(tx(1001), &[delete(C0, 500, 1001), put(C0, 1, 1002)])
        .unwrap();
    for limit in [1, 10, 300, 5000] {
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let cut = LogPosition::new(1002);
            from = index
                .view()
                .unsaved(C0, from.as_ref(), None, cut, limit, &mut found);
            if from.is_none() {
                break;
            }
        }
        // Key 1 has moved behind the cut; the deletion of 500 is in front of it.
        let keys: Vec<_> = found.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, (2..=1000).collect::<Vec<_>>(), "limit {limit}");
        assert_eq!(
            found
                .iter()
                .filter(|(_, entry)| entry.is_tombstone())
                .count(),
            1
        );
    }
}

#[test]
fn unsaved_of_a_snapshot_is_what_it_sees_whatever_has_replaced_it() {
    let index = empty_index();
    let changes: Vec<_> = (1..=600).map(|key| put(C0, key, key)).collect();
    index.apply(tx(600), &changes).unwrap();
    index.apply(tx(601), &[delete(C0, 7, 601)]).unwrap();
    let snapshot = index.snapshot();
    let cut = LogPosition::new(602);
    // Replaced, deleted, written again, new; and at last the collection is gone.
    let changes: Vec<_> = (1..=300).map(|key| put(C0, key, 602 + key)).collect();
    index.apply(tx(902), &changes).unwrap();
    let changes = [delete(C0, 400, 903), put(C0, 7, 904), put(C0, 700, 905)];
    index.apply(tx(905), &changes).unwrap();
    let unsaved = || {
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let view = index.view();
            from = view.unsaved(C0, from.as_ref(), Some(&snapshot), cut, 64, &mut found);
            if from.is_none() {
                return found;
            }
        }
    };
    let expect = |found: Vec<(u64, Entry)>| {
        let seen = found.iter().map(|(key, entry)| (*key, entry.version()));
        let expected = (1..=600).map(|key| (key, tx(if key == 7 { 601 } else { key })));
        assert!(seen.eq(expected));
        let deleted = found.iter().filter(|(_, entry)| entry.is_tombstone());
        assert!(deleted.map(|(key, _)| *key).eq([7]));
    };
    expect(unsaved());
    let dropped = IndexChange::DropCollection {
        id: C0,
        version: tx(906),
    };
    index.apply(tx(906), &[dropped]).unwrap();
    expect(unsaved());
}

#[test]
fn a_reader_sees_whole_transactions_while_batches_are_applied() {
    const KEYS: u64 = 1000;
    let index = empty_index();
    let write = |version| {
        let changes: Vec<_> = (0..KEYS).map(|key| put(C0, key, version)).collect();
        index.apply(tx(version), &changes).unwrap();
    };
    write(1);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|reader| {
                let (index, is_done) = (&index, &is_done);
                scope.spawn(move || {
                    let mut rounds = 0_u64;
                    while !is_done.load(Ordering::Acquire) || rounds == 0 {
                        // A cursor over one snapshot, in pages, with commits in between.
                        let snapshot = index.snapshot();
                        let page_size = if reader == 0 { 7 } else { 256 };
                        let found = collect(index, Some(&snapshot), page_size);
                        assert_eq!(found.len() as u64, KEYS);
                        assert!(found.is_sorted_by_key(|(key, _)| *key));
                        assert!(found.iter().all(|(_, e)| e.version() == snapshot.version()));
                        // Several lookups under one view.
                        let view = index.view();
                        let versions: Vec<_> = (0..10)
                            .map(|key| view.get(C0, &key).unwrap().version())
                            .collect();
                        assert!(
                            versions
                                .iter()
                                .all(|version| *version == view.last_applied())
                        );
                        rounds += 1;
                    }
                })
            })
            .collect();
        for version in 2..400 {
            write(version);
        }
        is_done.store(true, Ordering::Release);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    write(400);
    assert_eq!(index.view().kept_versions(), 0);
    assert_eq!(index.open_snapshots(), 0);
}
