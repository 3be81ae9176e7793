//! Looking at the files of databases that nobody has open: checking every byte, and accepting a loss.

mod aside;
mod database;
mod directory;
mod healing;
mod repair;
mod report;

pub(crate) use database::verify_database;
pub use directory::verify;
pub use healing::heal;
pub(crate) use repair::open_accepting;
pub use repair::{Repaired, repair};
pub use report::{
    DamagedDocument, DirectoryReport, Finding, LostTransactions, Severity, VerifiedDatabase,
};
