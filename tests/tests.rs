//! The integration tests: one binary, a module for each subject.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod python;
