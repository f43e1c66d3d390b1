//! JSON: the names of nested values joined by dots, the outermost name as group.
//!
//! Names come sorted: `serde_json` keeps no order. Values have no line numbers.

use serde_json::Value;

use super::{MAX_KEY_BYTES, Output, TOP_GROUP, cut};

/// Adds the values of a JSON text. False if it is none; `serde_json` bounds the depth (128).
pub(super) fn parse(text: &str, out: &mut Output<'_>) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return false };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        for (option, value) in inner {
                            flatten(&name, cut(&option, MAX_KEY_BYTES).to_owned(), &value, out);
                        }
                    }
                    value => flatten(TOP_GROUP, cut(&name, MAX_KEY_BYTES).to_owned(), &value, out),
                }
            }
        }
        value => flatten(TOP_GROUP, String::new(), &value, out),
    }
    true
}

/// Adds a value and what is in it.
fn flatten(group: &str, path: String, value: &Value, out: &mut Output<'_>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                flatten(group, format!("{path}.{}", cut(name, MAX_KEY_BYTES)), value, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                flatten(group, format!("{path}[{index}]"), value, out);
            }
        }
        Value::String(text) => out.value(group, &path, text, 0),
        other => out.value(group, &path, &other.to_string(), 0),
    }
}
