//! Getting the report that a process makes of itself.

pub mod why;
