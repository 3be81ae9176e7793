//! Every refusal that people and programs are promised: at the limit it is served, one past it is
//! refused with its code, and the disk is byte for byte what it was before.
//!
//! Requests are put together field by field, as a program in another language would: the types of
//! docdb cannot say most of what is refused here.

mod collections;
mod damaged;
mod databases;
mod documents;
mod json;
mod limits;
mod memory;
mod message;
mod names;
mod patches;
mod queue;
mod versions;
mod watched;
