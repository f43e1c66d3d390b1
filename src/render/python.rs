//! Plain values as Python's `str` and `repr` write them: what a report of the process's own has.

use crate::data::Data;

/// Values inside values that are written. The reader of objects stops earlier.
pub const MAX_DEPTH: usize = 16;

/// From this power of ten on, and below the other one, a number is written with its exponent.
const EXPONENTS: std::ops::Range<i32> = -4..16;

/// `str(value)`. Whether a list was a tuple is not known any more.
pub fn str(value: &Data) -> String {
    match value {
        Data::Text(text) => text.raw().to_owned(),
        other => repr(other),
    }
}

/// `repr(value)`.
pub fn repr(value: &Data) -> String {
    let mut out = String::new();
    push(&mut out, value, 0);
    out
}

fn push(out: &mut String, value: &Data, depth: usize) {
    match value {
        Data::None => out.push_str("None"),
        Data::Bool(true) => out.push_str("True"),
        Data::Bool(false) => out.push_str("False"),
        Data::Int(value) => out.push_str(&value.to_string()),
        Data::Float(value) => out.push_str(&float(*value)),
        Data::Text(text) => push_quoted(out, text.raw()),
        Data::Object(shown) => out.push_str(shown.raw()),
        Data::List(_) | Data::Map(_) if depth >= MAX_DEPTH => out.push('…'),
        Data::List(items) => {
            out.push('[');
            for (nth, item) in items.iter().enumerate() {
                out.push_str(if nth > 0 { ", " } else { "" });
                push(out, item, depth + 1);
            }
            out.push(']');
        }
        Data::Map(items) => {
            out.push('{');
            for (nth, (key, item)) in items.iter().enumerate() {
                out.push_str(if nth > 0 { ", " } else { "" });
                push_quoted(out, key.raw());
                out.push_str(": ");
                push(out, item, depth + 1);
            }
            out.push('}');
        }
    }
}

/// In single quotes, unless only they are in it. What steers a terminal is for others to escape.
fn push_quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

/// The shortest digits that give the number again, as Python arranges them (`repr` style `r`).
fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let shortest = format!("{value:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value != 0.0 && !EXPONENTS.contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
    let plain = value.to_string();
    if plain.contains('.') { plain } else { plain + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compared with Python 3.11.
    #[test]
    fn numbers_are_written_as_python_writes_them() {
        for (value, written) in [
            (1.0, "1.0"),
            (1.5, "1.5"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e300, "1.25e+300"),
            (123_456.789, "123456.789"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(float(value), written);
        }
    }

    #[test]
    fn containers_are_written_with_their_texts_in_quotes() {
        let value = Data::List(vec![
            Data::text("a'b"),
            Data::text("it's \"x\"\n\\"),
            Data::Map(vec![("k".into(), Data::List(vec![Data::None, Data::Bool(true)]))]),
            Data::Object("<f>".into()),
        ]);
        assert_eq!(str(&value), "[\"a'b\", 'it\\'s \"x\"\\n\\\\', {'k': [None, True]}, <f>]");
        assert_eq!(str(&Data::text("a'b")), "a'b");
    }

    #[test]
    fn what_is_too_deep_is_cut() {
        let mut value = Data::Int(1);
        for _ in 0..100_000 {
            value = Data::List(vec![value]);
        }
        assert_eq!(repr(&value).matches('[').count(), MAX_DEPTH);
        // Dropping it would recurse as well.
        std::mem::forget(value);
    }
}
