//! What a type asks of a value that it has converted: bounds, choices, lengths, patterns, as
//! `oslo_config/types.py` has them, the same from 8.8 to 10.7.

use std::cmp::Ordering;

use super::convert::{Refused, Work};
use super::kind::Check;
use crate::data::Data;

/// What a pattern may cost when it is looked for the first time, which compiles it.
const COMPILE_WORK: usize = 1 << 16;

/// What each byte of a text may cost in which a pattern is looked for: the states of the pattern.
const MATCH_WORK: usize = 256;

/// Fails with why the type refuses this value.
pub fn allow(checks: &[Check], value: &Data, work: &Work<'_>) -> Result<(), Refused> {
    checks.iter().try_for_each(|check| one(check, value, work))
}

fn one(check: &Check, value: &Data, work: &Work<'_>) -> Result<(), Refused> {
    let require = |is_so: bool, why| if is_so { Ok(()) } else { Err(Refused::Invalid(why)) };
    match (check, value) {
        // An empty text for a number.
        (Check::Least(_) | Check::Most(_) | Check::Numbers(_), Data::None) => Ok(()),
        (Check::Least(least), value) => {
            require(order(value, least)? != Some(Ordering::Less), "it is less than its least value")
        }
        (Check::Most(most), value) => require(
            order(value, most)? != Some(Ordering::Greater),
            "it is more than its greatest value",
        ),
        (Check::Numbers(choices), value) => {
            work.take(choices.len())?;
            for choice in choices {
                if order(value, choice)? == Some(Ordering::Equal) {
                    return Ok(());
                }
            }
            Err(Refused::Invalid("it is none of its choices"))
        }
        (Check::Words { choices, ignore_case }, Data::Text(text)) => {
            let size: usize = choices.iter().map(|choice| choice.raw().len() + 1).sum();
            work.take(size + text.raw().len())?;
            let is_in = match ignore_case {
                false => choices.contains(text),
                true => {
                    let text = text.raw().to_lowercase();
                    choices.iter().any(|choice| choice.raw().to_lowercase() == text)
                }
            };
            require(is_in, "it is none of its choices")
        }
        (Check::Length(most), Data::Text(text)) => {
            work.take(text.raw().len())?;
            require(text.raw().chars().count() as u64 <= *most, "it is too long")
        }
        (Check::Items(least), Data::List(items)) => {
            require(items.len() as u64 >= *least, "it has too few items")
        }
        (Check::Items(least), Data::Map(items)) => {
            require(items.len() as u64 >= *least, "it has too few items")
        }
        (Check::Pattern(pattern), Data::Text(text)) => {
            if !pattern.is_compiled() {
                work.take(COMPILE_WORK)?;
            }
            work.take(text.raw().len().saturating_mul(MATCH_WORK))?;
            let is_in = pattern.is_in(text.raw()).ok_or(Refused::Unchecked)?;
            require(is_in, "it does not match its pattern")
        }
        _ => Err(Refused::Unchecked),
    }
}

/// How two numbers compare for Python: exactly, also one that is whole with one that is not. `None`
/// with what is no number at all.
fn order(value: &Data, other: &Data) -> Result<Option<Ordering>, Refused> {
    match (value, other) {
        (Data::Bool(value), other) => order(&Data::Int(i64::from(*value)), other),
        (value, Data::Bool(other)) => order(value, &Data::Int(i64::from(*other))),
        (Data::Int(value), Data::Int(other)) => Ok(Some(value.cmp(other))),
        (Data::Float(value), Data::Float(other)) => Ok(value.partial_cmp(other)),
        (Data::Int(value), Data::Float(other)) => Ok(whole_with(*value, *other)),
        (Data::Float(value), Data::Int(other)) => {
            Ok(whole_with(*other, *value).map(Ordering::reverse))
        }
        // A number that is too large for us.
        (Data::Object(value), Data::Int(_)) => Ok(Some(sign(value.raw())?)),
        (Data::Int(_), Data::Object(other)) => Ok(Some(sign(other.raw())?.reverse())),
        (Data::Object(value), Data::Float(other)) if !other.is_finite() || other.abs() < 9e18 => {
            let sign = sign(value.raw())?;
            let is_wide = other.is_infinite() && (*other > 0.0) == (sign == Ordering::Greater);
            Ok((!other.is_nan()).then_some(if is_wide { sign.reverse() } else { sign }))
        }
        (Data::Object(value), Data::Object(other)) => {
            let (value, other) = (value.raw(), other.raw());
            let (side, other_side) = (sign(value)?, sign(other)?);
            // Python writes no zeros before a number.
            let by_digits = value.len().cmp(&other.len()).then_with(|| value.cmp(other));
            let by_digits = if side == Ordering::Less { by_digits.reverse() } else { by_digits };
            Ok(Some(side.cmp(&other_side).then(by_digits)))
        }
        _ => Err(Refused::Unchecked),
    }
}

fn whole_with(value: i64, other: f64) -> Option<Ordering> {
    if other.is_nan() {
        return None;
    }
    // What is beyond all of ours.
    if other.abs() >= 9.2e18 {
        return Some(if other > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was compared")]
    let whole = other.trunc() as i64;
    let fraction = other.fract();
    let by_fraction = fraction.partial_cmp(&0.0).map(Ordering::reverse)?;
    Some(value.cmp(&whole).then(by_fraction))
}

/// On which side of all that fits a whole number lies that does not.
fn sign(text: &str) -> Result<Ordering, Refused> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() < 19 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refused::Unchecked);
    }
    Ok(if text.starts_with('-') { Ordering::Less } else { Ordering::Greater })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_python_compares_them() {
        let (int, float) = (Data::Int, Data::Float);
        let big = || Data::Object("99999999999999999999".into());
        for (value, other, expected) in [
            (int(1), int(2), Ok(Some(Ordering::Less))),
            (int(2), float(1.5), Ok(Some(Ordering::Greater))),
            (int(1), float(1.0), Ok(Some(Ordering::Equal))),
            (int(-1), float(-1.5), Ok(Some(Ordering::Greater))),
            (float(2.5), int(2), Ok(Some(Ordering::Greater))),
            (Data::Bool(true), int(5), Ok(Some(Ordering::Less))),
            (float(f64::NAN), int(5), Ok(None)),
            (float(f64::INFINITY), int(5), Ok(Some(Ordering::Greater))),
            (int((1 << 53) + 1), float(9_007_199_254_740_992.0), Ok(Some(Ordering::Greater))),
            (int(i64::MAX), float(1e19), Ok(Some(Ordering::Less))),
            (big(), int(5), Ok(Some(Ordering::Greater))),
            (Data::Object("-99999999999999999999".into()), int(5), Ok(Some(Ordering::Less))),
            (big(), float(f64::INFINITY), Ok(Some(Ordering::Less))),
            (big(), float(1.5), Ok(Some(Ordering::Greater))),
            (big(), big(), Ok(Some(Ordering::Equal))),
            (big(), Data::Object("100000000000000000000".into()), Ok(Some(Ordering::Less))),
            (big(), Data::Object("-100000000000000000000".into()), Ok(Some(Ordering::Greater))),
            (
                Data::Object("-99999999999999999998".into()),
                Data::Object("-99999999999999999999".into()),
                Ok(Some(Ordering::Greater)),
            ),
            (int(5), Data::text("5"), Err(Refused::Unchecked)),
            (Data::Object("<f>".into()), int(5), Err(Refused::Unchecked)),
        ] {
            assert_eq!(order(&value, &other), expected, "{value:?} {other:?}");
        }
    }
}
