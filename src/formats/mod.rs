//! One grammar for each format of files: what a text says, and where each piece of it stands.
//!
//! Who shows a configuration and who masks its secrets both read these events, so that they can not
//! disagree about what is a value.

pub mod json;
pub mod yaml;

use std::borrow::Cow;
use std::ops::Range;

/// What a text says, in its order: before each value of a mapping its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'t> {
    /// A document begins, of which a text may have several.
    Document,
    /// A mapping or list begins.
    Begin(Collection, Range<usize>),
    /// The innermost one ends.
    End,
    /// The key of the value that follows.
    Key(Piece<'t>),
    /// A value that is neither a mapping nor a list.
    Scalar(Piece<'t>),
}

/// What holds values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// Each has a key.
    Mapping,
    /// Each has a number.
    List,
}

/// A key or a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'t> {
    /// What it says, without quotes and escapes.
    pub text: Cow<'t, str>,
    /// Where it stands in the text, in bytes, with its quotes; in YAML with its tag and anchor, too.
    pub span: Range<usize>,
}

/// The lines of a text.
pub struct Lines(Vec<usize>);

impl Lines {
    /// Those of this text.
    pub fn of(text: &str) -> Lines {
        Lines(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line that a byte stands on, from 1.
    pub fn at(&self, byte: usize) -> u32 {
        let before = self.0.partition_point(|end| *end < byte);
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }
}
