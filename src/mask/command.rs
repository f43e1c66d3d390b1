//! Command lines inside of texts: what a unit, a supervisor or a compose file runs, a shell's script,
//! the words of a command as a list of YAML, JSON or Python.
//!
//! A text is read as words, whatever holds them together: blanks, quotes (of which one pair may stand
//! in another), brackets and commas. The masker of real command lines judges these. Each byte is
//! looked at a few times, however it is nested.

use std::borrow::Cow;
use std::ops::Range;

use super::argv::{Masker, names_a_program};
use super::form::Form;
use super::inline::NESTED;

/// The text with the secrets of its command lines masked; `None` if there are none.
pub(super) fn mask(text: &str) -> Option<String> {
    if !may_have_option(text) && !names_a_program(text) {
        return None;
    }
    mask_with(&mut Masker::default(), text)
}

/// The same, where a command line may have begun in the text before.
fn mask_with(masker: &mut Masker, text: &str) -> Option<String> {
    let mut words = Words::new(text);
    let mut out = String::new();
    let mut done = 0;
    while let Some(piece) = words.next(masker.expects_secret()) {
        let Piece::Word { range, comma } = piece else {
            *masker = Masker::default();
            continue;
        };
        let masked = masker.word_of_text(text.get(range.clone()).unwrap_or_default());
        if let Some(masked) = masked {
            out.push_str(text.get(done..range.start).unwrap_or_default());
            out.push_str(&masked);
            done = range.end;
        }
        // "Use --password, --token or …"
        if comma {
            masker.expect_nothing();
        }
    }
    if done == 0 {
        return None;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Some(out)
}

/// Whether a word begins with a dash, or may be `/name:value`.
fn may_have_option(text: &str) -> bool {
    let has_colon = text.contains(':');
    let mut before = b' ';
    let mut begins = false;
    for byte in text.bytes() {
        if begins && (byte.is_ascii_alphanumeric() || byte == b'-') {
            return true;
        }
        let at_start = before.is_ascii_whitespace() || b"\"'`[(,={".contains(&before);
        begins = at_start && (byte == b'-' || (byte == b'/' && has_colon));
        before = byte;
    }
    false
}

/// A part of a text.
enum Piece {
    /// A word, and whether a comma follows that is no list's.
    Word { range: Range<usize>, comma: bool },
    /// The end of a command line.
    End,
}

/// Reads a text as words.
struct Words<'a> {
    text: &'a str,
    at: usize,
    /// The quote that the words stand in.
    open: Option<u8>,
    /// How many brackets are open: commas separate words there.
    brackets: usize,
    /// A command line ends with the word before.
    ended: bool,
    /// Where the last `}}` stands.
    last_template: Option<usize>,
    /// Where the last of each quote stands: one that is not closed is an apostrophe.
    last: [Option<usize>; QUOTES.len()],
}

const QUOTES: [u8; 3] = [b'"', b'\'', b'`'];

