//! Connections to what is loaded. Another kind of server is another link.

mod any;
mod docdb;
mod jsonb;
mod postgres;
mod redis;
mod wire;

pub(crate) use any::Link;
