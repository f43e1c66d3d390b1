//! Values as an option's type makes them: `oslo_config/types.py`, the same from 8.8 to 10.7.
//! What a type only asks of a value is in `check.rs`.

use std::cell::Cell;
use std::collections::HashSet;

use super::check::allow;
use super::host;
use super::number::{fraction, whole};
use super::parse::is_space;
use super::range::{ends, numbers};
use super::registry::{Check, Kind, Opt};
use crate::data::Data;
use crate::repr;
use crate::text::Text;

/// Types in types: lists of lists.
const MAX_DEPTH: usize = 16;

/// Why a value was not converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The type refuses it, too. Why, in words that never quote it.
    Invalid(&'static str),
    /// Only the program itself could tell.
    Foreign,
    /// Whether the type refuses it, only the program itself could tell.
    Unchecked,
    /// The work would be too much.
    TooMuch,
}

/// How much work is left: bytes and items that are looked at.
#[derive(Debug)]
pub struct Work<'a> {
    left: Cell<usize>,
    /// What this is a part of.
    all: Option<&'a Work<'a>>,
}

impl Work<'_> {
    /// As much as this.
    pub fn new(left: usize) -> Self {
        Work { left: Cell::new(left), all: None }
    }

    /// No more than this of it.
    pub fn part(&self, most: usize) -> Work<'_> {
        Work { left: Cell::new(most), all: Some(self) }
    }

    /// Takes from it.
    pub fn take(&self, amount: usize) -> Result<(), Refused> {
        let left = self.left.get().checked_sub(amount);
        self.left.set(left.unwrap_or(0));
        if left.is_none() {
            return Err(Refused::TooMuch);
        }
        self.all.map_or(Ok(()), |all| all.take(amount))
    }
}

/// The value that an option has by what was written for it (`_convert_value`).
pub fn convert(option: &Opt, value: Data, work: &Work<'_>) -> Result<Data, Refused> {
    // `--config-file`, whose type returns what it is given.
    if option.class.raw() == "_ConfigFileOpt" {
        return Ok(value);
    }
    if !option.multi {
        return one(&option.kind, value, 0, work);
    }
    let items = match value {
        Data::List(items) => items,
        // A variable of the environment: Python takes the letters of a text one by one.
        Data::Text(text) => {
            work.take(text.raw().len())?;
            text.raw().chars().map(|c| Data::text(c.to_string())).collect()
        }
        Data::Map(items) => items.into_iter().map(|(key, _)| Data::Text(key)).collect(),
        Data::Object(_) => return Err(Refused::Foreign),
        _ => return Err(Refused::Invalid("it is no list")),
    };
    list_of(&option.kind, items, 0, work)
}

fn one(kind: &Kind, value: Data, depth: usize, work: &Work<'_>) -> Result<Data, Refused> {
    if depth > MAX_DEPTH {
        return Err(Refused::TooMuch);
    }
    work.take(1)?;
    match (kind, value) {
        (Kind::Foreign(_), _) => Err(Refused::Foreign),
        (Kind::String { quotes }, value) => string(*quotes, value),
        (Kind::Checked(kind, checks), value) => checked(kind, checks, value, depth, work),
        (Kind::Plain, _) => Err(Refused::Unchecked),
        (Kind::Boolean, value) => boolean(value),
        (Kind::Integer, value) => whole(value),
        (Kind::Float, value) => fraction(value),
        (Kind::Range { inclusive }, value) => {
            numbers(ends(text_of(value).raw())?, *inclusive, work)
        }
        (_, Data::Object(_)) => Err(Refused::Foreign),
        (Kind::Address(version), value) => host::address(text_of(value), *version),
        (Kind::HostName, value) => host::name(value),
        (Kind::Host { version, underscores }, value) => host::host(value, *version, *underscores),
        (Kind::Uri { schemes }, Data::Text(text)) => host::uri(text, schemes, work),
        (Kind::Uri { .. }, _) => Err(Refused::Invalid("it is no text")),
        (Kind::List { item, .. }, Data::List(items)) => list_of(item, items, depth, work),
        (Kind::List { item, bounds }, Data::Text(text)) => {
            work.take(text.raw().len())?;
            let text = text.raw().trim_matches(is_space).trim_end_matches(',');
            let text = inside(text, *bounds, ['[', ']'], "it does not stand in brackets")?;
            Ok(Data::List(items(text, item, depth, work)?))
        }
        (Kind::Dict { .. }, value @ Data::Map(_)) => Ok(value),
        (Kind::Dict { value, bounds, separator }, Data::Text(text)) => {
            work.take(text.raw().len())?;
            let text = text.raw().trim_matches(is_space);
            let text = inside(text, *bounds, ['{', '}'], "it does not stand in braces")?;
            let separator = separator.raw();
            Ok(Data::Map(pairs(text, separator, value, depth, work)?))
        }
        (Kind::List { .. }, _) => Err(Refused::Invalid("it is no list")),
        (Kind::Dict { .. }, _) => Err(Refused::Invalid("it is no mapping")),
    }
}

