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
pub mod name;
pub mod page;
pub mod sanitize;
pub mod stack;
pub mod text;

/// A format.
pub trait Renderer: Sync {
    /// What `--format` calls it.
    fn name(&self) -> &'static str;

    /// Whether it is for programs.
    fn is_for_programs(&self) -> bool {
        false
    }

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
pub(crate) mod sample;
#[cfg(test)]
mod schema;

#[cfg(test)]
mod tests {
    use super::sample::{self, rendered};
    use super::*;

    #[test]
    fn a_report_instead_of_the_process_s_own_says_so_first() {
        let why = "blocked in\n`pthread_mutex_lock`";
        let instead = Report { no_own_report: Some(why.into()), ..sample::report() };
        let said = "The process gave no report of its own: blocked in\\n`pthread_mutex_lock`\n====";
        for renderer in [&text::Plain as &dyn Renderer, &gmr::Gmr] {
            let text = rendered(renderer, &instead);
            assert!(text.starts_with(said), "{text}");
        }
        let json = rendered(&json::Json, &instead);
        assert!(json.contains("\n  \"no_own_report\": \"blocked in\\n`pthread_mutex_lock`\",\n"));
    }

    #[test]
    fn a_report_with_secrets_says_so_first() {
        let masked = sample::report();
        let shown = Report { secrets_shown: true, ..masked.clone() };
        let said = "SECRETS ARE SHOWN IN THIS REPORT (--show-secrets)\n";
        for renderer in [&text::Plain as &dyn Renderer, &gmr::Gmr] {
            let masked = rendered(renderer, &masked);
            assert!(masked.starts_with("====") && !masked.contains("SECRETS"));
            assert_eq!(rendered(renderer, &shown), format!("{said}{masked}"));
        }
        assert!(rendered(&json::Json, &shown).contains("\n  \"secrets_shown\": true,\n"));
        assert!(rendered(&json::Json, &masked).contains("\n  \"secrets_shown\": false,\n"));
    }
}
