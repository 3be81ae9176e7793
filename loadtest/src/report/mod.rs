//! What a run found out, for people and for programs.

mod calendar;
mod comparison;
mod csv;
mod files;
mod html;
mod matrix;
mod noise;
mod peers;
mod progress;
mod results;
mod scaling;
mod table;

pub use comparison::Comparison;
pub use files::{ReportError, check_writable, read, write};
pub use matrix::write_matrix;
pub use peers::write_peers;
pub use progress::Progress;
pub use results::{DatabaseResults, Details, GlobalResults, PhaseStats, Results, TestConfig};
pub use table::{Table, headline};
