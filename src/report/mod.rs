//! The report: plain data, the same for every format. JSON is this type.
//!
//! It knows neither how it was got nor how it is shown.

use serde::{Deserialize, Deserializer, Serialize};

use crate::addr::Addr;
use crate::data::Data;
use crate::note::{Note, Weight};
use crate::stack::Stack;
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

/// How the threads were held while they were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Every thread stood still at one instant.
    Stopped,
    /// Nothing was stopped; threads that moved meanwhile are marked.
    Watched,
}

/// When and how the evidence was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The moment of the stop (RFC 3339).
    pub at: String,
    /// Whether threads were held.
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

/// What kind of flow of control it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionKind {
    /// A thread of the kernel's making.
    #[default]
    Thread,
    /// A greenlet: plain, of eventlet or of gevent.
    Greenlet,
    /// A task of asyncio's.
    Task,
}

/// What a greenlet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one that stands for the thread itself.
    Main,
    /// The one that waits for events and switches to those that they are for.
    Hub,
    /// Any other.
    Worker,
}

/// What a thread has to do with the global interpreter lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GilUse {
    /// It holds it.
    Holds,
    /// It waits for it.
    Waits,
}

/// What a green thread waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// In words: `Task-2`, `a timer, 3.2 s left`, `fd 5 readable`.
    pub what: Text,
    /// The object, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Addr>,
}

/// A flow of control.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// What kind.
    pub kind: ExecutionKind,
    /// The object that stands for it, if it is a green thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Addr>,
    /// The kernel's id of the thread: of a green thread the one that it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<i32>,
    /// What `pthread_self` returns in it: the number that a GMR prints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ident: Option<u64>,
    /// Its name: of a thread that of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// The name that a thread has in the language's runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_name: Option<Text>,
    /// The type of the object that stands for it: `eventlet.greenthread.GreenThread`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<Text>,
    /// What a greenlet is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What a thread has to do with the global interpreter lock, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gil: Option<GilUse>,
    /// Whether the garbage collector runs in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub collecting: bool,
    /// What it was doing before it was held: `running`, `sleeping`, `disk sleep`, `stopped` …; a
    /// greenlet: `running`, `suspended`, `unstarted`, `dead`; a task: `pending`, `done` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What it waits in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Wait>,
    /// What a green thread waits for, as far as that can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<Awaited>,
    /// Its stack.
    pub stack: Stack,
    /// The native stack, where it could not be merged with the language's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_stack: Option<Stack>,
    /// What is odd about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// What a thread waits in, as the kernel told it before the stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The system call, by name: `futex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Its first argument, resolved: `fd 5: socket 127.0.0.1:80 (listening)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<Text>,
    /// The futex, where it waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub futex: Option<Addr>,
    /// The thread that holds what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<i32>,
    /// The kernel function it sleeps in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wchan: Option<String>,
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

/// A file that configuration was read from, or would have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Its path, as the process sees it.
    pub path: Text,
    /// Why this file: `named by --config-file`, `found by oslo.config's rules` …
    pub why: String,
    /// When it was last written (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// Whether it was written after the process started, so that the process may run with
    /// something else.
    pub changed_since_start: bool,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<Text>,
}

/// A group of options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptionGroup {
    /// Its name; of an object of oslo.config, the options without a group are `default`, as in a
    /// GMR.
    pub name: Text,
    /// Its options, sorted by name.
    pub options: Vec<OptionValue>,
}

/// An option with its value, secrets masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptionValue {
    /// Its name.
    pub name: Text,
    /// Its value. Of files alone: the text, or a list of the texts of an option given several
    /// times.
    pub value: Data,
    /// By what it was set, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<SetBy>,
    /// Where it was set, if that is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The variable that set it, if that is the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<Text>,
    /// Whether a secret was replaced by `***`.
    pub masked: bool,
    /// Whether the value is shown as it was written, because only the program itself can convert
    /// it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unconverted: bool,
}

/// By what an option was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// The option's own default.
    Default,
    /// A default set by the program (`set_default`).
    SetDefault,
    /// Set by the program (`set_override`).
    Override,
    /// The command line.
    CommandLine,
    /// A variable of the environment.
    Environment,
    /// A configuration file.
    File,
    /// A driver of configuration, as `remote_file`.
    Driver,
}

/// An object of the process that holds a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigObject {
    /// Of what make: `oslo.config`, `django`, `flask`, `celery`, `gunicorn`, `uwsgi`.
    pub make: String,
    /// Its type.
    pub type_name: Text,
    /// Where it lies.
    pub address: Addr,
    /// What holds it, the most telling first: `oslo_config.cfg.CONF`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<Text>,
    /// Whether the program called it with its command line and files.
    pub started: bool,
    /// The words that it was called with, secrets masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Text>,
}

/// How the process and its files differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// An option would have another value after a restart.
    ChangesOnRestart,
    /// A file was written after the process started.
    FileChanged,
    /// A file that the process has read is gone.
    FileGone,
    /// A file that the process has not read would be read after a restart.
    FileNew,
    /// An option stands in a file and no registered option reads it.
    NotRead,
    /// An option is given by a deprecated name.
    Deprecated,
}

/// A difference between the process and its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// What kind.
    pub kind: DriftKind,
    /// The file and the line, 0 where it is the file as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Origin>,
    /// The group, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Text>,
    /// The option, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option: Option<Text>,
    /// The value that the process runs with, where an option changes.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub now: Option<Data>,
    /// The value that it would have after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub then: Option<Data>,
    /// What there is to say of it, in words: `did you mean auth_type?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<Text>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The file.
    pub file: Text,
    /// The line in it, from 1; 0 where that is not known, or it is the file as a whole.
    pub line: u32,
}

/// A value that is there, be it `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Data>, D::Error> {
    Data::deserialize(deserializer).map(Some)
}

/// Seconds since 1970 as RFC 3339; `None` for a time that no clock shows.
pub fn timestamp(seconds: i64) -> Option<String> {
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}
