//! Objects of the process for eyes: the path, and the value as the language writes it.

use crate::render::sanitize::line;
use crate::report::NamedObject;
use crate::value::{Mark, Value};

/// The objects in the order in which they were asked for.
pub fn objects(objects: &[NamedObject]) -> String {
    objects.iter().map(object).collect()
}

fn object(object: &NamedObject) -> String {
    let shown = match (&object.value, &object.missing) {
        (Some(shown), _) => value(shown),
        (None, Some(why)) => format!("({})", line(why.raw())),
        (None, None) => "(not found)".to_owned(),
    };
    format!("{} = {shown}\n", line(&object.path))
}

/// A value on one line.
pub fn value(value: &Value) -> String {
    match (&value.shown, value.mark) {
        (Some(shown), _) => line(shown.raw()),
        (None, Some(Mark::Unreadable)) => "<unreadable>".to_owned(),
        (None, _) => format!("<{}>", line(value.type_name.raw())),
    }
}
