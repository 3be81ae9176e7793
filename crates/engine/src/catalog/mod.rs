//! The register of all databases of a data directory: the file `.catalog`.

mod identity;

#[allow(unused_imports, reason = "what opens databases is above it")]
pub(crate) use identity::Identity;
