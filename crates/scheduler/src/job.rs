//! What can be scheduled.

/// A piece of work that runs once, on a worker thread or on the thread that brought it.
///
/// It carries its own way of answering whoever waits for it. A job that panics is dropped while
/// its stack unwinds, so an answer that must go out in that case belongs into the `Drop` of one
/// of its fields.
pub trait Job: Send + 'static {
    /// Does the work.
    fn run(self);
}

impl Job for Box<dyn FnOnce() + Send> {
    fn run(self) {
        self();
    }
}
