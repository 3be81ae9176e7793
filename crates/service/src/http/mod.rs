//! What the service tells over HTTP: that it lives, that it serves, and its figures.
//!
//! It has a thread and a runtime of its own, so that it answers while the service recovers, and
//! however busy the service is. It takes no part in anything.

mod listener;
mod pages;

pub use listener::HttpError;
pub(crate) use listener::HttpListener;
pub(crate) use pages::Watched;
