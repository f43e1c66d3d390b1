//! From the report to bytes: one file per format.
//!
//! A renderer knows the [`Report`] and nothing else. It matches [`Block`](crate::report::Block)
//! without a wildcard, so that a new kind of block names every place that has to show it, and it
//! takes text of the process apart only through the escape of its format.

use std::io;

use crate::report::Report;

pub mod gmr;
pub mod json;
pub mod layout;
pub mod sanitize;
pub mod stack;
pub mod text;

/// A format.
pub trait Renderer: Sync {
    /// What `--format` calls it.
    fn name(&self) -> &'static str;

    /// Writes `report` to `out`.
    ///
    /// # Errors
    /// Only those of `out`.
    fn render(&self, report: &Report, out: &mut dyn io::Write) -> io::Result<()>;
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
