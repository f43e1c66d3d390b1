//! guru

pub mod config;
