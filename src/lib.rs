//! guru
