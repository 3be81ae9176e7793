//! What the load generator says about servers that are known to be slow, silent or wrong.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod scripted;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use docdb_client::Endpoint;
use docdb_loadtest::config::{Arguments, Plan};
use docdb_loadtest::{
    Ceiling, Ending, Halt, Measured, OperationKind, Tally, ceiling, parse_assertions, run,
};
use docdb_types::{Action, Code, TransactionId};
use parking_lot::Mutex;
use scripted::{Answer, Script, Store};

fn plan(flags: &[&str]) -> Plan {
    let flags = std::iter::once(&"docdb-loadtest").chain(flags);
    Plan::new(&Arguments::parse_from(flags), None).unwrap()
}

async fn run_against(script: Script, flags: &[&str]) -> Measured {
    let server = scripted::Server::start(script);
    let endpoint = Endpoint::Unix(server.socket());
    let halt = Arc::new(Halt::default());
    let measured = run(&plan(flags), &endpoint, &halt, None, |_| {}).await;
    measured.unwrap()
}

fn echo() -> Script {
    Script::store(|_, document| document.to_vec())
}

/// Lets a server make of each answer what `change` does.
fn changed(change: impl Fn(&Action, Answer) -> Answer + Send + Sync + 'static) -> Script {
    let store = Mutex::new(Store::default());
    Script::each(move |operation| {
        let answer = Answer::Result(store.lock().apply(operation));
        change(&operation.action, answer)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_delay_is_in_every_percentile() {
    let delay = Duration::from_millis(20);
    let flags = ["--operations", "100", "--workers", "4"];
    let measured = run_against(echo().delaying(delay), &flags).await;
    let latency = measured.total().all().latency.summary();
    assert_eq!(latency.count, 100);
    assert!(latency.min >= 19.9, "{latency:?}");
    // The clock that delays ticks in milliseconds; the rest is for a busy machine.
    assert!(latency.p50 >= 19.9 && latency.p50 < 45.0, "{latency:?}");
    let per_second = 100.0 / measured.elapsed.as_secs_f64();
    assert!(
        per_second <= 200.0,
        "four workers, 20 ms each: {per_second}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_loop_shows_a_stall_at_its_size() {
    // Of two seconds at 200 a second, what was due in the first second waits for its end: the
    // first for all of it, the last for nothing.
    let flags = [
        "--workers",
        "1",
        "--rate",
        "200",
        "--duration",
        "60s",
        "--operations",
        "400",
    ];
    let stalled = echo().stalling_once(Duration::from_secs(1));
    let measured = run_against(stalled, &flags).await;
    let latency = measured.total().all().latency.summary();
    assert_eq!(latency.count, 400);
    assert!(latency.max >= 999.0 && latency.max < 2500.0, "{latency:?}");
    // Half of all waited, evenly between nothing and a second: the 75th of 100 half a second.
    assert!(latency.p95 >= 850.0 && latency.p95 < 2400.0, "{latency:?}");
    assert!(latency.mean >= 220.0, "{latency:?}");
    let steps = &measured.databases[0].steps;
    assert_eq!(steps[0].all().latency.count(), 0, "nobody was answered");
    let slowest = steps[1].all().latency.quantile(1.0).unwrap();
    assert!(slowest >= 990.0, "{slowest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_loop_hides_the_same_stall() {
    let flags = ["--workers", "1", "--operations", "400"];
    let stalled = echo().stalling_once(Duration::from_secs(1));
    let measured = run_against(stalled, &flags).await;
    let latency = measured.total().all().latency.summary();
    assert!(latency.max >= 999.0, "{latency:?}");
    assert!(latency.p99 < 500.0, "{latency:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_rate_the_generator_says_how_late_it_was_itself() {
    let flags = ["--workers", "2", "--rate", "500", "--duration", "400ms"];
    let measured = run_against(echo(), &flags).await;
    let total = measured.total();
    let lateness = total.lateness.summary();
    assert_eq!(total.all().latency.summary().count + total.never_sent, 200);
    assert!(lateness.count > 0, "{lateness:?}");
    let latency = total.all().latency.summary();
    assert!(lateness.min <= latency.max, "{lateness:?} {latency:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_a_failure() {
    let flags = ["--operations", "50", "--workers", "2", "--timeout", "200ms"];
    let measured = run_against(echo().losing_answer(20), &flags).await;
    assert_eq!(measured.sum(|tally| tally.unanswered), 1);
    assert_eq!(measured.sum(Tally::operations), 49);
    assert_eq!(measured.ending, Ending::Complete);
    assert_eq!(measured.failures(), ["1 answers never came"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_may_be_older_is_no_right_answer_and_no_lie() {
    let marked = changed(|action, answer| match (action, answer) {
        (Action::Read { .. }, Answer::Result(Ok(mut outcome))) => {
            outcome.may_be_older = true;
            outcome.version = TransactionId::new(1);
            Answer::Result(Ok(outcome))
        }
        (_, answer) => answer,
    });
    let measured = run_against(marked, &["--operations", "300", "--doc-count", "20"]).await;
    let total = measured.total();
    let reads = &total.kinds.get(OperationKind::Read).tally;
    assert_eq!((reads.ok, reads.wrong), (0, 0));
    let [(code, count)] = reads.errors[..] else {
        panic!("{reads:?}");
    };
    assert_eq!(code, Code::CorruptLog);
    assert!(count > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_answers_are_wrong() {
    let flags = [
        "--operations",
        "300",
        "--pipeline",
        "8",
        "--doc-count",
        "20",
    ];
    let measured = run_against(echo().swapping_answers(), &flags).await;
    assert!(measured.sum(|tally| tally.wrong) > 0);
    assert!(measured.is_failure());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_write_that_is_not_there_is_wrong() {
    // The third create is acknowledged and forgotten.
    let creates = AtomicUsize::new(0);
    let store = Mutex::new(Store::default());
    let script = Script::each(move |operation| {
        let mut store = store.lock();
        let result = store.apply(operation);
        let is_create = matches!(operation.action, Action::Create { .. });
        if result.is_ok() && is_create && creates.fetch_add(1, Ordering::Relaxed) == 2 {
            store.forget(operation.action.id().unwrap());
        }
        Answer::Result(result)
    });
    let flags = ["--operations", "400", "--workers", "1", "--doc-count", "10"];
    let measured = run_against(script, &flags).await;
    assert!(measured.sum(|tally| tally.wrong) >= 1);
    let text = measured.wrong_answers.concat();
    assert!(text.contains("is lost"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_older_than_what_was_acknowledged_is_wrong() {
    let first = Mutex::new(None::<(TransactionId, Bytes)>);
    let script = changed(move |action, answer| match (action, answer) {
        (Action::Read { id }, Answer::Result(Ok(mut outcome))) if id.get() == 1 => {
            let mut first = first.lock();
            let text = outcome.document.take().unwrap();
            let (version, text) = first.get_or_insert((outcome.version, text)).clone();
            outcome.version = version;
            outcome.document = Some(text);
            Answer::Result(Ok(outcome))
        }
        (_, answer) => answer,
    });
    let flags = ["--operations", "400", "--workers", "1", "--doc-count", "3"];
    let measured = run_against(script, &flags).await;
    assert!(measured.sum(|tally| tally.wrong) > 0);
    let text = measured.wrong_answers.concat();
    assert!(text.contains("had been acknowledged"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_the_warm_up_is_not_measured_but_still_checked() {
    let flags = ["--workers", "2", "--warmup", "150ms", "--operations", "40"];
    let measured = run_against(echo(), &flags).await;
    assert_eq!(measured.sum(Tally::operations), 40);
    let stages = &measured.databases[0].stages;
    assert_eq!(stages.len(), 2);
    assert!(stages[0].sum(Tally::operations) > 0);
    let in_steps: u64 = measured.databases[0]
        .steps
        .iter()
        .map(|step| step.all().latency.count())
        .sum();
    assert_eq!(in_steps, 40 + stages[0].sum(Tally::operations));

    let wrong = Script::store(|_, _| b"{}".to_vec());
    let measured = run_against(
        wrong,
        &["--duration", "1ms", "--warmup", "300ms", "--doc-count", "3"],
    )
    .await;
    assert!(measured.is_failure());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ceiling_is_far_above_a_slow_server() {
    let flags = ["--workers", "4", "--operations", "40", "--ceiling", "200ms"];
    let delay = Duration::from_millis(20);
    let mut measured = run_against(echo().delaying(delay), &flags).await;
    let found = ceiling(&plan(&flags)).await.unwrap();
    measured.ceiling = Some(found);
    let headroom = measured.headroom().unwrap();
    assert!(headroom >= 3.0, "{headroom}");
    assert!(
        found.exchange > 0.0 && found.own >= found.exchange,
        "{found:?}"
    );
}

/// What the generator could do without a server is not what it does beside one.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_held_against_the_work_of_the_generator_alone() {
    let mut measured = run_against(echo(), &["--operations", "40"]).await;
    let made = measured.sum(Tally::operations) as f64 / measured.elapsed.as_secs_f64();
    measured.ceiling = Some(Ceiling {
        own: 4.0 * made,
        exchange: 2.0 * made,
    });
    let holds = |measured: &Measured, text: &str| {
        let asserted = parse_assertions(text).unwrap();
        asserted.first().unwrap().judge(measured).holds
    };
    assert!(holds(&measured, "headroom>=3") && holds(&measured, "headroom<4.5"));
    assert!(!holds(&measured, "headroom>=5"));
    measured.ceiling = None;
    assert!(!holds(&measured, "headroom>=3"));
}
