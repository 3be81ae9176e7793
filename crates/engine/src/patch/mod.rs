//! Patches as pure functions on texts.

use docdb_types::{Code, Error, Limits, PatchStep};

/// Applies steps to a document.
///
/// # Errors
/// `UnknownOperation`.
pub fn apply(_text: &[u8], _steps: &[PatchStep], _limits: &Limits) -> Result<Vec<u8>, Error> {
    Err(Error::new(Code::UnknownOperation, "patches are not known"))
}

/// Applies a merge patch to a document.
///
/// # Errors
/// `UnknownOperation`.
pub fn merge(_text: &[u8], _patch: &[u8], _limits: &Limits) -> Result<Vec<u8>, Error> {
    Err(Error::new(Code::UnknownOperation, "patches are not known"))
}
