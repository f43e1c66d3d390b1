//! What a restart would change: the options resolved with the files as they are now, beside what
//! the process holds.
//!
//! Both sides are resolved by the same rules, so that what these cannot emulate differs in neither.
//! The files are masked: what differs only in place of a mask is no change, and how often that was
//! so is told.

use std::collections::HashSet;

use super::lines::Lines;
use super::same;
use crate::config::oslo::registry::{Namespace, ParsedFile, ParsedSection, Registry};
use crate::config::oslo::resolve::{FilePlace, Given, Resolved, ResolvedGroup, resolve};
use crate::config::oslo::restarted;
use crate::config::{ConfigValue, Parsed};
use crate::data::Data;
use crate::mask::MASK;
use crate::report::SetBy;
use crate::text::Text;

/// An option that would have another value after a restart.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its group; `DEFAULT`.
    pub group: Text,
    /// Its name, as files have it.
    pub option: Text,
    /// Whether it says that its value is a secret.
    pub secret: bool,
    /// What the process holds. Not masked.
    pub now: Data,
    /// What it would be.
    pub then: Data,
    /// By what it was set when it was parsed.
    pub was_set_by: Option<SetBy>,
    /// By what it would be set.
    pub set_by: Option<SetBy>,
    /// Index of the file that would set it, oldest first, and the line.
    pub place: Option<(usize, u32)>,
    /// Why there would be no value.
    pub problem: Option<String>,
    /// Whether that is a limit of ours.
    pub limited: bool,
    /// If it is written as it was: the changed options that it refers to, by groups and names.
    pub refers: Vec<(Text, Text)>,
}

/// An option that a file gives by a deprecated name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// Its group as it is called now; `DEFAULT`.
    pub group: Text,
    /// Its name now.
    pub option: Text,
    /// The section and the key that the file has.
    pub used: (Text, Text),
    /// Index of the file, oldest first, and the line.
    pub place: (usize, u32),
}

/// The answer of [`after_restart`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restart {
    /// What would change.
    pub changes: Vec<Change>,
    /// What has another name now.
    pub renamed: Vec<Renamed>,
    /// How many values could not be compared as a whole, because a part is masked in the file.
    pub masked: usize,
}

/// What would be if the process read `files` now, oldest first. `held` is what it holds.
pub fn after_restart(
    registry: &Registry,
    held: &[ResolvedGroup],
    environment: &dyn Fn(&str) -> Option<String>,
    files: &[&Parsed],
) -> Restart {
    let uncached = Given { cached: false, ..Given::of_process(registry, environment) };
    let parsed = resolve(registry, &uncached);
    let none = Namespace::default();
    let files_now = files.iter().rev().map(|file| parsed_file(file)).collect();
    let namespace = restarted(registry, registry.namespace.as_ref().unwrap_or(&none), files_now);
    let after = resolve(
        registry,
        &Given { namespace: Some(&namespace), mutable_namespace: None, environment, cached: false },
    );
    let mut compared = Comparison {
        files: files.iter().map(|parsed| Lines::new(parsed)).collect(),
        restart: Restart::default(),
    };
    for ((held, parsed), then) in held.iter().zip(&parsed).zip(&after) {
        for ((held, parsed), after) in held.options.iter().zip(&parsed.options).zip(&then.options) {
            compared.add(&then.name, held, parsed, after);
        }
    }
    let mut restart = compared.restart;
    // Those that are written as they were change by what they refer to.
    let changed = restart.changes.iter();
    let changed: HashSet<(Text, Text)> =
        changed.map(|change| (change.group.clone(), change.option.clone())).collect();
    restart.changes.iter_mut().for_each(|change| {
        change.refers.retain(|reference| changed.contains(reference));
    });
    restart
}

struct Comparison<'a> {
    /// Oldest first.
    files: Vec<Lines<'a>>,
    restart: Restart,
}

