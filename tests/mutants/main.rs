//! Mutated inputs for every parser of bytes that a process controls: no panic, nothing that takes
//! long or much memory. A million for each with `GURU_FULL`; in the gate as many as two seconds allow.
//! They are the same in every run.
//!
//! A binary of its own, because its allocator counts. Recordings of real size are damaged in
//! `tests/fuzz.rs`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and counts"
)]

mod campaign;
mod config;
mod elf;
mod files;
mod mask;
mod objects;
mod packages;
mod parsers;
mod proc;
mod python;
mod random;
mod recordings;
mod reports;
