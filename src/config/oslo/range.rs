//! Ranges of numbers as `types.Range` of oslo.config reads them: `3-5`, `5-3`, `7`, `-3--1`.

use super::convert::{Refused, Work};
use crate::data::Data;

/// The most numbers of a range.
const MAX_RANGE: u64 = 10_000;

/// Its two ends.
pub fn ends(text: &str) -> Result<(i64, i64), Refused> {
    let no_range = Refused::Invalid("it is no range");
    // Python's `$` allows a line feed behind.
    let text = text.strip_suffix('\n').unwrap_or(text);
    let dash = text.get(1..).and_then(|rest| rest.find('-')).map(|dash| dash + 1);
    let (left, right) = match dash.and_then(|dash| text.split_at_checked(dash)) {
        Some((left, right)) => (left, right.get(1..).unwrap_or_default()),
        None => (text, text),
    };
    let number = |text: &str| -> Result<i64, Refused> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let usual = digits.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !digits.starts_with('0'));
        match usual && !digits.is_empty() {
            true => text.parse().map_err(|_| Refused::Foreign),
            false => Err(no_range),
        }
    };
    Ok((number(left)?, number(right)?))
}

/// Its numbers.
pub fn numbers(
    (left, right): (i64, i64),
    inclusive: bool,
    work: &Work<'_>,
) -> Result<Data, Refused> {
    let count = left.abs_diff(right).saturating_add(u64::from(inclusive));
    if count > MAX_RANGE {
        return Err(Refused::TooMuch);
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    work.take(count)?;
    let step = if left < right { 1 } else { -1 };
    let next = |last: &i64| last.checked_add(step);
    let numbers = std::iter::successors(Some(left), next).take(count);
    Ok(Data::List(numbers.map(Data::Int).collect()))
}
