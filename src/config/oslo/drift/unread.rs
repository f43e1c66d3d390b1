//! What stands in a file and is read by no option: misspelled, in the wrong group, or for another
//! object of the process.
//!
//! Only options that are registered by now are known. A program may register more later, and read
//! the file then.

use std::collections::{HashMap, HashSet};

use super::{same, spelling};
use crate::config::oslo::parse::normalise_group;
use crate::config::oslo::registry::{Opt, Registry};
use crate::config::oslo::resolve::ResolvedGroup;
use crate::config::{ConfigGroup, ConfigOption, Parsed};
use crate::data::Data;
use crate::text::Text;

/// What no option reads: how many of them are said to be that. A hint costs time.
pub const MAX_UNREAD: usize = 100;

/// How many groups are named that have an option of this name.
const MAX_GROUPS: usize = 3;

/// A key of a file, or a whole section, that no option reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Unread {
    /// Index of the file.
    pub file: usize,
    /// The line; of a section, that of the first key in it.
    pub line: u32,
    /// The section, as the file spells it.
    pub section: Text,
    /// The key; `None` if nothing in the section is read.
    pub key: Option<Text>,
    /// What may be meant.
    pub hints: Vec<Hint>,
}

/// What may be meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Hint {
    /// This name: of a section, or of an option of the same section.
    DidYouMean(Text),
    /// An option of this name is in these groups.
    InGroups(Vec<Text>),
    /// Another object of the process has such options.
    Other {
        /// Its index among the others.
        object: usize,
        /// Whether it has read the file.
        has_read: bool,
        /// One of the options that stand in the file, and what it is there. Never a secret one.
        option: Option<(Text, Data)>,
    },
}

/// Another object of the process, with its options.
#[derive(Clone, Copy, Debug)]
pub struct Other<'a> {
    /// The object.
    pub registry: &'a Registry,
    /// What it holds.
    pub held: &'a [ResolvedGroup],
}

/// What of these files no option reads, at most [`MAX_UNREAD`], and how many there are in all.
pub fn unread(
    registry: &Registry,
    others: &[Other<'_>],
    files: &[&Parsed],
) -> (Vec<Unread>, usize) {
    let mut reader = Reader { own: Names::of(registry), others, known: HashMap::new() };
    let (mut found, mut count) = (Vec::new(), 0);
    for (index, file) in files.iter().enumerate() {
        for group in &file.groups {
            for option in reader.own.unread(group) {
                count += 1;
                if found.len() < MAX_UNREAD {
                    found.push(reader.describe(index, file, group, option));
                }
            }
        }
    }
    (found, count)
}

/// The names that options read, their deprecated ones too: by section, case folded.
#[derive(Default)]
struct Names<'a> {
    sections: HashMap<String, HashSet<&'a str>>,
    /// The groups of a name.
    groups: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> Names<'a> {
    fn of(registry: &'a Registry) -> Names<'a> {
        let mut names = Names::default();
        for group in &registry.groups {
            let own = group.name.raw();
            for option in &group.options {
                names.add(own, option.dest.raw());
                names.groups.entry(option.dest.raw()).or_default().push(own);
                for (section, key) in deprecated(option) {
                    names.add(section.unwrap_or(own), key);
                }
            }
        }
        names
    }

    fn add(&mut self, section: &str, key: &'a str) {
        self.sections.entry(normalise_group(section)).or_default().insert(key);
    }

    fn section(&self, name: &str) -> Option<&HashSet<&'a str>> {
        self.sections.get(&normalise_group(name))
    }

    /// The keys of a section that nothing reads; once `None`, if nothing in it is read.
    fn unread<'b>(&self, group: &'b ConfigGroup) -> Vec<Option<&'b ConfigOption>> {
        match self.section(&group.name) {
            _ if group.options.is_empty() => Vec::new(),
            None => vec![None],
            Some(keys) => {
                let unread = |option: &&ConfigOption| !keys.contains(option.name.as_str());
                group.options.iter().filter(unread).map(Some).collect()
            }
        }
    }
}

