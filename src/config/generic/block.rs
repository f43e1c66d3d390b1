//! Statements in blocks, as nginx writes them: `name value;` and `name argument { … }`.

use super::Output;

/// Adds the statements of a text, each to the group of its block (`http/server #2/location /`).
pub(super) fn parse(text: &str, out: &mut Output<'_>) {
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
            (';', None) => statement.add(out),
            ('{', None) => out.enter(&std::mem::take(&mut statement).text),
            ('}', None) => {
                statement.add(out);
                out.leave();
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
    statement.add(out);
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
    fn add(&mut self, out: &mut Output<'_>) {
        let done = std::mem::take(self);
        let text = done.text.trim_end();
        if text.is_empty() {
            return;
        }
        let (name, value) = text.split_once(' ').unwrap_or((text, ""));
        out.value(&out.here(), name, value, done.line);
    }
}
