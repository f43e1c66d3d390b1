//! A `ConfigOpts` object as it lies in memory: the options that are registered and what was parsed
//! for them. Nothing is resolved here, and nothing masked: it is never stored.
//!
//! Attribute names are those of `oslo_config/cfg.py`, the same from 5.0 to 10.7.

pub use super::kind::{Check, Kind, Version};
pub use super::pattern::Pattern;
use std::collections::BTreeMap;

use crate::addr::Addr;
use crate::data::Data;
use crate::text::Text;

/// A `ConfigOpts`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    /// The object.
    pub address: Addr,
    /// Its type: `oslo_config.cfg.ConfigOpts`, or one derived from it.
    pub type_name: Text,
    /// What holds it, the most telling first: `oslo_config.cfg.CONF`, ``local `conf` of
    /// panko.service.prepare_service``.
    pub held_by: Vec<Text>,
    /// The words that it was called with (`_args`); `None` if it never was.
    pub args: Option<Vec<Text>>,
    /// `project`.
    pub project: Option<Text>,
    /// `prog`.
    pub prog: Option<Text>,
    /// `default_config_files`: those that are read where the command line names none.
    pub default_config_files: Vec<Text>,
    /// `default_config_dirs`.
    pub default_config_dirs: Vec<Text>,
    /// `_use_env`: whether `OS_GROUP__OPTION` of the environment counts.
    pub use_environment: bool,
    /// The variables for options in the environment of the process as it is now (`os.environ`);
    /// `None` where it could not be read.
    pub environment: Option<BTreeMap<Text, Text>>,
    /// The groups; the first is `DEFAULT`.
    pub groups: Vec<Group>,
    /// What was parsed (`_namespace`).
    pub namespace: Option<Namespace>,
    /// What was parsed again for options that may change (`_mutable_ns`).
    pub mutable_namespace: Option<Namespace>,
    /// What the drivers of `config_source` brought (`_sources`), in their order.
    pub sources: Vec<Namespace>,
    /// What could not be read of it, in words.
    pub troubles: Vec<Text>,
}

impl Registry {
    /// The variables of the environment by which its secret options can be set.
    pub fn secret_variables(&self) -> impl Iterator<Item = String> {
        self.groups.iter().filter(|_| self.use_environment).flat_map(|group| {
            let secret = group.options.iter().filter(|option| option.secret);
            let key = group.key.as_ref().map_or("DEFAULT", Text::raw);
            secret.map(|option| variable(key, option.dest.raw()))
        })
    }

    /// Whether the program called it with its command line and files.
    pub fn is_parsed(&self) -> bool {
        self.namespace.is_some()
    }
}

/// A group of options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The key in `_groups`; `None` for `DEFAULT`, whose options are those of the object itself.
    pub key: Option<Text>,
    /// The group's own name; `DEFAULT`.
    pub name: Text,
    /// Its options, in the order of their registration.
    pub options: Vec<Opt>,
}

/// The variable of the environment for an option of the group with this key.
pub fn variable(group: &str, name: &str) -> String {
    format!("OS_{}__{}", group.to_uppercase(), name.to_uppercase())
}

/// An option.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opt {
    /// `dest`: the name that programs and files use.
    pub dest: Text,
    /// `name`: with dashes, as a report shows it.
    pub name: Text,
    /// Its class: `IntOpt`, `SubCommandOpt`.
    pub class: Text,
    /// How its values are converted (`type`).
    pub kind: Kind,
    /// Whether it collects all values of all files (the class attribute `multi`).
    pub multi: bool,
    /// `secret`.
    pub secret: bool,
    /// `mutable`.
    pub mutable: bool,
    /// `positional`.
    pub positional: bool,
    /// `deprecated_for_removal`.
    pub removal: bool,
    /// `deprecated_opts`: group and name, where given.
    pub deprecated: Vec<(Option<Text>, Option<Text>)>,
    /// Its `default`.
    pub default: Data,
    /// Whether a program has put another `default` there (`cfg.set_defaults`, which
    /// `_set_location` tells).
    pub default_changed: bool,
    /// `set_override`, if there was one. A program may override with `None`.
    pub override_value: Option<Data>,
    /// `set_default`, if there was one.
    pub set_default: Option<Data>,
    /// The final value in the cache of answers (`_ConfigOpts__cache`), if it is there.
    pub cached: Option<Data>,
    /// The value in the cache of drivers (`_ConfigOpts__drivers_cache`), if it is there.
    pub driver: Option<Data>,
}

/// What was parsed: a `_Namespace`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Namespace {
    /// The files, **newest first**, as `_parsed` has them.
    pub files: Vec<ParsedFile>,
    /// Values of the command line: the attributes `dest` and `group_dest`.
    pub arguments: Vec<(Text, Data)>,
}

/// One parsed file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedFile {
    /// Which it is, where the object tells.
    pub path: Option<Text>,
    /// Its sections.
    pub sections: Vec<ParsedSection>,
}

/// A section of a parsed file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedSection {
    /// Its name, as the file spells it.
    pub name: Text,
    /// Names with all the values of each, oldest first.
    pub options: Vec<(Text, Vec<Text>)>,
}
