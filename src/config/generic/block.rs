//! Statements in blocks, as nginx writes them: `name value;` and `name argument { … }`.

use super::{Output, TOP_GROUP};

/// Blocks inside blocks. What is deeper counts as being in the last one.
const MAX_DEPTH: usize = 32;
/// Length of a block's name in a group's name.
const MAX_NAME_BYTES: usize = 256;

/// Adds the statements of a text, each to the group of its block (`http/server/location /`).
pub(super) fn parse(text: &str, out: &mut Output) {
    let mut blocks: Vec<String> = Vec::new();
    let mut too_deep = 0_usize;
    let mut statement = Statement::default();
    let mut line = 1;
    let mut quote = None;
    let mut comment = false;
    for c in text.chars() {
        line += u32::from(c == '\n');
        if comment {
            comment = c != '\n';
            continue;
        }
        match (c, quote) {
            (c, Some(open)) => {
                statement.text.push(c);
                if c == open {
                    quote = None;
                }
            }
            ('#', None) if statement.text.is_empty() || statement.text.ends_with(' ') => {
                comment = true
            }
            (';', None) => statement.add(&blocks, out),
            ('{', None) => {
                let mut name = std::mem::take(&mut statement).text;
                let mut end = name.trim_end().len().min(MAX_NAME_BYTES);
                while !name.is_char_boundary(end) {
                    end -= 1;
                }
                name.truncate(end);
                if blocks.len() < MAX_DEPTH { blocks.push(name) } else { too_deep += 1 }
            }
            ('}', None) => {
                statement.add(&blocks, out);
                if too_deep > 0 {
                    too_deep -= 1;
                } else {
                    blocks.pop();
                }
            }
            (c, None) if c.is_whitespace() => statement.blank(),
            (c, None) => {
                // A quote opens a word; inside one it is a letter (`isn't`).
                if matches!(c, '"' | '\'')
                    && (statement.text.is_empty() || statement.text.ends_with(' '))
                {
                    quote = Some(c);
                }
                if statement.text.is_empty() {
                    statement.line = line;
                }
                statement.text.push(c);
            }
        }
    }
    statement.add(&blocks, out);
}

/// A statement that is being read, its words separated by one space.
#[derive(Default)]
struct Statement {
    text: String,
    line: u32,
}

impl Statement {
    fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }

    /// Adds the statement to its block and begins a new one.
    fn add(&mut self, blocks: &[String], out: &mut Output) {
        let done = std::mem::take(self);
        let text = done.text.trim_end();
        if text.is_empty() {
            return;
        }
        let (name, value) = text.split_once(' ').unwrap_or((text, ""));
        let group = if blocks.is_empty() { TOP_GROUP.to_owned() } else { blocks.join("/") };
        out.value(&group, name, value, done.line);
    }
}
