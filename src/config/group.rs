//! What a configuration file says: groups of options, each value with the line it stands on.
//!
//! No format is known here, and nothing is masked: values are as they were parsed.

use std::collections::HashMap;

/// Where values of the command line come from, in place of a file's index.
pub const COMMAND_LINE: usize = usize::MAX;

/// A group of options: an oslo.config group, an INI section, a block of nginx.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigGroup {
    /// As the file spells it (the first file, where several have it).
    pub name: String,
    /// In the order of their first appearance.
    pub options: Vec<ConfigOption>,
}

/// An option with every value that the files give it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigOption {
    /// As the file spells it.
    pub name: String,
    /// Oldest first. Files do not tell whether an option takes one value or many: a plain option
    /// has the last one ([`ConfigOption::effective`]), a MultiOpt has them all.
    pub values: Vec<ConfigValue>,
}

impl ConfigOption {
    /// The value of an option that takes one: the last value of the last file.
    pub fn effective(&self) -> Option<&ConfigValue> {
        self.values.last()
    }
}

/// One value and where it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigValue {
    /// Not masked by name: whoever shows it calls [`mask_value`](crate::mask::mask_value) with the
    /// option's name first. Lines of a continued value are joined by a line feed.
    pub text: String,
    /// Index of the file in the order in which the program reads its files, or [`COMMAND_LINE`].
    pub file: usize,
    /// Line of the name, from 1. 0: the format has no lines (JSON).
    pub line: u32,
}

/// Something that a parser could not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseNote {
    /// Index of the file, as in [`ConfigValue::file`].
    pub file: usize,
    /// From 1. 0: the file as a whole.
    pub line: u32,
    /// What is wrong, in words. It never quotes the file.
    pub what: &'static str,
}

/// The answer of every parser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// In the order of their first appearance.
    pub groups: Vec<ConfigGroup>,
    /// What could not be read.
    pub notes: Vec<ParseNote>,
}

/// Collects values into groups and options, in constant time per value.
pub(super) struct Builder {
    parsed: Parsed,
    /// Where a group is, by its normalised name.
    groups: HashMap<String, usize>,
    /// Where an option is in its group.
    options: HashMap<(usize, String), usize>,
    normalise: fn(&str) -> String,
}

impl Builder {
    /// `normalise` tells which spellings of a group's name are one group.
    pub(super) fn new(normalise: fn(&str) -> String) -> Self {
        Self {
            parsed: Parsed::default(),
            groups: HashMap::new(),
            options: HashMap::new(),
            normalise,
        }
    }

    /// The group of this name, which begins to exist if it did not.
    pub(super) fn group(&mut self, name: &str) -> usize {
        let next = self.parsed.groups.len();
        let index = *self.groups.entry((self.normalise)(name)).or_insert(next);
        if index == next {
            self.parsed.groups.push(ConfigGroup { name: name.to_owned(), options: Vec::new() });
        }
        index
    }

    /// Adds a value to an option of a group that [`Builder::group`] returned.
    pub(super) fn value(&mut self, group: usize, name: &str, value: ConfigValue) {
        self.keyed_value(group, name, name.to_owned(), value);
    }

    /// As [`Builder::value`]; names with the same key are one option.
    pub(super) fn keyed_value(
        &mut self,
        group: usize,
        name: &str,
        key: String,
        value: ConfigValue,
    ) {
        let Some(options) = self.parsed.groups.get_mut(group).map(|group| &mut group.options)
        else {
            return;
        };
        let next = options.len();
        let index = *self.options.entry((group, key)).or_insert(next);
        if index == next {
            options.push(ConfigOption { name: name.to_owned(), values: Vec::new() });
        }
        if let Some(option) = options.get_mut(index) {
            option.values.push(value);
        }
    }

    /// The newest value of an option by its group's name and its key.
    pub(super) fn last(&self, group: &str, key: &str) -> Option<&str> {
        let group = *self.groups.get(&(self.normalise)(group))?;
        let option = *self.options.get(&(group, key.to_owned()))?;
        let option = self.parsed.groups.get(group)?.options.get(option)?;
        option.effective().map(|value| value.text.as_str())
    }

    /// Adds a note, once where it would be the same again.
    pub(super) fn note(&mut self, file: usize, line: u32, what: &'static str) {
        let note = ParseNote { file, line, what };
        if self.parsed.notes.last() != Some(&note) {
            self.parsed.notes.push(note);
        }
    }

    /// What was collected.
    pub(super) fn finish(self) -> Parsed {
        self.parsed
    }
}

/// Joins what several files say, in the order in which the program reads them: a later file's
/// values follow those of an earlier one.
pub(super) fn merge(files: Vec<Parsed>, normalise: fn(&str) -> String) -> Parsed {
    let mut all = Builder::new(normalise);
    for file in files {
        for group in file.groups {
            let index = all.group(&group.name);
            for option in group.options {
                for value in option.values {
                    all.value(index, &option.name, value);
                }
            }
        }
        all.parsed.notes.extend(file.notes);
    }
    all.finish()
}
