//! What is asked of a run: flags, a file, and the plan that both make.

mod arguments;
mod decision;
mod file;
mod keys;
mod mix;
mod plan;
mod profile;
mod rules;
mod size;
mod span;
mod workload;

pub use arguments::{Arguments, Target};
pub use file::{
    ConfigFile, ConfigFileError, Crud, FileDatabase, FilePhase, FileProfile, FileTest,
    FileTransition,
};
pub use keys::{Inserts, KeyDistribution, KeyDistributionError};
pub use mix::{Mix, MixShift};
pub use plan::{DatabasePlan, Plan};
pub use profile::{Phase, Stage};
pub use rules::{Broken, PlanError};
pub use size::{SizeDistribution, SizeDistributionError};
pub use span::{Span, SpanError};
pub use workload::Workload;
