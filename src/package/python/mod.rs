//! Python services: which script runs, and which distribution it comes from.

pub mod command;
mod distribution;
mod editable;
mod loaded;
mod origin;
mod site;
mod versions;

use crate::evidence::Snapshot;
use crate::evidence::files::Files;
use crate::note::Note;
use crate::package::reader::Reader;
use crate::path::absolute;
use crate::runtime::LoadedModule;
use crate::target::files::FileError;
use crate::text::Text;

pub use distribution::Distribution;
pub use editable::sources;
pub(super) use loaded::show as show_loaded;
pub use origin::{Origin, origin};

use command::Program;
use distribution::Wanted;
use site::Site;

/// The Python interpreter in a process.
#[derive(Clone, Copy, Debug)]
pub struct Interpreter<'a> {
    /// Its version: `3.11.7`.
    pub version: &'a str,
    /// The path of the module that holds its machine code.
    pub path: &'a Text,
    /// The modules that are loaded.
    pub loaded: &'a [LoadedModule],
}

/// What a Python process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The script's path, or `-m MODULE`; what it is called where no path is known.
    pub script: Option<String>,
    /// The script's path, where it is known.
    pub path: Option<String>,
    /// The distribution that owns it.
    pub distribution: Option<Distribution>,
    /// Whether there may be one among those that could not be read.
    pub unread: bool,
}

/// What the process of this executable runs, and where it comes from. What was not found is a
/// note.
pub fn service(
    snapshot: &Snapshot,
    files: &Files,
    interpreter: Interpreter<'_>,
    executable: &str,
    notes: &mut Vec<Note>,
) -> Service {
    let search =
        Search { snapshot, reader: Reader::new(files), executable, version: interpreter.version };
    let process = &snapshot.target.process;
    let mut words: Vec<&str> = process.command.iter().map(Text::raw).collect();
    // What setproctitle did not need of the old command line is left as empty words.
    words.truncate(words.iter().rposition(|word| !word.is_empty()).map_or(0, |last| last + 1));
    // A program with an interpreter inside (uWSGI) is the script itself.
    let program = if command::is_interpreter(executable) {
        command::program(&words)
    } else {
        Program::Script(executable.to_owned())
    };
    match program {
        Program::Script(typed) => search.script(&typed, notes),
        Program::Module(module) => search.module(&module, notes),
        Program::Command => {
            notes.push(remark("the program was given on the command line (-c): it has no file"));
            Service { script: Some("-c".into()), ..Service::default() }
        }
        Program::Input => {
            notes.push(remark("the interpreter reads its program from standard input"));
            Service::default()
        }
        Program::Title { name, path } => search.title(&name, path, notes),
        Program::Nothing if command::is_interpreter(process.name.raw()) => {
            notes.push(remark("there is no command line: what the interpreter runs is not known"));
            Service::default()
        }
        Program::Nothing => search.title(process.name.raw(), None, notes),
    }
}

struct Search<'a> {
    snapshot: &'a Snapshot,
    reader: Reader<'a>,
    executable: &'a str,
    version: &'a str,
}

impl Search<'_> {
    fn sites(&self, script: Option<&str>) -> Vec<Site> {
        let files = self.reader.files;
        site::sites(self.snapshot, files, script, self.executable, self.version)
    }

    fn unread(&self) -> bool {
        self.reader.trouble().is_some()
    }

    fn script(&self, typed: &str, notes: &mut Vec<Note>) -> Service {
        let unplaced = || Service { script: Some(typed.to_owned()), ..Service::default() };
        let directory = self.snapshot.target.directory.as_ref().map(Text::raw);
        let Some(directory) = directory.or_else(|| typed.starts_with('/').then_some("/")) else {
            notes.push(remark("the script's path is relative, and to what is not known"));
            return unplaced();
        };
        let path = absolute(typed, directory, None);
        let there = self.reader.files.in_root(&path);
        if !typed.starts_with('/') && matches!(there, Err(FileError::Absent)) {
            notes.push(remark(format!(
                "the script's path is relative, and there is no {path}: the process may have \
                 changed its directory since"
            )));
            return unplaced();
        }
        self.placed(path, notes)
    }

    /// A service whose script lies at this path.
    fn placed(&self, path: String, notes: &mut Vec<Note>) -> Service {
        let distribution = self.owner(&self.sites(Some(&path)), Wanted::Script(&path), notes);
        Service {
            script: Some(path.clone()),
            path: Some(path),
            distribution,
            unread: self.unread(),
        }
    }

    fn module(&self, module: &str, notes: &mut Vec<Note>) -> Service {
        let script = Some(format!("-m {module}"));
        let minor = site::minor(self.version);
        let library = absolute(&format!("../../lib/python{minor}"), self.executable, None);
        let standard = distribution::standard_library(&self.reader, &library, module);
        if let Some(path) = standard {
            notes.push(remark(format!("{path} belongs to the interpreter's own library")));
            return Service { script, path: Some(path), ..Service::default() };
        }
        let distribution = self.owner(&self.sites(None), Wanted::Module(module), notes);
        if distribution.is_none() && !self.unread() {
            notes.push(remark(format!("no Python distribution lists the module {module}")));
        }
        Service { script, path: None, distribution, unread: self.unread() }
    }

    /// The process wrote over its command line, and what it wrote begins with this name.
    fn title(&self, name: &str, path: Option<String>, notes: &mut Vec<Note>) -> Service {
        let by_name = || {
            let mut scripts = self.sites(None).into_iter().map(|site| site.script(name));
            scripts.find(|script| self.reader.files.in_root(script).is_ok())
        };
        let Some(path) = path.or_else(by_name) else {
            notes.push(remark(format!(
                "the command line is gone; what the process calls itself, {name}, is no script of \
                 an environment that it uses"
            )));
            return Service::default();
        };
        notes.push(remark(format!(
            "the command line is gone; the script is taken to be {path} after what the process \
             calls itself, {name}"
        )));
        self.placed(path, notes)
    }

    fn owner(
        &self,
        sites: &[Site],
        wanted: Wanted<'_>,
        notes: &mut Vec<Note>,
    ) -> Option<Distribution> {
        let found = sites.iter().find_map(|site| distribution::owner(&self.reader, site, wanted));
        let started = self.snapshot.target.process.started;
        match (&found, self.reader.trouble()) {
            (Some(found), _) if started.is_some() && found.modified > started => {
                notes.push(remark(format!(
                    "{} was written after the process started: the process may run another \
                     version",
                    found.path
                )));
            }
            (None, Some(trouble)) => {
                let message = format!("not every Python distribution could be read: {trouble}");
                notes.push(Note::missing("package", message));
            }
            _ => {}
        }
        found
    }
}

fn remark(message: impl Into<Text>) -> Note {
    Note::remark("package", message)
}
