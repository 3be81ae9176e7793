//! What a run found out, for people and for programs.

mod calendar;
mod csv;
mod files;
mod json;
mod progress;
mod table;

pub use files::{ReportError, write};
pub use json::Results;
pub use progress::Progress;
pub use table::{Table, headline};