/// A value that the type converts and may refuse then.
fn checked(
    kind: &Kind,
    checks: &[Check],
    value: Data,
    depth: usize,
    work: &Work<'_>,
) -> Result<Data, Refused> {
    // Of a range the ends count, also one that does not belong to it.
    if let Kind::Range { inclusive } = kind {
        let (left, right) = ends(text_of(value).raw())?;
        allow(checks, &Data::Int(left), work)?;
        allow(checks, &Data::Int(right), work)?;
        return numbers((left, right), *inclusive, work);
    }
    // A list that a program gives may have any length.
    let is_free = matches!(
        (kind, &value),
        (Kind::List { .. }, Data::List(_)) | (Kind::Dict { .. }, Data::Map(_))
    );
    let value = one(kind, value, depth, work)?;
    if !is_free {
        allow(checks, &value, work)?;
    }
    Ok(value)
}

fn list_of(kind: &Kind, items: Vec<Data>, depth: usize, work: &Work<'_>) -> Result<Data, Refused> {
    let items = items.into_iter().map(|item| one(kind, item, depth + 1, work));
    Ok(Data::List(items.collect::<Result<_, _>>()?))
}

/// `str` of a value.
fn text_of(value: Data) -> Text {
    match value {
        Data::Text(text) | Data::Object(text) => text,
        value => repr::str(&value).into(),
    }
}

fn string(quotes: bool, value: Data) -> Result<Data, Refused> {
    let text = text_of(value);
    let Some(quote) = text.raw().chars().next().filter(|c| quotes && matches!(c, '"' | '\''))
    else {
        return Ok(Data::Text(text));
    };
    let inner = text.raw().strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner.map(Data::text).ok_or(Refused::Invalid("a quote is not closed"))
}

fn boolean(value: Data) -> Result<Data, Refused> {
    let word = match &value {
        Data::Bool(_) => return Ok(value),
        Data::Text(text) => text.raw().to_lowercase(),
        Data::Object(_) => return Err(Refused::Foreign),
        _ => String::new(),
    };
    match word.as_str() {
        "true" | "1" | "on" | "yes" => Ok(Data::Bool(true)),
        "false" | "0" | "off" | "no" => Ok(Data::Bool(false)),
        _ => Err(Refused::Invalid("it is no truth value")),
    }
}

/// What stands between the bounds, if there must be some.
fn inside<'a>(
    text: &'a str,
    bounds: bool,
    [open, close]: [char; 2],
    why: &'static str,
) -> Result<&'a str, Refused> {
    if !bounds {
        return Ok(text);
    }
    let inner = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    inner.ok_or(Refused::Invalid(why))
}

/// The items between commas. An item that is none yet may hold the comma: it is tried with the
/// next part, until it is one.
fn items(text: &str, kind: &Kind, depth: usize, work: &Work<'_>) -> Result<Vec<Data>, Refused> {
    let mut found = Vec::new();
    let mut rest = (!text.is_empty()).then_some(text);
    while let Some(text) = rest {
        let (item, behind) = shortest(text, work, |part| {
            one(kind, Data::text(part.trim_matches(is_space)), depth + 1, work)
        })?;
        found.push(item);
        rest = behind;
    }
    Ok(found)
}

fn pairs(
    text: &str,
    separator: &str,
    kind: &Kind,
    depth: usize,
    work: &Work<'_>,
) -> Result<Vec<(Text, Data)>, Refused> {
    let mut found = Vec::new();
    let mut known = HashSet::new();
    let mut rest = (!text.is_empty()).then_some(text);
    while let Some(text) = rest {
        let ((key, value), behind) = shortest(text, work, |part| {
            let pair = (!separator.is_empty()).then(|| part.split_once(separator)).flatten();
            let (key, value) = pair.ok_or(Refused::Invalid("a pair has no separator"))?;
            let value = Data::text(value.trim_matches(is_space));
            let value = one(kind, value, depth + 1, work)?;
            Ok((key.trim_matches(is_space).to_owned(), value))
        })?;
        if key.is_empty() {
            return Err(Refused::Invalid("a key is empty"));
        }
        if !known.insert(key.clone()) {
            return Err(Refused::Invalid("a key stands in it twice"));
        }
        found.push((key.into(), value));
        rest = behind;
    }
    Ok(found)
}

