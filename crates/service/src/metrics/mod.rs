//! What the service counts itself, and the text in which all figures are shown.

mod commands;
mod critical;
mod exposition;
mod families;
mod figures;
mod latency;
mod operations;
mod outcomes;
mod pending;

pub(crate) use critical::{CriticalError, unix_ms};
pub(crate) use exposition::{CONTENT_TYPE, starting_text, text};
pub(crate) use outcomes::Outcomes;
pub(crate) use pending::Pending;
