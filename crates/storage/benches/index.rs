//! How fast the index takes changes and answers.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing benchmark")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use docdb_storage::{Entry, Index, IndexChange, Location, LogPosition, Manifest};
use docdb_types::{CollectionId, TransactionId};

const C0: CollectionId = CollectionId::DEFAULT;
const DOCUMENTS: u64 = 1_000_000;

fn empty() -> Index<u64> {
    let manifest = Manifest::empty();
    Index::new(
        &manifest.collections,
        manifest.next_collection_id,
        manifest.last_transaction,
    )
}

fn batch(version: u64, keys: impl Iterator<Item = u64>) -> Vec<IndexChange<u64>> {
    let location = Location::Log(LogPosition::new(version));
    keys.map(|key| IndexChange::Set {
        collection: C0,
        key,
        entry: Entry::document(TransactionId::new(version), location, 1024),
    })
    .collect()
}

fn scatter(id: u64) -> u64 {
    let mixed = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn full(key: impl Fn(u64) -> u64) -> Index<u64> {
    let index = empty();
    for start in (0..DOCUMENTS).step_by(1000) {
        let changes = batch(start + 1, (start..start + 1000).map(&key));
        index
            .apply(TransactionId::new(start + 1), &changes)
            .unwrap();
    }
    index
}

fn changes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply 100");
    group.throughput(Throughput::Elements(100));
    type Key = fn(u64) -> u64;
    let orders: [(&str, Key); 2] = [("ascending", |id| id), ("scattered", scatter)];
    for (name, key) in orders {
        let index = full(key);
        let mut next = DOCUMENTS;
        group.bench_function(format!("new, {name}, into a million"), |bencher| {
            bencher.iter_batched(
                || {
                    next += 100;
                    (next, batch(next, (next - 100..next).map(key)))
                },
                |(last, changes)| index.apply(TransactionId::new(last), &changes).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
    let index = full(scatter);
    let mut version = DOCUMENTS;
    group.bench_function("updates of a million", |bencher| {
        bencher.iter_batched(
            || {
                version += 1;
                let keys = (0..100).map(|i| scatter((version * 100 + i) % DOCUMENTS));
                (version, batch(version, keys))
            },
            |(last, changes)| index.apply(TransactionId::new(last), &changes).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn reads(criterion: &mut Criterion) {
    let index = full(scatter);
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements(1));
    let mut id = 0;
    group.bench_function("get of a million", |bencher| {
        bencher.iter(|| {
            id = (id + 7919) % DOCUMENTS;
            black_box(index.get(C0, &scatter(id))).unwrap()
        });
    });
    group.bench_function("snapshot", |bencher| bencher.iter(|| index.snapshot()));
    group.throughput(Throughput::Elements(256));
    let mut page = Vec::with_capacity(256);
    group.bench_function("page of 256", |bencher| {
        bencher.iter(|| {
            page.clear();
            id = (id + 7919) % DOCUMENTS;
            index
                .view()
                .page(C0, Some(&scatter(id)), None, 256, &mut page)
        });
    });
    group.finish();
}

criterion_group!(benches, changes, reads);
criterion_main!(benches);
