//! How a process can be asked for a report of its own, read from outside: the handlers of signals
//! that the program set, and the files that it watches.

mod handler;
mod report;
mod table;
#[cfg(test)]
mod tests;
mod watcher;

pub use handler::handlers;
pub use table::{areas, request, sift};
pub use watcher::watchers;
