//! Values as Python writes them: what `str` and `repr` of them are. Pure.

pub mod number;
pub mod quote;

use crate::data::Data;

/// How deep a value is written. What lies deeper is `...`, as Python writes what holds itself.
const MAX_DEPTH: usize = 32;

/// `str` of a value.
pub fn str(data: &Data) -> String {
    match data {
        Data::Text(text) => text.raw().to_owned(),
        data => repr(data),
    }
}

/// `repr` of a value. A sequence is written as a list.
pub fn repr(data: &Data) -> String {
    let mut out = String::new();
    write(&mut out, data, 0);
    out
}

fn write(out: &mut String, data: &Data, depth: usize) {
    match data {
        _ if depth > MAX_DEPTH => out.push_str("..."),
        Data::None => out.push_str("None"),
        Data::Bool(true) => out.push_str("True"),
        Data::Bool(false) => out.push_str("False"),
        Data::Int(value) => out.push_str(&value.to_string()),
        Data::Float(value) => out.push_str(&number::float(*value)),
        Data::Text(text) => out.push_str(&quoted(text.raw())),
        Data::Object(text) => out.push_str(text.raw()),
        Data::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write(out, item, depth + 1);
            }
            out.push(']');
        }
        Data::Map(items) => {
            out.push('{');
            for (index, (key, value)) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                out.push_str(&quoted(key.raw()));
                out.push_str(": ");
                write(out, value, depth + 1);
            }
            out.push('}');
        }
    }
}

fn quoted(text: &str) -> String {
    quote::string(text.chars().map(u32::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was compared with `str` of CPython 3.11.7.
    #[test]
    fn values_are_written_as_python_writes_them() {
        let list = Data::List(vec![
            Data::None,
            Data::Bool(true),
            Data::Int(-1),
            Data::Float(2.0),
            Data::text("it's"),
        ]);
        let map = Data::Map(vec![("k\n".into(), list.clone()), ("".into(), Data::Map(vec![]))]);
        for (data, written) in [
            (Data::text("it's\n"), "it's\n"),
            (Data::None, "None"),
            (Data::Float(1e16), "1e+16"),
            (Data::Object("<f>".into()), "<f>"),
            (Data::List(vec![]), "[]"),
            (list, r#"[None, True, -1, 2.0, "it's"]"#),
            (map, r#"{'k\n': [None, True, -1, 2.0, "it's"], '': {}}"#),
        ] {
            assert_eq!(str(&data), written);
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_cut() {
        let deep = (0..100).fold(Data::None, |inner, _| Data::List(vec![inner]));
        assert_eq!(str(&deep), format!("{}...{}", "[".repeat(33), "]".repeat(33)));
    }
}
