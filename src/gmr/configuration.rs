//! The configuration of the text view: groups, options, and values of the view of keys and values
//! (`views/text/generic.py`: `KeyValueView`, as `models/conf.py` sets it up).
//!
//! Its text does not tell types; an empty list and an empty text look alike, and are read as
//! text. What is below a name with ` = ` is a list; with `: ` behind an empty line a mapping, and
//! without one the lines of a text.

use super::context::{Context, push_line};
use crate::config::settings::Setting;
use crate::data::Data;
use crate::mask::MASK;
use crate::report::{Block, OptionGroup, OptionValue};
use crate::text::Text;

/// The columns of a level.
const INDENT: usize = 2;

/// The deepest level that is read as more than text.
const MAX_DEPTH: usize = 16;

/// What stands for a mapping that has no name, as it is in a list.
const MAPPING: &str = "[dict]";

/// Reads the groups, and gives back the lines that are none of theirs.
pub(super) fn configuration(context: &mut Context, body: &str, blocks: &mut Vec<Block>) -> String {
    let mut rest = String::new();
    let mut groups: Vec<OptionGroup> = Vec::new();
    let mut lines = Lines { lines: body.split('\n').collect(), at: 0 };
    while let Some(line) = lines.peek(0) {
        let group = line.strip_suffix(": ").filter(|name| !name.starts_with(' '));
        if let Some(name) = group.filter(|_| context.take()) {
            lines.at += 1;
            let entries = entries(context, &mut lines, 1);
            let options = entries.into_iter().map(|(name, value)| option(context, name, value));
            let options = options.collect();
            groups.push(OptionGroup { name: context.text(name), options });
            continue;
        }
        if !line.is_empty() {
            push_line(&mut rest, line);
        }
        lines.at += 1;
    }
    blocks.push(options(groups));
    rest
}

/// Groups of options as a block.
pub(super) fn options(groups: Vec<OptionGroup>) -> Block {
    Block::Options { object: None, files: Vec::new(), groups, drift: Vec::new() }
}

/// An option with its value as it may be shown.
pub(super) fn option(context: &mut Context, name: Text, value: Data) -> OptionValue {
    let setting = Setting { name, value, default: None };
    let shown = setting.masked(context.secrets);
    let masked = shown != setting.value || shown == Data::text(MASK);
    OptionValue {
        name: context.text(setting.name.raw()),
        value: shown,
        set_by: None,
        origin: None,
        variable: None,
        masked,
        unconverted: false,
    }
}

/// Lines that are read one after the other.
struct Lines<'a> {
    lines: Vec<&'a str>,
    at: usize,
}

impl<'a> Lines<'a> {
    /// The line that is next, or that follows it.
    fn peek(&self, ahead: usize) -> Option<&'a str> {
        self.lines.get(self.at + ahead).copied()
    }

    /// The same without its indentation, if it is indented so many levels at least.
    fn below(&self, ahead: usize, level: usize) -> Option<&'a str> {
        let (indent, line) = self.peek(ahead)?.split_at_checked(INDENT * level)?;
        indent.bytes().all(|byte| byte == b' ').then_some(line)
    }

    /// The lines that follow and are indented so many levels at least.
    fn run(&mut self, level: usize) -> Vec<&'a str> {
        let run: Vec<&str> = (0..).map_while(|ahead| self.below(ahead, level)).collect();
        self.at += run.len();
        run
    }
}

/// The names at a level with their values.
fn entries(context: &mut Context, lines: &mut Lines<'_>, level: usize) -> Vec<(Text, Data)> {
    let mut entries = Vec::new();
    if level > MAX_DEPTH {
        return entries;
    }
    loop {
        // An empty line announces a mapping, or a group, which is indented less.
        let mapping = usize::from(lines.peek(0) == Some(""));
        let named = lines.below(mapping, level).filter(|line| !line.starts_with(' '));
        let Some(line) = named else { return entries };
        let entry = match (line.split_once(" = "), line.strip_suffix(": ")) {
            (_, Some(name)) if mapping == 1 => {
                lines.at += 2;
                (name, Data::Map(self::entries(context, lines, level + 1)))
            }
            _ if mapping == 1 => return entries,
            (Some((name, "")), _) => {
                lines.at += 1;
                let items = items(context, lines, level + 1);
                (name, if items.is_empty() { Data::text("") } else { Data::List(items) })
            }
            (Some((name, value)), _) => {
                lines.at += 1;
                (name, Data::text(value))
            }
            (None, Some(name)) => {
                lines.at += 1;
                (name, Data::text(lines.run(level + 1).join("\n")))
            }
            (None, None) => return entries,
        };
        if !context.take() {
            return entries;
        }
        entries.push((Text::from(entry.0), entry.1));
    }
}

/// The items of a list at a level.
fn items(context: &mut Context, lines: &mut Lines<'_>, level: usize) -> Vec<Data> {
    let mut items = Vec::new();
    while let Some(line) = lines.below(0, level).filter(|_| context.take()) {
        let deeper = " ".repeat(INDENT);
        let is_mapping = line == MAPPING && lines.below(1, level + 1).is_some();
        items.push(if is_mapping && level < MAX_DEPTH {
            lines.at += 1;
            Data::Map(entries(context, lines, level + 1))
        } else if line.starts_with(&deeper) && lines.below(1, level + 1).is_some() {
            // A text of several lines, or a list in the list: they look alike.
            Data::text(lines.run(level + 1).join("\n"))
        } else {
            lines.at += 1;
            Data::text(line)
        });
    }
    items
}
