//! Masks statements in blocks, as nginx writes them: `name value; name argument { … }`.
//!
//! Several statements and blocks may share a line, so a mask ends where its statement does: `;`, `{`
//! and `}` stay, and a parser sees the same blocks. A variable (`$http_authorization`) is a reference
//! here and no secret. In `map $host $api_token { … }` the values are secrets, in
//! `map $http_apikey $client { … }` what they are compared with, but for patterns.

use std::ops::Range;

use super::group::Group;
use super::line::{directive_secret, is_expression};
use super::name::{is_harmless, is_secret_name, names_a_secret};
use super::{MASK, mask_text};

/// How much of a word is remembered, and how long a value is looked at that could be no secret.
const MAX_WORD: usize = 256;
/// How many blocks are remembered, one in the other.
const MAX_BLOCKS: usize = 256;
/// How many lines a quoted value may have.
const MAX_QUOTED_LINES: usize = 500;

/// Between a name and its value, in conditions and in the files of others.
const OPERATORS: &[&str] = &["=", "==", "!=", "~", "~*", "!~", "!~*", ":", ":=", "=>", "+="];
/// Blocks that map the first variable to the second.
const MAPS: &[&str] = &["map", "geo", "split_clients"];
/// What may stand in a map beside its pairs.
const MAP_WORDS: &[&str] = &["default", "hostnames", "volatile", "include"];
/// What stands before a token in a header.
const SCHEMES: &[&str] = &["basic", "bearer", "token", "digest", "negotiate", "apikey"];

/// Whether a text has statements in blocks. Sections in brackets are of other forms.
pub(super) fn is_blocks(text: &str) -> bool {
    let (mut code, mut statements, mut opens, mut closes) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut assigns = false;
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
            continue;
        }
        let line = line.split(" #").next().unwrap_or(line).trim_end();
        let mut words = line.split_whitespace();
        if (line.starts_with('[') && line.ends_with(']'))
            || (code == 0 && line.starts_with(['{', '[', '<']))
        {
            return false;
        }
        code += 1;
        let is_whole = line.ends_with('}') && line.contains("; ") && line.contains("{ ");
        statements += usize::from(line.ends_with(';') || is_whole);
        opens += usize::from(line.ends_with('{') || is_whole);
        closes += usize::from(line.ends_with('}'));
        assigns |= words.next().is_some_and(|first| first.contains(['=', ':']))
            || words.next().is_some_and(|second| second.starts_with(['=', ':']));
    }
    statements > 0 && (opens > 0 || (!assigns && (statements + closes) * 2 > code))
}

/// What a block says of the statements in it.
#[derive(Clone, Copy)]
enum Block {
    Plain,
    /// Of its pairs, the first or the second are secrets.
    Map {
        keys: bool,
        values: bool,
    },
    Secrets(Group),
}

/// What a statement was seen to have, which may have begun on an earlier line.
#[derive(Default)]
struct Statement {
    words: usize,
    first: String,
    second: String,
    /// The last word, if it could be the name of the next.
    name: String,
    is_secret: bool,
    /// An operator followed the name.
    assigned: bool,
    /// Behind the operator, nothing did yet; and how far the line was indented.
    awaits: Option<usize>,
    in_parentheses: bool,
}

/// The statements of a file, line by line.
#[derive(Default)]
pub(super) struct Statements {
    blocks: Vec<Block>,
    /// How many more are open than are remembered.
    beyond: usize,
    statement: Statement,
    /// The quote that ends a secret of several lines, and how many there were.
    quoted: Option<(char, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    End,
    Open,
    Close,
}

struct Token {
    kind: Kind,
    range: Range<usize>,
}

impl Statements {
    /// Whether a quoted secret goes on in the next line.
    pub fn is_quoted(&self) -> bool {
        self.quoted.is_some()
    }

