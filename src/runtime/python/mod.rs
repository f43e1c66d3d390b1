//! CPython.

use super::{Preview, Runtime, Visitor};
use crate::note::Note;

/// CPython.
#[derive(Debug)]
pub struct Python;

impl Runtime for Python {
    fn detect(&self, _: &Preview<'_>, _: &mut Vec<Note>) -> Option<Box<dyn Visitor>> {
        None
    }
}
