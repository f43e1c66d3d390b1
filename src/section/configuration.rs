//! The configuration files of the process, as they are now, with their secrets masked.
//!
//! What the process itself holds in memory is another question, and not looked for yet.

use super::Section;
use crate::analysis::Analysis;
use crate::config::oslo::find;
use crate::config::{ConfigGroup, ConfigOption, Parsed, generic, named, oslo};
use crate::evidence::files::Files;
use crate::mask::mask_value;
use crate::note::Note;
use crate::package::python::command;
use crate::report::{Block, ConfigFile, OptionGroup, OptionValue, Origin, timestamp};
use crate::target::TargetFacts;
use crate::target::files::FileError;

/// The configuration files of the process.
pub struct Configuration;

impl Section for Configuration {
    fn id(&self) -> &'static str {
        "configuration"
    }

    fn title(&self) -> &'static str {
        "Configuration"
    }

    fn build(&self, analysis: &Analysis<'_>, notes: &mut Vec<Note>) -> Vec<Block> {
        let target = &analysis.evidence.snapshot.target;
        let files = &analysis.evidence.files;
        let program = Program::of(target, !analysis.runtimes.is_empty());
        let (candidates, by_oslo) = program.candidates(files);
        let found: Vec<Found> = candidates
            .into_iter()
            .map(|(path, why)| Found::read(target, files, path, why))
            .collect();
        for Found { shown, text } in &found {
            if let Some(unread) = &shown.unread {
                notes.push(Note::missing(shown.path.clone(), unread.clone()));
            }
            if text.contains(char::REPLACEMENT_CHARACTER) {
                let what = "what is not UTF-8 in it is shown as \u{fffd}";
                notes.push(Note::remark(shown.path.clone(), what));
            }
        }
        if by_oslo {
            // Its files are one configuration: what a later one says wins.
            let parsed = found.iter().enumerate();
            let parsed = parsed.map(|(index, file)| oslo::parse::parse(&file.text, index));
            let merged = oslo::merge(parsed.collect());
            return vec![block(merged, found, notes)];
        }
        if found.is_empty() {
            return vec![block(Parsed::default(), found, notes)];
        }
        let one_each = found.into_iter().map(|file| {
            let parsed = generic::parse(file.shown.path.raw(), &file.text, 0);
            block(parsed, vec![file], notes)
        });
        one_each.collect()
    }
}

/// A configuration file that was looked for.
struct Found {
    shown: ConfigFile,
    /// Its text, masked; empty if it could not be read.
    text: String,
}

impl Found {
    fn read(target: &TargetFacts, files: &Files, path: String, why: &str) -> Found {
        let read = text(files, &path);
        let modified = read.as_ref().ok().map(|(_, modified)| *modified);
        // The start is known to the second, and rounded down.
        let changed = modified
            .zip(target.process.started)
            .is_some_and(|(modified, started)| modified > started.saturating_add(1));
        let shown = ConfigFile {
            path: path.into(),
            why: why.to_owned(),
            modified: modified.and_then(timestamp),
            changed_since_start: changed,
            unread: read.as_ref().err().map(|error| error.to_string().into()),
        };
        Found { shown, text: read.map(|(text, _)| text).unwrap_or_default() }
    }
}

/// The text of a configuration file, masked, and when it was written.
fn text(files: &Files, path: &str) -> Result<(String, i64), FileError> {
    let file = files.config(path)?;
    let bytes = file.read_all(file.len())?;
    let text = String::from_utf8_lossy(bytes);
    if !is_text(&text) {
        return Err(FileError::Other("not a text file".into()));
    }
    Ok((text.into_owned(), file.meta().modified))
}

/// Texts of older encodings have no control characters, and random bytes are not UTF-8.
fn is_text(text: &str) -> bool {
    let control = |c: char| c.is_ascii_control() && !c.is_ascii_whitespace();
    let noise = text.contains(char::REPLACEMENT_CHARACTER) && text.contains(control);
    !noise && !text.contains('\0')
}

fn block(parsed: Parsed, found: Vec<Found>, notes: &mut Vec<Note>) -> Block {
    let files: Vec<ConfigFile> = found.into_iter().map(|found| found.shown).collect();
    notes.extend(remarks(&parsed, &files));
    let mut groups: Vec<OptionGroup> =
        parsed.groups.into_iter().map(|group| option_group(group, &files)).collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    Block::Options { files, groups }
}

