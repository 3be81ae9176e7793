//! Memory of the index per document, as the allocations say and as the system says.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing call is a failing test; the figures are worth seeing"
)]

mod fixture;

use docdb_storage::{Index, IndexChange};

use fixture::{C0, empty_index, put, tx};

const DOCUMENTS: u64 = 1_000_000;
const LIMIT: u64 = 64;

fn fill(keys: impl Iterator<Item = u64>) -> Index<u64> {
    let index = empty_index();
    let mut batch: Vec<IndexChange<u64>> = Vec::new();
    for (version, key) in (1..).zip(keys) {
        batch.push(put(C0, key, version));
        if batch.len() == 100 {
            index.apply(tx(version), &batch).unwrap();
            batch.clear();
        }
    }
    index
}

/// Different keys without any order (the finalizer of splitmix64, which is a permutation).
fn scattered() -> impl Iterator<Item = u64> {
    (0..DOCUMENTS).map(|id| {
        let mixed = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// Resident bytes of the process, where the system tells.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

fn measure(what: &str, keys: impl Iterator<Item = u64>) -> u64 {
    let before = resident_bytes();
    let index = fill(keys);
    let after = resident_bytes();
    let view = index.view();
    assert_eq!(view.collection(C0).unwrap().documents, DOCUMENTS);
    let claimed = view.bytes() / DOCUMENTS;
    println!("{what}: {claimed} bytes per document");
    if let (Some(before), Some(after)) = (before, after) {
        let resident = after.saturating_sub(before) / DOCUMENTS;
        println!("{what}: {resident} bytes of resident memory per document");
        assert!(resident <= LIMIT, "{what}: {resident}");
    }
    claimed
}

// One test, so that nothing else allocates meanwhile.
#[test]
fn a_document_takes_at_most_64_bytes() {
    let ascending = measure("ascending", 1..=DOCUMENTS);
    assert!((32..=36).contains(&ascending), "{ascending}");
    let scattered = measure("scattered", scattered());
    assert!((32..=52).contains(&scattered), "{scattered}");
    let descending = measure("descending", (1..=DOCUMENTS).rev());
    assert!((32..=LIMIT).contains(&descending), "{descending}");
}
