//! The only integration test binary: guru on real processes. One module per line.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cli;
mod fuzz;
mod layers;
mod package;
mod python;
mod services;
mod support;
mod targets;
