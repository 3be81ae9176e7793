//! Steps and merge patches against what the RFCs say, against a model, and against bad intentions.

mod bounds;
mod merges;
mod model;
mod steps;

use docdb_types::Limits;
use docdb_types::patch::{PatchError, parse_steps};

/// Applies steps, given as JSON.
fn patched(document: &str, steps: &str) -> Result<String, PatchError> {
    let steps = parse_steps(steps.as_bytes()).unwrap();
    let text = super::apply(document.as_bytes(), &steps, &Limits::DEFAULT)?;
    Ok(String::from_utf8(text).unwrap())
}

#[track_caller]
fn becomes(document: &str, steps: &str, expected: &str) {
    assert_eq!(
        patched(document, steps).as_deref(),
        Ok(expected),
        "{document} {steps}"
    );
}
