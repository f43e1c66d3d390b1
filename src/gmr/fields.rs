//! Names with values: the section Package, and the sections that a service has registered, which
//! have any text.

use super::context::{Context, push_line};
use super::{json, keyvalue};
use crate::report::{Block, Field};

/// Reads Package, and gives back the lines that are none of its fields.
pub(super) fn package(context: &mut Context, body: &str, blocks: &mut Vec<Block>) -> String {
    let mut rest = String::new();
    let mut fields = Vec::new();
    let mut lines = body.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((name, value)) = line.split_once(" = ").filter(|_| context.take()) else {
            if !line.is_empty() {
                push_line(&mut rest, line);
            }
            continue;
        };
        // A text of several lines stands below its name.
        let below = std::iter::from_fn(|| lines.next_if(|line| line.starts_with("  ")));
        let below: Vec<&str> = below.filter_map(|line| line.get(2..)).collect();
        let value = if below.is_empty() { value.to_owned() } else { below.join("\n") };
        fields.push(field(context, name, (value != "None").then_some(value)));
    }
    blocks.push(Block::Fields { fields });
    rest
}

/// A field of a report; one without a value is not known to the process.
pub(super) fn field(context: &Context, name: &str, value: Option<String>) -> Field {
    let secrets = context.secrets;
    let value = value.map(|value| (&*secrets.mask_value(name, &value)).into());
    Field { name: secrets.mask_text(name).into_owned(), value, in_gmr: true }
}

/// A section that a service has registered: fields, if its text is nothing but sorted names with
/// values, as the view of keys and values has them; else gives it back.
pub(super) fn registered(context: &mut Context, body: &str, blocks: &mut Vec<Block>) -> String {
    let pairs: Option<Vec<(&str, &str)>> = body.split('\n').map(pair).collect();
    let sorted = |pairs: &Vec<(&str, &str)>| pairs.is_sorted_by(|(a, _), (b, _)| a < b);
    match pairs.filter(sorted) {
        Some(pairs) if pairs.iter().all(|_| context.take()) => {
            let fields = pairs.into_iter();
            let fields = fields.map(|(name, value)| field(context, name, Some(value.to_owned())));
            blocks.push(Block::Fields { fields: fields.collect() });
            String::new()
        }
        _ => body.to_owned(),
    }
}

/// The same of a line of JSON, which is written as the text view would write it first: both are
/// the same section then.
pub(super) fn registered_json(
    context: &mut Context,
    body: &str,
    blocks: &mut Vec<Block>,
) -> String {
    match json::value(body) {
        Some(value) => registered(context, &keyvalue::text(&value), blocks),
        None => body.to_owned(),
    }
}

/// A line that has a name and a value, which does not go on below.
fn pair(line: &str) -> Option<(&str, &str)> {
    let plain = |(name, _): &(&str, &str)| {
        !name.is_empty() && !name.starts_with([' ', '\t', '=', '-', '|'])
    };
    line.split_once(" = ").filter(plain)
}
