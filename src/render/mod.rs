//! From the report to bytes: one file per format.
//!
//! A renderer knows the [`Report`] and nothing else. It matches [`Block`](crate::report::Block)
//! without a wildcard, so that a new kind of block names every place that has to show it, and it
//! takes text of the process apart only through the escape of its format.

use std::io;

use crate::report::Report;
use crate::stack::{Frame, Language};

pub mod gmr;
pub mod json;
pub mod keyvalue;
pub mod layout;
pub mod sanitize;
pub mod stack;
pub mod text;

/// A format.
pub trait Renderer: Sync {
    /// What `--format` calls it.
    fn name(&self) -> &'static str;

    /// Writes `report` to `out`. A format for programs shows all frames, whatever `frames` says.
    ///
    /// # Errors
    /// Only those of `out`.
    fn render(&self, report: &Report, frames: Frames, out: &mut dyn io::Write) -> io::Result<()>;
}

/// Which frames of a stack are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frames {
    /// Those of the language, and native ones but for the machinery of the language's runtime.
    #[default]
    Merged,
    /// Every native frame, too.
    Native,
    /// Those of a language with a runtime; native ones not.
    Language,
}

impl Frames {
    /// Whether a frame is shown.
    pub fn shows(self, frame: &Frame) -> bool {
        match self {
            Frames::Merged => !frame.internal,
            Frames::Native => true,
            Frames::Language => frame.language != Language::Native,
        }
    }
}

/// The formats; the first is the default.
pub const RENDERERS: &[&dyn Renderer] = &[&text::Plain, &gmr::Gmr, &json::Json];

#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod schema;
