//! The power is cut behind every call that changes the disk, in every way the disk knows, and again
//! while recovering. Each image that is left is recovered and must hold what was acknowledged, plus
//! whole steps of what was on its way.
//!
//! A history runs once: the disk is looked at behind each call and goes on, so that the cost of an
//! image is its recovery.

mod history;
mod watched;

pub use history::{Act, Checked, History, every_sequence, random_acts};
