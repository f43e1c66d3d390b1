//! What was parsed, found by name: a look-up takes the same time in one file and in a hundred.
//!
//! `_Namespace._get_value` of `oslo_config/cfg.py`, the same from 5.0 to 10.7.

use std::collections::HashMap;

use super::convert::{Refused, Work};
use super::parse::normalise_group;
use super::registry::{Namespace, Opt};
use crate::data::Data;
use crate::report::SetBy;
use crate::text::Text;

/// A name of an option: its group, `None` for `DEFAULT`, and its key in it.
pub type Name<'a> = (Option<&'a str>, &'a str);

/// A namespace with its names sorted.
pub struct Index<'a> {
    /// By section, case folded, and key: the files that have it, newest first.
    keys: HashMap<String, HashMap<&'a str, Vec<Hit<'a>>>>,
    arguments: HashMap<&'a str, &'a Data>,
}

/// A key of a file.
#[derive(Clone)]
pub struct Hit<'a> {
    /// Index into [`Namespace::files`].
    pub file: usize,
    /// The section that has its last value, as the file spells it.
    pub section: &'a Text,
    /// The key.
    pub key: &'a Text,
    /// Its values, oldest first; never empty.
    values: Vec<&'a Text>,
}

/// What a namespace gives an option.
pub struct Found<'a> {
    /// The value, as it was written.
    pub value: Data,
    /// [`SetBy::CommandLine`] or [`SetBy::File`].
    pub by: SetBy,
    /// Where a file sets it, also if the command line wins; and which of the names it was.
    pub hit: Option<(Hit<'a>, usize)>,
    /// Which of the names the command line set, if it was one.
    pub argument: Option<usize>,
}

impl<'a> Index<'a> {
    /// Sorts what was parsed.
    pub fn new(namespace: &'a Namespace) -> Index<'a> {
        let mut keys: HashMap<String, HashMap<&str, Vec<Hit<'_>>>> = HashMap::new();
        for (file, parsed) in namespace.files.iter().enumerate() {
            for section in &parsed.sections {
                let of_section = keys.entry(normalise_group(section.name.raw())).or_default();
                for (key, values) in section.options.iter().filter(|(_, texts)| !texts.is_empty()) {
                    let hits = of_section.entry(key.raw()).or_default();
                    match hits.last_mut().filter(|hit| hit.file == file) {
                        // Another spelling of the section. Which of the two had the last value
                        // is not told; that of the one that came later first is taken.
                        Some(hit) => {
                            hit.section = &section.name;
                            hit.values.extend(values);
                        }
                        None => hits.push(Hit {
                            file,
                            section: &section.name,
                            key,
                            values: values.iter().collect(),
                        }),
                    }
                }
            }
        }
        let arguments = namespace.arguments.iter().map(|(name, value)| (name.raw(), value));
        Index { keys, arguments: arguments.collect() }
    }

    /// What was parsed for an option of these names, its own first.
    pub fn find(
        &self,
        names: &[Name<'_>],
        option: &Opt,
        work: &Work<'_>,
    ) -> Result<Option<Found<'a>>, Refused> {
        let hits = self.hits(names, option.multi, work)?;
        let in_files = value(&hits, option.multi);
        let hit = hits.into_iter().next();
        let Some((index, argument)) = self.argument(names, option.positional) else {
            let found = |value| Found { value, by: SetBy::File, hit, argument: None };
            return Ok(in_files.map(found));
        };
        // An option that may stand on the command line is an argument also where a file sets it,
        // and as it stands there. If it differs, the command line came later.
        let by = match in_files.is_some_and(|value| value == *argument) {
            true => SetBy::File,
            false => SetBy::CommandLine,
        };
        Ok(Some(Found { value: argument.clone(), by, hit, argument: Some(index) }))
    }

    /// All values that files give an option that takes many, oldest first.
    pub fn in_files(&self, names: &[Name<'_>], work: &Work<'_>) -> Vec<Data> {
        match self.hits(names, true, work).ok().and_then(|hits| value(&hits, true)) {
            Some(Data::List(values)) => values,
            _ => Vec::new(),
        }
    }

    /// The attribute of the namespace that the command line has set.
    fn argument(&self, names: &[Name<'_>], positional: bool) -> Option<(usize, &'a Data)> {
        let found = |(index, (group, name)): (usize, &Name<'_>)| {
            let attribute = argument_name(*group, name);
            let value = *self.arguments.get(attribute.as_str())?;
            // argparse gives an empty list where a positional argument is missing.
            (*value != Data::None && !(positional && is_empty(value))).then_some((index, value))
        };
        names.iter().enumerate().find_map(found)
    }

    /// Where files set it, the newest first; only that one, if one value is taken.
    fn hits(
        &self,
        names: &[Name<'_>],
        multi: bool,
        work: &Work<'_>,
    ) -> Result<Vec<(Hit<'a>, usize)>, Refused> {
        let mut hits: Vec<(&Hit<'a>, usize)> = Vec::new();
        for (index, (group, name)) in names.iter().enumerate() {
            let section = self.keys.get(&normalise_group(group.unwrap_or("DEFAULT")));
            let found = section.and_then(|keys| keys.get(name)).map(Vec::as_slice);
            let found = found.unwrap_or_default().iter();
            hits.extend(found.take(if multi { usize::MAX } else { 1 }).map(|hit| (hit, index)));
        }
        hits.sort_by_key(|(hit, index)| (hit.file, *index));
        hits.truncate(if multi { usize::MAX } else { 1 });
        work.take(hits.iter().map(|(hit, _)| hit.values.len()).sum())?;
        Ok(hits.into_iter().map(|(hit, index)| (hit.clone(), index)).collect())
    }
}

/// The attribute of a namespace that an argument becomes.
pub fn argument_name(group: Option<&str>, name: &str) -> String {
    group.map_or_else(|| name.to_owned(), |group| format!("{group}_{name}"))
}

/// The last value of the newest file; all values of all files, oldest first, if it takes many. Of
/// one file, a deprecated name comes before a newer one.
fn value(hits: &[(Hit<'_>, usize)], multi: bool) -> Option<Data> {
    if !multi {
        let (hit, _) = hits.first()?;
        return hit.values.last().map(|text| Data::Text((*text).clone()));
    }
    let values = hits.iter().rev().flat_map(|(hit, _)| &hit.values);
    let values: Vec<Data> = values.map(|text| Data::Text((*text).clone())).collect();
    (!values.is_empty()).then_some(Data::List(values))
}

/// What is no truth for Python.
fn is_empty(value: &Data) -> bool {
    match value {
        Data::None => true,
        Data::Bool(value) => !value,
        Data::Int(value) => *value == 0,
        Data::Float(value) => *value == 0.0,
        Data::Text(text) => text.is_empty(),
        Data::List(items) => items.is_empty(),
        Data::Map(items) => items.is_empty(),
        Data::Object(_) => false,
    }
}
