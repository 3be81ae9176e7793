//! What the wire costs a request: a create of 1 KiB and its answer, at both ends.
//!
//! `cargo bench -p docdb-ipc`

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark that cannot go on fails; criterion's macros write no documentation"
)]

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use docdb_ipc::{ClientCodec, Command, Execute, Reply, Request, RequestId, Response, ServerCodec};
use docdb_types::{
    Action, Change, CollectionName, DatabaseId, Document, DocumentId, Limits, Operation, Outcome,
    Version,
};
use tokio_util::codec::{Decoder, Encoder};

fn document() -> Document {
    let rest = "x".repeat(940);
    let text = format!(
        r#"{{"name": "a document", "price": 12.50, "tags": ["a", "b"], "n": 123456, "text": "{rest}"}}"#
    );
    Document::from_text(&text, &Limits::DEFAULT).unwrap()
}

fn request(operations: usize) -> Request {
    let action = Action::Create {
        id: DocumentId::new(77),
        document: document(),
    };
    let operation = Operation {
        collection: CollectionName::DEFAULT,
        action,
    };
    let execute = Execute::new(DatabaseId::new(1), false, vec![operation; operations]);
    Request {
        id: RequestId::new(123_456).unwrap(),
        command: Command::Execute(execute),
    }
}

fn response(operations: usize) -> Response {
    let outcome = Outcome {
        id: DocumentId::new(77).unwrap(),
        version: Version::new(1_234_567),
        change: Change::Created,
        document: None,
        may_be_older: false,
    };
    let results = vec![Ok(outcome); operations];
    Response {
        id: RequestId::new(123_456),
        result: Ok(Reply::Results(results)),
    }
}

fn codec(criterion: &mut Criterion) {
    for operations in [1, 100] {
        let mut group = criterion.benchmark_group(format!("{operations} creates of 1 KiB"));
        group.throughput(Throughput::Elements(operations as u64));
        let mut client = ClientCodec::new(Limits::DEFAULT);
        let mut server = ServerCodec::new(Limits::DEFAULT);

        let request = request(operations);
        let mut buffer = BytesMut::with_capacity(1 << 20);
        group.bench_function("encode request", |bencher| {
            bencher.iter_batched(
                || request.clone(),
                |request| {
                    buffer.clear();
                    client.encode(request, &mut buffer).unwrap();
                    black_box(&buffer);
                },
                BatchSize::SmallInput,
            );
        });
        buffer.clear();
        client.encode(request, &mut buffer).unwrap();
        group.bench_function("decode request", |bencher| {
            bencher.iter_batched(
                || buffer.clone(),
                |mut wire| server.decode(&mut wire).unwrap().unwrap().unwrap(),
                BatchSize::SmallInput,
            );
        });

        let response = response(operations);
        group.bench_function("encode response", |bencher| {
            bencher.iter_batched(
                || response.clone(),
                |response| {
                    buffer.clear();
                    server.encode(response, &mut buffer).unwrap();
                    black_box(&buffer);
                },
                BatchSize::SmallInput,
            );
        });
        buffer.clear();
        server.encode(response, &mut buffer).unwrap();
        group.bench_function("decode response", |bencher| {
            bencher.iter_batched(
                || buffer.clone(),
                |mut wire| client.decode(&mut wire).unwrap().unwrap(),
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
