//! What can be configured, where it may come from, and what is wrong with it.
//!
//! [`keys::KEYS`] is the one list: files, environment, the example and `--print-config` follow it.

mod changes;
mod document;
mod example;
mod field;
#[cfg(test)]
mod hostile;
mod key;
mod keys;
mod layers;
mod number;
mod printed;
mod problem;
mod rules;
mod scalar;
mod settings;
mod size;
mod span;
#[cfg(test)]
mod tests;

pub(crate) use changes::changes;
pub(crate) use example::example;
#[cfg(test)]
pub(crate) use keys::KEYS;
pub(crate) use layers::{Configured, Given, load};
pub(crate) use printed::printed;
pub(crate) use problem::Problem;
pub(crate) use settings::{LogFormat, LogLevel, LogSettings, Settings};
pub(crate) use size::parse as parse_size;
pub(crate) use span::parse as parse_span;
