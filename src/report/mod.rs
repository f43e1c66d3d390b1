//! The report: plain data, the same for every format. JSON is this type.
//!
//! It knows neither how it was got nor how it is shown.

mod command;
mod configuration;
mod execution;
mod process;

use serde::{Deserialize, Serialize};

pub use self::command::CommandRun;
pub use self::configuration::{
    ConfigFile, ConfigObject, Drift, DriftKind, OptionGroup, OptionValue, Origin, SetBy,
};
pub use self::execution::{Awaited, Execution, ExecutionKind, GilUse, Role, Seen, Wait};
pub use self::process::{ProcessNode, ProcessSummary, RuntimeSummary};
use crate::note::{Note, Weight};
use crate::text::Text;
use crate::value::Value;

/// The number of this model. It rises when a field changes its meaning or goes away; fields may
/// be added without.
pub const SCHEMA: u32 = 1;

/// A Guru Meditation Report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The version of guru that made it.
    pub guru: String,
    /// The process it is about.
    pub process: ProcessSummary,
    /// When and how it was taken.
    pub taken: Taken,
    /// Whether the user asked for secrets to be shown.
    #[serde(default)]
    pub secrets_shown: bool,
    /// Why the process gave no report of its own, where it was asked for one: this one is from
    /// outside instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_own_report: Option<Text>,
    /// The sections, in their order.
    pub sections: Vec<SectionReport>,
    /// What was noticed or went wrong outside any one section.
    pub notes: Vec<Note>,
}

impl Report {
    /// Every note of the report: its own, those of its sections and those of its threads.
    pub fn all_notes(&self) -> impl Iterator<Item = &Note> {
        let of_sections = self.sections.iter().flat_map(|section| &section.notes);
        let of_threads = self
            .sections
            .iter()
            .flat_map(|section| &section.blocks)
            .filter_map(|block| match block {
                Block::Executions { executions } => Some(executions),
                _ => None,
            })
            .flatten()
            .flat_map(|execution| &execution.notes);
        self.notes.iter().chain(of_sections).chain(of_threads)
    }

    /// Whether something that could be there is missing.
    pub fn is_partial(&self) -> bool {
        self.all_notes().any(|note| note.weight == Weight::Missing)
    }
}

/// Which threads were held while all were recorded, or who else reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// All: every thread stood still at one instant.
    #[serde(alias = "stopped")]
    All,
    /// Those that ran: the others slept, and did not move meanwhile, so that there was such an instant,
    /// too. Who did move is marked.
    Running,
    /// None; threads that moved meanwhile are marked.
    #[serde(alias = "watched")]
    None,
    /// The process reported on itself: its own code made the report, while its other threads ran.
    Itself,
}

/// When and how the evidence was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The moment of the stop (RFC 3339).
    pub at: String,
    /// Which threads were held.
    pub hold: Hold,
    /// The longest that a running thread stood still, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_us: Option<u64>,
    /// From the first thread held to the last let go, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_us: Option<u64>,
}

/// One section of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SectionReport {
    /// A stable name: `threads`.
    pub id: String,
    /// The heading: `Threads`.
    pub title: String,
    /// What it shows.
    pub blocks: Vec<Block>,
    /// What was noticed or went wrong in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// A piece of a section. The list is closed: a new kind touches every renderer, and the compiler
/// names the places.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// Names with values, in the order given.
    Fields {
        /// The fields.
        fields: Vec<Field>,
    },
    /// Flows of control with their stacks.
    Executions {
        /// Threads, or green threads.
        executions: Vec<Execution>,
    },
    /// A process and its descendants.
    Processes {
        /// The inspected process.
        root: ProcessNode,
    },
    /// Configuration of one origin.
    Options {
        /// The object of the process that holds it; absent where only files were read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<ConfigObject>,
        /// Where it was read: files with their state.
        files: Vec<ConfigFile>,
        /// Its groups, sorted by name.
        groups: Vec<OptionGroup>,
        /// Where the process and its files differ.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drift: Vec<Drift>,
    },
    /// Objects of the process that were asked for.
    Objects {
        /// The objects.
        objects: Vec<NamedObject>,
    },
    /// Text that is shown as it is: a file's, or what a command wrote. Secrets are masked.
    Text {
        /// The file that it is the text of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<ConfigFile>,
        /// The command that wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        command: Option<CommandRun>,
        /// The text.
        text: Text,
        /// How many bytes of it follow that are left out.
        #[serde(default, skip_serializing_if = "is_zero")]
        left: u64,
    },
    /// The subject was not looked for: it may be there or not.
    NotLookedFor {
        /// Why not.
        why: String,
    },
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An object of the process that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedObject {
    /// How it was asked for: `oslo_config.cfg.CONF.host`.
    pub path: String,
    /// The object; absent where the path leads to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Text>,
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name, as GMR prints it: `product`.
    pub name: String,
    /// The value; absent when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Text>,
    /// Whether a GMR has this field, too (`--format gmr` prints only those).
    pub in_gmr: bool,
}

impl Field {
    /// A field that a GMR does not have.
    pub fn new(name: impl Into<String>, value: impl Into<Text>) -> Field {
        Field { name: name.into(), value: Some(value.into()), in_gmr: false }
    }
}

/// Seconds since 1970 as RFC 3339; `None` for a time that no clock shows.
pub fn timestamp(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}
