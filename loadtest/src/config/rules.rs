use std::fmt::{self, Display};

use super::Mix;

/// A rule that a field breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The field: a flag, or the path of a key.
    pub field: String,
    /// What was found and what is allowed.
    pub rule: String,
}

/// All the rules that flags and file break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// Each of them.
    pub broken: Vec<Broken>,
}

impl Display for PlanError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, broken) in self.broken.iter().enumerate() {
            let line = if place == 0 { "" } else { "\n" };
            write!(formatter, "{line}{}: {}", broken.field, broken.rule)?;
        }
        Ok(())
    }
}

impl std::error::Error for PlanError {}

/// Gathers what is broken, so that all of it is told at once.
#[derive(Default)]
pub(super) struct Rules(Vec<Broken>);

impl Rules {
    pub(super) fn check(
        &mut self,
        field: impl Display,
        holds: bool,
        found: impl Display,
        allowed: &str,
    ) {
        if !holds {
            self.refuse(field, format!("{found}, allowed: {allowed}"));
        }
    }

    pub(super) fn refuse(&mut self, field: impl Display, rule: String) {
        self.0.push(Broken {
            field: field.to_string(),
            rule,
        });
    }

    pub(super) fn mix(&mut self, field: impl Display, mix: Mix) {
        let sum = mix.sum();
        self.check(
            field,
            sum == 100,
            format_args!("the sum of {mix} is {sum}"),
            "100",
        );
    }

    pub(super) fn finish<T>(self, decided: T) -> Result<T, PlanError> {
        if self.0.is_empty() {
            Ok(decided)
        } else {
            Err(PlanError { broken: self.0 })
        }
    }
}
