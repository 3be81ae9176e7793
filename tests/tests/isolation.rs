//! Histories of concurrent clients of a real server, killed in between, are judged by an independent
//! checker: nothing that the isolation forbids may be in them.
//!
//! `DOCDB_ISOLATION_TRANSACTIONS=N` sets the number of transactions, a quarter for each of lists and
//! registers at both levels:
//!
//! `DOCDB_ISOLATION_TRANSACTIONS=1000000 cargo test --release -p docdb-tests --test isolation -- --nocapture`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use adya::{History, Opts, Report, Valid, Workload, check};
use docdb_client::{Client, ClientOptions, CreateMode, Database, Endpoint};
use docdb_tests::isolation::{
    Access, Kind, Load, Recorder, Single, Step, create_lists, linearizable,
};
use docdb_tests::{Random, ServerProcess, number_from};
use docdb_types::{Code, CollectionName, DocumentId, Isolation};

const WORKERS: i64 = 8;
/// Transactions that are judged together. The checker's time for registers grows with the square.
const fn segment_size(kind: Kind) -> u64 {
    match kind {
        Kind::Lists => 25_000,
        Kind::Registers => 2500,
    }
}

/// About how many transactions there are to a kill.
const PER_KILL: u64 = 600;

fn judge(history: &History, kind: Kind, model: &str) -> Report {
    let workload = match kind {
        Kind::Lists => Workload::ListAppend,
        Kind::Registers => Workload::RwRegister,
    };
    let options = Opts {
        models: vec![model.to_owned()],
        timeout: Duration::from_secs(60),
        // Both hold of what docdb promises, and let more be inferred.
        wfr_keys: kind == Kind::Registers,
        linearizable_keys: kind == Kind::Registers,
        ..Opts::default()
    };
    check(history, workload, &options)
}

/// What docdb promises at a level, as the checker calls it.
fn model(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::Serializable => "strict-serializable",
        Isolation::Snapshot => "strong-snapshot-isolation",
    }
}

async fn open(server: &ServerProcess, name: &str) -> Database {
    let endpoint = Endpoint::Unix(server.socket().to_owned());
    let client = Client::connect(&endpoint, ClientOptions::default())
        .await
        .unwrap();
    client.open(name, CreateMode::IfMissing).await.unwrap()
}

/// What one segment brought.
#[derive(Debug, Default)]
struct Segment {
    committed: u64,
    conflicts: u64,
    unknown: u64,
    kills: u64,
    singles: u64,
    has_write_skew: bool,
}

