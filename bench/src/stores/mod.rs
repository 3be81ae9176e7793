//! The engines, each as it is meant to be used, with every acknowledged write synced.

mod docdb;
mod fjall;
mod kind;
mod lmdb;
mod redb;
mod sqlite;

pub(crate) use kind::{Kind, Session, Store};
