//! Objects of the process for eyes: the path, and the value with its parts below it.

use super::value::{assignment, fits, name, on_one_line};
use crate::render::sanitize::{at_line_start, line};
use crate::report::NamedObject;
use crate::value::{Item, Local, Mark, Value};

/// By how much a part is indented more than what it is a part of.
const INDENT: usize = 2;

/// The objects in the order in which they were asked for.
pub fn objects(objects: &[NamedObject]) -> String {
    let objects: Vec<String> = objects.iter().map(object).collect();
    objects.join("\n")
}

fn object(object: &NamedObject) -> String {
    let path = at_line_start(&object.path);
    match (&object.value, &object.missing) {
        (Some(value), _) => {
            let mut out = String::new();
            push(&mut out, 0, &path, value);
            out
        }
        (None, Some(why)) => format!("{path}: (not found: {})\n", line(why.raw())),
        (None, None) => format!("{path}: (not found)\n"),
    }
}

/// A value behind what it is called; its parts on lines of their own where one is not enough. How
/// deep it goes is bounded by who made it.
fn push(out: &mut String, indent: usize, called: &str, value: &Value) {
    let space = " ".repeat(indent);
    if value.items.is_empty() || fits(value) {
        out.push_str(&format!("{space}{called} = {}\n", on_one_line(value)));
        return;
    }
    let type_name = line(value.type_name.raw());
    let size = value.size.map(|size| format!(" of {size}")).unwrap_or_default();
    out.push_str(&format!("{space}{called} = {type_name}{size}\n"));
    for (nth, item) in value.items.iter().enumerate() {
        push(out, indent + INDENT, &called_in(value, nth, item), &item.value);
    }
    let left = value.size.map(|size| size.saturating_sub(value.items.len() as u64));
    if value.mark == Some(Mark::Cut) {
        let left = left.filter(|left| *left > 0).map(|left| format!(" {left} more"));
        out.push_str(&format!("{space}  …{}\n", left.unwrap_or_default()));
    }
}

/// What a part is called in what it is a part of.
fn called_in(whole: &Value, nth: usize, item: &Item) -> String {
    match (&item.key, whole.size) {
        (Some(key), None) => name(key),
        (Some(key), Some(_)) => format!("[{}]", on_one_line(key)),
        (None, _) => format!("[{nth}]"),
    }
}

/// Local variables, each on a line below its frame.
pub fn locals(out: &mut String, locals: &[Local]) {
    for local in locals {
        out.push_str(&format!("    {}\n", assignment(local.name.raw(), &local.value)));
    }
}