/// The shortest begin of a text, up to a comma, of which something can be made, and what follows
/// the comma. If there is none, what the whole was refused for.
fn shortest<'a, T>(
    text: &'a str,
    work: &Work<'_>,
    mut make: impl FnMut(&'a str) -> Result<T, Refused>,
) -> Result<(T, Option<&'a str>), Refused> {
    let ends = text.match_indices(',').map(|(end, _)| end).chain([text.len()]);
    let mut refused = Refused::Invalid("it is empty");
    for end in ends {
        work.take(end + 1)?;
        match make(text.get(..end).unwrap_or_default()) {
            Ok(made) => return Ok((made, text.get(end + 1..))),
            Err(why @ Refused::Invalid(_)) => refused = why,
            Err(why) => return Err(why),
        }
    }
    Err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was compared with `oslo_config.types` of 10.7.0 and 8.8.1. `!`: a ValueError.
    #[test]
    fn values_are_converted_as_oslo_config_converts_them() {
        let list_of = |item, bounds| Kind::List { item: Box::new(item), bounds };
        let text = |quotes| Kind::String { quotes };
        let separator = Text::from(":");
        let dict_of = |value, bounds| Kind::Dict {
            value: Box::new(value),
            bounds,
            separator: separator.clone(),
        };
        let (list, ints) = (list_of(text(false), false), list_of(Kind::Integer, false));
        let (quoted, bounds) = (list_of(text(true), false), list_of(text(false), true));
        let nested = list_of(list_of(Kind::Integer, true), false);
        let (dict, braces) = (dict_of(text(false), false), dict_of(Kind::Integer, true));
        let range = Kind::Range { inclusive: true };
        let open = Kind::Range { inclusive: false };
        let (boolean, quotes) = (Kind::Boolean, text(true));
        for (kind, written, expected) in [
            (&list, " a , b,c,,", "['a', 'b', 'c']"),
            (&list, ",a", "['', 'a']"),
            (&list, "", "[]"),
            (&list, ",", "[]"),
            (&ints, "1, 2", "[1, 2]"),
            (&ints, "1,x", "!"),
            (&quoted, "\"a,b\", c", "['a,b', 'c']"),
            (&quoted, "\"a", "!"),
            (&bounds, "[a,]", "['a', '']"),
            (&bounds, "[]", "[]"),
            (&bounds, "a", "!"),
            (&nested, "[1,2],[3]", "[[1, 2], [3]]"),
            (&nested, "[1,2", "!"),
            (&dict, "k:v:w,k2: v2", "{'k': 'v:w', 'k2': 'v2'}"),
            (&dict, "k:v,w", "!"),
            (&dict, "k:v,w,l:x", "{'k': 'v', 'w,l': 'x'}"),
            (&dict, "k:1,k:2", "!"),
            (&dict, ":v", "!"),
            (&dict, "", "{}"),
            (&braces, "{a:1, b:2}", "{'a': 1, 'b': 2}"),
            (&braces, "{ }", "!"),
            (&braces, "{}", "{}"),
            (&braces, "{a:1,2}", "!"),
            (&range, "3-5", "[3, 4, 5]"),
            (&range, "5-3", "[5, 4, 3]"),
            (&range, "4", "[4]"),
            (&range, "-3--1", "[-3, -2, -1]"),
            (&range, "0-0", "[0]"),
            (&range, "01-2", "!"),
            (&range, "-0", "!"),
            (&range, "3-", "!"),
            (&range, " 3", "!"),
            (&open, "3-5", "[3, 4]"),
            (&open, "4", "[]"),
            (&boolean, "YES", "True"),
            (&boolean, " yes", "!"),
            (&boolean, "2", "!"),
            (&quotes, "\"a\"", "'a'"),
            (&quotes, "\"a'", "!"),
            (&quotes, "\"", "!"),
            (&quotes, "''", "''"),
            (&quotes, "a\"", "'a\"'"),
        ] {
            let converted = one(kind, Data::text(written), 0, &Work::new(1000));
            let shown = match converted {
                Ok(data) => repr::repr(&data),
                Err(Refused::Invalid(_)) => "!".to_owned(),
                Err(other) => format!("{other:?}"),
            };
            assert_eq!(shown, expected, "{kind:?} {written}");
        }
    }

    #[test]
    fn what_only_the_program_could_convert_is_told_also_inside() {
        let foreign = Kind::Foreign("<f>".into());
        let list = Kind::List { item: Box::new(foreign.clone()), bounds: false };
        for kind in [foreign, list] {
            assert_eq!(one(&kind, Data::text("a"), 0, &Work::new(1000)), Err(Refused::Foreign));
        }
        let wide = Data::text("0-1000000000");
        let range = Kind::Range { inclusive: true };
        assert_eq!(one(&range, wide, 0, &Work::new(1000)), Err(Refused::TooMuch));
    }
}
