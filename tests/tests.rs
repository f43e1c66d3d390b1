//! The only integration test binary: guru on real processes. One module per line.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_inputs;
mod cli;
mod hostile;
mod kindness;
mod native;
mod replay;
mod services;
mod support;
mod targets;
