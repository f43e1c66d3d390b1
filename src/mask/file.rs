//! Masks a whole configuration file, line by line.
//!
//! The lines and their number stay, so that line numbers and a parser's answer stay. Comments are
//! masked as well: a password that was commented out is still a password.

use std::borrow::Cow;

use super::block::Statements;
use super::form::Form;
use super::group::Group;
use super::heredoc::{Heredoc, Tags};
use super::line::{
    Assignment, assignment, begins_private_key, behind_item, directive_secret, goes_on,
    is_block_mark, is_closer, is_key_material, is_tag, masked, open_quote, section, uncommented,
    unescaped,
};
use super::name::{is_secret_name, names_a_secret};
use super::tree::Tree;
use super::{MASK, command, erlang, mask_text, until_stable, xml};
use crate::formats::json;

/// Masks a file whose name is not known; see [`mask_file`].
pub fn mask_config_text(bytes: &[u8]) -> Vec<u8> {
    mask_file("", bytes)
}

/// Masks a file: `key = value`, `key: value`, `key value`, JSON, statements in blocks, XML, Erlang's
/// terms, groups of secrets, lines that continue a secret, private keys. What its name ends in tells
/// which values need quotes. Bytes that are not UTF-8 become U+FFFD.
pub fn mask_file(path: &str, bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let form = Form::of(path);
    until_stable(text, |text| mask_once(text, form)).into_bytes()
}

fn mask_once(text: &str, form: Form) -> String {
    let form = form.with_text(text);
    if let Some(masked) = mask_json(text) {
        return masked;
    }
    let elements = xml::mask(text);
    let terms = (form == Form::Erlang).then(|| erlang::mask(text));
    let text = elements.as_deref().or(terms.as_deref()).unwrap_or(text);
    let mut masker = Masker::new(text, form);
    let mut commands = command::Lines::default();
    let mut out = String::with_capacity(text.len());
    // Python's text files end lines at a lone carriage return, too.
    for line in text.split_inclusive(['\n', '\r']) {
        let body = line.trim_end_matches(['\n', '\r']);
        masker.read += line.len();
        // What is left of \r\n is no line.
        if body.is_empty() && line == "\n" && out.ends_with('\r') {
            out.push_str(line);
            continue;
        }
        out.push_str(&commands.mask(masker.line(body), form));
        out.push_str(line.get(body.len()..).unwrap_or_default());
    }
    out
}

/// JSON without its secrets; `None` if the text is none.
pub(super) fn mask_json(text: &str) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut tree = Tree::of(text, |_, shown| json::quoted(shown));
    json::read(text, &mut |event| tree.event(event)).then(|| tree.finish())
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
    /// Its value may be prose: it has one word for a name, and opens nothing.
    prose: bool,
}

/// A mapping of which all values are secrets.
struct Held {
    indent: usize,
    group: Group,
    /// It ends where its bracket is closed.
    bracket: bool,
}

/// How many mappings of secrets are remembered, one in the other.
const MAX_HELD: usize = 64;

/// How many lines a quoted value may have: a chain of certificates has less.
const MAX_QUOTED_LINES: usize = 500;

struct Masker {
    form: Form,
    open: Option<Open>,
    /// The mappings of secrets that are open, the outermost first.
    held: Vec<Held>,
    /// What the `[section]` is, if its values are secrets.
    section: Option<Group>,
    /// The file has sections: a quoted value ends with its line there.
    has_sections: bool,
    /// The quote that ends a secret of several lines (an environment file), and how many there were.
    quoted: Option<(char, usize)>,
    /// Where each of the quotes is for the last time.
    last_quotes: [(char, Option<usize>); 3],
    heredoc: Option<Heredoc>,
    tags: Tags,
    /// How much of the text was read, with this line.
    read: usize,
    /// The line before ended in a backslash within a secret.
    carried: bool,
    /// The name that the line before left in two, at a backslash.
    half_name: String,
    statements: Statements,
    /// The name of YAML's `? name`.
    explicit: String,
    in_private_key: bool,
    /// YAML: how many braces are open.
    braces: usize,
    /// The quotes that end a secret of several lines (TOML, Python).
    triple: Option<&'static str>,
    /// `name: DB_PASSWORD`, whose `value: …` follows; and where it stands.
    named: Option<(usize, String)>,
}

