//! What a run found out, for people and for programs.

mod calendar;
mod csv;
mod files;
mod progress;
mod results;
mod table;

pub use files::{ReportError, check_writable, write};
pub use progress::Progress;
pub use results::{DatabaseResults, Details, GlobalResults, PhaseStats, Results, TestConfig};
pub use table::{Table, headline};
