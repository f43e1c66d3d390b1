//! The masker: replaces secrets in command lines, environments, configuration values and files by
//! `***`.
//!
//! There is one masker, and every text of the target goes through it before anything is cut or
//! saved. Two kinds of rules: by *name*, where something says what a value is (an option, a
//! variable, a key), and by *pattern*, always: user information in every URL, tokens that announce
//! themselves, private keys, `password=…` and command lines inside a longer text.
//!
//! Promises: linear time; idempotent (masking what is masked changes nothing, so a masked recording
//! replays to the same report); lines stay lines. It does not guess by entropy: a random-looking
//! word under an innocent name stays readable.
//!
//! Who holds data of the target calls it through [`Secrets`], the user's word on whether secrets are
//! shown.

mod argv;
mod block;
mod command;
mod erlang;
mod file;
mod form;
mod group;
mod heredoc;
mod inline;
mod line;
mod marks;
mod name;
mod policy;
mod token;
mod tree;
mod url;
mod xml;

#[cfg(test)]
mod corpus;

use std::borrow::Cow;
use std::ops::Range;

pub use argv::{mask_argv, mask_list};
pub use file::{mask_config_text, mask_file};
pub use name::is_secret_name;
pub use policy::Secrets;

pub use crate::text::MASK;

/// Passes over one text until nothing changes. Two are enough for real ones, the second of which
/// only confirms; a mask that uncovers another secret (a token in the name of a secret) takes one
/// more.
const MAX_PASSES: usize = 8;

/// Masks the value of something that has a name: an option, an environment variable, a JSON key.
pub fn mask_value<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if value == MASK {
        Cow::Borrowed(value)
    } else if name::names_a_secret(name, value) {
        Cow::Borrowed(MASK)
    } else {
        mask_text(value)
    }
}

/// Masks what shows by itself that it is secret, in any text.
pub fn mask_text(value: &str) -> Cow<'_, str> {
    // JSON in a text is a string in it, whose quotes have twice the backslashes: that ends soon.
    let mut masked = match file::mask_json(value) {
        Some(masked) if masked != value => Cow::Owned(masked),
        _ => Cow::Borrowed(value),
    };
    for _ in 0..MAX_PASSES {
        let replaced = replace(&masked, secrets(&masked));
        let text = replaced.as_deref().unwrap_or(&masked);
        let Some(next) = command::mask(text).or(replaced) else { break };
        masked = Cow::Owned(next);
    }
    masked
}

/// The part of a word that its masked form does not show.
fn hidden<'a>(word: &'a str, masked: &str) -> Option<&'a str> {
    let same = |(a, b): &(char, char)| a == b;
    let before = word.chars().zip(masked.chars()).take_while(same);
    let rest = word.get(before.map(|(shown, _)| shown.len_utf8()).sum::<usize>()..)?;
    let after = rest.chars().rev().zip(masked.chars().rev()).take_while(same);
    let end = rest.len() - after.map(|(shown, _)| shown.len_utf8()).sum::<usize>();
    rest.get(..end).filter(|hidden| !hidden.is_empty())
}

/// The parts of a word that its masked form does not show, where that can be told; else one part
/// with what is between them.
pub fn hidden_parts<'a>(word: &'a str, masked: &str) -> Vec<&'a str> {
    parts_between(word, masked).unwrap_or_else(|| hidden(word, masked).into_iter().collect())
}

fn parts_between<'a>(word: &'a str, masked: &str) -> Option<Vec<&'a str>> {
    let mut shown = masked.split(MASK);
    let mut rest = word.strip_prefix(shown.next()?)?;
    let mut parts = Vec::new();
    let mut shown = shown.peekable();
    while let Some(behind) = shown.next() {
        let at = match shown.peek() {
            Some(_) if behind.is_empty() => return None,
            Some(_) => rest.find(behind)?,
            None => rest.len().checked_sub(behind.len()).filter(|_| rest.ends_with(behind))?,
        };
        let (part, behind_part) = rest.split_at_checked(at)?;
        parts.extend((!part.is_empty()).then_some(part));
        rest = behind_part.get(behind.len()..)?;
    }
    Some(parts)
}

/// Repeats a pass until it changes nothing: this is what makes the masker idempotent, whatever text
/// its rules leave behind.
fn until_stable<T: PartialEq>(mut masked: T, pass: impl Fn(&T) -> T) -> T {
    for _ in 0..MAX_PASSES {
        let next = pass(&masked);
        if next == masked {
            break;
        }
        masked = next;
    }
    masked
}

/// Where the secrets of a text are, in no order.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    token::find(text, &mut spans);
    url::find(text, &mut spans);
    inline::find(text, &mut spans);
    spans
}

/// Where the lines of a part of a text are that begins at `at`, without blanks around: lines stay lines.
fn lines_of(part: &str, mut at: usize) -> impl Iterator<Item = Range<usize>> {
    part.split_inclusive(['\n', '\r']).map(move |line| {
        let start = at + line.len() - line.trim_start().len();
        at += line.len();
        start..start + line.trim().len()
    })
}

/// `text` with every span replaced by [`MASK`]; spans that overlap become one. `None` if that
/// changes nothing.
fn replace(text: &str, mut spans: Vec<Range<usize>>) -> Option<String> {
    spans.sort_by_key(|span| span.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans.into_iter().filter(|span| !span.is_empty()) {
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    if merged.iter().all(|span| text.get(span.clone()) == Some(MASK)) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for span in merged {
        out.push_str(text.get(done..span.start)?);
        out.push_str(MASK);
        done = span.end;
    }
    out.push_str(text.get(done..)?);
    Some(out)
}
