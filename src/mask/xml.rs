//! Masks the text of XML's elements: `<password>x</password>`, with CDATA and over several lines, and
//! `<entry key="db.password">x</entry>`, `<property name="password"><value>x</value></property>`,
//! `<name>password</name><value>x</value>`.
//!
//! Only the text goes; tags and lines stay. Values of attributes are found as in any text. An element
//! that is never closed is none: `<token>` in prose stands for something.

use std::collections::HashMap;
use std::ops::Range;

use super::group::Group;
use super::name::{is_harmless, is_secret_name};
use super::{MASK, lines_of, replace};

/// How many elements are remembered, one in the other.
const MAX_DEPTH: usize = 512;
/// The longest tag with its attributes, and the longest name in an element.
const MAX_TAG: usize = 4096;
const MAX_NAME: usize = 128;
/// How far up an element is looked for that is closed.
const MAX_SKIPPED: usize = 16;

/// Elements whose text names the one that follows, and what that is called.
const NAMING: &[&str] = &["name", "key", "param-name", "string-name"];
const NAMED: &[&str] = &["value", "string", "param-value", "data"];
/// Elements that say something about what they are in.
const DESCRIBING: &[&str] =
    &["comment", "description", "display-name", "documentation", "label", "summary", "title"];
/// Attributes that name what is in an element.
const NAMING_ATTRIBUTES: &[&str] = &["name", "key", "id", "property"];

struct Element<'a> {
    tag: &'a str,
    /// The name that makes its text a secret.
    secret: Option<&'a str>,
    /// What the names around say of it.
    group: Option<Group>,
    /// The text of the last element in it that names the next.
    named: Option<&'a str>,
}

/// The text with its secrets masked, if it may be XML and has some.
pub(super) fn mask(text: &str) -> Option<String> {
    if !text.contains("</") {
        return None;
    }
    let last = last_closings(text);
    let mut spans = Vec::new();
    let mut open: Vec<Element<'_>> = Vec::new();
    let mut beyond = 0_usize;
    let mut at = 0;
    while let Some(start) = find(text, at, "<") {
        content(text, at..start, &mut open, &mut spans);
        let rest = text.get(start..).unwrap_or_default();
        if let Some(inner) = rest.strip_prefix("<![CDATA[") {
            let from = text.len() - inner.len();
            let end = find(text, from, "]]>").unwrap_or(text.len());
            content(text, from..end, &mut open, &mut spans);
            at = (end + "]]>".len()).min(text.len());
            continue;
        }
        if let Some(inner) = rest.strip_prefix("</") {
            let tag = tag_name(inner);
            let up = open.iter().rev().take(MAX_SKIPPED).position(|element| element.tag == tag);
            match up {
                _ if beyond > 0 => beyond -= 1,
                Some(up) => open.truncate(open.len() - 1 - up),
                None => {}
            }
            let behind = inner.get(tag.len()..).unwrap_or_default().trim_start();
            at = text.len() - behind.strip_prefix('>').unwrap_or(behind).len();
            continue;
        }
        let tag = tag_name(rest.get(1..).unwrap_or_default());
        let end = end_of_tag(rest);
        if tag.is_empty() || end == 0 {
            at = start + 1;
            continue;
        }
        let attributes = rest.get(1 + tag.len()..end - 1).unwrap_or_default();
        at = start + end;
        if attributes.ends_with('/') || last.get(tag).is_none_or(|last| *last < at) {
            continue;
        }
        if open.len() >= MAX_DEPTH {
            beyond += 1;
        } else {
            let element = element(tag, attributes, open.last_mut());
            open.push(element);
        }
    }
    replace(text, spans)
}

/// Where each element is closed for the last time.
fn last_closings(text: &str) -> HashMap<&str, usize> {
    let closings = text
        .match_indices("</")
        .map(|(at, _)| (tag_name(text.get(at + 2..).unwrap_or_default()), at));
    closings.collect()
}

fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    text.get(from..)?.find(what).map(|at| from + at)
}

/// The name that a tag begins with.
fn tag_name(text: &str) -> &str {
    let in_name = |b: &u8| b.is_ascii_alphanumeric() || b"_.:-".contains(b);
    let length = text.bytes().take(MAX_NAME).take_while(in_name).count();
    text.get(..length).unwrap_or_default()
}

/// A name without its prefix: `p:name`.
fn local_name(tag: &str) -> &str {
    tag.rsplit(':').next().unwrap_or(tag)
}

/// How long a tag is, with `>`; a `>` in quotes ends none. 0 if it does not end.
fn end_of_tag(text: &str) -> usize {
    let mut quote = None;
    for (index, byte) in text.bytes().enumerate().take(MAX_TAG) {
        match (byte, quote) {
            (byte, Some(open)) if byte == open => quote = None,
            (b'"' | b'\'', None) => quote = Some(byte),
            (b'>', None) => return index + 1,
            (b'<', None) if index > 0 => return 0,
            _ => {}
        }
    }
    0
}

/// What an element is that begins in another.
fn element<'a>(tag: &'a str, attributes: &'a str, parent: Option<&mut Element<'a>>) -> Element<'a> {
    let local = local_name(tag);
    let named = NAMING_ATTRIBUTES.iter().find_map(|name| attribute(attributes, name));
    let own = [Some(local), named].into_iter().flatten();
    let mut secret = own.clone().find(|name| is_secret_name(name));
    let mut group = own.clone().filter_map(Group::of).find(|group| group.covers_items());
    if let Some(parent) = parent {
        if NAMED.contains(&local) {
            secret = secret.or(parent.named.take().filter(|name| is_secret_name(name)));
        }
        // What is in a secret is one; what is in a group is by its name.
        let covered = |group: Group| own.clone().all(|name| group.covers(name));
        let inner = parent.secret.filter(|_| !DESCRIBING.contains(&local));
        secret = secret.or(inner.filter(|_| parent.group.is_none_or(covered)));
        secret = secret.or(parent.group.filter(|group| covered(*group)).map(|_| local));
        group = parent.group.or(group);
    }
    Element { tag, secret, group, named: None }
}

/// The value of an attribute.
fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    attributes.match_indices(name).find_map(|(at, _)| {
        let before = attributes.get(..at)?.chars().next_back()?;
        let value = attributes.get(at + name.len()..)?.trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, _) = value.get(1..)?.split_once(quote)?;
        before.is_whitespace().then_some(value)
    })
}

/// The text in an element: a secret, or what names the next.
fn content<'a>(
    text: &'a str,
    range: Range<usize>,
    open: &mut [Element<'a>],
    spans: &mut Vec<Range<usize>>,
) {
    let inner = text.get(range.clone()).unwrap_or_default();
    let bare = inner.trim();
    let Some((element, around)) = open.split_last_mut().filter(|_| !bare.is_empty()) else {
        return;
    };
    let names_next = NAMING.contains(&local_name(element.tag));
    if let Some(parent) = around.last_mut().filter(|_| names_next) {
        parent.named = Some(bare);
        return;
    }
    let Some(name) = element.secret else { return };
    if is_harmless(name, bare.trim_matches(['"', '\''])) || bare == MASK {
        return;
    }
    spans.extend(lines_of(inner, range.start));
}
