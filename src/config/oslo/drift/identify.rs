//! Which of the files on disk a parsed file is.
//!
//! oslo.config forgets the names of the files that it has parsed, but for the last one of each
//! section. What it would read now is known, in its order. Files that the command line or the
//! program names are there in any case; those of a directory come and go.

use std::collections::{HashMap, HashSet};

use super::same;
use crate::config::Parsed;
use crate::config::oslo::parse::normalise_group;
use crate::config::oslo::registry::{Namespace, ParsedFile};

/// A file that oslo.config would read now.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// Its path.
    pub path: &'a str,
    /// What stands in it; `None` if it could not be read.
    pub parsed: Option<&'a Parsed>,
    /// Whether it is named, and not found in a directory.
    pub named: bool,
}

/// Which file a parsed one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// This one of the files as they are now.
    Certain(usize),
    /// This one, by its place in the order and what stands in it, which has changed.
    Likely(usize),
    /// None of those.
    Gone,
    /// It cannot be told.
    Unknown,
}

impl Identity {
    /// The file as it is now.
    pub fn file(self) -> Option<usize> {
        match self {
            Self::Certain(file) | Self::Likely(file) => Some(file),
            Self::Gone | Self::Unknown => None,
        }
    }

    /// Whether it is none of the files as they are now.
    pub fn is_gone(self) -> bool {
        self == Self::Gone
    }
}

/// What is known of the files of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identified {
    /// Of each of [`Namespace::files`], newest first.
    pub held: Vec<Identity>,
    /// Files as they are now that the process has not read.
    pub new: Vec<usize>,
}

