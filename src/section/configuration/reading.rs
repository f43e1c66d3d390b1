//! The files of an object of oslo.config: what it has read, and what it would read now.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::file::Found;
use crate::config::Parsed;
use crate::config::oslo::drift::identify::{Identified, Identity, Now, identify};
use crate::config::oslo::drift::lines::Lines;
use crate::config::oslo::drift::same;
use crate::config::oslo::find::{self, Candidate, Defaults, Lookup, Reason};
use crate::config::oslo::parse::parse;
use crate::config::oslo::registry::{Namespace, Registry};
use crate::config::oslo::resolve::FilePlace;
use crate::evidence::files::Files;
use crate::note::Note;
use crate::report::{ConfigFile, Origin};
use crate::target::TargetFacts;
use crate::target::files::FileError;
use crate::text::Text;

/// The files of the target, each parsed once for all objects.
pub struct Disk<'a> {
    target: &'a TargetFacts,
    files: &'a Files,
    read: RefCell<HashMap<String, Rc<OnDisk>>>,
}

/// A file as it is now.
pub struct OnDisk {
    found: Found,
    /// What stands in it.
    pub parsed: Parsed,
}

impl<'a> Disk<'a> {
    /// Nothing is read yet.
    pub fn new(target: &'a TargetFacts, files: &'a Files) -> Disk<'a> {
        Disk { target, files, read: RefCell::default() }
    }

    /// What an object that was parsed would read now, in the order of reading.
    fn plan(&self, registry: &Registry) -> Vec<Candidate> {
        let texts = |texts: &[Text]| -> Vec<String> {
            texts.iter().map(|text| text.raw().to_owned()).collect()
        };
        let exists = |path: &str| !matches!(self.files.in_root(path), Err(FileError::Absent));
        let list = |path: &str| texts(self.files.list(path).unwrap_or_default());
        let (files, dirs) =
            (texts(&registry.default_config_files), texts(&registry.default_config_dirs));
        find::plan_of_object(
            &texts(registry.args.as_deref().unwrap_or_default()),
            Defaults { files: &files, dirs: &dirs },
            self.target.directory.as_ref().map_or("/", |path| path.raw()),
            self.target.variable("HOME"),
            &Lookup { exists: &exists, list: &list },
        )
    }

    fn read(&self, candidate: &Candidate, notes: &mut Vec<Note>) -> Rc<OnDisk> {
        if let Some(known) = self.read.borrow().get(&candidate.path) {
            return Rc::clone(known);
        }
        let path = candidate.path.clone();
        let found = Found::read(self.target, self.files, path.clone(), candidate.reason.words());
        let parsed = parse(&found.text, 0);
        // That it is gone is told where the process and its files differ.
        if !found.absent {
            notes.extend(found.notes());
        }
        notes.extend(super::remarks(&parsed, std::slice::from_ref(&found.shown)));
        let read = Rc::new(OnDisk { found, parsed });
        self.read.borrow_mut().insert(path, Rc::clone(&read));
        read
    }
}

/// A file that an object would read now.
pub struct File {
    /// The file and its state.
    pub shown: ConfigFile,
    /// Whether it is named, and not found in a directory.
    pub named: bool,
    /// Whether the command line names it.
    pub on_command_line: bool,
    /// Whether there is no such file.
    pub absent: bool,
    on_disk: Rc<OnDisk>,
}

impl File {
    /// What stands in it; `None` if it could not be read.
    pub fn parsed(&self) -> Option<&Parsed> {
        self.shown.unread.is_none().then_some(&self.on_disk.parsed)
    }
}

/// The files of an object.
pub struct Reading {
    /// What it would read now, in the order of reading.
    pub files: Vec<File>,
    /// What it has read.
    pub parsed: Identified,
    /// What it has read again, for the options that may change.
    again: Identified,
}

impl Reading {
    /// Reads the files of an object; none if it was not called.
    pub fn of(registry: &Registry, disk: &Disk<'_>, notes: &mut Vec<Note>) -> Reading {
        let none = Reading {
            files: Vec::new(),
            parsed: Identified::default(),
            again: Identified::default(),
        };
        let Some(namespace) = &registry.namespace else { return none };
        let files = disk.plan(registry).into_iter().map(|candidate| {
            let on_disk = disk.read(&candidate, notes);
            let shown = ConfigFile {
                why: candidate.reason.words().to_owned(),
                ..on_disk.found.shown.clone()
            };
            File {
                shown,
                named: candidate.reason.names_the_file(),
                on_command_line: candidate.reason == Reason::NamedFile,
                absent: on_disk.found.absent,
                on_disk,
            }
        });
        let files: Vec<File> = files.collect();
        let now: Vec<Now<'_>> = files
            .iter()
            .map(|file| Now {
                path: file.shown.path.raw(),
                parsed: file.parsed(),
                named: file.named,
            })
            .collect();
        let parsed = identify(namespace, &now);
        let again = registry.mutable_namespace.as_ref().map(|again| identify(again, &now));
        Reading { parsed, again: again.unwrap_or_default(), files }
    }
}

/// Where options were set, by the files as they are now.
pub struct Places<'a> {
    registry: &'a Registry,
    reading: &'a Reading,
    /// The files as they are now.
    lines: Vec<Option<Lines<'a>>>,
    /// The last values that the process has parsed.
    held: HashMap<Key<'a>, &'a Text>,
}

/// Whether it is of the mutable namespace, file, section and name.
type Key<'a> = (bool, usize, &'a str, &'a str);

impl<'a> Places<'a> {
    /// Sorts the files by name.
    pub fn new(registry: &'a Registry, reading: &'a Reading) -> Places<'a> {
        let lines = reading.files.iter().map(|file| file.parsed().map(Lines::new));
        let mut held = HashMap::new();
        for mutable in [false, true] {
            let files = namespace(registry, mutable).map(|namespace| namespace.files.iter());
            for (file, parsed) in files.into_iter().flatten().enumerate() {
                for section in &parsed.sections {
                    let options = section.options.iter();
                    held.extend(options.filter_map(|(key, values)| {
                        let key = (mutable, file, section.name.raw(), key.raw());
                        Some((key, values.last()?))
                    }));
                }
            }
        }
        Places { registry, reading, lines: lines.collect(), held }
    }

    /// The file that has set an option, and the line, if the same still stands there. No file where
    /// it cannot be told which it was.
    pub fn origin(&self, place: &FilePlace) -> Option<Origin> {
        let identified = if place.mutable { &self.reading.again } else { &self.reading.parsed };
        let identity = *identified.held.get(place.file)?;
        let Some(index) = identity.file() else {
            let namespace = namespace(self.registry, place.mutable)?;
            let path = namespace.files.get(place.file)?.path.clone()?;
            return Some(Origin { file: path, line: 0 });
        };
        let (section, key) = (place.section.raw(), place.key.raw());
        let lines = self.lines.get(index).and_then(Option::as_ref);
        let values = lines.map(|lines| lines.values(section, key)).unwrap_or_default();
        let held = self.held.get(&(place.mutable, place.file, section, key));
        let is_it = |text: &str| held.is_some_and(|held| same::text(held.raw(), text));
        let value = values.iter().rev().find(|value| is_it(&value.text));
        if value.is_none() && matches!(identity, Identity::Likely(_)) {
            return None;
        }
        let file = self.reading.files.get(index)?.shown.path.clone();
        Some(Origin { file, line: value.map_or(0, |value| value.line) })
    }
}

fn namespace(registry: &Registry, mutable: bool) -> Option<&Namespace> {
    if mutable { registry.mutable_namespace.as_ref() } else { registry.namespace.as_ref() }
}
