use backon::{BackoffBuilder, ExponentialBuilder};
use docdb_types::Error;

use crate::RetryPolicy;

/// Runs `attempt` until it succeeds, fails for good, or the tries are used up.
///
/// INVARIANT: an attempt whose effect is not `NotApplied` is never followed by another.
pub(crate) async fn retrying<T, F>(
    policy: RetryPolicy,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut delays = ExponentialBuilder::new()
        .with_min_delay(policy.first_delay)
        .with_max_delay(policy.max_delay)
        .with_factor(2.0)
        .with_jitter()
        .with_max_times(policy.tries.saturating_sub(1) as usize)
        .build();
    loop {
        match attempt().await {
            Err(error) if error.is_retryable() => match delays.next() {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(error),
            },
            result => return result,
        }
    }
}
