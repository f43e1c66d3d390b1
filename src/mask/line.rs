//! One line of a configuration file: what it assigns, and where the secret in it begins.

use std::borrow::Cow;

use super::MASK;
use super::argv::PROSE;
use super::name::{is_secret_name, names_a_secret};

/// `name = value`.
pub(super) struct Assignment<'a> {
    pub name: &'a str,
    /// The separator is a colon.
    pub colon: bool,
    /// Where the value begins.
    pub value_at: usize,
}

/// `name = value` or `name: value`; the first separator counts, as it does for oslo.config.
pub(super) fn assignment(content: &str) -> Option<Assignment<'_>> {
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
pub(super) fn directive_secret(content: &str) -> Option<usize> {
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
        // haproxy: `if { path /token }`
        let is_path = name.starts_with('/') || word.starts_with(['{', '}']);
        let is_prose = PROSE.contains(&word) && at < content.len();
        if is_secret_name(name) && !is_path && !is_prose {
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
        // What follows an option is judged as in any command line.
        let is_name = !word.contains(['=', ':']) && !word.starts_with('-');
        name = if is_name { word } else { "" };
    }
    None
}

/// `line` with everything from `at` masked, but for the quotes and punctuation its format needs.
pub(super) fn masked(line: &str, at: usize) -> Cow<'_, str> {
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
pub(super) fn is_block_mark(value: &str) -> bool {
    value.strip_prefix(['|', '>']).is_some_and(|rest| {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || "+-".contains(c));
        rest.is_empty() || rest.trim_start().starts_with('#')
    })
}

pub(super) fn begins_private_key(content: &str) -> bool {
    content.rsplit_once("-----BEGIN ").is_some_and(|(_, rest)| {
        rest.contains("PRIVATE KEY") && rest.contains("-----") && !rest.contains("-----END ")
    })
}

/// A line of a private key: base64, or a header of an encrypted one.
pub(super) fn is_key_material(content: &str) -> bool {
    let content = content.trim_start_matches(['#', ';', ' ']).trim_end();
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=*".contains(&b);
    content.bytes().all(is_base64)
        || content.starts_with("Proc-Type:")
        || content.starts_with("DEK-Info:")
        || content.starts_with("Comment:")
}
