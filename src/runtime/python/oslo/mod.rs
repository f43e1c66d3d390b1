//! The configuration objects of oslo.config (`ConfigOpts`), read into plain data.
//!
//! A process has several: the global `oslo_config.cfg.CONF`, what a service made for itself, what
//! its middleware made. No list leads to all of them, so the whole memory is searched for the
//! address of their class, together with what else is searched for. On the running process the
//! findings are looked at (`find`) and named by what holds them (`holder`, `walk`); what they hold
//! is read (`read`) before running threads are stopped, and over the evidence. Nothing is resolved here,
//! and nothing masked: what is read is for [`crate::config::oslo`], and never stored.

mod environment;
pub(super) mod fields;
mod find;
pub(super) mod holder;
mod kind;
mod namespace;
mod option;
pub(super) mod plain;
mod read;
mod secret;
#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;
mod walk;

pub(super) use find::is_alive;
pub use find::{MODULE, sift, types};
pub use read::registries;
pub use secret::secrets;

/// The most objects that are read.
const MAX_REGISTRIES: usize = 64;

/// What notes are about.
const SUBJECT: &str = "configuration";
