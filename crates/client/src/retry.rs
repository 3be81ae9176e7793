use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use docdb_types::Error;
use tokio::time::{Instant, sleep};

use crate::RetryPolicy;
use crate::source::Source;

/// Runs `attempt` until it succeeds, fails for good, or the tries or the time are used up.
///
/// INVARIANT: an attempt whose effect is not `NotApplied` is never followed by another, unless both
/// carry the same idempotency key.
pub(crate) async fn retrying<T, F>(source: &Source, attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    retrying_if(source, attempt, Error::is_retryable).await
}

/// As [`retrying`], after those of the errors that `helps` accepts.
pub(crate) async fn retrying_if<T, F>(
    source: &Source,
    attempt: impl FnMut() -> F,
    helps: impl Fn(&Error) -> bool,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    attempts(source, attempt, |error| {
        error.is_retryable() && helps(error)
    })
    .await
}

/// As [`retrying`], for requests that carry a key under which they happen once: they are tried again
/// whatever became of them.
pub(crate) async fn retrying_once<T, F>(
    source: &Source,
    attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    attempts(source, attempt, |error| error.code().is_retryable()).await
}

async fn attempts<T, F>(
    source: &Source,
    mut attempt: impl FnMut() -> F,
    helps: impl Fn(&Error) -> bool,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let started = Instant::now();
    let mut delays = None;
    loop {
        let error = match attempt().await {
            Err(error) if helps(&error) => error,
            result => return result,
        };
        let (policy, time) = source.patience();
        let delay = delays.get_or_insert_with(|| back_off(policy)).next();
        match delay {
            Some(delay) if !source.is_closed() && started.elapsed() + delay < time => {
                sleep(delay).await;
            }
            _ => return Err(error),
        }
    }
}

fn back_off(policy: RetryPolicy) -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(policy.first_delay)
        .with_max_delay(policy.max_delay)
        .with_factor(2.0)
        .with_jitter()
        .with_max_times(policy.tries.saturating_sub(1) as usize)
        .build()
}