    /// The line, masked, up to a comment; and where that begins.
    pub fn line(&mut self, line: &str) -> (String, usize) {
        let mut out = Out { line, text: String::new(), chunk: String::new(), done: 0 };
        let mut from = 0;
        if let Some((quote, lines)) = self.quoted.take() {
            let end = end_of_quoted(line.as_bytes(), 0, quote);
            let Some(end) = end else {
                self.quoted = (lines < MAX_QUOTED_LINES).then_some((quote, lines + 1));
                return (String::new(), line.len());
            };
            (from, out.done) = (end, end);
        }
        let indent = line.len() - line.trim_start().len();
        if self.statement.awaits.is_some_and(|awaits| indent <= awaits) {
            self.statement = Statement::default();
        }
        let (tokens, comment) = tokens(line, from);
        let last_word = tokens.iter().rposition(|token| token.kind == Kind::Word);
        let mut value_end = None;
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            index += 1;
            match token.kind {
                Kind::Word => {}
                kind => {
                    out.end(token);
                    self.end(kind);
                    continue;
                }
            }
            let word = line.get(token.range.clone()).unwrap_or_default();
            let inside = self.names_itself(word);
            if inside > 0 || self.awaits_secret(word) {
                // Every word of a statement has the same end.
                let last = match value_end {
                    Some(last) if last + 1 >= index => last,
                    _ => last_of_value(&tokens, index - 1),
                };
                value_end = Some(last);
                let start = token.range.start + inside;
                let last = if self.is_key() { index - 1 } else { last };
                let end = tokens.get(last).map_or(start, |token| token.range.end);
                let last = match self.is_whole_line(line, start..end) {
                    true => last.max(last_word.unwrap_or(last)),
                    false => last,
                };
                let end = tokens.get(last).map_or(start, |token| token.range.end);
                let shown = self.bare(line, start..end);
                let value = line.get(shown.clone()).unwrap_or_default();
                if value == MASK || self.hides(value) {
                    self.quoted = unclosed(line.get(start..end).unwrap_or_default());
                    out.mask(match self.quoted {
                        Some(_) => start..end,
                        None => shown,
                    });
                    self.statement.is_secret = false;
                    self.statement.awaits = None;
                    self.statement.words += 1;
                    index = last + 1;
                    continue;
                }
            }
            if let Some(at) = self.secret_in_word(word) {
                let end = token.range.end - usize::from(word.ends_with(['"', '\'']));
                out.mask(token.range.start + at..end);
            }
            self.word(word, indent);
        }
        if self.statement.assigned && self.statement.awaits.is_none() {
            // Without `;` a line is a statement.
            self.statement = Statement::default();
        }
        out.copy(comment);
        out.flush();
        (out.text, comment)
    }

    /// How long the name is that a first word begins with, if a value follows: `password=x`.
    fn names_itself(&mut self, word: &str) -> usize {
        let at = word.find(['=', ':']).filter(|at| *at > 0 && self.statement.words == 0);
        let Some(at) =
            at.filter(|at| at + 1 < word.len() && !word.starts_with(['"', '\'', '(', '$']))
        else {
            return 0;
        };
        let name = word.get(..at).unwrap_or_default();
        if word.get(at..).is_some_and(|rest| rest.starts_with("://")) || !self.is_secret(name) {
            return 0;
        }
        self.statement.first = remembered(name);
        self.statement.name = remembered(name);
        self.statement.assigned = true;
        at + 1
    }

    /// Whether the next word is what a map compares with.
    fn is_key(&self) -> bool {
        self.statement.words == 0 && matches!(self.block(), Block::Map { .. })
    }

    fn is_secret(&self, name: &str) -> bool {
        is_secret_name(name) || self.group().is_some_and(|group| group.covers(name))
    }

    fn block(&self) -> Block {
        self.blocks.last().copied().unwrap_or(Block::Plain)
    }

    fn group(&self) -> Option<Group> {
        match self.block() {
            Block::Secrets(group) => Some(group),
            Block::Plain | Block::Map { .. } => None,
        }
    }

    /// Whether what comes next is a secret, unless it shows that it is none.
    fn awaits_secret(&self, word: &str) -> bool {
        let Statement { words, is_secret, assigned, .. } = self.statement;
        if OPERATORS.contains(&word) {
            return false;
        }
        match self.block() {
            Block::Map { keys, .. } if words == 0 => {
                let bare = word.trim_matches(['"', '\'']);
                keys && !bare.starts_with('~') && !MAP_WORDS.contains(&bare)
            }
            Block::Map { values, .. } => values,
            Block::Secrets(group) if words == 1 && group.covers(&self.statement.first) => true,
            Block::Secrets(_) | Block::Plain => is_secret || assigned,
        }
    }

    /// Whether this value is a secret where one is awaited.
    fn hides(&self, value: &str) -> bool {
        if value.len() > MAX_WORD {
            return self.statement.is_secret || !self.statement.assigned;
        }
        let Statement { name, assigned, in_parentheses, .. } = &self.statement;
        if is_expression(value) || ((!assigned || *in_parentheses) && is_reference(value)) {
            return false;
        }
        match self.block() {
            Block::Map { .. } => !is_harmless(name, value),
            Block::Secrets(group) if group.hides(&self.statement.first, value) => true,
            Block::Secrets(_) | Block::Plain => names_a_secret(name, value),
        }
    }

