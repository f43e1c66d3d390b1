//! What the form of a file demands of a mask: in YAML and TOML `***` must stand in quotes where a
//! value does, or no parser reads the file any more.

use std::borrow::Cow;

use super::MASK;
use super::block::is_blocks;
use super::erlang::is_terms;
use crate::path::base_name;

/// The form of a file, as far as the masker must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Any that takes a mask as it is.
    Any,
    /// A plain value must not begin with `*`, which names an anchor; items begin with `- `.
    Yaml,
    /// A value is a number, a date, or in quotes.
    Toml,
    /// Statements end in `;`, and blocks in braces.
    Blocks,
    /// Terms of Erlang, in tuples.
    Erlang,
    /// Elements, and prose in them.
    Xml,
}

impl Form {
    /// By the ending of the file's name.
    pub fn of(path: &str) -> Form {
        let name = base_name(path).to_ascii_lowercase();
        match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "yaml" | "yml" => Form::Yaml,
            "toml" => Form::Toml,
            "xml" => Form::Xml,
            _ => Form::Any,
        }
    }

    /// What the text itself tells, where the name does not.
    pub fn with_text(self, text: &str) -> Form {
        match self {
            Form::Any if is_blocks(text) => Form::Blocks,
            Form::Any if is_terms(text) => Form::Erlang,
            Form::Any if text.trim_start().starts_with("<?xml") => Form::Xml,
            form => form,
        }
    }

    /// The line with quotes around every mask that is a whole value.
    pub fn quote_masks(self, line: Cow<'_, str>) -> Cow<'_, str> {
        if !matches!(self, Form::Yaml | Form::Toml) || !line.contains(MASK) {
            return line;
        }
        let mut out = String::with_capacity(line.len() + 2);
        let mut rest = &*line;
        while let Some((before, after)) = rest.split_once(MASK) {
            out.push_str(before);
            let is_value = self.awaits_value(&out) && ends_value(after);
            out.push_str(if is_value { "\"***\"" } else { MASK });
            rest = after;
        }
        out.push_str(rest);
        Cow::Owned(out)
    }

    /// A value without YAML's tags and anchors before it: `!vault |`, `&name text`. An anchor alone
    /// stands before what follows: masked, all that refers to it would lead nowhere.
    pub fn behind_tags(self, value: &str) -> &str {
        let mut rest = value;
        while self == Form::Yaml && rest.starts_with(['!', '&']) {
            match rest.split_once([' ', '\t']) {
                Some((_, behind)) => rest = behind.trim_start(),
                None => return "",
            }
        }
        rest
    }

    /// Whether a value begins behind this.
    fn awaits_value(self, before: &str) -> bool {
        let shown = before.trim_end();
        let has_blank = shown.len() < before.len();
        match shown.chars().next_back() {
            None => self == Form::Yaml,
            Some('[' | ',') => true,
            // A mapping with this for a name is one, at least.
            Some('{') => self == Form::Yaml,
            Some('=') => self == Form::Toml,
            Some(':') => self == Form::Yaml && (has_blank || shown.ends_with("\":")),
            Some('-') => {
                self == Form::Yaml && has_blank && shown.trim_matches(['-', ' ']).is_empty()
            }
            // A tag, an anchor: `!vault ***`.
            Some(_) if self == Form::Yaml && has_blank => {
                let word = shown.rsplit([' ', '\t']).next().unwrap_or_default();
                word.starts_with(['!', '&'])
            }
            Some(_) => false,
        }
    }
}

/// Whether a value ends before this.
fn ends_value(after: &str) -> bool {
    let rest = after.trim_start();
    rest.is_empty()
        || rest.starts_with([',', ']', '}'])
        || (rest.len() < after.len() && rest.starts_with('#'))
}
