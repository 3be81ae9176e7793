//! Looking at the files of databases that nobody has open: checking every byte, and accepting a loss.

mod aside;
mod database;
mod directory;
mod repair;
mod report;

pub use directory::verify;
pub use repair::{Repaired, repair};
pub use report::{
    DamagedDocument, DirectoryReport, Finding, LostTransactions, Severity, VerifiedDatabase,
};
