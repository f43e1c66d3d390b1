//! The only integration test binary: guru on real processes. One module per line.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod cli;
mod layers;
mod python;
mod services;
mod support;
mod targets;
