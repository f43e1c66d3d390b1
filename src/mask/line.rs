//! One line of a configuration file: what it assigns, and where the secret in it begins.

use std::borrow::Cow;

use super::MASK;
use super::argv::PROSE;
use super::inline::end_of_quoted;
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
/// word: `user u password p`, `proxy_set_header Authorization …`. A path is no name, nor is what
/// stands in a quoted text: `AuthName "Secret zone"`.
pub(super) fn directive_secret(content: &str) -> Option<usize> {
    let mut at = 0;
    let mut name = "";
    let quotes = ['"', '\''].map(|quote| (quote, content.rfind(quote)));
    let mut quoted = None;
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
            return (names_a_secret(name, bare) && !is_expression(bare)).then_some(start);
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
        let ends =
            quotes.iter().find(|(quote, last)| word.starts_with(*quote) && *last > Some(start));
        let opens = ends.filter(|_| quoted.is_none()).map(|(quote, _)| *quote);
        quoted = quoted.or(opens);
        let bare = word.trim_end_matches([';', ',', ')']);
        let closes = quoted.is_some_and(|quote| bare.ends_with(quote))
            && (opens.is_none() || bare.len() > 1);
        // A quoted word alone is one as without quotes.
        let in_text = quoted.is_some() && !(opens.is_some() && closes);
        if closes {
            quoted = None;
        }
        // What follows an option is judged as in any command line.
        let is_option = word.starts_with('-');
        let is_name = !word.contains(['=', ':', '/', '<']) && !in_text && !is_option;
        name = if is_name { word } else { "" };
    }
    None
}

/// What stands behind a quoted item of a list that is alone on its line: commas and closing brackets.
pub(super) fn behind_item(content: &str) -> Option<&str> {
    let quote = content.bytes().next().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let inner = content.get(1..)?;
    let tail = inner.get(end_of_quoted(inner.as_bytes(), quote, false)? + 1..)?;
    let behind = tail.trim_start_matches([',', ']', '}', ')', ' ', '\t']);
    let tail = tail.get(..tail.len() - behind.len())?;
    (behind.is_empty() || behind.starts_with('#')).then(|| tail.trim_end())
}

/// A line without blanks and the marks of a comment before it.
pub(super) fn uncommented(line: &str) -> &str {
    line.trim_start_matches(['#', ';', '/', ' ', '\t'])
}

/// What another part of the program fills in: haproxy's `%[var(x)]`, Apache's `%{X}e`.
pub(super) fn is_expression(value: &str) -> bool {
    value.strip_prefix("%[").is_some_and(|rest| rest.find(']') == Some(rest.len() - 1))
        || value
            .strip_prefix("%{")
            .is_some_and(|rest| rest.split_once('}').is_some_and(|(_, kind)| kind.len() == 1))
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

/// The name of a `[section]`, or of TOML's `[[section]]`, which a comment may follow.
pub(super) fn section(content: &str) -> Option<&str> {
    let (name, rest) = content.strip_prefix('[')?.split_once(']')?;
    let name = name.trim_start_matches('[').trim();
    let rest = rest.trim_start_matches(']').trim_start();
    let is_name = !name.is_empty() && !name.contains(['"', '\'', ',', '[', '=']);
    (is_name && (rest.is_empty() || rest.starts_with(['#', ';']))).then_some(name)
}

/// `<VirtualHost *:80>`, `<a b="c">d</a>`: no assignment.
pub(super) fn is_tag(content: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?');
    content.strip_prefix('<').is_some_and(|rest| rest.starts_with(begins))
        && content.trim_end().ends_with('>')
}

/// A name without its escapes, which hide what it says: `pass\u0077ord`, `pass\x77ord`.
pub(super) fn unescaped(name: &str) -> Cow<'_, str> {
    if !name.contains("\\u") && !name.contains("\\x") {
        return Cow::Borrowed(name);
    }
    let mut parts = name.split('\\');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = match part.as_bytes().first() {
            Some(b'u') => part.get(1..5),
            Some(b'x') => part.get(1..3),
            _ => None,
        };
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match (code.and_then(char::from_u32), digits) {
            (Some(c), Some(digits)) => {
                out.push(c);
                out.push_str(part.get(1 + digits.len()..).unwrap_or_default());
            }
            _ => out.push_str(part),
        }
    }
    Cow::Owned(out)
}

/// Whether a line closes what brackets opened.
pub(super) fn is_closer(content: &str) -> bool {
    content.starts_with(['}', ']', ')'])
}

/// Whether a backslash at its end continues a line.
pub(super) fn goes_on(line: &str) -> bool {
    let line = line.trim_end();
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

/// The quote that a value begins with, if it is in quotes where it ends.
pub(super) fn open_quote(value: &str) -> Option<char> {
    let first = value.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let mut quote = None;
    let mut backslash = false;
    for c in value.chars() {
        match quote {
            Some(open) if c == open && !backslash => quote = None,
            None if c == first => quote = Some(c),
            _ => {}
        }
        // In single quotes a shell has no escapes.
        backslash = c == '\\' && !backslash && quote != Some('\'');
    }
    quote
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
