use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::table::grouped;
use crate::config::Plan;
use crate::run::Glance;

/// One line on the terminal that says how far a run is; nothing where standard error is no
/// terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    last: Glance,
}

impl Progress {
    /// A line for a run.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let length = u64::try_from(plan.duration.as_millis()).unwrap_or(u64::MAX);
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            last: Glance {
                elapsed: Duration::ZERO,
                operations: 0,
                failures: 0,
            },
        }
    }

    /// Shows where the run is.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people"
    )]
    pub fn show(&mut self, glance: Glance) {
        let span = glance.elapsed.saturating_sub(self.last.elapsed);
        let count = glance.operations.saturating_sub(self.last.operations);
        let rate = if span.is_zero() {
            0.0
        } else {
            count as f64 / span.as_secs_f64()
        };
        let position = u64::try_from(glance.elapsed.as_millis()).unwrap_or(u64::MAX);
        self.bar
            .set_position(position.min(self.bar.length().unwrap_or(u64::MAX)));
        self.bar.set_message(format!(
            "{:.0} s  {} ops  {} ops/s  {} failed",
            glance.elapsed.as_secs_f64(),
            grouped(glance.operations),
            grouped(rate as u64),
            grouped(glance.failures),
        ));
        self.last = glance;
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
