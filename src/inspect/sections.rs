//! Which sections of one's own fit a process. That is decided before anything is held, for an
//! object that a section shows has to be recorded.

use std::cell::OnceCell;

use crate::asked::Asked;
use crate::evidence::files::Files;
use crate::evidence::pages::Recording;
use crate::evidence::{Held, Snapshot};
use crate::mask::mask_argv;
use crate::module::Modules;
use crate::note::Note;
use crate::own::definition::Definition;
use crate::own::{self, Subject};
use crate::package::{Interpreter, package};
use crate::report::{Field, Hold};
use crate::runtime::Visitor;
use crate::target::{Mapping, TargetFacts};
use crate::text::Text;

/// What the kernel adds to the path of an executable that is gone.
const DELETED: &str = " (deleted)";

/// What is known of the process so far.
pub struct Known<'a> {
    pub target: &'a TargetFacts,
    pub mappings: &'a [Mapping],
    pub modules: &'a Modules<'a>,
}

impl Known<'_> {
    /// Adds the sections that fit.
    pub fn add(
        &self,
        asked: &mut Asked,
        definitions: Vec<Definition>,
        files: &Files,
        found: Vec<&dyn Visitor>,
        notes: &mut Vec<Note>,
    ) {
        let executable = self.target.executable.as_ref().map(Text::raw);
        let words = self.target.process.command.iter().map(|word| word.raw().to_owned());
        let words = mask_argv(&words.collect::<Vec<_>>());
        let known = OnceCell::new();
        let packages = || known.get_or_init(|| self.packages(files, &found)).clone();
        let subject = Subject {
            executable: executable.map(|path| path.strip_suffix(DELETED).unwrap_or(path)),
            command: &words.join(" "),
            packages: &packages,
        };
        own::add(&mut asked.sections, definitions, &subject, notes);
    }

    /// The names of what runs, as the Package section tells them. What that reads for it is read
    /// once: the files are those of the evidence.
    fn packages(&self, files: &Files, found: &[&dyn Visitor]) -> Vec<Text> {
        let versions: Vec<(String, &Text)> = found
            .iter()
            .filter_map(|visitor| {
                let module = self.modules.find(visitor.interpreter())?;
                Some((visitor.summary().version, module.path()))
            })
            .collect();
        let interpreter = versions.first();
        let interpreter =
            interpreter.map(|(version, path)| Interpreter { version, path, loaded: &[] });
        let (fields, _) = package(&self.snapshot(), files, self.modules, interpreter);
        fields.iter().filter_map(name).collect()
    }

    /// As much of a snapshot as there is before the hold.
    fn snapshot(&self) -> Snapshot {
        Snapshot {
            target: self.target.clone(),
            mappings: self.mappings.to_vec(),
            descendants: Vec::new(),
            threads: Vec::new(),
            memory: Recording::default(),
            hold: Held { hold: Hold::None, at: 0, paused_us: None, held_us: 0 },
            asked: Asked::default(),
            searches: Vec::new(),
            ran: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// The name of a package, of a field that has one.
fn name(field: &Field) -> Option<Text> {
    let value = field.value.as_ref()?;
    match field.name.as_str() {
        "product" => Some(value.clone()),
        // `coreutils 9.1-1 (dpkg)`.
        "distribution package" => value.raw().split(' ').next().map(Text::from),
        _ => None,
    }
}
