//! Masks a whole configuration file, line by line.
//!
//! The lines and their number stay, so that line numbers and a parser's answer stay. Comments are
//! masked as well: a password that was commented out is still a password.

use std::borrow::Cow;

use super::form::Form;
use super::line::{
    Assignment, assignment, begins_private_key, directive_secret, is_block_mark, is_key_material,
    masked,
};
use super::name::{is_secret_name, names_a_secret};
use super::{MASK, command, json, mask_text, until_stable};

/// Masks a file whose name is not known; see [`mask_file`].
pub fn mask_config_text(bytes: &[u8]) -> Vec<u8> {
    mask_file("", bytes)
}

/// Masks a file: `key = value`, `key: value`, `key value`, JSON, lines that continue a secret,
/// private keys. What its name ends in tells which values need quotes. Bytes that are not UTF-8
/// become U+FFFD.
pub fn mask_file(path: &str, bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let form = Form::of(path);
    until_stable(text, |text| mask_once(text, form)).into_bytes()
}

fn mask_once(text: &str, form: Form) -> String {
    if text.trim_start().starts_with(['{', '['])
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    {
        return json::mask(text);
    }
    let mut masker =
        Masker { form, open: None, in_private_key: false, braces: 0, triple: None, named: None };
    let mut commands = command::Lines::default();
    let mut out = String::with_capacity(text.len());
    // Python's text files end lines at a lone carriage return, too.
    for line in text.split_inclusive(['\n', '\r']) {
        let body = line.trim_end_matches(['\n', '\r']);
        out.push_str(&commands.mask(masker.line(body), form));
        out.push_str(line.get(body.len()..).unwrap_or_default());
    }
    out
}

/// An assignment whose value may go on in lines that are indented more.
struct Open {
    indent: usize,
    secret: bool,
    /// YAML: the lines that follow may have names of their own.
    mapping: bool,
    /// YAML: the lines that follow are text (`|`, `>`).
    block: bool,
    /// It is a list in brackets.
    list: bool,
    /// Its value has begun.
    begun: bool,
}

struct Masker {
    form: Form,
    open: Option<Open>,
    in_private_key: bool,
    /// YAML: how many braces are open.
    braces: usize,
    /// The quotes that end a secret of several lines (TOML, Python).
    triple: Option<&'static str>,
    /// `name: DB_PASSWORD`, whose `value: …` follows; and where it stands.
    named: Option<(usize, String)>,
}