async fn segment(kind: Kind, isolation: Isolation, transactions: u64, seed: u64) -> Segment {
    let directory = tempfile::tempdir().unwrap();
    let load = Arc::new(Load::new(kind, isolation, transactions));
    let mut random = Random::new(seed);
    let mut server = ServerProcess::start(directory.path(), &[]).unwrap();
    if kind == Kind::Lists {
        // More than there will be values for.
        let keys = 4 * transactions / load.values_per_key + load.keys + 1;
        create_lists(&open(&server, "histories").await, keys).await;
    }
    let mut processes: Vec<i64> = (1..=WORKERS).collect();
    let mut kills = 0;
    loop {
        let left = load.left.load(Ordering::Relaxed);
        if left == 0 {
            break;
        }
        let mut running = tokio::task::JoinSet::new();
        for process in std::mem::take(&mut processes) {
            let load = Arc::clone(&load);
            let endpoint = Endpoint::Unix(server.socket().to_owned());
            running.spawn(async move { load.run(endpoint, "histories", process).await });
        }
        let until = left.saturating_sub(PER_KILL / 2 + random.below(PER_KILL));
        while until > 0 && load.left.load(Ordering::Relaxed) > until {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if until > 0 {
            server.kill().unwrap();
            kills += 1;
            server = ServerProcess::start(directory.path(), &[]).unwrap();
        }
        while let Some(process) = running.join_next().await {
            processes.push(process.unwrap());
        }
    }
    assert!(server.terminate().unwrap().success());
    let load = Arc::into_inner(load).expect("nobody else has it");
    let segment = Segment {
        committed: load.tally.ok.into_inner(),
        conflicts: load.tally.failed.into_inner(),
        unknown: load.tally.unknown.into_inner(),
        kills,
        ..Segment::default()
    };
    let (history, singles) = load.recorder.finish();
    let report = judge(&history, kind, model(isolation));
    assert!(
        report.valid == Valid::True,
        "{kind:?} at {isolation}, seed {seed}: {:?}\n{:#?}",
        report.anomaly_types,
        report.anomalies
    );
    linearizable(&singles).unwrap();
    // Of registers the checker would look for longer than the answer is worth.
    let has_write_skew = isolation == Isolation::Snapshot
        && kind == Kind::Lists
        && judge(&history, kind, "serializable").valid == Valid::False;
    Segment {
        singles: singles.len() as u64,
        has_write_skew,
        ..segment
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn histories_of_a_killed_server_show_nothing_that_their_level_forbids() {
    let transactions = number_from("DOCDB_ISOLATION_TRANSACTIONS", 8000);
    let runtime = runtime();
    let mut total = 0;
    for isolation in Isolation::ALL {
        for kind in [Kind::Lists, Kind::Registers] {
            let mut left = transactions.div_ceil(4);
            let mut sum = Segment::default();
            let mut segments = 0;
            while left > 0 {
                let size = left.min(segment_size(kind));
                left -= size;
                segments += 1;
                let of = runtime.block_on(segment(kind, isolation, size, total + segments));
                sum.committed += of.committed;
                sum.conflicts += of.conflicts;
                sum.unknown += of.unknown;
                sum.kills += of.kills;
                sum.singles += of.singles;
                sum.has_write_skew |= of.has_write_skew;
            }
            total += transactions.div_ceil(4);
            println!("{kind:?} at {isolation}: {sum:?}");
            assert!(sum.committed > 0 && sum.conflicts > 0);
        }
    }
    println!("{total} transactions, nothing above their level");
}

/// Two transactions that each read what the other writes, against a real server. Answers whether
/// both were committed, and the history.
async fn skew(server: &ServerProcess, isolation: Isolation) -> (bool, History) {
    let name = isolation.as_str();
    let (one, two) = (open(server, name).await, open(server, name).await);
    create_lists(&one, 2).await;
    let recorder = Recorder::default();
    let id = |number| DocumentId::new(number).unwrap();
    let unread = |key| Step::ReadList(key, None);
    let read = |key| Step::ReadList(key, Some(Vec::new()));
    let plans = [
        (1, [unread(1), unread(2), Step::Append(1, 1)]),
        (2, [unread(1), unread(2), Step::Append(2, 2)]),
    ];
    for (process, steps) in &plans {
        recorder.invoke(*process, steps);
    }
    let transactions = [
        one.begin(isolation).await.unwrap(),
        two.begin(isolation).await.unwrap(),
    ];
    let list = CollectionName::DEFAULT;
    for transaction in &transactions {
        for key in [1, 2] {
            let stored = transaction.read(&list, id(key)).await.unwrap();
            assert_eq!(stored.document.as_ref(), b"[]");
        }
    }
    for (transaction, key) in transactions.iter().zip([1_u64, 2]) {
        let value = key.to_string().into_bytes();
        let step = docdb_types::PatchStep::Insert {
            path: "/-".to_owned(),
            value,
        };
        transaction
            .patch(&list, id(key), vec![step], None)
            .await
            .unwrap();
    }
    let mut committed = 0;
    for (transaction, (process, steps)) in transactions.into_iter().zip(plans) {
        match transaction.commit().await {
            Ok(_) => {
                committed += 1;
                recorder.ok(process, &[read(1), read(2), steps[2].clone()]);
            }
            Err(error) => {
                assert_eq!(error.code(), Code::TxnConflict);
                recorder.fail(process, &steps);
            }
        }
    }
    (committed == 2, recorder.finish().0)
}

#[test]
fn write_skew_shows_at_snapshot_isolation_and_never_when_serializable() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    let runtime = runtime();
    let (both, history) = runtime.block_on(skew(&server, Isolation::Snapshot));
    assert!(both);
    let report = judge(&history, Kind::Lists, "serializable");
    assert_eq!(report.anomaly_types, ["G2-item"]);
    let report = judge(&history, Kind::Lists, "strong-snapshot-isolation");
    assert_eq!(report.valid, Valid::True);
    let (both, history) = runtime.block_on(skew(&server, Isolation::Serializable));
    assert!(!both);
    let report = judge(&history, Kind::Lists, "strict-serializable");
    assert_ne!(report.valid, Valid::False, "{:?}", report.anomaly_types);
}

/// A history by hand: who, how it ended, what it did.
fn history(steps: &[(i64, &str, Vec<Step>)]) -> History {
    let recorder = Recorder::default();
    for (process, kind, steps) in steps {
        match *kind {
            "invoke" => drop(recorder.invoke(*process, steps)),
            "ok" => drop(recorder.ok(*process, steps)),
            _ => recorder.fail(*process, steps),
        }
    }
    recorder.finish().0
}

#[test]
fn hand_made_bad_histories_are_rejected() {
    let append = Step::Append;
    let list = |key, list: &[u64]| Step::ReadList(key, Some(list.to_vec()));
    // Each transaction is sent in front of the first answer, unless one is to be behind another.
    let together = |transactions: &[(i64, &str, Vec<Step>)]| {
        let mut steps: Vec<_> = transactions
            .iter()
            .map(|(process, _, steps)| (*process, "invoke", steps.clone()))
            .collect();
        steps.extend(transactions.iter().cloned());
        history(&steps)
    };
    let one_by_one = |transactions: &[(i64, Vec<Step>)]| {
        let steps: Vec<_> = transactions
            .iter()
            .flat_map(|(process, steps)| {
                ["invoke", "ok"].map(|kind| (*process, kind, steps.clone()))
            })
            .collect();
        history(&steps)
    };
    let cases = [
        (
            "what was refused is read",
            together(&[
                (1, "fail", vec![append(1, 1)]),
                (2, "ok", vec![list(1, &[1])]),
            ]),
            ["strong-snapshot-isolation", "strict-serializable"].as_slice(),
        ),
        (
            "half a transaction is read",
            together(&[
                (1, "ok", vec![append(1, 1), append(2, 2)]),
                (2, "ok", vec![list(1, &[1]), list(2, &[])]),
                (3, "ok", vec![list(2, &[2])]),
            ]),
            &["strong-snapshot-isolation", "strict-serializable"],
        ),
        (
            "an update is lost",
            together(&[
                (1, "ok", vec![list(1, &[]), append(1, 1)]),
                (2, "ok", vec![list(1, &[]), append(1, 2)]),
                (3, "ok", vec![list(1, &[1, 2])]),
            ]),
            &["strong-snapshot-isolation", "strict-serializable"],
        ),
        (
            "two see each other's writes",
            together(&[
                (1, "ok", vec![append(1, 1), list(2, &[2])]),
                (2, "ok", vec![append(2, 2), list(1, &[1])]),
            ]),
            &["strong-snapshot-isolation", "strict-serializable"],
        ),
        (
            "what was acknowledged is not seen afterwards",
            one_by_one(&[
                (1, vec![append(1, 1)]),
                (2, vec![list(1, &[])]),
                (3, vec![list(1, &[1])]),
            ]),
            &["strong-snapshot-isolation", "strict-serializable"],
        ),
        (
            "writes that cross",
            together(&[
                (1, "ok", vec![list(1, &[]), list(2, &[]), append(1, 1)]),
                (2, "ok", vec![list(1, &[]), list(2, &[]), append(2, 2)]),
            ]),
            &["strict-serializable"],
        ),
    ];
    for (what, history, models) in cases {
        for model in models {
            let report = judge(&history, Kind::Lists, model);
            assert_eq!(report.valid, Valid::False, "{what}, {model}");
        }
    }
    // And a good one is not.
    let good = one_by_one(&[
        (1, vec![append(1, 1), append(2, 2)]),
        (2, vec![list(1, &[1]), list(2, &[2]), append(1, 3)]),
        (3, vec![list(1, &[1, 3])]),
    ]);
    for model in ["strong-snapshot-isolation", "strict-serializable"] {
        assert_eq!(
            judge(&good, Kind::Lists, model).valid,
            Valid::True,
            "{model}"
        );
    }
}

#[test]
fn operations_on_one_document_that_cannot_be_put_in_order_are_rejected() {
    let single = |access, value, version, begun, ended| Single {
        key: 1,
        access,
        value,
        version,
        begun,
        ended,
    };
    let write = |value, version, begun, ended| single(Access::Write, value, version, begun, ended);
    let read = |value, version, begun, ended| single(Access::Read, value, version, begun, ended);
    let good = [
        write(1, 1, 0, 5),
        read(1, 1, 1, 2),
        write(2, 2, 3, 6),
        read(2, 2, 7, 8),
    ];
    assert_eq!(linearizable(&good), Ok(()));
    let bad: [&[Single]; 5] = [
        // An older value behind a newer one.
        &[write(1, 1, 0, 1), write(2, 2, 2, 3), read(1, 1, 4, 5)],
        &[
            write(1, 1, 0, 1),
            write(2, 2, 2, 9),
            read(2, 2, 3, 4),
            read(1, 1, 5, 6),
        ],
        // A write that goes back behind one that was over.
        &[write(2, 2, 0, 1), write(1, 1, 2, 3)],
        // One version of two values, and of two writes.
        &[write(1, 1, 0, 1), read(2, 1, 2, 3)],
        &[write(1, 1, 0, 1), write(1, 1, 2, 3)],
    ];
    for singles in bad {
        assert!(linearizable(singles).is_err(), "{singles:?}");
    }
}