impl Comparison<'_> {
    fn add(&mut self, group: &Text, held: &Resolved, parsed: &Resolved, then: &Resolved) {
        let values = then.place.as_ref().map(|place| self.values(place));
        let values = values.unwrap_or_default();
        let index = then.place.as_ref().map(|place| self.index(place));
        let place = index.zip(values.last().map(|value| value.line));
        if let Some((used, place)) = then.used.clone().zip(place) {
            let (group, option) = (group.clone(), then.dest.clone());
            self.restart.renamed.push(Renamed { group, option, used, place });
        }
        let is_masked = values.iter().any(|value| value.text.contains(MASK));
        if is_masked || same::has_mask(&then.value) || same::has_mask(&parsed.value) {
            self.restart.masked += 1;
        }
        let same = match then.problem.is_some() == parsed.problem.is_some() {
            true => {
                same::value(&parsed.value, &then.value) || same::value(&held.value, &then.value)
            }
            // A mask is no number, and has no references; what was overwritten neither.
            false => is_masked || same::has_mask(&parsed.value),
        };
        if !same {
            let is_as_written = match (&parsed.written, &then.written) {
                (Some(before), Some(after)) => same::value(before, after),
                _ => false,
            };
            let is_as_written = is_as_written && parsed.set_by == then.set_by;
            self.restart.changes.push(Change {
                group: group.clone(),
                option: then.dest.clone(),
                secret: then.secret,
                now: held.value.clone(),
                then: then.value.clone(),
                was_set_by: parsed.set_by,
                set_by: then.set_by,
                place,
                problem: then.problem.clone(),
                limited: then.limited,
                refers: if is_as_written { then.refers.clone() } else { Vec::new() },
            });
        }
    }

    /// The newest file of a namespace is its first, and the last here.
    fn index(&self, place: &FilePlace) -> usize {
        self.files.len().saturating_sub(place.file + 1)
    }

    fn values(&self, place: &FilePlace) -> Vec<ConfigValue> {
        let file = self.files.get(self.index(place));
        let values = file.map(|file| file.values(place.section.raw(), place.key.raw()));
        values.unwrap_or_default().to_vec()
    }
}

