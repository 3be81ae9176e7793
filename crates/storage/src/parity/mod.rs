//! Parity of data files: what a damaged block is restored from when the log's copy is long gone.
//!
//! A data file is cut into blocks of 4 KiB. Sixteen blocks that lie far apart make a stripe, with a
//! few parity blocks ([`Parity`]) computed from them (Reed–Solomon). The parity, and a checksum of
//! every block, stand in a file of their own beside the data file:
//!
//! ```text
//! header | checksums of blocks | parity blocks | checksums again | header again
//! ```
//!
//! INVARIANT: a block that was restored counts only when it has the checksum that was computed from
//! the bytes on their way into the data file.

mod encode;
mod geometry;
mod header;
mod overlay;
mod restore;
mod sidecar;
mod stripe;
mod sums;

pub(crate) use encode::{ParityJob, encode};
pub(crate) use geometry::BLOCK_BYTES;
pub use geometry::Parity;
pub(crate) use header::HEADER_BYTES;
pub(crate) use overlay::Overlay;
pub(crate) use sidecar::{Sidecar, SidecarDamage};
pub(crate) use sums::SumBuilder;
