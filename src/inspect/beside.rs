//! Work that is done beside other work.

use std::panic::resume_unwind;
use std::thread::{Builder, JoinHandle};

/// What is being worked out on a thread of its own.
pub enum Beside<T> {
    /// By this thread.
    Thread(JoinHandle<T>),
    /// There could be no thread, so it was done at once.
    Done(T),
}

impl<T: Send + 'static> Beside<T> {
    /// Begins.
    pub fn start(work: impl FnOnce() -> T + Clone + Send + 'static) -> Beside<T> {
        let same = work.clone();
        Builder::new().spawn(work).map_or_else(|_| Beside::Done(same()), Beside::Thread)
    }

    /// Waits for the result. A panic of the work is one of whoever waits for it.
    pub fn wait(self) -> T {
        match self {
            Beside::Thread(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Beside::Done(result) => result,
        }
    }
}
