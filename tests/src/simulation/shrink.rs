use std::panic::{AssertUnwindSafe, catch_unwind};

use super::plan::{Plan, Step};
use super::world::{Outcome, World};

/// A history that broke a promise.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The number of the step.
    pub step: usize,
    /// What was broken.
    pub broken: String,
}

/// Runs a plan. A panic counts as a broken promise.
///
/// # Errors
/// What was broken.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    match catch_unwind(AssertUnwindSafe(|| World::run(plan))) {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err((step, broken))) => Err(Failure { step, broken }),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
                .unwrap_or_default();
            Err(Failure {
                step: plan.steps.len(),
                broken: format!("a panic: {text}"),
            })
        }
    }
}

impl Failure {
    /// What was broken, without the numbers.
    fn kind(&self) -> String {
        let words = self.broken.chars().filter(|it| it.is_ascii_alphabetic());
        words.take(24).collect()
    }
}

/// Leaves out steps of a failing plan as long as it fails in the same way: halves, quarters, and so
/// on down to single ones.
#[must_use]
pub fn shrink(plan: &Plan) -> Plan {
    let mut shortest = plan.clone();
    let Err(failure) = run(plan) else {
        return shortest;
    };
    let fails = |plan: &Plan| run(plan).is_err_and(|other| other.kind() == failure.kind());
    shortest.steps.truncate(failure.step + 1);
    if !fails(&shortest) {
        shortest = plan.clone();
    }
    let mut length = shortest.steps.len() / 2;
    while length > 0 {
        let mut start = 0;
        while start < shortest.steps.len() {
            let end = (start + length).min(shortest.steps.len());
            let mut shorter = shortest.clone();
            let steps: &mut Vec<Step> = &mut shorter.steps;
            steps.drain(start..end);
            if fails(&shorter) {
                shortest = shorter;
            } else {
                start = end;
            }
        }
        length /= 2;
    }
    shortest
}
