//! The one table of errors, and the error that carries a row of it.

mod code;
mod context;

pub use code::{Category, Code, Effect, Status};
pub use context::{Context, Error, Result};
