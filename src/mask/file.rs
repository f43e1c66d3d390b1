//! Masks a whole configuration file whose format is not known, line by line.
//!
//! The lines and their number stay, so that line numbers and a parser's answer stay. Comments are
//! masked as well: a password that was commented out is still a password.

use std::borrow::Cow;

use super::name::{is_secret_name, names_a_secret};
use super::{MASK, json, mask_text, until_stable};

/// Masks a file: `key = value`, `key: value`, `key value`, JSON, lines that continue a secret,
/// private keys. Bytes that are not UTF-8 become U+FFFD.
pub fn mask_config_text(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    until_stable(text, |text| mask_once(text)).into_bytes()
}

fn mask_once(text: &str) -> String {
    if text.trim_start().starts_with(['{', '['])
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    {
        return json::mask(text);
    }
    let mut masker = Masker::default();
    let mut out = String::with_capacity(text.len());
    // Python's text files end lines at a lone carriage return, too.
    for line in text.split_inclusive(['\n', '\r']) {
        let body = line.trim_end_matches(['\n', '\r']);
        out.push_str(&masker.line(body));
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
}

#[derive(Default)]
struct Masker {
    open: Option<Open>,
    in_private_key: bool,
}

impl Masker {
    fn line<'a>(&mut self, line: &'a str) -> Cow<'a, str> {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if content.is_empty() {
            return Cow::Borrowed(line);
        }
        if self.in_private_key {
            if is_key_material(content) {
                return masked(line, indent);
            }
            self.in_private_key = false;
        }
        self.in_private_key = begins_private_key(content);
        if self.open.as_ref().is_some_and(|open| indent <= open.indent) {
            self.open = None;
        }
        match &self.open {
            Some(open) if open.secret && !(open.mapping && assignment(content).is_some()) => {
                return if content.trim_end_matches([']', '}', ')', ',', ';', ' ']).is_empty() {
                    Cow::Borrowed(line)
                } else {
                    masked(line, indent)
                };
            }
            _ => {}
        }
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
        let secret = is_secret_name(found.name);
        if !is_comment && (self.open.is_none() || secret) {
            let mapping = opens_list || (found.colon && value.is_empty());
            self.open = Some(Open { indent, secret, mapping });
        }
        if value.is_empty() || opens_list || is_block_mark(value) {
            return Cow::Borrowed(line);
        }
        let bare = value.trim_end_matches([',', ';']).trim_matches(['"', '\'']);
        if names_a_secret(found.name, bare) { masked(line, at) } else { mask_text(line) }
    }
}

struct Assignment<'a> {
    name: &'a str,
    /// The separator is a colon.
    colon: bool,
    /// Where the value begins.
    value_at: usize,
}

/// `name = value` or `name: value`; the first separator counts, as it does for oslo.config.
fn assignment(content: &str) -> Option<Assignment<'_>> {
    let at = content.find(['=', ':'])?;
    let name = content.get(..at)?.trim_end();
    // `requirepass a=b`: a separator inside the value of a directive.
    if name.is_empty() || directive_secret(content).is_some() {
        return None;
    }
    let after = content.get(at + 1..)?;
    let value = after.strip_prefix(['=', '>']).unwrap_or(after).trim_start();
    Some(Assignment {
        name,
        colon: content.get(at..)?.starts_with(':'),
        value_at: content.len() - value.len(),
    })
}

/// `name value` of redis, nginx, haproxy and netrc: where the secret begins. The name may be a later
/// word: `user u password p`, `proxy_set_header Authorization …`.
fn directive_secret(content: &str) -> Option<usize> {
    let mut at = 0;
    let mut name = "";
    for (index, word) in content.split_inclusive([' ', '\t']).enumerate() {
        let start = at;
        at += word.len();
        let word = word.trim_end();
        if word.is_empty() {
            continue;
        }
        // `name = value` and `name: value` are no directives.
        if word.starts_with(['=', ':']) || (index == 0 && word.contains(['=', ':'])) {
            return None;
        }
        if is_secret_name(name) && !word.starts_with('{') {
            let bare = content.get(start..)?.trim_end().trim_end_matches([';', '{']);
            let bare = bare.trim_matches(['"', '\'']);
            return names_a_secret(name, bare).then_some(start);
        }
        // haproxy: `stats auth user:password`; redis: `user u on >password`.
        if name == "auth"
            && !word.contains("://")
            && let Some(colon) = word.find(':')
        {
            return Some(start + colon + 1);
        }
        if content.starts_with("user ") && word.starts_with('>') {
            return Some(start + 1);
        }
        name = if word.contains(['=', ':']) { "" } else { word };
    }
    None
}

/// `line` with everything from `at` masked, but for the quotes and punctuation its format needs.
fn masked(line: &str, at: usize) -> Cow<'_, str> {
    let (head, value) = line.split_at_checked(at).unwrap_or((line, ""));
    let bare = value.trim_end().trim_end_matches([',', ';', '{', ' ']);
    let tail = value.get(bare.len()..).unwrap_or_default();
    let quote = bare.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (quote, tail) = match quote {
        Some(quote) if bare.len() > 1 && bare.ends_with(quote) => (quote.to_string(), tail),
        // JSON needs quotes around what was a number.
        _ if head.trim_end().ends_with("\":") => ("\"".to_owned(), tail),
        _ if tail.trim_end() == ";" => (String::new(), tail),
        _ => (String::new(), ""),
    };
    Cow::Owned(format!("{head}{quote}{MASK}{quote}{tail}"))
}

/// YAML's marks of a text in the lines that follow.
fn is_block_mark(value: &str) -> bool {
    matches!(value, "|" | ">" | "|-" | ">-" | "|+" | ">+")
}

fn begins_private_key(content: &str) -> bool {
    content.rsplit_once("-----BEGIN ").is_some_and(|(_, rest)| {
        rest.contains("PRIVATE KEY") && rest.contains("-----") && !rest.contains("-----END ")
    })
}

/// A line of a private key: base64, or a header of an encrypted one.
fn is_key_material(content: &str) -> bool {
    let content = content.trim_start_matches(['#', ';', ' ']).trim_end();
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=*".contains(&b);
    content.bytes().all(is_base64)
        || content.starts_with("Proc-Type:")
        || content.starts_with("DEK-Info:")
        || content.starts_with("Comment:")
}
