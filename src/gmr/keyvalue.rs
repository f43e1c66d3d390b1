//! The view of keys and values as sections of a service have it: `KeyValueView()` of oslo.reports
//! 3.9.0 (`views/text/generic.py`) with nothing set up. All is sorted by its text.

use crate::data::Data;
use crate::repr;

/// Values inside values that are written.
const MAX_DEPTH: usize = 32;

/// The text of a value, without a newline at its end.
pub(super) fn text(value: &Data) -> String {
    let mut lines = Vec::new();
    push(&mut lines, None, value, 0);
    lines.join("\n")
}

/// Level 0 is the model itself, whose items are not indented.
fn push(lines: &mut Vec<String>, name: Option<&str>, value: &Data, level: usize) {
    let indent = |level: usize| "  ".repeat(level.saturating_sub(1));
    let named = |value: &str| format!("{}{} = {value}", indent(level), name.unwrap_or_default());
    match value {
        Data::List(_) | Data::Map(_) if level > MAX_DEPTH => {
            lines.push(format!("{}{}…", indent(level), name.unwrap_or_default()));
        }
        Data::Map(items) => {
            match name {
                Some(_) => lines.push(named("")),
                None if level > 0 => lines.push(format!("{}[dict]", indent(level))),
                None => {}
            }
            let mut items: Vec<_> = items.iter().collect();
            items.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (name, value) in items {
                push(lines, Some(name.raw()), value, level + 1);
            }
        }
        Data::List(items) => {
            lines.extend(name.map(|_| named("")));
            let mut items: Vec<&Data> = items.iter().collect();
            items.sort_by_cached_key(|item| repr::str(item));
            items.into_iter().for_each(|item| push(lines, None, item, level + 1));
        }
        leaf => {
            let text = repr::str(leaf);
            if text.contains('\n') {
                lines.extend(name.map(|_| named("")));
                lines.extend(text.split('\n').map(|line| format!("{}{line}", indent(level + 1))));
            } else if name.is_some() {
                lines.push(named(&text));
            } else {
                lines.push(format!("{}{text}", indent(level)));
            }
        }
    }
}