    /// Whether a value goes on up to the line's end: an unquoted text behind `name =` that has a `=` of
    /// its own (`a=1; sid=x;`).
    fn is_whole_line(&self, line: &str, value: Range<usize>) -> bool {
        let end = value.end.min(value.start + MAX_WORD);
        let value = line.as_bytes().get(value.start..end).unwrap_or_default();
        let is_plain = self.statement.assigned && !self.statement.in_parentheses;
        let is_quoted = value.starts_with(b"\"") || value.starts_with(b"'");
        is_plain && !is_quoted && value.contains(&b'=')
    }

    /// The part of a value that is secret if it is one: without quotes, `,` and the `)` of a condition.
    fn bare(&self, line: &str, value: Range<usize>) -> Range<usize> {
        let text = line.get(value.clone()).unwrap_or_default();
        let text = text.trim_end_matches(',');
        let closed = text.strip_suffix(')').filter(|_| self.statement.in_parentheses);
        let text = closed.unwrap_or(text).trim_end();
        let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
        let whole =
            quote.is_some_and(|quote| end_of_quoted(text.as_bytes(), 1, quote) == Some(text.len()));
        match whole {
            true => value.start + 1..value.start + text.len() - 1,
            false => value.start..value.start + text.len(),
        }
    }

    /// `auth user:password`, and an option in a quoted text.
    fn secret_in_word(&self, word: &str) -> Option<usize> {
        if self.statement.name == "auth" && !word.contains("://") {
            return word.find(':').map(|colon| colon + 1);
        }
        let is_text = word.starts_with(['"', '\'']) && word.contains([' ', '\t']);
        if is_text { directive_secret(word) } else { None }
    }

    /// A word that is no secret.
    fn word(&mut self, word: &str, indent: usize) {
        let statement = &mut self.statement;
        statement.awaits = None;
        if OPERATORS.contains(&word) {
            statement.assigned = true;
            statement.awaits = Some(indent);
            return;
        }
        statement.in_parentheses |= word.starts_with('(');
        let inner = word.trim_start_matches('(');
        let named = inner.strip_suffix([':', '=']).filter(|name| !name.is_empty());
        let bare = named.unwrap_or(inner).trim_end_matches(')').trim_matches(['"', '\'']);
        let is_name = !bare.contains(['/', ',', '=', ':', ' ', '\t']);
        let name = if is_name { remembered(bare) } else { String::new() };
        match statement.words {
            0 => statement.first = remembered(bare),
            1 => statement.second = remembered(bare),
            _ => {}
        }
        statement.words += 1;
        statement.assigned = named.is_some();
        statement.awaits = named.map(|_| indent);
        statement.is_secret = is_secret_name(&name);
        statement.name = name;
    }

    /// A statement ends, or a block begins or ends.
    fn end(&mut self, kind: Kind) {
        let done = std::mem::take(&mut self.statement);
        match kind {
            Kind::Open if self.blocks.len() >= MAX_BLOCKS => {
                self.beyond = self.beyond.saturating_add(1)
            }
            Kind::Open => {
                let block = match self.group().filter(|group| group.covers_items()) {
                    Some(group) => Block::Secrets(group),
                    None => done.block(),
                };
                self.blocks.push(block);
            }
            Kind::Close if self.beyond > 0 => self.beyond -= 1,
            Kind::Close => {
                self.blocks.pop();
            }
            Kind::Word | Kind::End => {}
        }
    }
}

impl Statement {
    /// What the block is that this statement begins.
    fn block(&self) -> Block {
        if MAPS.contains(&&*self.first) {
            let from = if self.words > 2 { &*self.second } else { "" };
            return Block::Map { keys: is_secret_name(from), values: self.is_secret };
        }
        let is_name = self.words == 1 || self.assigned;
        Group::of(&self.first).filter(|_| is_name).map_or(Block::Plain, Block::Secrets)
    }
}

/// A line that is being put together; each statement is masked for itself, lest a pattern finds a
/// secret that goes over the end of one.
struct Out<'a> {
    line: &'a str,
    text: String,
    chunk: String,
    done: usize,
}

impl Out<'_> {
    fn copy(&mut self, to: usize) {
        self.chunk.push_str(self.line.get(self.done..to).unwrap_or_default());
        self.done = self.done.max(to);
    }

    fn mask(&mut self, span: Range<usize>) {
        self.copy(span.start);
        self.flush();
        self.text.push_str(MASK);
        self.done = self.done.max(span.end);
    }

    fn flush(&mut self) {
        self.text.push_str(&mask_text(&self.chunk));
        self.chunk.clear();
    }

    fn end(&mut self, token: &Token) {
        self.copy(token.range.start);
        self.flush();
        self.text.push_str(self.line.get(token.range.clone()).unwrap_or_default());
        self.done = self.done.max(token.range.end);
    }
}

