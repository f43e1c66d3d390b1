//! Numbers as Python writes them. Pure: bytes of memory in, text out.

/// How many bits a digit of an `int` holds (`PyLong_SHIFT` of every 64-bit build).
const DIGIT_BITS: u32 = 30;

/// The largest power of ten that a `u32` holds, and its exponent.
const CHUNK: u64 = 1_000_000_000;
const CHUNK_DIGITS: usize = 9;

/// The first power of ten that Python writes with an exponent, and the last one before zero that
/// it writes without (`float_repr_style`: format code `r`).
const FIRST_LARGE: i32 = 16;
const LAST_SMALL: i32 = -4;

/// An `int` by its digits, least first. Takes time in proportion to the square of their number:
/// the caller bounds it.
pub fn int(negative: bool, digits: &[u32]) -> String {
    let mut digits: Vec<u64> = digits.iter().map(|digit| u64::from(*digit)).collect();
    let mut chunks = Vec::new();
    while digits.iter().any(|digit| *digit != 0) {
        let mut rest = 0;
        for digit in digits.iter_mut().rev() {
            let value = (rest << DIGIT_BITS) + *digit;
            *digit = value / CHUNK;
            rest = value % CHUNK;
        }
        chunks.push(rest);
        while digits.last() == Some(&0) {
            digits.pop();
        }
    }
    let mut text = String::from(if negative { "-" } else { "" });
    text.push_str(&chunks.pop().unwrap_or(0).to_string());
    for chunk in chunks.iter().rev() {
        text.push_str(&format!("{chunk:0CHUNK_DIGITS$}"));
    }
    text
}

/// How many bits an `int` of these digits has, if `last` is the most significant.
pub fn bits(digits: u64, last: u32) -> u64 {
    let full = digits.saturating_sub(1).saturating_mul(u64::from(DIGIT_BITS));
    full.saturating_add(u64::from(u32::BITS - last.leading_zeros()))
}

/// A `float`: the shortest digits that read back as the same number, laid out as `repr` does.
pub fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    // `-1.25e-7`: sign, digits with a point behind the first, exponent.
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(LAST_SMALL..FIRST_LARGE).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    }
    let plain = value.to_string();
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

/// A `complex`, as `repr` writes it: `(1+2j)`, `-0.5j`.
pub fn complex(real: f64, imaginary: f64) -> String {
    let part = |value: f64| {
        let text = float(value);
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    let imaginary_text = part(imaginary);
    if real == 0.0 && real.is_sign_positive() {
        return format!("{imaginary_text}j");
    }
    let sign = if imaginary_text.starts_with('-') { "" } else { "+" };
    format!("({}{sign}{imaginary_text}j)", part(real))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_any_size_are_written_in_full() {
        assert_eq!(int(false, &[]), "0");
        assert_eq!(int(false, &[0]), "0");
        assert_eq!(int(true, &[42]), "-42");
        // 2**70 and 10**18, digit by digit of 30 bits.
        assert_eq!(int(false, &[0, 0, 1 << 10]), "1180591620717411303424");
        assert_eq!(int(false, &[660_865_024, 931_322_574]), "1000000000000000000");
    }

    #[test]
    fn the_bits_of_a_number_are_counted() {
        assert_eq!(bits(1, 1), 1);
        assert_eq!(bits(3, 1 << 10), 71);
        assert_eq!(bits(u64::MAX, u32::MAX), u64::MAX);
    }

    #[test]
    fn fractions_are_written_as_python_writes_them() {
        for (value, written) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.25e-7, "1.25e-07"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(float(value), written);
        }
    }

    #[test]
    fn complex_numbers_are_written_as_python_writes_them() {
        assert_eq!(complex(1.0, -2.5), "(1-2.5j)");
        assert_eq!(complex(0.0, 1.0), "1j");
        assert_eq!(complex(-0.0, 1.0), "(-0+1j)");
        assert_eq!(complex(1.0, f64::NAN), "(1+nanj)");
    }
}
