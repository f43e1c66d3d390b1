//! What the user asked for: it decides what is recorded.

use serde::{Deserialize, Serialize};

use crate::mask::Secrets;
use crate::note::Note;

pub mod own;

use own::{OwnSection, Source};

/// What the user asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The local variables of every frame.
    pub locals: bool,
    /// Objects, by path from a module: `oslo_config.cfg.CONF.host`.
    pub objects: Vec<String>,
    /// What of native stacks.
    #[serde(default)]
    pub native: Native,
    /// Sections of one's own.
    #[serde(default)]
    pub sections: Vec<OwnSection>,
    /// What becomes of secrets.
    #[serde(default)]
    pub secrets: Secrets,
}

/// Whose threads are stopped while all are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// Those that run. Who sleeps does not move: it is recorded as it is, and no system call of it is
    /// disturbed.
    #[default]
    Running,
    /// All.
    All,
    /// None: of those that run there are no native stacks.
    None,
}

/// What is wanted of native stacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Native {
    /// Nothing: they are neither recorded nor unwound.
    None,
    /// Names and lines; but in threads that run a language that guru reads only names of its
    /// interpreter and of the C library. There such threads wait, and what they wait in says a name;
    /// where lines are installed they took two thirds of the time of a report.
    #[default]
    Names,
    /// Names and lines of everything.
    Lines,
}

impl Asked {
    /// The paths of all objects: first [`Self::objects`], then those that sections show.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let sections = self.sections.iter().filter_map(|section| match &section.source {
            Source::Object(path) => Some(path.as_str()),
            Source::File(_) | Source::Command { .. } => None,
        });
        self.objects.iter().map(String::as_str).chain(sections)
    }

    /// Narrows what was asked for of a recording to what is wanted of it now: nothing in
    /// particular is all. What it does not hold is a note.
    pub fn select(&mut self, wanted: &Asked) -> Vec<Note> {
        let mut notes = Vec::new();
        self.native = self.native.min(wanted.native);
        if wanted.secrets.are_shown() && !self.secrets.are_shown() {
            let text = "the recording was made without --show-secrets: those of command lines and \
                        files are not in it";
            notes.push(Note::missing("secrets", text));
        }
        self.secrets = wanted.secrets;
        if wanted.locals && !self.locals {
            let text = "the recording holds no local variables: record with --locals";
            notes.push(Note::missing("locals", text));
        }
        if !wanted.objects.is_empty() {
            let (held, absent): (Vec<String>, Vec<String>) =
                wanted.objects.iter().cloned().partition(|path| self.objects.contains(path));
            notes.extend(absent.into_iter().map(|path| {
                let text = "the recording does not hold it: record with --object";
                Note::missing(format!("object {path}"), text)
            }));
            self.objects = held;
        }
        if !wanted.sections.is_empty() {
            let same = |a: &OwnSection, b: &OwnSection| a.title == b.title && a.source == b.source;
            let held = |section: &&OwnSection| self.sections.iter().any(|own| same(own, section));
            let absent = wanted.sections.iter().filter(|section| !held(section));
            notes.extend(absent.map(|section| {
                let text = "the recording does not hold it: record with --section";
                Note::missing(format!("section {}", section.title), text)
            }));
            let wanted = |own: &OwnSection| wanted.sections.iter().any(|other| same(own, other));
            self.sections.retain(wanted);
        }
        notes
    }
}

/// A step of the path to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `.name`: a module, or an attribute.
    Name(String),
    /// `["key"]`: an item of a mapping.
    Key(String),
    /// `[3]`: an item of a sequence (negative: from its end) or of a mapping.
    Index(i64),
}

impl Step {
    /// The step as it is typed, behind a path that is not empty.
    pub fn typed(&self) -> String {
        match self {
            Step::Name(name) => format!(".{name}"),
            Step::Key(key) => format!("[{key:?}]"),
            Step::Index(index) => format!("[{index}]"),
        }
    }
}

/// The steps of a path: a dotted name, and behind it attributes, keys and indexes in any order.
pub fn steps(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let (name, mut rest) = name(path)?;
    steps.push(Step::Name(name));
    while let Some(next) = rest.chars().next() {
        let (step, behind) = match next {
            '.' => {
                let (name, behind) = name_behind_dot(rest)?;
                (Step::Name(name), behind)
            }
            '[' => bracket(rest)?,
            other => return Err(format!("`.` or `[` was expected, not `{other}`")),
        };
        steps.push(step);
        rest = behind;
    }
    Ok(steps)
}

fn name_behind_dot(text: &str) -> Result<(String, &str), String> {
    name(text.strip_prefix('.').unwrap_or(text))
}

fn name(text: &str) -> Result<(String, &str), String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("a name was expected at `{text}`"));
    }
    Ok((name.to_owned(), rest))
}

/// `["key"]`, `['key']` or `[3]`, and what follows. In quotes a backslash takes the next character
/// as it is.
fn bracket(text: &str) -> Result<(Step, &str), String> {
    let open = || format!("a `]` is missing behind `{text}`");
    let inside = text.strip_prefix('[').unwrap_or(text);
    let Some(quote) = inside.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let (index, rest) = inside.split_once(']').ok_or_else(open)?;
        let index = index
            .trim()
            .parse()
            .map_err(|_| format!("a number or a key in quotes was expected in `[{index}]`"))?;
        return Ok((Step::Index(index), rest));
    };
    let mut key = String::new();
    let mut chars = inside.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => key.extend(chars.next().map(|(_, char)| char)),
            _ if char == quote => {
                let rest = inside.get(at + 1..).unwrap_or_default();
                let rest = rest.strip_prefix(']').ok_or_else(open)?;
                return Ok((Step::Key(key), rest));
            }
            _ => key.push(char),
        }
    }
    Err(open())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_names_keys_and_indexes() {
        let typed = r#"a.b_1["k.]\""]['x'][-3].größe"#;
        let steps = steps(typed).unwrap();
        let expected = [
            Step::Name("a".into()),
            Step::Name("b_1".into()),
            Step::Key("k.]\"".into()),
            Step::Key("x".into()),
            Step::Index(-3),
            Step::Name("größe".into()),
        ];
        assert_eq!(steps, expected);
        let again: String = steps.iter().map(Step::typed).collect();
        assert_eq!(again, r#".a.b_1["k.]\""]["x"][-3].größe"#);
    }

    #[test]
    fn what_is_no_path_is_refused_with_the_reason() {
        for (typed, why) in [
            ("", "a name was expected"),
            ("a..b", "a name was expected at `.b`"),
            ("a.", "a name was expected"),
            ("a.1", "a name was expected at `1`"),
            ("a[b]", "a number or a key in quotes"),
            ("a[1", "a `]` is missing"),
            ("a['b]", "a `]` is missing"),
            ("a['b'", "a `]` is missing"),
            ("a b", "`.` or `[` was expected, not ` `"),
            ("[1]", "a name was expected"),
        ] {
            let refused = steps(typed).unwrap_err();
            assert!(refused.contains(why), "{typed}: {refused}");
        }
    }
}
