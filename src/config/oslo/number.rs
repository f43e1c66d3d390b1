//! Numbers as `types.Integer` and `types.Float` of oslo.config read them: by Python's `int` and
//! `float`.

use super::convert::Refused;
use super::parse::is_space;
use crate::data::Data;
use crate::text::Text;

/// Python reads no more digits of an `int` (`sys.get_int_max_str_digits`).
const MAX_DIGITS: usize = 4300;

const NO_WHOLE: Refused = Refused::Invalid("it is no whole number");
const NO_NUMBER: Refused = Refused::Invalid("it is no number");

/// `Integer`. An empty text is `None`; a number that is too large for [`Data::Int`] is an object.
pub fn whole(value: Data) -> Result<Data, Refused> {
    match value {
        Data::Int(_) | Data::Bool(_) => Ok(value),
        // What fits into 64 bits; there is no larger `float` below.
        Data::Float(value) if value.abs() < 9e18 => {
            #[expect(clippy::cast_possible_truncation, reason = "it was compared")]
            let whole = value.trunc() as i64;
            Ok(Data::Int(whole))
        }
        Data::Text(text) => match text.raw().trim_matches(is_space) {
            "" => Ok(Data::None),
            text => parse_whole(text),
        },
        Data::Float(value) if value.is_finite() => Err(Refused::Foreign),
        // A number that is too large.
        Data::Object(text) => match parse_whole(text.raw()) {
            Ok(Data::Object(number)) => Ok(Data::Object(number)),
            _ => Err(Refused::Foreign),
        },
        _ => Err(NO_WHOLE),
    }
}

/// `Float`. An empty text is `None`.
pub fn fraction(value: Data) -> Result<Data, Refused> {
    match value {
        Data::Float(_) => Ok(value),
        #[expect(clippy::cast_precision_loss, reason = "Python rounds it, too")]
        Data::Int(value) => Ok(Data::Float(value as f64)),
        Data::Bool(value) => Ok(Data::Float(f64::from(u8::from(value)))),
        Data::Text(text) => match text.raw().trim_matches(is_space) {
            "" => Ok(Data::None),
            text => parse_fraction(text),
        },
        Data::Object(_) => Err(Refused::Foreign),
        _ => Err(NO_NUMBER),
    }
}

fn parse_whole(text: &str) -> Result<Data, Refused> {
    let text = without_underscores(text).ok_or(refusal(text, NO_WHOLE))?;
    if let Ok(number) = text.parse() {
        return Ok(Data::Int(number));
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let are_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits || digits.len() > MAX_DIGITS {
        return Err(refusal(&text, NO_WHOLE));
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    Ok(Data::Object(Text::from(format!("{sign}{}", digits.trim_start_matches('0')))))
}

fn parse_fraction(text: &str) -> Result<Data, Refused> {
    let digits = without_underscores(text).ok_or(refusal(text, NO_NUMBER))?;
    digits.parse().map(Data::Float).map_err(|_| refusal(text, NO_NUMBER))
}

/// Digits that are not of ASCII are for Python alone to read.
fn refusal(text: &str, why: Refused) -> Refused {
    let foreign = text.chars().any(|c| !c.is_ascii() && c.is_numeric());
    if foreign { Refused::Foreign } else { why }
}

/// The text without the underscores that Python allows between two digits; `None` if there are
/// others.
fn without_underscores(text: &str) -> Option<String> {
    let is_digit = |c: char| c.is_ascii_digit();
    let last = text.matches('_').count();
    let mut parts = text.split('_').enumerate();
    let joins = |(index, part): (usize, &str)| {
        (index == 0 || part.starts_with(is_digit)) && (index == last || part.ends_with(is_digit))
    };
    parts.all(joins).then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was compared with `types.Integer` and `types.Float` of oslo.config 10.7.0.
    #[test]
    fn numbers_are_read_as_python_reads_them() {
        let invalid = |why| Err::<Data, _>(why);
        for (text, integer, float) in [
            (" 12 ", Ok(Data::Int(12)), Ok(Data::Float(12.0))),
            ("", Ok(Data::None), Ok(Data::None)),
            ("\u{3000}", Ok(Data::None), Ok(Data::None)),
            ("007", Ok(Data::Int(7)), Ok(Data::Float(7.0))),
            ("-0", Ok(Data::Int(0)), Ok(Data::Float(-0.0))),
            ("+1_000", Ok(Data::Int(1000)), Ok(Data::Float(1000.0))),
            ("1__0", invalid(NO_WHOLE), invalid(NO_NUMBER)),
            ("_1", invalid(NO_WHOLE), invalid(NO_NUMBER)),
            ("1_", invalid(NO_WHOLE), invalid(NO_NUMBER)),
            ("abc", invalid(NO_WHOLE), invalid(NO_NUMBER)),
            ("0x10", invalid(NO_WHOLE), invalid(NO_NUMBER)),
            ("- 1", invalid(NO_WHOLE), invalid(NO_NUMBER)),
            ("1,2", invalid(NO_WHOLE), invalid(NO_NUMBER)),
            ("1.5", invalid(NO_WHOLE), Ok(Data::Float(1.5))),
            (".5", invalid(NO_WHOLE), Ok(Data::Float(0.5))),
            ("5.", invalid(NO_WHOLE), Ok(Data::Float(5.0))),
            (".", invalid(NO_WHOLE), invalid(NO_NUMBER)),
            ("1e3", invalid(NO_WHOLE), Ok(Data::Float(1000.0))),
            ("1_0.2_5e1_0", invalid(NO_WHOLE), Ok(Data::Float(10.25e10))),
            ("1_.5", invalid(NO_WHOLE), invalid(NO_NUMBER)),
            ("1e400", invalid(NO_WHOLE), Ok(Data::Float(f64::INFINITY))),
            ("-Infinity", invalid(NO_WHOLE), Ok(Data::Float(f64::NEG_INFINITY))),
            (
                "-00123456789012345678901",
                Ok(Data::Object("-123456789012345678901".into())),
                Ok(Data::Float(-1.2345678901234568e20)),
            ),
            // Python reads it: 12.
            ("\u{661}\u{662}", invalid(Refused::Foreign), invalid(Refused::Foreign)),
        ] {
            assert_eq!(whole(Data::text(text)), integer, "{text:?}");
            assert_eq!(fraction(Data::text(text)), float, "{text:?}");
        }
    }

    #[test]
    fn values_of_other_types_are_converted_as_python_converts_them() {
        for (value, integer, float) in [
            (Data::Bool(true), Ok(Data::Bool(true)), Ok(Data::Float(1.0))),
            (Data::Int(3), Ok(Data::Int(3)), Ok(Data::Float(3.0))),
            (Data::Float(-2.7), Ok(Data::Int(-2)), Ok(Data::Float(-2.7))),
            (Data::Float(1e30), Err(Refused::Foreign), Ok(Data::Float(1e30))),
            (Data::Float(f64::INFINITY), Err(NO_WHOLE), Ok(Data::Float(f64::INFINITY))),
            (Data::None, Err(NO_WHOLE), Err(NO_NUMBER)),
            (Data::List(vec![]), Err(NO_WHOLE), Err(NO_NUMBER)),
            (Data::Object("<f>".into()), Err(Refused::Foreign), Err(Refused::Foreign)),
            (
                Data::Object("1180591620717411303424".into()),
                Ok(Data::Object("1180591620717411303424".into())),
                Err(Refused::Foreign),
            ),
        ] {
            assert_eq!(whole(value.clone()), integer, "{value:?}");
            assert_eq!(fraction(value.clone()), float, "{value:?}");
        }
    }
}