/// What ends the `{{ name }}` of a template, which is one word.
const TEMPLATE_END: &str = "}}";

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Words<'a> {
        let last = QUOTES.map(|quote| text.rfind(char::from(quote)));
        let last_template = text.rfind(TEMPLATE_END);
        Words { text, at: 0, open: None, brackets: 0, ended: false, last_template, last }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The next piece; where a secret is expected, a quoted text is one word.
    fn next(&mut self, secret: bool) -> Option<Piece> {
        if std::mem::take(&mut self.ended) {
            return Some(Piece::End);
        }
        loop {
            let byte = self.byte(self.at)?;
            let before = self.at.checked_sub(1).and_then(|before| self.byte(before));
            match byte {
                b'\n' => {
                    self.at += 1;
                    if self.brackets == 0 && before != Some(b'\\') {
                        return Some(Piece::End);
                    }
                }
                b'[' | b'(' => {
                    self.brackets += usize::from(self.open.is_none());
                    self.at += 1;
                }
                b']' | b')' => {
                    self.brackets -= usize::from(self.open.is_none() && self.brackets > 0);
                    self.at += 1;
                }
                b'{' if secret && self.is_template() => return Some(self.template()),
                b'{' | b'}' | b',' | b':' | b'=' => self.at += 1,
                // The end of a line, or an escaped quote.
                b'\\' if self.byte(self.at + 1).is_none_or(is_separator) => self.at += 1,
                b';' | b'|' | b'&' if self.is_operator() => {
                    self.at += 1;
                    return Some(Piece::End);
                }
                quote if QUOTES.contains(&quote) => {
                    if let Some(word) = self.quote(quote, before == Some(b'\\'), secret) {
                        return Some(word);
                    }
                }
                byte if byte.is_ascii_whitespace() => self.at += 1,
                _ => return Some(self.word(before, secret)),
            }
        }
    }

    /// `;`, `&&` and alike, alone.
    fn is_operator(&self) -> bool {
        let rest = self.text.as_bytes().get(self.at..self.at + 3);
        let rest = rest.or_else(|| self.text.as_bytes().get(self.at..)).unwrap_or_default();
        let behind = rest.iter().find(|byte| !b";|&".contains(byte));
        behind.is_none_or(u8::is_ascii_whitespace)
    }

    fn is_template(&self) -> bool {
        let is_closed = self.last_template.is_some_and(|last| last > self.at);
        is_closed && self.text.get(self.at..).is_some_and(|rest| rest.starts_with("{{"))
    }

    fn template(&mut self) -> Piece {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.find(TEMPLATE_END).map_or(rest.len(), |end| end + TEMPLATE_END.len());
        self.at = start + length;
        Piece::Word { range: start..self.at, comma: false }
    }

    /// A quote between words. What is in a pair of them, where a secret is expected.
    fn quote(&mut self, quote: u8, escaped: bool, secret: bool) -> Option<Piece> {
        if secret && let Some(range) = self.nested() {
            self.at = range.end + NESTED.len();
            return Some(Piece::Word { range, comma: false });
        }
        let start = self.at + 1;
        self.at = start;
        if !escaped && self.open == Some(quote) {
            self.open = None;
            return None;
        }
        if !self.is_closed_behind(quote, start) {
            return None;
        }
        if !escaped && self.open.is_none() {
            self.open = Some(quote);
        }
        if !secret {
            return None;
        }
        let bytes = self.text.as_bytes().get(start..).unwrap_or_default();
        let is_end = |(at, byte): (usize, &u8)| {
            let behind_backslash = at.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'\\');
            *byte == quote && behind_backslash == escaped
        };
        let end = start + bytes.iter().enumerate().position(|(at, byte)| is_end((at, byte)))?;
        let end = end - usize::from(escaped);
        self.at = end;
        Some(Piece::Word { range: start..end, comma: false })
    }

    /// What is in quotes within quotes, as a shell needs them.
    fn nested(&self) -> Option<Range<usize>> {
        let inner = self.text.as_bytes().get(self.at..)?.strip_prefix(NESTED)?;
        let start = self.at + NESTED.len();
        let end = inner.windows(NESTED.len()).position(|part| part == NESTED);
        Some(start..end.map_or(start, |end| start + end)).filter(|range| !range.is_empty())
    }

    fn is_closed_behind(&self, quote: u8, at: usize) -> bool {
        let last = QUOTES.iter().zip(self.last).find(|(known, _)| **known == quote);
        last.and_then(|(_, last)| last).is_some_and(|last| last >= at)
    }

    /// The word that begins here. Quotes belong to options and secrets (`-p"a b"`), and end others.
    fn word(&mut self, before: Option<u8>, secret: bool) -> Piece {
        let start = self.at;
        let joins = secret || self.byte(start) == Some(b'-');
        let entered = before.filter(|byte| QUOTES.contains(byte));
        let in_list = self.brackets > 0 && self.open.is_none();
        let mut end = start;
        while let Some(byte) = self.byte(end) {
            let goes_on = match byte {
                b',' | b']' | b')' if in_list => false,
                b'\n' | b'\r' => false,
                // A plain text of a list in YAML.
                b' ' if in_list && secret => true,
                b'\\' if self.byte(end + 1).is_some_and(|next| QUOTES.contains(&next)) => {
                    self.open.is_none() && joins
                }
                quote if QUOTES.contains(&quote) => {
                    if entered == Some(quote) || self.open == Some(quote) || !joins {
                        false
                    } else {
                        end = self.end_of_quoted(quote, end);
                        true
                    }
                }
                byte => !byte.is_ascii_whitespace(),
            };
            if !goes_on {
                break;
            }
            end += 1;
        }
        self.at = end;
        let behind = self.byte(end);
        self.ended = self.byte(end - usize::from(end > start)) == Some(b';')
            && behind.is_none_or(is_separator);
        let word = self.text.get(start..end).unwrap_or_default().trim_end();
        let mut kept = word;
        if entered.is_none() && joins {
            kept = closed_before(word);
        }
        let tail = word.get(kept.len()..).unwrap_or_default();
        Piece::Word { range: start..start + kept.len(), comma: tail.contains(',') }
    }

    /// Where the quote at `at` is closed on its line; there, if it is not.
    fn end_of_quoted(&self, quote: u8, at: usize) -> usize {
        if !self.is_closed_behind(quote, at + 1) {
            return at;
        }
        let rest = self.text.as_bytes().get(at + 1..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == quote || *byte == b'\n');
        match end.and_then(|end| rest.get(end).map(|byte| (end, *byte))) {
            Some((end, byte)) if byte == quote => at + 1 + end,
            _ => at,
        }
    }
}

fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || QUOTES.contains(&byte)
}

/// A word without what closes something that was opened before it, or ends a command.
fn closed_before(word: &str) -> &str {
    // What is taken off opens nothing, so that these stay true.
    let [round, square, curly] = ['(', '[', '{'].map(|opener| word.contains(opener));
    let mut kept = word;
    while let Some(last) = kept.chars().next_back() {
        let belongs = match last {
            ')' => round,
            ']' => square,
            '}' => curly,
            ';' | ',' => false,
            _ => true,
        };
        if belongs {
            break;
        }
        kept = kept.get(..kept.len() - 1).unwrap_or_default();
    }
    if kept.is_empty() { word } else { kept }
}

/// Command lines that go over several lines of a file: behind a backslash, or with one word on each
/// line, as YAML's items, in brackets or indented.
#[derive(Default)]
pub(super) struct Lines {
    /// The command line whose last line ended in a backslash.
    continued: Option<Masker>,
    /// The words of a list so far, and how far they are indented.
    list: Option<(usize, Masker)>,
}

impl Lines {
    /// The next line, masked by itself already.
    pub fn mask<'a>(&mut self, line: Cow<'a, str>, form: Form) -> Cow<'a, str> {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            return line;
        }
        let continued = self.continued.take();
        if continued.is_some() || content.ends_with('\\') {
            let mut masker = continued.unwrap_or_default();
            let masked = mask_with(&mut masker, &line);
            self.continued = content.ends_with('\\').then_some(masker);
            return masked.map_or(line, |masked| form.quote_masks(Cow::Owned(masked)));
        }
        let Some(word) = lone_word(&line) else {
            self.list = None;
            return line;
        };
        let indent = word.indent;
        let mut masker = match self.list.take() {
            Some((known, masker)) if known == indent => masker,
            _ => Masker::default(),
        };
        let text = line.get(word.range.clone()).unwrap_or_default();
        // `- name: value` is a word of a command only where one is awaited.
        let masked = match masker.expects_secret() || !text.contains([' ', '\t']) {
            true => masker.word_of_text(text),
            false => None,
        };
        self.list = Some((indent, masker));
        let Some(masked) = masked else { return line };
        let head = line.get(..word.range.start).unwrap_or_default();
        let tail = line.get(word.range.end..).unwrap_or_default();
        form.quote_masks(Cow::Owned(format!("{head}{masked}{tail}")))
    }
}

/// The only word of a line.
struct LoneWord {
    indent: usize,
    range: Range<usize>,
}

fn lone_word(line: &str) -> Option<LoneWord> {
    let content = line.trim_start();
    let indent = line.len() - content.len();
    let item = content.strip_prefix("- ").map(str::trim_start);
    let word = item.unwrap_or(content);
    let start = line.len() - word.len();
    let word = word.trim_end().trim_end_matches(',');
    let quote = word.chars().next().filter(|c| matches!(c, '"' | '\''));
    let quoted = quote.and_then(|quote| {
        let inner = word.get(1..)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    });
    let (start, word) = match quoted {
        Some(inner) => (start + 1, inner),
        None => (start, word),
    };
    // What is not indented is no word of a list.
    let is_list =
        item.is_some() || (indent > 0 && (quoted.is_some() || !word.contains([' ', '\t'])));
    (is_list && !word.is_empty()).then_some(LoneWord { indent, range: start..start + word.len() })
}
