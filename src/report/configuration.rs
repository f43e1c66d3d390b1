//! Configuration in a report: objects and files, groups of options, and where they differ.

use serde::{Deserialize, Deserializer, Serialize};

use crate::addr::Addr;
use crate::data::Data;
use crate::text::Text;

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
    /// Whether it was written before, but put in its place, or given another mode, owner or name,
    /// after the process started: it may have replaced the one that the process has read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced_since_start: bool,
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
    /// A variable of the environment that the process was started with: what has become of that is
    /// not known.
    StartEnvironment,
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
