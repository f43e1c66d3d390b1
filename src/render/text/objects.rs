//! Objects of the process for eyes: the path, and the value with its parts below it.

use super::value::{assignment, attribute, fits, on_one_line, type_name};
use crate::render::page::{Line, Page};
use crate::render::sanitize::line;
use crate::report::NamedObject;
use crate::value::{Item, Local, Mark, Value};

/// By how much a part is indented more than what it is a part of.
const INDENT: usize = 2;

/// The objects in the order in which they were asked for.
pub fn objects(objects: &[NamedObject]) -> Page {
    Page::apart(objects.iter().map(object).collect())
}

fn object(object: &NamedObject) -> Page {
    let path = Line::name(&object.path);
    match (&object.value, &object.missing) {
        (Some(value), _) => {
            let mut page = Page::default();
            push(&mut page, 0, path, value);
            page
        }
        (None, Some(why)) => path.then(": (not found: ").then(line(why.raw())).then(")").into(),
        (None, None) => path.then(": (not found)").into(),
    }
}

/// A value behind what it is called; its parts on lines of their own where one is not enough. How
/// deep it goes is bounded by who made it.
fn push(page: &mut Page, indent: usize, called: Line, value: &Value) {
    let called = called.indented(indent).then(" = ");
    if value.items.is_empty() || fits(value) {
        return page.push(called.then(on_one_line(value)));
    }
    let size = value.size.map(|size| format!(" of {size}")).unwrap_or_default();
    page.push(called.then(type_name(value)).then(size));
    for (nth, item) in value.items.iter().enumerate() {
        let called = Line::words("").then(called_in(value, nth, item));
        push(page, indent + INDENT, called, &item.value);
    }
    let left = value.size.map(|size| size.saturating_sub(value.items.len() as u64));
    if value.mark == Some(Mark::Cut) {
        let left = left.filter(|left| *left > 0).map(|left| format!(" {left} more"));
        page.push(Line::words("…").then(left.unwrap_or_default()).indented(indent + INDENT));
    }
}

/// What a part is called in what it is a part of.
fn called_in(whole: &Value, nth: usize, item: &Item) -> String {
    match (&item.key, whole.size) {
        (Some(key), None) => attribute(key),
        (Some(key), Some(_)) => format!("[{}]", on_one_line(key)),
        (None, _) => format!("[{nth}]"),
    }
}

/// Local variables, each on a line below its frame.
pub fn locals(page: &mut Page, locals: &[Local]) {
    page.extend(
        locals.iter().map(|local| Line::below(4, &assignment(local.name.raw(), &local.value))),
    );
}
