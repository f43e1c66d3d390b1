//! `guru trigger`: the report that a process makes of itself, asked for without harm.

pub mod capture;
