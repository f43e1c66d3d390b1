//! Where an object and its files differ: what is found by [`config::oslo::drift`], in the words of
//! the report, masked, the most useful first.
//!
//! [`config::oslo::drift`]: crate::config::oslo::drift

use super::reading::{File, Reading};
use crate::config::Parsed;
use crate::config::oslo::drift::identify::Identity;
use crate::config::oslo::drift::restart::{Change, Renamed, after_restart};
use crate::config::oslo::drift::same;
use crate::config::oslo::drift::unread::{Hint, MAX_UNREAD, Other, Unread, unread};
use crate::config::oslo::masked::masked;
use crate::config::oslo::registry::{ParsedFile, Registry};
use crate::config::oslo::resolve::ResolvedGroup;
use crate::mask::Secrets;
use crate::note::Note;
use crate::report::{Drift, DriftKind, Origin, SetBy};
use crate::repr;
use crate::text::Text;

/// The most differences of one object that are shown.
const MAX_DRIFT: usize = 200;

/// The most options that one refers to which are told.
const MAX_REFERS: usize = 3;

/// Of a file of a directory in which something else stands than in the one that was read at its
/// place. A file that was written anew and one that came for another look the same.
const OR_NEW: &str = "or it is new and the one read in its place is gone: the process does not \
                      tell";

/// An object with what it holds.
pub struct Object<'a> {
    /// The object.
    pub registry: &'a Registry,
    /// Its options.
    pub held: &'a [ResolvedGroup],
    /// What it is called.
    pub name: String,
    /// What becomes of secrets.
    pub secrets: Secrets,
}