impl Masker {
    fn line<'a>(&mut self, line: &'a str) -> Cow<'a, str> {
        let content = line.trim_start();
        let mut indent = line.len() - content.len();
        if content.is_empty() {
            return Cow::Borrowed(line);
        }
        if let Some(quotes) = self.triple {
            let end = line.find(quotes);
            self.triple = if end.is_some() { None } else { Some(quotes) };
            let rest = end.and_then(|end| line.get(end..)).unwrap_or_default();
            return if end == Some(0) { line.into() } else { format!("{MASK}{rest}").into() };
        }
        if self.in_private_key {
            if is_key_material(content) {
                return self.form.quote_masks(masked(line, indent));
            }
            self.in_private_key = false;
        }
        self.in_private_key = begins_private_key(content);
        if self.form == Form::Yaml {
            indent += length_of_dashes(content);
        }
        let content = line.get(indent..).unwrap_or_default();
        if self.open.as_ref().is_some_and(|open| indent <= open.indent) {
            self.open = None;
        }
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.secret && !(open.mapping && assignment(content).is_some()))
        {
            return self.continued(line, indent);
        }
        let masked = match self.form == Form::Yaml && self.within_braces(content) {
            true => in_braces(line, indent),
            false => self.beginning(line, content, indent),
        };
        self.form.quote_masks(masked)
    }

    /// Whether a line begins within braces; then counts its own.
    fn within_braces(&mut self, content: &str) -> bool {
        let within = self.braces > 0;
        for byte in content.bytes() {
            match byte {
                b'{' => self.braces = self.braces.saturating_add(1),
                b'}' => self.braces = self.braces.saturating_sub(1),
                _ => {}
            }
        }
        within
    }

    /// A line that goes on with a secret.
    fn continued<'a>(&mut self, line: &'a str, indent: usize) -> Cow<'a, str> {
        let content = line.get(indent..).unwrap_or_default();
        if content.trim_end_matches([']', '}', ')', ',', ';', ' ']).is_empty() {
            return Cow::Borrowed(line);
        }
        let Some(open) = self.open.as_mut().filter(|_| self.form == Form::Yaml) else {
            return self.form.quote_masks(masked(line, indent));
        };
        let is_item = line.get(..indent).is_some_and(|head| head.contains('-'));
        if open.block {
            return masked(line, indent);
        }
        if open.list {
            let comma = if content.trim_end().ends_with(',') { "," } else { "" };
            return format!("{}\"{MASK}\"{comma}", line.get(..indent).unwrap_or_default()).into();
        }
        if open.begun && !is_item {
            // A value may not go on behind its closing quote, a comment may.
            return format!("{}# {MASK}", line.get(..indent).unwrap_or_default()).into();
        }
        open.begun = true;
        self.form.quote_masks(masked(line, indent))
    }

    /// A line that begins something.
    fn beginning<'a>(&mut self, line: &'a str, content: &str, indent: usize) -> Cow<'a, str> {
        let uncommented = content.trim_start_matches(['#', ';', '/', ' ', '\t']);
        let is_comment = content.starts_with(['#', ';']) || content.starts_with("//");
        let (content, indent) = if is_comment {
            (uncommented, line.len() - uncommented.len())
        } else {
            (content, indent)
        };
        if content.starts_with('[') {
            return mask_text(line);
        }
        if let Some(masked) = self.element(line, content, indent) {
            return masked;
        }
        let is_value = self.open.as_ref().is_some_and(|open| !open.mapping);
        match assignment(content) {
            Some(found) => self.assignment(line, indent, &found, is_comment),
            // Prose speaks of passwords: as a directive, a comment has two words.
            None if is_comment && content.split_whitespace().count() != 2 => mask_text(line),
            None if is_value => mask_text(line),
            None => match directive_secret(content) {
                Some(at) => masked(line, indent + at),
                None => mask_text(line),
            },
        }
    }

    /// Hadoop's `<name>…</name>` and `<value>…</value>`, each on a line of its own.
    fn element<'a>(&mut self, line: &'a str, content: &str, indent: usize) -> Option<Cow<'a, str>> {
        let inside = |tag: &str, end: &str| {
            content.strip_prefix(tag)?.split_once(end).map(|(inside, _)| inside)
        };
        if let Some(name) = inside("<name>", "</name>") {
            self.named = Some((indent, name.trim().to_owned()));
            return Some(mask_text(line));
        }
        let value = inside("<value>", "</value>")?;
        let (_, name) = self.named.take()?;
        if !names_a_secret(&name, value) {
            return Some(mask_text(line));
        }
        let from = indent + "<value>".len();
        let (head, rest) = (line.get(..from)?, line.get(from + value.len()..)?);
        Some(format!("{head}{MASK}{rest}").into())
    }

    fn assignment<'a>(
        &mut self,
        line: &'a str,
        indent: usize,
        found: &Assignment<'_>,
        is_comment: bool,
    ) -> Cow<'a, str> {
        let at = indent + found.value_at;
        let value = line.get(at..).unwrap_or_default().trim_end();
        let opens_list = matches!(value, "{" | "[" | "(");
        let bare = value.trim_end_matches([',', ';']).trim_matches(['"', '\'']);
        let name = self.name_of(found.name, bare, indent);
        let name = name.as_deref().unwrap_or(found.name);
        let secret = is_secret_name(name);
        let block = is_block_mark(self.form.behind_tags(value));
        if !is_comment && (self.open.is_none() || secret) {
            let mapping = opens_list || (found.colon && value.is_empty());
            let begun = !value.is_empty() && !opens_list;
            self.open = Some(Open { indent, secret, mapping, block, list: opens_list, begun });
        }
        if value.is_empty() || opens_list || block {
            return Cow::Borrowed(line);
        }
        if secret && let Some((quotes, text)) = open_triple(value) {
            self.triple = Some(quotes);
            let head = line.get(..at).unwrap_or_default();
            let text = if text.is_empty() { "" } else { MASK };
            return format!("{head}{quotes}{text}").into();
        }
        if !names_a_secret(name, bare) {
            return mask_text(line);
        }
        masked(line, at + value.len() - self.form.behind_tags(value).len())
    }

    /// The name of a value: that of `name: X`, if it is the `value: …` beside it.
    fn name_of(&mut self, name: &str, value: &str, indent: usize) -> Option<String> {
        let named = self.named.take().filter(|(at, _)| *at == indent);
        match name.trim_matches(['"', '\'']) {
            "name" | "key" => {
                self.named = Some((indent, value.to_owned()));
                None
            }
            "value" => named.map(|(_, name)| name),
            _ => {
                self.named = named;
                None
            }
        }
    }
}

/// A line of a mapping in braces that began on an earlier one.
fn in_braces(line: &str, indent: usize) -> Cow<'_, str> {
    let (head, content) = line.split_at_checked(indent).unwrap_or((line, ""));
    let opened = format!("{{{content}");
    let masked = mask_text(&opened);
    format!("{head}{}", masked.strip_prefix('{').unwrap_or(&masked)).into()
}

/// `"""` or `'''` that does not end on its line, and what follows it.
fn open_triple(value: &str) -> Option<(&'static str, &str)> {
    let quotes = ["\"\"\"", "'''"].into_iter().find(|quotes| value.starts_with(quotes))?;
    let text = value.get(quotes.len()..)?;
    (!text.contains(quotes)).then_some((quotes, text))
}

/// YAML's `- ` before an item, of which there may be several.
fn length_of_dashes(content: &str) -> usize {
    let mut rest = content;
    while let Some(item) = rest.strip_prefix('-').filter(|item| item.starts_with([' ', '\t'])) {
        rest = item.trim_start();
    }
    content.len() - rest.len()
}
