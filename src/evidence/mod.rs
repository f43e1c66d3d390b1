//! Evidence: everything that the analysis may know, as owned data that can be saved.
//!
//! It is the border of the program. Left of it are the kernel and the file system; right of it
//! are pure functions: the same evidence gives the same report, byte for byte.

pub mod files;
