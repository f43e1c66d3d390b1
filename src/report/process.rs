//! Processes in a report: the inspected one, and the tree below it.

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// The process that a report is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessSummary {
    /// Its id, as the inspecting side counts.
    pub pid: i32,
    /// Its name (`comm`).
    pub name: Text,
    /// Its executable, as the process sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<Text>,
    /// Its command line.
    pub command: Vec<Text>,
    /// When it started (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// The language runtimes found in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runtimes: Vec<RuntimeSummary>,
}

/// A language runtime in the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeSummary {
    /// `python`.
    pub name: String,
    /// Its version: `3.11.7`.
    pub version: String,
    /// How its layout is known: `table 3.11`, and so on.
    pub layout: String,
}

/// A process of the tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessNode {
    /// Its id.
    pub pid: i32,
    /// Its parent's id.
    pub ppid: i32,
    /// The user it runs as, by name where the user database knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Text>,
    /// The user's number.
    pub uid: u32,
    /// `running`, `sleeping`, `zombie` …
    pub state: String,
    /// Its name (`comm`).
    pub name: Text,
    /// Its command line, secrets masked.
    pub command: Vec<Text>,
    /// Its children.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ProcessNode>,
}