impl Masker {
    fn new(text: &str, form: Form) -> Masker {
        Masker {
            form,
            open: None,
            held: Vec::new(),
            section: None,
            has_sections: false,
            quoted: None,
            last_quotes: ['"', '\'', '`'].map(|quote| (quote, text.rfind(quote))),
            heredoc: None,
            tags: Tags::of(text),
            read: 0,
            carried: false,
            half_name: String::new(),
            statements: Statements::default(),
            explicit: String::new(),
            in_private_key: false,
            braces: 0,
            triple: None,
            named: None,
        }
    }

    fn line<'a>(&mut self, line: &'a str) -> Cow<'a, str> {
        let content = line.trim_start();
        let mut indent = line.len() - content.len();
        if let Some(quoted) = self.quoted.take() {
            self.quoted = within_quotes(line, quoted);
            return Cow::Borrowed("");
        }
        if let Some(heredoc) = self.heredoc.take() {
            let (shown, rest) = heredoc.line(line);
            self.heredoc = rest;
            return shown;
        }
        if std::mem::take(&mut self.carried) {
            self.carried = goes_on(line);
            return Cow::Borrowed("");
        }
        let half_name = std::mem::take(&mut self.half_name);
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
        if self.form == Form::Erlang {
            return mask_text(line);
        }
        if self.form == Form::Blocks {
            let is_comment = content.starts_with('#') || content.starts_with("//");
            if !is_comment || self.statements.is_quoted() {
                return self.statements(line).into();
            }
        }
        if self.form == Form::Yaml {
            indent += length_of_dashes(content);
        }
        let content = line.get(indent..).unwrap_or_default();
        self.close(content, indent);
        if self.open.as_ref().is_some_and(|open| {
            let inside = indent > open.indent || open.list;
            inside && open.secret && !(open.mapping && assignment(content).is_some())
        }) {
            self.carried = self.form == Form::Any && goes_on(line);
            return self.continued(line, indent);
        }
        let masked = match self.form == Form::Yaml && self.within_braces(content) {
            true => in_braces(line, indent, self.covers_items()),
            false => self.beginning(line, content, indent, &half_name),
        };
        self.form.quote_masks(masked)
    }

    /// A line of statements, and the comment behind them.
    fn statements(&mut self, line: &str) -> String {
        let (mut masked, comment) = self.statements.line(line);
        let comment = line.get(comment..).filter(|comment| !comment.is_empty());
        // In a quoted secret that goes on, it is none.
        if let Some(comment) = comment.filter(|_| !self.statements.is_quoted()) {
            masked.push_str(&self.beginning(comment, comment, 0, ""));
        }
        masked
    }

    /// Ends what this line is not part of any more. A comment may stand anywhere.
    fn close(&mut self, content: &str, indent: usize) {
        if is_comment(content) {
            return;
        }
        let closes = is_closer(content);
        if self.open.as_ref().is_some_and(|open| indent <= open.indent && (!open.list || closes)) {
            self.open = None;
        }
        while self.held.pop_if(|held| indent <= held.indent && (!held.bracket || closes)).is_some()
        {
        }
    }

    /// Whether the groups around say that this is a secret.
    fn is_held(&self, says: impl Fn(Group) -> bool) -> bool {
        self.section.is_some_and(&says) || self.held.iter().any(|held| says(held.group))
    }

    /// Whether a value without a name is a secret here.
    fn covers_items(&self) -> bool {
        self.is_held(Group::covers_items)
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
        if let Some(item) = self.quoted_item(line, content, indent) {
            return item;
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

    /// A quoted item of a list of secrets, with what closes the list behind it.
    fn quoted_item<'a>(
        &mut self,
        line: &'a str,
        content: &str,
        indent: usize,
    ) -> Option<Cow<'a, str>> {
        if !matches!(self.form, Form::Toml | Form::Yaml) {
            return None;
        }
        let tail = behind_item(content)?;
        if tail.contains([']', '}', ')']) {
            self.open.take_if(|open| open.list);
            self.held.pop_if(|held| held.bracket);
        }
        Some(format!("{}\"{MASK}\"{tail}", line.get(..indent)?).into())
    }

    /// A line that begins something.
    fn beginning<'a>(
        &mut self,
        line: &'a str,
        content: &str,
        indent: usize,
        half_name: &str,
    ) -> Cow<'a, str> {
        let uncommented = uncommented(content);
        let is_comment = is_comment(content);
        let (content, indent) = if is_comment {
            (uncommented, line.len() - uncommented.len())
        } else {
            (content, indent)
        };
        if let Some(name) = section(content).filter(|_| self.form != Form::Yaml && !is_comment) {
            self.section = Group::of_path(name);
            self.has_sections = true;
            self.held.clear();
            return mask_text(line);
        }
        if content.starts_with('[') && !self.covers_items() {
            return mask_text(line);
        }
        // `- {a: x, b: y}` among secrets: what it is made of is not told.
        let is_whole = |ends: [char; 2]| content.starts_with(ends[0]) && content.ends_with(ends[1]);
        if self.form == Form::Yaml
            && self.covers_items()
            && (is_whole(['{', '}']) || is_whole(['[', ']']))
            && content.len() > 2
        {
            return format!("{}\"{MASK}\"", line.get(..indent).unwrap_or_default()).into();
        }
        if is_tag(content) {
            return mask_text(line);
        }
        if let Some(masked) = self.explicit(line, content, indent) {
            return masked;
        }
        let found = assignment(content);
        if found.is_none() && self.form == Form::Any && goes_on(content) {
            self.half_name = half(half_name, content);
        }
        let is_value = self.form == Form::Xml || self.open.as_ref().is_some_and(|open| open.prose);
        match found {
            Some(found) => self.assignment(line, indent, &found, is_comment, half_name),
            None if !is_comment && self.covers_items() => self.item(line, content, indent),
            // Prose speaks of passwords: as a directive, it has two words.
            None if (is_comment || is_value) && content.split_whitespace().count() != 2 => {
                mask_text(line)
            }
            None => match directive_secret(content) {
                Some(at) => {
                    self.carried = self.form == Form::Any && !is_comment && goes_on(line);
                    masked(line, indent + at)
                }
                None => mask_text(line),
            },
        }
    }

    /// YAML's `? name`, and the `: value` on the line below.
    fn explicit<'a>(
        &mut self,
        line: &'a str,
        content: &str,
        indent: usize,
    ) -> Option<Cow<'a, str>> {
        if self.form != Form::Yaml {
            return None;
        }
        if let Some(name) = content.strip_prefix("? ") {
            self.explicit = half("", &unescaped(name.trim().trim_matches(['"', '\''])));
            return None;
        }
        let name = std::mem::take(&mut self.explicit);
        let value = content.strip_prefix(": ").filter(|_| is_secret_name(&name))?.trim_start();
        let (begun, block) = (true, is_block_mark(self.form.behind_tags(value)));
        let open =
            Open { indent, secret: true, mapping: false, block, list: false, begun, prose: false };
        self.open = Some(open);
        let bare = value.trim().trim_matches(['"', '\'']);
        let masks = !block && names_a_secret(&name, bare);
        Some(if masks { masked(line, indent + content.len() - value.len()) } else { line.into() })
    }

    /// A line without a separator where all values are secrets: `- X`, `alice X`.
    fn item<'a>(&mut self, line: &'a str, content: &str, indent: usize) -> Cow<'a, str> {
        if content.trim_end_matches(['[', '{', '(', ']', '}', ')', ',', ';', ' ']).is_empty() {
            return Cow::Borrowed(line);
        }
        if let Some(item) = self.quoted_item(line, content, indent) {
            return item;
        }
        self.carried = self.form == Form::Any && goes_on(line);
        let value = content.split_once([' ', '\t']).filter(|_| self.form == Form::Any);
        let value = value.map_or(content, |(_, value)| value.trim_start());
        masked(line, indent + content.len() - value.len())
    }

    fn assignment<'a>(
        &mut self,
        line: &'a str,
        indent: usize,
        found: &Assignment<'_>,
        is_comment: bool,
        half_name: &str,
    ) -> Cow<'a, str> {
        let at = indent + found.value_at;
        let value = line.get(at..).unwrap_or_default().trim_end();
        let is_anchor = self.form.behind_tags(value).is_empty();
        let value = if is_anchor { "" } else { value };
        let opener = value.split_once('#').filter(|_| self.form != Form::Any);
        let opener = opener.map_or(value, |(opener, _)| opener.trim_end());
        let opens_list = matches!(opener, "{" | "[" | "(");
        let bare = value.trim_end_matches([',', ';']).trim_matches(['"', '\'']);
        let name = self.name_of(found.name, bare, indent);
        let whole_name = half(half_name, &unescaped(found.name));
        let name = name.as_deref().unwrap_or(&whole_name);
        let parents = Group::of_parents(name);
        let covered = |group: Group| group.covers(name);
        let secret = is_secret_name(name) || self.is_held(covered) || parents.is_some_and(covered);
        let block = is_block_mark(self.form.behind_tags(value));
        let mapping = opens_list || (found.colon && value.is_empty());
        if !is_comment && (self.open.is_none() || secret) {
            let begun = !value.is_empty() && !opens_list;
            let prose = !mapping && !found.name.contains([' ', '\t']) && !value.ends_with('{');
            self.open =
                Some(Open { indent, secret, mapping, block, list: opens_list, begun, prose });
        }
        if !is_comment
            && mapping
            && self.held.len() < MAX_HELD
            && let Some(group) = Group::of(name)
        {
            self.held.push(Held { indent, group, bracket: opens_list });
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
        if secret
            && let Some(quote) = open_quote(value).filter(|_| !is_comment && self.quotes_lines())
            && self.comes_again(quote)
        {
            self.quoted = Some((quote, 0));
            return format!("{}{quote}{MASK}{quote}", line.get(..at).unwrap_or_default()).into();
        }
        if secret
            && self.form == Form::Any
            && let Some((before, heredoc)) = Heredoc::begun(value, is_comment)
            && self.tags.ends(&heredoc, self.read)
        {
            self.heredoc = Some(heredoc);
            self.open = None;
            let (head, mark) = line.split_at_checked(at + before).unwrap_or((line, ""));
            let head = head.get(..at).unwrap_or_default();
            return if before == 0 { line.into() } else { format!("{head}{MASK} {mark}").into() };
        }
        let hidden = |group: Group| group.hides(name, bare);
        if !(names_a_secret(name, bare) || self.is_held(hidden) || parents.is_some_and(hidden)) {
            return mask_text(line);
        }
        self.carried = self.form == Form::Any && !is_comment && goes_on(line);
        masked(line, at + value.len() - self.form.behind_tags(value).len())
    }

    /// Whether a quoted value may have several lines, as in a shell and in files of the environment.
    fn quotes_lines(&self) -> bool {
        self.form == Form::Any && !self.has_sections
    }

    /// Whether there is such a quote behind this line.
    fn comes_again(&self, quote: char) -> bool {
        let is = |(known, last): &(char, Option<usize>)| {
            *known == quote && last.is_some_and(|last| last >= self.read)
        };
        self.last_quotes.iter().any(is)
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

fn is_comment(content: &str) -> bool {
    content.starts_with(['#', ';']) || content.starts_with("//")
}

/// A line of a quoted secret: what of the quotes is still open behind it. A secret that never ends
/// must not take the rest of the file.
fn within_quotes(line: &str, (quote, lines): (char, usize)) -> Option<(char, usize)> {
    let open = open_quote(&format!("{quote}{line}")).is_some();
    (open && lines < MAX_QUOTED_LINES).then_some((quote, lines + 1))
}

/// How much of a name may stand in the lines before.
const MAX_HALF_NAME: usize = 128;

/// A name behind the part of it that ended in a backslash.
fn half(before: &str, name: &str) -> String {
    let whole = format!("{before}{}", name.trim_end().trim_end_matches('\\'));
    let from = whole.len().saturating_sub(MAX_HALF_NAME);
    let from = (from..whole.len()).find(|at| whole.is_char_boundary(*at)).unwrap_or(from);
    whole.get(from..).unwrap_or_default().to_owned()
}

/// A line of a mapping in braces that began on an earlier one; all of it where it is secret.
fn in_braces(line: &str, indent: usize, secret: bool) -> Cow<'_, str> {
    let (head, content) = line.split_at_checked(indent).unwrap_or((line, ""));
    if secret {
        let text = content.trim_end_matches([',', '}', ']', ' ']);
        let tail = content.get(text.len()..).unwrap_or_default();
        let mask = if text.is_empty() { "" } else { "\"***\": \"***\"" };
        return format!("{head}{mask}{tail}").into();
    }
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