/// The last of the words from this one on. `;` ends a value only in a line that ends as statements do.
fn last_of_value(tokens: &[Token], from: usize) -> usize {
    let splits = tokens.last().is_some_and(|token| token.kind != Kind::Word);
    let is_end = |token: &Token| match token.kind {
        Kind::Word => false,
        Kind::End => splits,
        Kind::Open | Kind::Close => true,
    };
    let rest = tokens.get(from..).unwrap_or_default();
    let length = rest.iter().position(is_end).unwrap_or(rest.len());
    let rest = rest.get(..length).unwrap_or_default();
    from + rest.iter().rposition(|token| token.kind == Kind::Word).unwrap_or(0)
}

/// The words and marks of a line from here on, and where its comment begins.
fn tokens(line: &str, from: usize) -> (Vec<Token>, usize) {
    let bytes = line.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b' ');
    let is_blank = |index: usize| at(index).is_ascii_whitespace();
    let mut tokens = Vec::new();
    let mut index = from;
    while index < bytes.len() {
        let start = index;
        let kind = match at(index) {
            byte if byte.is_ascii_whitespace() => {
                index += 1;
                continue;
            }
            b'#' => return (tokens, index),
            b'/' if at(index + 1) == b'/' && is_blank(index + 2) => return (tokens, index),
            b';' => Kind::End,
            b'{' if at(index + 1) != b'{' => Kind::Open,
            b'}' => Kind::Close,
            _ => Kind::Word,
        };
        index = match kind {
            Kind::Word => end_of_word(bytes, index),
            _ => index + 1,
        };
        tokens.push(Token { kind, range: start..index });
    }
    (tokens, bytes.len())
}

/// Where the word ends that begins here. A quote opens a text where a word begins, or behind an
/// opening mark; elsewhere it is a letter (`isn't`), and so it is if the line does not close it.
fn end_of_word(bytes: &[u8], start: usize) -> usize {
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b' ');
    let mut depth = 0_usize;
    let mut index = start;
    while index < bytes.len() {
        let byte = at(index);
        let before = if index == start { b'(' } else { at(index - 1) };
        let ends_behind = |marks: &[u8]| {
            let next = at(index + 1);
            next.is_ascii_whitespace() || marks.contains(&next)
        };
        match byte {
            b'"' | b'\'' if b"(=:,[".contains(&before) => {
                let end = end_of_quoted(bytes, index + 1, char::from(byte));
                index = end.unwrap_or(index + 1);
                continue;
            }
            byte if byte.is_ascii_whitespace() => break,
            b';' if ends_behind(b"}#") => break,
            b'{' if before == b'$' || at(index + 1) == b'{' || before == b'{' => depth += 1,
            b'{' if ends_behind(b"") && depth == 0 => break,
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b'}' if ends_behind(b";}#") => break,
            _ => {}
        }
        index += 1;
    }
    // A word has at least one letter.
    index.max(start + 1)
}

/// Where a quoted text ends, behind its quote.
fn end_of_quoted(bytes: &[u8], from: usize, quote: char) -> Option<usize> {
    let mut backslash = false;
    for (index, byte) in bytes.iter().enumerate().skip(from) {
        if char::from(*byte) == quote && !backslash {
            return Some(index + 1);
        }
        backslash = *byte == b'\\' && !backslash;
    }
    None
}

/// The quote that a value begins with and does not close.
fn unclosed(value: &str) -> Option<(char, usize)> {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    end_of_quoted(value.as_bytes(), 1, quote).is_none().then_some((quote, 0))
}

/// `$name`, `"Bearer ${name}"`: nothing but variables and the name of a scheme.
fn is_reference(value: &str) -> bool {
    let mut rest = value;
    let mut has_variable = false;
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    while let Some((before, behind)) = rest.split_once('$') {
        let is_fixed = before.split(|c: char| !in_name(c)).any(|word| {
            !word.is_empty() && !SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
        });
        let behind = behind.strip_prefix('{').unwrap_or(behind);
        let name = behind.find(|c| !in_name(c)).unwrap_or(behind.len());
        if is_fixed || name == 0 {
            return false;
        }
        has_variable = true;
        rest = behind.get(name..).unwrap_or_default();
    }
    has_variable && !rest.contains(in_name)
}

/// The end of a word, which decides.
fn remembered(word: &str) -> String {
    let from = word.len().saturating_sub(MAX_WORD);
    let from = (from..word.len()).find(|at| word.is_char_boundary(*at)).unwrap_or(from);
    word.get(from..).unwrap_or_default().to_owned()
}
