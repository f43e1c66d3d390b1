//! Values for eyes, on one line: as Python would write them, as far as that can be known.
//!
//! What has parts and a size is a container; what has parts and no size has attributes.

use crate::render::name::name;
use crate::render::sanitize::line;
use crate::value::{Item, Mark, Value};

/// The longest line of one value, in characters. `--format json` has all of it.
const MAX_LINE: usize = 160;

/// `name = value`.
pub fn assignment(called: &str, value: &Value) -> String {
    format!("{} = {}", name(called), on_one_line(value))
}

/// A value on one line, cut at its end where it is long.
pub fn on_one_line(value: &Value) -> String {
    let mut room = MAX_LINE;
    cut(inline(value, &mut room))
}

/// A text that was escaped, cut at its end where it is long.
pub fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_LINE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Whether all of a value is on its line.
pub fn fits(value: &Value) -> bool {
    let mut room = MAX_LINE;
    let text = inline(value, &mut room);
    room > 0 && text.chars().nth(MAX_LINE / 2).is_none()
}

/// `room` is how many more characters are of use: what has no room left is not written at all.
fn inline(value: &Value, room: &mut usize) -> String {
    if *room == 0 {
        return "…".to_owned();
    }
    let text = match &value.shown {
        Some(shown) if value.items.is_empty() => leaf(shown.raw(), value),
        _ => return parts(value, room),
    };
    *room = room.saturating_sub(text.chars().count());
    text
}

/// What has no parts, and how much of it is not there.
fn leaf(shown: &str, value: &Value) -> String {
    let shown = line(shown);
    match (value.mark, value.size) {
        (Some(Mark::Cut), Some(size)) => format!("{shown}… ({size} in all)"),
        _ => shown,
    }
}

fn parts(value: &Value, room: &mut usize) -> String {
    let type_name = type_name(value);
    match (value.mark, value.size) {
        (Some(Mark::Unreadable), _) => return "<unreadable>".to_owned(),
        (Some(Mark::Cycle), _) => return format!("<{type_name} that this is a part of>"),
        (None, None) if value.items.is_empty() => return format!("<{type_name}>"),
        (Some(_), _) if value.items.is_empty() && value.type_name.is_empty() => {
            return "…".to_owned();
        }
        _ => *room = room.saturating_sub(type_name.chars().count()),
    }
    let Some(size) = value.size else {
        let attributes = list(value, room, "=");
        return format!("<{type_name} {attributes}>");
    };
    let items = list(value, room, ": ");
    let alone = size == 1 && value.items.len() == 1;
    match type_name.as_str() {
        "list" => format!("[{items}]"),
        "tuple" if alone => format!("({items},)"),
        "tuple" => format!("({items})"),
        "set" if size > 0 => format!("{{{items}}}"),
        "dict" => format!("{{{items}}}"),
        _ if size == 0 => format!("{type_name}()"),
        _ => match value.items.iter().any(|item| item.key.is_some()) {
            true => format!("{type_name}({{{items}}})"),
            false => format!("{type_name}([{items}])"),
        },
    }
}

