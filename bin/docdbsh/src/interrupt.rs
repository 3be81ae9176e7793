//! Ctrl-C at a terminal: gives up the command that runs, and not the shell.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use tokio::signal::ctrl_c;
use tokio::sync::Notify;

/// Exit status of a program that an interrupt ended: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// What a person's Ctrl-C is told to.
#[derive(Debug, Default)]
pub(crate) struct Interrupt {
    pressed: AtomicBool,
    notify: Notify,
}

impl Interrupt {
    /// Listens on a thread of the runtime from now on. A second Ctrl-C for one command, which then
    /// is stuck in a call that cannot be given up, ends the shell.
    pub(crate) fn listen(runtime: &Handle) -> Arc<Self> {
        let interrupt = Arc::new(Self::default());
        let heard = Arc::clone(&interrupt);
        runtime.spawn(async move {
            while ctrl_c().await.is_ok() {
                if heard.pressed.swap(true, Ordering::AcqRel) {
                    process::exit(INTERRUPTED);
                }
                heard.notify.notify_one();
            }
        });
        interrupt
    }

    /// Runs a command until it ends; `None` when it was given up.
    pub(crate) async fn or<T>(&self, command: impl Future<Output = T>) -> Option<T> {
        self.pressed.store(false, Ordering::Release);
        tokio::select! {
            answer = command => Some(answer),
            () = self.pressed() => None,
        }
    }

    async fn pressed(&self) {
        // A press between two commands has left its notice behind.
        while !self.pressed.load(Ordering::Acquire) {
            self.notify.notified().await;
        }
    }
}