/// Which of the files `now`, oldest first, the parsed ones are.
pub fn identify(namespace: &Namespace, now: &[Now<'_>]) -> Identified {
    let held: Vec<&ParsedFile> = namespace.files.iter().rev().collect();
    let mut matched = Matched { held: vec![Identity::Unknown; held.len()], new: Vec::new() };
    matched.by_place(now);
    matched.by_path(&held, now);
    for gap in matched.gaps(now.len()) {
        matched.by_content(&gap, &held, now);
    }
    for gap in matched.gaps(now.len()) {
        matched.left_over(&gap, &held, now);
    }
    matched.held.reverse();
    Identified { held: matched.held, new: matched.new }
}

/// Parsed files that are not identified, and files that are none of the identified ones, between
/// two that are.
struct Gap {
    held: Vec<usize>,
    now: Vec<usize>,
}

/// As [`Identified`], oldest first.
struct Matched {
    held: Vec<Identity>,
    new: Vec<usize>,
}

impl Matched {
    /// Named files at either end of the order.
    fn by_place(&mut self, now: &[Now<'_>]) {
        let from_front = now.iter().take_while(|file| file.named).count();
        for (index, identity) in self.held.iter_mut().enumerate().take(from_front) {
            *identity = Identity::Certain(index);
        }
        if from_front == now.len() {
            return;
        }
        let from_back = now.iter().rev().take_while(|file| file.named).count();
        for (identity, index) in
            self.held.iter_mut().rev().zip((0..now.len()).rev()).take(from_back)
        {
            if *identity == Identity::Unknown {
                *identity = Identity::Certain(index);
            }
        }
    }

    /// Files whose path the object tells.
    fn by_path(&mut self, held: &[&ParsedFile], now: &[Now<'_>]) {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, file) in now.iter().enumerate() {
            places.entry(file.path).or_default().push(index);
        }
        let mut last = None;
        for (identity, file) in self.held.iter_mut().zip(held) {
            if let Some(path) = &file.path
                && *identity == Identity::Unknown
            {
                let places = places.get(path.raw());
                let after = |index: &&usize| last.is_none_or(|last| **index > last);
                *identity = match places.and_then(|places| places.iter().find(after)) {
                    Some(index) => Identity::Certain(*index),
                    None if places.is_none() => Identity::Gone,
                    None => Identity::Unknown,
                };
            }
            last = identity.file().or(last);
        }
    }

    /// Files in which the same stands.
    fn by_content(&mut self, gap: &Gap, held: &[&ParsedFile], now: &[Now<'_>]) {
        let mut candidates = gap.now.iter();
        for index in &gap.held {
            let mut rest = candidates.clone();
            let is_it = |candidate: &&usize| {
                let parsed = now.get(**candidate).and_then(|file| file.parsed);
                let pair = held.get(*index).zip(parsed);
                pair.is_some_and(|(held, parsed)| same::content(held, parsed))
            };
            if let Some(found) = rest.find(is_it) {
                self.set(*index, Identity::Certain(*found));
                candidates = rest;
            }
        }
    }

    /// As many files as places, if what stands in them is alike; or none at all.
    fn left_over(&mut self, gap: &Gap, held: &[&ParsedFile], now: &[Now<'_>]) {
        if gap.held.is_empty() {
            self.new.extend(&gap.now);
        } else if gap.now.is_empty() {
            gap.held.iter().for_each(|index| self.set(*index, Identity::Gone));
        } else if gap.held.len() == gap.now.len() {
            for (index, candidate) in gap.held.iter().zip(&gap.now) {
                let file = now.get(*candidate);
                let alike = match file.map(|file| file.parsed) {
                    Some(Some(parsed)) => {
                        held.get(*index).is_some_and(|held| is_alike(held, parsed))
                    }
                    _ => true,
                };
                match alike {
                    true => self.set(*index, Identity::Likely(*candidate)),
                    false => {
                        self.set(*index, Identity::Gone);
                        self.new.push(*candidate);
                    }
                }
            }
        }
    }

    fn set(&mut self, index: usize, identity: Identity) {
        if let Some(place) = self.held.get_mut(index) {
            *place = identity;
        }
    }

    /// What is open between the files that are identified.
    fn gaps(&self, now: usize) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut gap = Gap { held: Vec::new(), now: Vec::new() };
        let mut next = 0;
        for (index, identity) in self.held.iter().enumerate() {
            match identity {
                Identity::Certain(file) | Identity::Likely(file) => {
                    gap.now.extend(next..*file);
                    next = next.max(file + 1);
                    gaps.push(std::mem::replace(&mut gap, Gap { held: vec![], now: vec![] }));
                }
                Identity::Unknown => gap.held.push(index),
                Identity::Gone => {}
            }
        }
        gap.now.extend(next..now);
        gaps.push(gap);
        gaps
    }
}

/// Whether there is a key in both, or nothing in either.
fn is_alike(held: &ParsedFile, now: &Parsed) -> bool {
    let mut sections: HashMap<String, HashSet<&str>> = HashMap::new();
    for section in &held.sections {
        let keys = section.options.iter().map(|(key, _)| key.raw());
        sections.entry(normalise_group(section.name.raw())).or_default().extend(keys);
    }
    let is_empty = now.groups.iter().all(|group| group.options.is_empty());
    if is_empty || sections.values().all(HashSet::is_empty) {
        return is_empty && sections.values().all(HashSet::is_empty);
    }
    now.groups.iter().any(|group| {
        let known = sections.get(&normalise_group(&group.name));
        let is_in = |known: &HashSet<&str>| {
            group.options.iter().any(|option| known.contains(option.name.as_str()))
        };
        known.is_some_and(is_in)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::oslo::parse::parse;
    use crate::config::oslo::registry::ParsedSection;

    /// Files of one section and one key, oldest first: `key=value`, with a path where it is told.
    fn held(files: &[(&str, Option<&str>)]) -> Namespace {
        let file = |(text, path): &(&str, Option<&str>)| {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            ParsedFile {
                path: path.map(Into::into),
                sections: vec![ParsedSection {
                    name: "DEFAULT".into(),
                    options: vec![(key.into(), vec![value.into()])],
                }],
            }
        };
        Namespace { files: files.iter().rev().map(file).collect(), arguments: Vec::new() }
    }

    /// `named:a=1` is a named file, `a=1` one of a directory.
    fn identified(held: &Namespace, now: &[&str]) -> (Vec<Identity>, Vec<usize>) {
        let parsed: Vec<Parsed> = now
            .iter()
            .map(|file| parse(&format!("[DEFAULT]\n{}\n", file.trim_start_matches("named:")), 0))
            .collect();
        let paths: Vec<String> = (0..now.len()).map(|index| format!("/{index}")).collect();
        let files: Vec<Now<'_>> = now
            .iter()
            .zip(&parsed)
            .zip(&paths)
            .map(|((file, parsed), path)| Now {
                path,
                parsed: Some(parsed),
                named: file.starts_with("named:"),
            })
            .collect();
        let Identified { mut held, new } = identify(held, &files);
        held.reverse();
        (held, new)
    }

    use Identity::{Certain, Gone, Likely, Unknown};

    #[test]
    fn named_files_are_known_by_their_place_whatever_stands_in_them() {
        let two = held(&[("a=1", None), ("b=1", None)]);
        assert_eq!(
            identified(&two, &["named:x=1", "named:b=1"]),
            (vec![Certain(0), Certain(1)], vec![])
        );
        // A drop-in file is new, or gone.
        assert_eq!(
            identified(&two, &["named:a=9", "c=1", "named:b=9"]),
            (vec![Certain(0), Certain(2)], vec![1])
        );
        let three = held(&[("a=1", None), ("c=1", None), ("b=1", None)]);
        assert_eq!(
            identified(&three, &["named:a=9", "d=1", "named:b=9"]),
            (vec![Certain(0), Gone, Certain(2)], vec![1])
        );
    }

    #[test]
    fn files_of_a_directory_are_known_by_what_stands_in_them() {
        let three = held(&[("a=1", None), ("b=1", None), ("c=1", None)]);
        assert_eq!(
            identified(&three, &["a=1", "new=1", "c=1"]),
            (vec![Certain(0), Gone, Certain(2)], vec![1])
        );
        assert_eq!(
            identified(&three, &["a=1", "b=2", "c=1"]),
            (vec![Certain(0), Likely(1), Certain(2)], vec![])
        );
        assert_eq!(
            identified(&three, &["a=1", "c=1"]),
            (vec![Certain(0), Gone, Certain(1)], vec![])
        );
        // One of them is new, and one has changed: which, nobody knows.
        assert_eq!(
            identified(&three, &["a=1", "b=2", "b=3", "c=1"]),
            (vec![Certain(0), Unknown, Certain(3)], vec![])
        );
    }

    #[test]
    fn a_path_that_the_object_tells_is_believed() {
        let two = held(&[("a=1", Some("/1")), ("b=1", Some("/gone"))]);
        assert_eq!(identified(&two, &["b=1", "x=1"]), (vec![Certain(1), Gone], vec![0]));
        assert_eq!(identified(&held(&[]), &[]), (vec![], vec![]));
        assert_eq!(identified(&held(&[]), &["a=1"]), (vec![], vec![0]));
        assert_eq!(identified(&two, &[]), (vec![Gone, Gone], vec![]));
    }
}