fn list(value: &Value, room: &mut usize, between: &str) -> String {
    let mut shown = Vec::new();
    for item in &value.items {
        if *room == 0 {
            break;
        }
        shown.push(self::item(item, room, between));
    }
    let left = value.size.unwrap_or(value.items.len() as u64).saturating_sub(shown.len() as u64);
    if left > 0 {
        shown.push(format!("… {left} more"));
    } else if value.mark == Some(Mark::Cut) {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

fn item(item: &Item, room: &mut usize, between: &str) -> String {
    let value = |room: &mut usize| inline(&item.value, room);
    match &item.key {
        Some(key) if between == "=" => format!("{}={}", attribute(key), value(room)),
        Some(key) => {
            let key = inline(key, room);
            format!("{key}{between}{}", value(room))
        }
        None => value(room),
    }
}

/// The name of an attribute, without the quotes of Python's.
pub fn attribute(key: &Value) -> String {
    let shown = key.shown.as_ref().map_or("?", |shown| shown.raw());
    name(shown.trim_matches('\''))
}

/// The name of the type of a value; nothing where it could not be read.
pub fn type_name(value: &Value) -> String {
    match value.type_name.raw() {
        "" => String::new(),
        text => name(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Addr;

    fn leaf(type_name: &str, shown: &str) -> Value {
        Value { type_name: type_name.into(), shown: Some(shown.into()), ..Value::default() }
    }

    fn whole(type_name: &str, items: Vec<(Option<&str>, Value)>, size: Option<u64>) -> Value {
        let item = |(key, value): (Option<&str>, Value)| Item {
            key: key.map(|key| leaf("str", key)),
            value,
        };
        let items = items.into_iter().map(item).collect();
        Value { type_name: type_name.into(), size, items, ..Value::default() }
    }

    #[test]
    fn containers_are_written_as_python_writes_them() {
        let one = || (None, leaf("int", "1"));
        let pair = || (Some("'a'"), leaf("int", "1"));
        for (value, written) in [
            (whole("list", vec![one(), one()], Some(2)), "[1, 1]"),
            (whole("tuple", vec![one()], Some(1)), "(1,)"),
            (whole("tuple", vec![], Some(0)), "()"),
            (whole("set", vec![one()], Some(1)), "{1}"),
            (whole("set", vec![], Some(0)), "set()"),
            (whole("frozenset", vec![one()], Some(1)), "frozenset([1])"),
            (whole("dict", vec![pair()], Some(1)), "{'a': 1}"),
            (whole("dict", vec![], Some(0)), "{}"),
            (whole("a.OrderedDict", vec![pair()], Some(1)), "a.OrderedDict({'a': 1})"),
            (whole("a.Point", vec![pair()], None), "<a.Point a=1>"),
        ] {
            assert_eq!(on_one_line(&value), written);
        }
    }

    #[test]
    fn what_is_not_there_is_told() {
        let mut value = whole("list", vec![(None, leaf("int", "1"))], Some(1000));
        value.mark = Some(Mark::Cut);
        assert_eq!(on_one_line(&value), "[1, … 999 more]");
        let mut cut = leaf("str", "'xxx'");
        (cut.mark, cut.size) = (Some(Mark::Cut), Some(7));
        assert_eq!(on_one_line(&cut), "'xxx'… (7 in all)");
        let mut cycle = whole("list", vec![], Some(2));
        cycle.mark = Some(Mark::Cycle);
        assert_eq!(on_one_line(&cycle), "<list that this is a part of>");
        let unreadable =
            Value { address: Some(Addr(8)), mark: Some(Mark::Unreadable), ..Value::default() };
        assert_eq!(on_one_line(&unreadable), "<unreadable>");
        let used_up = Value { mark: Some(Mark::Cut), ..Value::default() };
        assert_eq!(on_one_line(&used_up), "…");
        let mut deep = whole("a.B", vec![], None);
        deep.mark = Some(Mark::Cut);
        assert_eq!(on_one_line(&deep), "<a.B …>");
    }

    #[test]
    fn a_long_value_is_cut_at_its_end() {
        let items = (0..1000).map(|_| (None, leaf("str", "'0123456789'"))).collect();
        let text = on_one_line(&whole("list", items, Some(1000)));
        assert_eq!(text.chars().count(), MAX_LINE + 1);
        assert!(text.ends_with('…'));
    }

    #[test]
    fn nothing_of_the_process_steers_a_terminal() {
        let value = whole("e\u{1b}vil", vec![(Some("\u{1b}"), leaf("str", "\n"))], None);
        assert_eq!(assignment("x\u{7}", &value), "\"x\\x07\" = <\"e\\x1bvil\" \"\\x1b\"=\\n>");
    }
}
