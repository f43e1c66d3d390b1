//! What does not end a run: soft errors and remarks, shown in the report and in JSON.
//!
//! Some information beats none: a part that fails is a note, and the rest of the report stands.

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// How much a note takes from the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Worth knowing; nothing is missing.
    Remark,
    /// Something that could be there is missing: the report is partial.
    Missing,
}

/// One remark or soft error.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Note {
    /// Whether the report is partial because of it.
    pub weight: Weight,
    /// What it is about: `threads`, `memory`, `thread 4711`, a file's path.
    pub about: Text,
    /// What happened, why, and what to do, on one line.
    pub message: Text,
}

impl Note {
    /// A remark: nothing is missing.
    pub fn remark(about: impl Into<Text>, message: impl Into<Text>) -> Note {
        Note { weight: Weight::Remark, about: about.into(), message: message.into() }
    }

    /// Something is missing from the report.
    pub fn missing(about: impl Into<Text>, message: impl Into<Text>) -> Note {
        Note { weight: Weight::Missing, about: about.into(), message: message.into() }
    }
}
