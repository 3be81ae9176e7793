//! What is asked of a run: flags, a file, and the plan that both make.

mod arguments;
mod file;
mod mix;
mod plan;
mod profile;
mod span;

pub use arguments::{Arguments, Target};
pub use file::{
    ConfigFile, ConfigFileError, Crud, FileDatabase, FilePhase, FileProfile, FileTest,
    FileTransition,
};
pub use mix::{Mix, MixShift};
pub use plan::{Broken, DatabasePlan, Plan, PlanError};
pub use profile::{Phase, Stage};
pub use span::{Span, SpanError};
