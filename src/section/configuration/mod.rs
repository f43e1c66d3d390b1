//! The configuration of the process: what its objects of oslo.config hold, and where their files
//! differ ([`live`]); of any other program, its configuration files as they are now. Secrets are
//! masked.

mod drift;
mod file;
mod live;
mod other;
mod program;
mod reading;
mod settings;

use std::collections::HashSet;

use self::file::Found;
use self::program::Program;
use super::Section;
use crate::analysis::Analysis;
use crate::config::oslo::registry::Registry;
use crate::config::{COMMAND_LINE, ConfigGroup, ConfigOption, ConfigValue, Parsed, oslo};
use crate::data::Data;
use crate::evidence::Evidence;
use crate::mask::{MASK, Secrets};
use crate::note::Note;
use crate::path::base_name;
use crate::report::{Block, ConfigFile, OptionGroup, OptionValue, Origin, SetBy};
use crate::runtime::LoadedModule;
use crate::text::Text;

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
        let mut blocks = live::blocks(analysis, notes);
        blocks.extend(settings::blocks(analysis, notes));
        let mut of_files = of_files(analysis, notes);
        if !blocks.is_empty() {
            let known = blocks.iter().flat_map(files).map(|file| file.path.clone());
            let known: HashSet<Text> = known.collect();
            of_files.retain(|block| files(block).iter().any(|file| !known.contains(&file.path)));
        }
        blocks.extend(of_files);
        blocks
    }
}

/// The configuration files that the command line and the environment name, or that are found.
fn of_files(analysis: &Analysis<'_>, notes: &mut Vec<Note>) -> Vec<Block> {
    let target = &analysis.evidence.snapshot.target;
    let files = &analysis.evidence.files;
    let secrets = analysis.evidence.snapshot.asked.secrets;
    let program = Program::of(target, !analysis.runtimes.is_empty());
    // Which files an object has read is known, and not to be guessed.
    let is_known = analysis.registries.iter().any(Registry::is_parsed);
    let candidates = program.of_oslo(files);
    let candidates = candidates.filter(|found| is_known || may_be_of_oslo(analysis, found));
    let Some(candidates) = candidates else {
        return other::blocks(&program, analysis.evidence, notes);
    };
    let mut blocks = Vec::new();
    if !is_known {
        let (merged, found) = merged(analysis, candidates);
        notes.extend(found.iter().flat_map(Found::notes));
        blocks.push(block(merged, found, secrets, notes));
    }
    blocks.extend(other::unit_blocks(&program, analysis.evidence, notes));
    blocks
}