/// What the command line tells of the program.
struct Program<'a> {
    /// Its words, without interpreter and script.
    args: Vec<String>,
    /// All its words.
    command: Vec<String>,
    /// The script's or executable's path or name.
    name: String,
    directory: &'a str,
    environment: Vec<(String, String)>,
    /// Whether it is a Python program, which oslo.config may serve.
    python: bool,
}

impl<'a> Program<'a> {
    fn of(target: &'a TargetFacts, python: bool) -> Program<'a> {
        let command: Vec<String> =
            target.process.command.iter().map(|word| word.raw().to_owned()).collect();
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let first = command.first().cloned().unwrap_or_default();
        let (name, args) = match command::program(&words) {
            command::Program::Script(script) if python => {
                let at = command.iter().position(|word| *word == script);
                let args = at.and_then(|at| command.get(at + 1..)).unwrap_or_default().to_vec();
                (script, args)
            }
            command::Program::Module(module) if python => (module, command.clone()),
            command::Program::Title { name, .. } if python => {
                // A title quotes the command line, if anything, as one word.
                (name, first.split_whitespace().map(str::to_owned).collect())
            }
            _ => (first, command.get(1..).unwrap_or_default().to_vec()),
        };
        let pair = |(name, value): &(crate::text::Text, crate::text::Text)| {
            (name.raw().to_owned(), value.raw().to_owned())
        };
        Program {
            args,
            command,
            name,
            directory: target.directory.as_ref().map_or("/", |path| path.raw()),
            environment: target.environment.iter().map(pair).collect(),
            python,
        }
    }

    /// The files that it reads, each with the reason to think so, and whether oslo.config does.
    fn candidates(&self, files: &Files) -> (Vec<(String, &'static str)>, bool) {
        if self.python {
            let home = self.environment.iter().find(|(name, _)| name == "HOME");
            let program = find::Program {
                args: &self.args,
                name: &self.name,
                project: find::guess_project(&self.name),
                home: home.map(|(_, value)| value.as_str()),
                cwd: self.directory,
                environment: &self.environment,
            };
            let exists = |path: &str| !matches!(files.in_root(path), Err(FileError::Absent));
            let list = |path: &str| {
                let names = files.list(path).unwrap_or_default();
                names.iter().map(|name| name.raw().to_owned()).collect()
            };
            let lookup = find::Lookup { exists: &exists, list: &list };
            let planned = find::plan(&program, &lookup);
            if !planned.is_empty() || find::names_config(&self.args) {
                let planned = planned.into_iter().map(|file| (file.path, file.reason.words()));
                return (planned.collect(), true);
            }
        }
        // What counts is the script and its words, not the interpreter's.
        let script = [std::slice::from_ref(&self.name), &self.args].concat();
        let words = if self.python { &script } else { &self.command };
        let named = named::named_files(words, self.directory);
        (named.into_iter().map(|path| (path, "named on the command line")).collect(), false)
    }
}

fn remarks(parsed: &Parsed, files: &[ConfigFile]) -> Vec<Note> {
    let about = |file: usize, line: u32| {
        let path = files.get(file).map_or("configuration", |file| file.path.raw());
        if line == 0 { path.to_owned() } else { format!("{path}:{line}") }
    };
    let notes = parsed.notes.iter();
    notes.map(|note| Note::remark(about(note.file, note.line), note.what)).collect()
}

fn option_group(group: ConfigGroup, files: &[ConfigFile]) -> OptionGroup {
    let mut options: Vec<OptionValue> =
        group.options.into_iter().map(|option| option_value(&option, files)).collect();
    options.sort_by(|a, b| a.name.cmp(&b.name));
    OptionGroup { name: group.name.into(), options }
}

fn option_value(option: &ConfigOption, files: &[ConfigFile]) -> OptionValue {
    let shown = |text: &str| mask_value(&option.name, text).into_owned();
    let values: Vec<String> = option.values.iter().map(|value| shown(&value.text)).collect();
    let origin = option.effective().and_then(|value| {
        let file = files.get(value.file)?.path.clone();
        Some(Origin { file, line: value.line })
    });
    OptionValue {
        name: option.name.as_str().into(),
        masked: values.iter().any(|value| value.contains("***")),
        values: values.into_iter().map(Into::into).collect(),
        origin,
    }
}
