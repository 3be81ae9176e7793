//! How fast documents are checked.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use docdb_types::json::{JsonLimits, check};
use serde::de::IgnoredAny;
use std::hint::black_box;

/// A record as applications store it: short names, short strings, some numbers, one longer text.
fn record() -> String {
    let text = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor. ";
    format!(
        concat!(
            r#"{{"id":"5f1d7c0e-1b2a-4c3d-9e8f-0a1b2c3d4e5f","created_at":"2026-03-14T09:26:53.589Z","#,
            r#""active":true,"score":98.6,"visits":12345,"balance":"1023.45","parent":null,"#,
            r#""user":{{"name":"Ada Lovelace","email":"ada@example.org","age":36,"#,
            r#""address":{{"street":"12 St James's Square","city":"London","zip":"SW1Y 4JH"}}}},"#,
            r#""tags":["alpha","beta","gamma","delta"],"matrix":[[1,2,3],[4,5,6],[7,8,9]],"#,
            r#""items":[{{"sku":"A-100","qty":2,"price":19.99}},{{"sku":"B-200","qty":1,"price":5.49}},"#,
            r#"{{"sku":"C-300","qty":10,"price":0.99}}],"note":"{}"}}"#
        ),
        text.repeat(5).get(..360).unwrap_or_default()
    )
}

/// What a load generator writes: few members, one long string.
fn padded() -> String {
    format!(
        r#"{{"id":4711,"worker":3,"sequence":1234567,"data":"{}"}}"#,
        "x".repeat(970)
    )
}

/// Dense: fields of a few bytes each.
fn dense() -> String {
    let fields: Vec<_> = (0..64).map(|n| format!(r#""field{n:02}":{n}.5"#)).collect();
    format!("{{{}}}", fields.join(","))
}

/// Text beyond ASCII, with escapes.
fn multilingual() -> String {
    let line = r#"{"title":"Größe und Übermaß","body":"これは文書です。\n\"引用\" — конец","n":1}"#;
    format!("[{}]", [line; 10].join(","))
}

/// The record in the layout of a person.
fn indented() -> String {
    let value: serde_json::Value = serde_json::from_str(&record()).unwrap_or_default();
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

fn documents(criterion: &mut Criterion) {
    for (name, text) in [
        ("record", record()),
        ("padded", padded()),
        ("dense", dense()),
        ("multilingual", multilingual()),
        ("indented", indented()),
    ] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("check", |bencher| {
            bencher.iter(|| check(black_box(text.as_bytes()), JsonLimits::default()).is_ok());
        });
        group.bench_function("serde_json_ignored_any", |bencher| {
            bencher
                .iter(|| serde_json::from_slice::<IgnoredAny>(black_box(text.as_bytes())).is_ok());
        });
        group.finish();
    }
}

criterion_group!(benches, documents);
criterion_main!(benches);