/// Reads the files that oslo.config reads. They are one configuration: what a later one says wins.
fn merged(
    analysis: &Analysis<'_>,
    candidates: Vec<(String, &'static str)>,
) -> (Parsed, Vec<Found>) {
    let Evidence { snapshot, files, .. } = analysis.evidence;
    let read = |(path, why)| Found::read(&snapshot.target, files, path, why);
    let found: Vec<Found> = candidates.into_iter().map(read).collect();
    let parsed = found.iter().enumerate();
    let parsed = parsed.map(|(index, file)| oslo::parse::parse(&file.text, index));
    (oslo::merge(parsed.collect()), found)
}

/// What the files say that oslo.config reads for the program, if it is one that oslo.config serves,
/// whether or not an interpreter was found in it.
pub fn oslo_files(analysis: &Analysis<'_>) -> Option<Parsed> {
    let Evidence { snapshot, files, .. } = analysis.evidence;
    let candidates = Program::of(&snapshot.target, true).of_oslo(files);
    let candidates = candidates.filter(|found| may_be_of_oslo(analysis, found))?;
    Some(merged(analysis, candidates).0)
}

/// Whether files that oslo.config would find are its own: others have a `--config-file`, too. It has
/// to be loaded, as far as is known, and its files are INI.
fn may_be_of_oslo(analysis: &Analysis<'_>, files: &[(String, &str)]) -> bool {
    let is_module = |module: &LoadedModule| module.name.raw() == "oslo_config";
    let is_loaded = !analysis.registries.is_empty()
        || !analysis.knows_modules
        || analysis.loaded.iter().any(is_module);
    is_loaded && files.iter().all(|(path, _)| ends_like_ini(path))
}

/// Whether a file is called as those of oslo.config are: `nova.conf`, `paste.ini`, `nova`.
fn ends_like_ini(path: &str) -> bool {
    let ending = base_name(path).rsplit_once('.').map(|(_, ending)| ending);
    matches!(ending, None | Some("conf" | "ini"))
}

/// The files of a block.
fn files(block: &Block) -> &[ConfigFile] {
    match block {
        Block::Options { files, .. } => files,
        _ => &[],
    }
}

fn block(parsed: Parsed, found: Vec<Found>, secrets: Secrets, notes: &mut Vec<Note>) -> Block {
    let files: Vec<ConfigFile> = found.into_iter().map(|found| found.shown).collect();
    notes.extend(remarks(&parsed, &files));
    let mut groups: Vec<OptionGroup> =
        parsed.groups.into_iter().map(|group| option_group(group, &files, secrets)).collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    Block::Options { object: None, files, groups, drift: Vec::new() }
}

fn remarks(parsed: &Parsed, files: &[ConfigFile]) -> Vec<Note> {
    let about = |file: usize, line: u32| {
        let path = files.get(file).map_or("configuration", |file| file.path.raw());
        if line == 0 { path.to_owned() } else { format!("{path}:{line}") }
    };
    let notes = parsed.notes.iter();
    notes.map(|note| Note::remark(about(note.file, note.line), note.what)).collect()
}

fn option_group(group: ConfigGroup, files: &[ConfigFile], secrets: Secrets) -> OptionGroup {
    let mut options: Vec<OptionValue> =
        group.options.into_iter().map(|option| option_value(&option, files, secrets)).collect();
    options.sort_by(|a, b| a.name.cmp(&b.name));
    OptionGroup { name: group.name.into(), options }
}

fn option_value(option: &ConfigOption, files: &[ConfigFile], secrets: Secrets) -> OptionValue {
    let shown = |value: &ConfigValue| match value.file {
        COMMAND_LINE => as_line(&option.name, &value.text, secrets),
        _ => secrets.mask_value(&option.name, &value.text).into_owned(),
    };
    let values: Vec<String> = option.values.iter().map(shown).collect();
    let effective = option.effective();
    let on_command_line = effective.is_some_and(|value| value.file == COMMAND_LINE);
    let origin = effective.and_then(|value| {
        let file = files.get(value.file)?.path.clone();
        Some(Origin { file, line: value.line })
    });
    OptionValue {
        name: option.name.as_str().into(),
        masked: !secrets.are_shown() && values.iter().any(|value| value.contains(MASK)),
        value: data(values),
        set_by: on_command_line.then_some(SetBy::CommandLine),
        origin,
        variable: None,
        unconverted: false,
    }
}

/// A value of the command line, masked as it would be in a file, too: `user bob on >secret`.
fn as_line(name: &str, value: &str, secrets: Secrets) -> String {
    let value = secrets.mask_value(name, value);
    let line = format!("{name} {value}");
    let masked = secrets.mask_file("", line.as_bytes());
    let masked = String::from_utf8_lossy(&masked);
    let rest = masked.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
    match rest {
        Some(rest) => rest.to_owned(),
        // An option without a value: the blank is gone.
        None if value.is_empty() => String::new(),
        None => MASK.to_owned(),
    }
}

/// One text, or the list of those of an option that was given several times.
fn data(mut values: Vec<String>) -> Data {
    match values.len() {
        1 => values.pop().map(Data::text).unwrap_or_default(),
        _ => Data::List(values.into_iter().map(Data::text).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_command_line_are_masked_as_those_of_files_are() {
        for (name, value, shown) in [
            ("requirepass", "hunter2", "***"),
            ("port", "1", "1"),
            ("skip-networking", "", ""),
            ("save", "60 1", "60 1"),
            ("work_mem", "10MB", "10MB"),
            ("shared_preload_libraries", "a, b", "a, b"),
        ] {
            assert_eq!(as_line(name, value, Secrets::Masked), shown, "{name}");
            assert_eq!(as_line(name, value, Secrets::Shown), value, "{name}");
        }
        let user = as_line("user", "bob on >hunter2 ~*", Secrets::Masked);
        assert!(user.starts_with("bob on >***"), "{user}");
    }
}
