//! Where a process and its configuration files differ: which file on disk is which parsed one
//! ([`identify`]), what a restart would change ([`restart`]), and what no option reads
//! ([`unread`]).
//!
//! Files are masked before anybody sees them, and what the process holds is not: [`same`] compares
//! the two.

pub mod identify;
pub mod lines;
pub mod restart;
pub mod same;
pub mod spelling;
pub mod unread;
