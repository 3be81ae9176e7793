//! The pool over databases that are nothing but a manifest.

mod crash;
mod double;
mod drop;
mod open;
mod upkeep;