/// Where an object and its files differ.
pub fn drift(
    object: &Object<'_>,
    others: &[&Object<'_>],
    reading: &Reading,
    environment: &dyn Fn(&str) -> Option<String>,
    notes: &mut Vec<Note>,
) -> Vec<Drift> {
    if !object.registry.is_parsed() {
        return Vec::new();
    }
    let readable: Vec<(usize, &Parsed)> = reading
        .files
        .iter()
        .enumerate()
        .filter_map(|(index, file)| Some((index, file.parsed()?)))
        .collect();
    let parsed: Vec<&Parsed> = readable.iter().map(|(_, parsed)| *parsed).collect();
    // The place of what was found in the files that could be read.
    let place = |(file, line): (usize, u32)| {
        let (index, _) = readable.get(file)?;
        Some(Origin { file: reading.files.get(*index)?.shown.path.clone(), line })
    };
    let mut drift = Vec::new();
    let mut renamed = Vec::new();
    let files = Files { object, reading };
    if reading.files.iter().all(is_comparable) {
        let restart = after_restart(object.registry, object.held, environment, &parsed);
        drift.extend(
            restart.changes.into_iter().map(|change| changes(change, object.secrets, &place)),
        );
        renamed.extend(restart.renamed.into_iter().map(|name| deprecated(name, &place)));
        if restart.masked > 0 && files.differ() {
            let text = match restart.masked {
                1 => "one of its values is a secret, which is not compared".to_owned(),
                count => format!("{count} of its values hold secrets, which are not compared"),
            };
            let text = format!("{text}: whether it was changed in a file is not known");
            notes.push(Note::remark(object.name.as_str(), text));
        }
    } else {
        let text = "what a restart would change is not known: not all of its files can be read";
        notes.push(Note::remark(object.name.as_str(), text));
    }
    drift.extend(files.gone());
    drift.extend(files.added());
    let objects: Vec<Other<'_>> =
        others.iter().map(|other| Other { registry: other.registry, held: other.held }).collect();
    let (found, count) = unread(object.registry, &objects, &parsed);
    drift.extend(found.into_iter().map(|found| not_read(found, others, &place)));
    if count > MAX_UNREAD {
        let text = format!("only the first {MAX_UNREAD} of {count} that no option reads are shown");
        notes.push(Note::remark(object.name.as_str(), text));
    }
    drift.extend(files.changed());
    drift.extend(renamed);
    if drift.len() > MAX_DRIFT {
        let count = drift.len();
        let text = format!("only the first {MAX_DRIFT} of {count} differences are shown");
        notes.push(Note::remark(object.name.as_str(), text));
        drift.truncate(MAX_DRIFT);
    }
    drift
}

/// Whether it is known what a restart would read of a file: a default file that is gone would not
/// be looked for again, and without one that the command line names the program would not start.
fn is_comparable(file: &File) -> bool {
    file.parsed().is_some() || file.absent && !file.on_command_line
}

const NOTHING: Drift = Drift {
    kind: DriftKind::FileChanged,
    place: None,
    group: None,
    option: None,
    now: None,
    then: None,
    what: None,
};

fn changes(
    change: Change,
    secrets: Secrets,
    place: &dyn Fn((usize, u32)) -> Option<Origin>,
) -> Drift {
    let what = match (&change.problem, change.set_by) {
        (Some(problem), _) if change.limited => {
            Some(format!("what it would be is not known: {problem}"))
        }
        (Some(problem), _) => Some(format!("it could not be used: {problem}")),
        _ if change.secret && !secrets.are_shown() => {
            Some("a secret: only that it differs is told".to_owned())
        }
        _ if !change.refers.is_empty() => Some(refers(&change)),
        (None, None | Some(SetBy::Default | SetBy::SetDefault))
            if change.was_set_by == Some(SetBy::File) =>
        {
            Some("no file sets it any more".to_owned())
        }
        _ => None,
    };
    Drift {
        kind: DriftKind::ChangesOnRestart,
        place: change.place.and_then(place),
        group: Some(change.group),
        option: Some(change.option),
        now: Some(masked(&change.now, change.secret, secrets).0),
        then: Some(masked(&change.then, change.secret, secrets).0),
        what: what.map(Text::from),
    }
}

/// Why an option changes that is written as it was.
fn refers(change: &Change) -> String {
    let name =
        |(group, option): &(Text, Text)| match group.raw() == "DEFAULT" || *group == change.group {
            true => option.raw().to_owned(),
            false => format!("{}.{}", group.raw(), option.raw()),
        };
    let names: Vec<String> = change.refers.iter().take(MAX_REFERS).map(name).collect();
    let more = if change.refers.len() > MAX_REFERS { " and others" } else { "" };
    format!("refers to {}{more}, which changed", names.join(" and "))
}

fn deprecated(name: Renamed, place: &dyn Fn((usize, u32)) -> Option<Origin>) -> Drift {
    let (section, key) = name.used;
    let what = format!("now it is called [{}] {}", name.group.raw(), name.option.raw());
    Drift {
        kind: DriftKind::Deprecated,
        place: place(name.place),
        group: Some(section),
        option: Some(key),
        what: Some(what.into()),
        ..NOTHING
    }
}

fn not_read(
    found: Unread,
    others: &[&Object<'_>],
    place: &dyn Fn((usize, u32)) -> Option<Origin>,
) -> Drift {
    let is_section = found.key.is_none();
    let words = found.hints.iter().filter_map(|hint| words(hint, is_section, others));
    let words: Vec<String> = words.collect();
    Drift {
        kind: DriftKind::NotRead,
        place: place((found.file, found.line)),
        group: Some(found.section),
        option: found.key,
        what: (!words.is_empty()).then(|| words.join("; ").into()),
        ..NOTHING
    }
}

fn words(hint: &Hint, is_section: bool, others: &[&Object<'_>]) -> Option<String> {
    Some(match hint {
        Hint::DidYouMean(name) if is_section => format!("did you mean [{}]?", name.raw()),
        Hint::DidYouMean(name) => format!("did you mean {}?", name.raw()),
        Hint::InGroups(groups) => {
            let groups: Vec<String> =
                groups.iter().map(|group| format!("[{}]", group.raw())).collect();
            format!("an option of this name is in {}", groups.join(", "))
        }
        Hint::Other { object, has_read, option } => {
            let other = others.get(*object)?;
            let name = &other.name;
            let read =
                if *has_read { "and has read this file" } else { "but has not read this file" };
            let there = option.as_ref().map(|(option, value)| {
                let value = repr::repr(&masked(value, false, other.secrets).0);
                format!(": its {} is {value}", option.raw())
            });
            format!("{name} has such options, {read}{}", there.unwrap_or_default())
        }
    })
}

/// The files of an object, as it read them and as they are now.
struct Files<'a> {
    object: &'a Object<'a>,
    reading: &'a Reading,
}

impl Files<'_> {
    /// Whether anything in the files is not as it was read, or may not be.
    fn differ(&self) -> bool {
        !self.changed().is_empty() || !self.added().is_empty() || !self.gone().is_empty()
    }

    /// What the process has read, oldest first.
    fn held(&self) -> impl Iterator<Item = (Identity, &ParsedFile)> {
        let held = self.object.registry.namespace.as_ref();
        let held = held.map_or(&[][..], |namespace| namespace.files.as_slice());
        self.reading.parsed.held.iter().copied().zip(held).rev()
    }

    fn about(kind: DriftKind, file: Option<&Text>, what: Option<&str>) -> Drift {
        let place = file.map(|file| Origin { file: file.clone(), line: 0 });
        Drift { kind, place, what: what.map(Text::from), ..NOTHING }
    }

    /// Files that the process has read and that are there no more.
    fn gone(&self) -> Vec<Drift> {
        let named = self.reading.files.iter().filter(|file| file.absent).map(|file| {
            let what = match file.on_command_line {
                true => "the command line names it: the program would not start",
                false => "the program would start without it, or not at all",
            };
            Self::about(DriftKind::FileGone, Some(&file.shown.path), Some(what))
        });
        let of_directories = self.held().filter(|(identity, _)| identity.is_gone());
        let of_directories = of_directories.map(|(_, held)| {
            let what = held.path.is_none().then_some("which one, the process does not tell");
            Self::about(DriftKind::FileGone, held.path.as_ref(), what)
        });
        named.chain(of_directories).collect()
    }

    /// Files that the process would read now, and has not read.
    fn added(&self) -> Vec<Drift> {
        let files =
            self.reading.parsed.new.iter().filter_map(|index| self.reading.files.get(*index));
        let files = files.filter(|file| !file.absent);
        files.map(|file| Self::about(DriftKind::FileNew, Some(&file.shown.path), None)).collect()
    }

    /// Files in which something else stands than the process has read, or that were written again.
    fn changed(&self) -> Vec<Drift> {
        let changed = self.held().filter_map(|(identity, held)| {
            let file = self.reading.files.get(identity.file()?)?;
            let what = match same::content(held, file.parsed()?) {
                false if matches!(identity, Identity::Likely(_)) && !file.named => Some(OR_NEW),
                false => None,
                true if file.shown.changed_since_start => {
                    Some("the same stands in it, as far as it is not secret")
                }
                true => return None,
            };
            Some(Self::about(DriftKind::FileChanged, Some(&file.shown.path), what))
        });
        changed.collect()
    }
}
