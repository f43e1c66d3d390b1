//! `guru trigger`: a process that has a Guru Meditation Report is made to print it.

pub mod look;
pub mod preflight;
pub mod signal;
pub mod sink;
pub mod why;
