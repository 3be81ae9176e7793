//! Both ends of the wire against each other, against frozen bytes, and against hostile ones.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod documented;
mod golden;
mod hostile;
mod round_trip;
mod samples;