fn parsed_file(parsed: &Parsed) -> ParsedFile {
    let sections = parsed.groups.iter().map(|group| ParsedSection {
        name: group.name.as_str().into(),
        options: group
            .options
            .iter()
            .map(|option| {
                let values = option.values.iter().map(|value| value.text.as_str().into());
                (option.name.as_str().into(), values.collect())
            })
            .collect(),
    });
    ParsedFile { path: None, sections: sections.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::oslo::parse::parse;
    use crate::config::oslo::registry::{Group, Kind, Opt};

    fn option(dest: &str, kind: Kind) -> Opt {
        Opt { dest: dest.into(), name: dest.into(), kind, ..Opt::default() }
    }

    fn string(dest: &str) -> Opt {
        option(dest, Kind::String { quotes: false })
    }

    /// An object with these options in `DEFAULT` that has read this file.
    fn registry(options: Vec<Opt>, file: &str, arguments: &[(&str, Data)]) -> Registry {
        let arguments = arguments.iter().map(|(name, value)| ((*name).into(), value.clone()));
        let namespace =
            Namespace { files: vec![parsed_file(&parse(file, 0))], arguments: arguments.collect() };
        Registry {
            use_environment: true,
            groups: vec![Group { key: None, name: "DEFAULT".into(), options }],
            namespace: Some(namespace),
            ..Registry::default()
        }
    }

    fn restart(registry: &Registry, file: &str) -> Restart {
        let environment = |name: &str| (name == "OS_DEFAULT__FROM_ENV").then(|| "e".to_owned());
        let held = resolve(registry, &Given::of_process(registry, &environment));
        let parsed = parse(file, 0);
        after_restart(registry, &held, &environment, &[&parsed])
    }

    /// `option: now -> then @line` of every change.
    fn changes(registry: &Registry, file: &str) -> Vec<String> {
        let shown = |change: Change| {
            let line = change.place.map_or(0, |(_, line)| line);
            let problem = change.problem.map(|_| "!").unwrap_or_default();
            let repr = crate::repr::repr;
            let (now, then) = (repr(&change.now), repr(&change.then));
            format!("{}: {now} -> {then}{problem} @{line}", change.option.raw())
        };
        restart(registry, file).changes.into_iter().map(shown).collect()
    }

    #[test]
    fn a_value_that_the_file_has_changed_is_found_with_its_line() {
        let options = vec![
            option("workers", Kind::Integer),
            string("host"),
            Opt { default: Data::text("d"), ..string("removed") },
            Opt { default: Data::text("d"), ..string("added") },
            Opt { default: Data::text("$host/x"), ..string("refers") },
            string("from_env"),
        ];
        let old = "[DEFAULT]\nworkers = 1\nhost = a\nremoved = r\nfrom_env = 1\n";
        let object = registry(options, old, &[]);
        assert_eq!(changes(&object, old), [""; 0]);
        let new = "[DEFAULT]\n# a comment\nhost = b\nworkers = 2\nadded = x\nfrom_env = 2\n";
        assert_eq!(
            changes(&object, new),
            [
                "workers: 1 -> 2 @4",
                "host: 'a' -> 'b' @3",
                "removed: 'r' -> 'd' @0",
                "added: 'd' -> 'x' @5",
                "refers: 'a/x' -> 'b/x' @0"
            ]
        );
        // The same value in other words is the same.
        assert_eq!(
            changes(
                &registry(vec![option("w", Kind::Boolean)], "[DEFAULT]\nw = true\n", &[]),
                "[DEFAULT]\nw = 1\n"
            ),
            [""; 0]
        );
    }

    #[test]
    fn what_a_file_cannot_reach_does_not_change() {
        let overridden = Opt { override_value: Some(Data::text("o")), ..string("overridden") };
        let old = "[DEFAULT]\noverridden = 1\nboth = f\nfile = f\n";
        let arguments =
            [("only", Data::text("c")), ("both", Data::text("c")), ("file", Data::text("f"))];
        let options = vec![overridden, string("only"), string("both"), string("file")];
        let object = registry(options, old, &arguments);
        let new = "[DEFAULT]\noverridden = 2\nonly = 2\nboth = 2\nfile = 2\n";
        // An option that may stand on the command line is an argument, too, when a file sets it.
        assert_eq!(changes(&object, new), ["file: 'f' -> '2' @5"]);
    }

    #[test]
    fn a_value_that_cannot_be_used_is_told() {
        let object =
            registry(vec![option("workers", Kind::Integer)], "[DEFAULT]\nworkers=1\n", &[]);
        assert_eq!(changes(&object, "[DEFAULT]\nworkers=abc\n"), ["workers: 1 -> 'abc'! @2"]);
        let broken =
            registry(vec![option("workers", Kind::Integer)], "[DEFAULT]\nworkers=abc\n", &[]);
        assert_eq!(changes(&broken, "[DEFAULT]\nworkers=abc\n"), [""; 0]);
        assert_eq!(changes(&broken, "[DEFAULT]\nworkers=1\n"), ["workers: 'abc' -> 1 @2"]);
    }

    #[test]
    fn secrets_are_no_false_alarm() {
        let options = vec![
            Opt { secret: true, ..string("password") },
            string("url"),
            option("pin", Kind::Integer),
            string("refers"),
        ];
        let old = "[DEFAULT]\npassword = a$b\nurl = amqp://u:p@h/\npin = 7\nrefers = x$url\n";
        let object = registry(options, old, &[]);
        let masked =
            "[DEFAULT]\npassword = ***\nurl = amqp://u:***@h/\npin = ***\nrefers = x$url\n";
        let same = restart(&object, masked);
        assert_eq!((same.changes, same.masked), (vec![], 4));
        let other = masked.replace("@h", "@i");
        assert_eq!(
            changes(&object, &other),
            [
                "url: 'amqp://u:p@h/' -> 'amqp://u:***@i/' @3",
                "refers: 'xamqp://u:p@h/' -> 'xamqp://u:***@i/' @5"
            ]
        );
    }

    #[test]
    fn the_cache_of_answers_hides_no_change() {
        let cached = Opt { cached: Some(Data::Int(1)), ..option("workers", Kind::Integer) };
        let object = registry(vec![cached], "[DEFAULT]\nworkers=1\n", &[]);
        assert_eq!(changes(&object, "[DEFAULT]\nworkers=2\n"), ["workers: 1 -> 2 @2"]);
    }

    #[test]
    fn an_old_name_is_told_with_the_new_one() {
        let old = vec![(Some("OLD".into()), Some("was".into()))];
        let object = registry(vec![Opt { deprecated: old, ..string("is") }], "", &[]);
        let restart = restart(&object, "[DEFAULT]\n[OLD]\nwas = 1\n");
        let renamed = Renamed {
            group: "DEFAULT".into(),
            option: "is".into(),
            used: ("OLD".into(), "was".into()),
            place: (0, 3),
        };
        assert_eq!(restart.renamed, [renamed]);
    }
}
