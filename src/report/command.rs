//! Commands of the caller's in a report.

use serde::{Deserialize, Serialize};

use super::is_zero;
use crate::text::Text;

/// How a command ran that the caller asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRun {
    /// The command, secrets masked.
    pub command: Text,
    /// The status that it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// After how many milliseconds it was killed, because it ran too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed_after_ms: Option<u64>,
    /// Why it did not run, or how it went is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Text>,
    /// What it wrote to its standard error.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub errors: Text,
    /// How many bytes of that follow that are left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors_left: u64,
}
