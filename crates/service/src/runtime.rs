use std::io;
use std::num::NonZeroUsize;

use tokio::runtime::{Builder, Runtime};

/// Threads that carry out what takes long: opening, dropping, checkpointing databases.
const BLOCKING_THREADS: usize = 64;

/// Threads that serve connections, for this machine: more than it has cores, because some of them
/// are blocked in a sync at any time.
#[must_use]
pub fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    (4 * cores).max(8)
}

/// The runtime that a service runs well in, with so many threads to serve connections, 1 and up.
///
/// A service runs in any multi-threaded runtime. Its sessions perform commits on the runtime's own
/// threads: with no more threads than cores, some cores idle while their threads wait for the disk.
///
/// # Errors
/// The system's, when it refuses a thread.
pub fn runtime(threads: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("docdb-serve")
        .enable_all()
        .build()
}