/// The deprecated names of an option: the group, where it is another one, and the name.
fn deprecated(option: &Opt) -> impl Iterator<Item = (Option<&str>, &str)> {
    let given = |text: &'_ Option<Text>| text.as_ref().is_some_and(|text| !text.is_empty());
    let old = option.deprecated.iter().filter(move |(group, name)| given(group) || given(name));
    old.map(move |(group, name)| {
        let group = group.as_ref().filter(|group| !group.is_empty()).map(Text::raw);
        let name = name.as_ref().filter(|name| !name.is_empty());
        (group, name.unwrap_or(&option.dest).raw())
    })
}

struct Reader<'a> {
    own: Names<'a>,
    others: &'a [Other<'a>],
    /// Whether another object has read a file, by both indexes.
    known: HashMap<(usize, usize), bool>,
}

impl Reader<'_> {
    fn describe(
        &mut self,
        index: usize,
        file: &Parsed,
        group: &ConfigGroup,
        option: Option<&ConfigOption>,
    ) -> Unread {
        let first = option.or(group.options.first());
        let value = first.and_then(|option| option.values.first());
        let mut hints = match option {
            Some(option) => self.of_key(group, &option.name),
            None => self.of_section(&group.name),
        };
        let keys = option.map_or(group.options.as_slice(), std::slice::from_ref);
        hints.extend(self.of_others(index, file, &group.name, keys));
        Unread {
            file: index,
            line: value.map_or(0, |value| value.line),
            section: group.name.as_str().into(),
            key: option.map(|option| option.name.as_str().into()),
            hints,
        }
    }

    fn of_key(&self, group: &ConfigGroup, key: &str) -> Vec<Hint> {
        let mut hints = Vec::new();
        if let Some(known) = self.own.section(&group.name) {
            // What is in the file already is not meant twice.
            let taken: HashSet<&str> =
                group.options.iter().map(|option| option.name.as_str()).collect();
            let plain = key.replace('-', "_").to_lowercase();
            let meant = known.get(plain.as_str()).copied().or_else(|| {
                let mut free: Vec<&str> =
                    known.iter().copied().filter(|known| !taken.contains(known)).collect();
                free.sort_unstable();
                spelling::meant(key, free.into_iter())
            });
            hints.extend(meant.map(|meant| Hint::DidYouMean(meant.into())));
        }
        if let Some(groups) = self.own.groups.get(key) {
            let groups = groups.iter().take(MAX_GROUPS).map(|name| Text::from(*name)).collect();
            hints.push(Hint::InGroups(groups));
        }
        hints
    }

    fn of_section(&self, name: &str) -> Vec<Hint> {
        let mut known: Vec<&str> = self.own.sections.keys().map(String::as_str).collect();
        known.sort_unstable();
        let meant = spelling::meant(&normalise_group(name), known.into_iter());
        meant.map(|meant| Hint::DidYouMean(meant.into())).into_iter().collect()
    }

    /// Whether another object has these options.
    fn of_others(
        &mut self,
        index: usize,
        file: &Parsed,
        section: &str,
        keys: &[ConfigOption],
    ) -> Option<Hint> {
        let section = normalise_group(section);
        let keys: HashSet<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        self.others.iter().enumerate().find_map(|(object, other)| {
            let groups = other.held.iter();
            let mut groups = groups.filter(|group| normalise_group(group.name.raw()) == section);
            let options = groups.find_map(|group| {
                let mut options = group.options.iter();
                options.any(|option| keys.contains(option.dest.raw())).then_some(&group.options)
            })?;
            let mut shown =
                options.iter().filter(|option| keys.contains(option.dest.raw()) && !option.secret);
            let has_read = *self.known.entry((object, index)).or_insert_with(|| {
                let namespace = other.registry.namespace.as_ref();
                namespace.is_some_and(|namespace| {
                    namespace.files.iter().any(|held| same::content(held, file))
                })
            });
            let option = shown.next().map(|option| (option.dest.clone(), option.value.clone()));
            Some(Hint::Other { object, has_read, option })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::oslo::parse::parse;
    use crate::config::oslo::registry::{Group, Namespace};
    use crate::config::oslo::resolve::{Given, resolve};

    fn group(name: &str, options: &[&str]) -> Group {
        let option =
            |dest: &&str| Opt { dest: (*dest).into(), name: (*dest).into(), ..Opt::default() };
        Group {
            key: (name != "DEFAULT").then(|| name.into()),
            name: name.into(),
            options: options.iter().map(option).collect(),
        }
    }

    fn object(groups: Vec<Group>) -> Registry {
        Registry { groups, ..Registry::default() }
    }

    /// `section.key@line hints`
    fn shown(registry: &Registry, others: &[Other<'_>], text: &str) -> Vec<String> {
        let parsed = parse(text, 0);
        let (found, count) = unread(registry, others, &[&parsed]);
        assert_eq!(found.len(), count.min(MAX_UNREAD));
        let hint = |hint: &Hint| match hint {
            Hint::DidYouMean(name) => format!(" {}?", name.raw()),
            Hint::InGroups(groups) => {
                groups.iter().map(|group| format!(" [{}]", group.raw())).collect()
            }
            Hint::Other { object, has_read, option } => {
                format!(
                    " object {object} {has_read} {:?}",
                    option.as_ref().map(|(name, _)| name.raw())
                )
            }
        };
        let one = |unread: &Unread| {
            let key = unread.key.as_ref().map_or("*", Text::raw);
            let hints: String = unread.hints.iter().map(hint).collect();
            format!("{}.{key}@{}{hints}", unread.section.raw(), unread.line)
        };
        found.iter().map(one).collect()
    }

    #[test]
    fn what_nothing_reads_is_told_with_what_was_meant() {
        let mut database = group("database", &["connection", "max_retries"]);
        if let Some(option) = database.options.first_mut() {
            option.deprecated = vec![
                (Some("DEFAULT".into()), Some("sql_connection".into())),
                (Some("sql".into()), None),
                (None, None),
            ];
        }
        let registry = object(vec![group("DEFAULT", &["workers", "port", "host"]), database]);
        let file = "[DEFAULT]\nworker = 1\nport = 2\nprot = 3\nsql_connection = 4\nhost = 5\n\
                    max_retries = 6\n[Database]\nconnection = 7\nmax-retries = 8\nPORT = 9\n\
                    [SQL]\nconnection = 10\n[databse]\nx = 11\ny = 12\n[empty]\n[DATABASE]\nz = 1\n";
        assert_eq!(
            shown(&registry, &[], file),
            [
                "DEFAULT.worker@2 workers?",
                // `port` is in the file already.
                "DEFAULT.prot@4",
                "DEFAULT.max_retries@7 [database]",
                "Database.max-retries@10 max_retries?",
                "Database.PORT@11",
                "Database.z@19",
                "databse.*@15 database?",
            ]
        );
    }

    #[test]
    fn what_another_object_has_is_told_and_whether_it_has_read_the_file() {
        let text = "[auth]\nauth_type = password\nother = 1\n";
        let registry = object(vec![group("DEFAULT", &["workers"])]);
        let other = object(vec![group("DEFAULT", &[]), group("auth", &["auth_type"])]);
        let held = resolve(&other, &Given::of_process(&other, &|_| None));
        let others = [Other { registry: &other, held: &held }];
        assert_eq!(
            shown(&registry, &others, text),
            ["auth.*@2 object 0 false Some(\"auth_type\")"]
        );
        let parsed = parse(text, 0);
        let options = parsed.groups.iter().flat_map(|group| &group.options).map(|option| {
            (
                option.name.as_str().into(),
                option.values.iter().map(|v| v.text.as_str().into()).collect(),
            )
        });
        let section = crate::config::oslo::registry::ParsedSection {
            name: "auth".into(),
            options: options.collect(),
        };
        let file =
            crate::config::oslo::registry::ParsedFile { path: None, sections: vec![section] };
        let namespace = Some(Namespace { files: vec![file], arguments: Vec::new() });
        let reader = Registry { namespace, ..other.clone() };
        let others = [Other { registry: &reader, held: &held }];
        assert_eq!(shown(&registry, &others, text), ["auth.*@2 object 0 true Some(\"auth_type\")"]);
    }

    #[test]
    fn many_are_counted() {
        let registry = object(vec![group("DEFAULT", &["a"])]);
        let many: String = (0..5000).map(|number| format!("key_{number} = 1\n")).collect();
        assert_eq!(shown(&registry, &[], &format!("[DEFAULT]\n{many}")).len(), MAX_UNREAD);
    }
}
