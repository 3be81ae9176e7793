//! Deterministic simulation: one seed is one history of an engine under simulated clients, faults
//! and crashes, on one thread.
//!
//! A history is drawn whole before it runs ([`Plan`]), so that a failing one is made shorter by
//! leaving steps out ([`shrink`]) and replays exactly.

mod plan;
mod requests;
mod shrink;
mod upkeep;
mod world;

pub use plan::{Cut, Plan, Step};
pub use shrink::{Failure, run, shrink};
pub use world::Outcome;
