//! What every option of a `ConfigOpts` is, and by what: oslo.config's own resolution
//! (`cfg.ConfigOpts._do_get`, the same from 5.0 to 10.7) over an object as it lies in memory.
//!
//! Nothing is masked here.

use super::answer::Answers;
use super::registry::{Namespace, Registry};
use crate::data::Data;
use crate::report::SetBy;
use crate::text::Text;

/// Everything that decides values besides what is registered.
pub struct Given<'a> {
    /// What was parsed; or what would be, with the files of now ([`restarted`](super::restarted)).
    pub namespace: Option<&'a Namespace>,
    /// What was parsed again, for options that may change.
    pub mutable_namespace: Option<&'a Namespace>,
    /// Looks up a variable of the environment that the process was started with; where it is not
    /// known what that has become ([`Registry::environment`]).
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Whether the cache of answers counts: what the process has already been told.
    pub cached: bool,
}

impl<'a> Given<'a> {
    /// What the process itself holds.
    pub fn of_process(
        registry: &'a Registry,
        environment: &'a dyn Fn(&str) -> Option<String>,
    ) -> Given<'a> {
        Given {
            namespace: registry.namespace.as_ref(),
            mutable_namespace: registry.mutable_namespace.as_ref(),
            environment,
            cached: true,
        }
    }
}

/// A group with the values of its options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResolvedGroup {
    /// As [`Group::key`](super::registry::Group::key).
    pub key: Option<Text>,
    /// The group's own name; `DEFAULT`.
    pub name: Text,
    /// Its options, in the order of their registration.
    pub options: Vec<Resolved>,
}

/// An option with its value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// The name with dashes, as a report shows it.
    pub name: Text,
    /// The name that programs and files use.
    pub dest: Text,
    /// The value: converted, substituted; not masked.
    pub value: Data,
    /// By what it was set; `None` if nothing sets it, and then it is `None`.
    pub set_by: Option<SetBy>,
    /// Which parsed file gave it, if one did.
    pub place: Option<FilePlace>,
    /// Whether the option says that its value is a secret.
    pub secret: bool,
    /// Whether only the program itself could convert it: the value is as it was written.
    pub unconverted: bool,
    /// Whether only the program itself could tell if the type refuses the value.
    pub unchecked: bool,
    /// The section and the key that gave it, if that is a deprecated name of it.
    pub used: Option<(Text, Text)>,
    /// Why the value cannot be had. It never quotes the value.
    pub problem: Option<String>,
    /// Whether that is a limit of ours: the program may well have a value.
    pub limited: bool,
    /// Whether it is what the process was told before, and now something else sets it, or sets it to
    /// something else: by what it was set then is not known.
    pub remembered: bool,
    /// The options that its value refers to, by their groups' names and their own.
    pub refers: Vec<(Text, Text)>,
    /// The value with its references as it was written, if it has some.
    pub written: Option<Data>,
}

/// A place in the parsed files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePlace {
    /// Index into [`Namespace::files`], which has the newest first.
    pub file: usize,
    /// Whether it is a file of the namespace for options that may change.
    pub mutable: bool,
    /// The section, as the file spells it.
    pub section: Text,
    /// The name in it.
    pub key: Text,
}

/// Every option of an object with its value, in the order of [`Registry::groups`].
pub fn resolve(registry: &Registry, given: &Given<'_>) -> Vec<ResolvedGroup> {
    let answers = Answers::new(registry, given);
    let groups = registry.groups.iter().enumerate();
    let resolved = groups.map(|(index, group)| ResolvedGroup {
        key: group.key.clone(),
        name: group.name.clone(),
        options: (0..group.options.len()).map(|option| answers.resolved(index, option)).collect(),
    });
    resolved.collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;
