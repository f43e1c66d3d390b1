//! The configuration files of the process, as they are now, with their secrets masked.
//!
//! What the process itself holds in memory is another question, and not looked for yet.

mod file;
mod program;

use self::file::Found;
use self::program::Program;
use super::Section;
use crate::analysis::Analysis;
use crate::config::{ConfigGroup, ConfigOption, Parsed, generic, oslo};
use crate::data::Data;
use crate::mask::{MASK, Secrets};
use crate::note::Note;
use crate::report::{Block, ConfigFile, OptionGroup, OptionValue, Origin};

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
        let secrets = analysis.evidence.snapshot.asked.secrets;
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
            return vec![block(merged, found, secrets, notes)];
        }
        if found.is_empty() {
            return vec![block(Parsed::default(), found, secrets, notes)];
        }
        let one_each = found.into_iter().map(|file| {
            let parsed = generic::parse(file.shown.path.raw(), &file.text, 0);
            block(parsed, vec![file], secrets, notes)
        });
        one_each.collect()
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
    let shown = |text: &str| secrets.mask_value(&option.name, text).into_owned();
    let values: Vec<String> = option.values.iter().map(|value| shown(&value.text)).collect();
    let origin = option.effective().and_then(|value| {
        let file = files.get(value.file)?.path.clone();
        Some(Origin { file, line: value.line })
    });
    OptionValue {
        name: option.name.as_str().into(),
        masked: !secrets.are_shown() && values.iter().any(|value| value.contains(MASK)),
        value: data(values),
        set_by: None,
        origin,
        unconverted: false,
    }
}

/// One text, or the list of those of an option that was given several times.
fn data(mut values: Vec<String>) -> Data {
    match values.len() {
        1 => values.pop().map(Data::text).unwrap_or_default(),
        _ => Data::List(values.into_iter().map(Data::text).collect()),
    }
}
