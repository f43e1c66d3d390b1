//! The only integration test binary: guru on real processes. One module per line.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cli;
mod configuration;
mod demo;
mod fuzz;
mod layers;
mod mini;
mod package;
mod panko;
mod python;
mod services;
mod support;
mod targets;
