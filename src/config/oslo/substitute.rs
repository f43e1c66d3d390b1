//! References in a value: `$name`, `${name}`, `$group.name`, as `cfg.ConfigOpts._substitute` and
//! Python's `string.Template.safe_substitute` find them. What a name stands for is not known here.

/// The longest that a value may become. References to references can double with each.
pub const MAX_VALUE_BYTES: usize = 1 << 20;

/// What can go wrong beside what a look-up says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// The text with its references replaced; `None` if it has none, nor anything escaped.
///
/// `\$` and `$$` are a dollar. A dollar that begins no name stays, and so does a reference for
/// which `look_up` has no answer.
pub fn substitute<E: From<TooLong>>(
    text: &str,
    mut look_up: impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<Option<String>, E> {
    if !text.contains('$') {
        return Ok(None);
    }
    if text.len() > MAX_VALUE_BYTES {
        return Err(TooLong.into());
    }
    let text = text.replace("\\$", "$$");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        let (name, length) = match behind.strip_prefix('{') {
            Some(inner) => {
                let name = identifier(inner);
                let closed = inner.get(name.len()..).is_some_and(|rest| rest.starts_with('}'));
                (if closed { name } else { "" }, name.len() + 2)
            }
            None => (identifier(behind), identifier(behind).len()),
        };
        if name.is_empty() {
            out.push('$');
            rest = behind.strip_prefix('$').unwrap_or(behind);
            continue;
        }
        let (reference, behind) = behind.split_at_checked(length).unwrap_or((behind, ""));
        match look_up(name)? {
            Some(value) => out.push_str(&value),
            None => out.extend(["$", reference]),
        }
        if out.len() > MAX_VALUE_BYTES {
            return Err(TooLong.into());
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(Some(out))
}

/// The name at the begin of a text: `[_a-z][\._a-z0-9]*` without regard to case. Dots belong to
/// it, also one that ends a sentence.
fn identifier(text: &str) -> &str {
    let inside = |c: char| is_letter(c) || c.is_ascii_digit() || c == '.';
    if !text.starts_with(is_letter) {
        return "";
    }
    let end = text.find(|c: char| !inside(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Four letters beside those of ASCII are one of `a` to `z` in another case, for Python's `re`.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | 'İ' | 'ı' | 'ſ' | '\u{212a}')
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Names stand for themselves in brackets; `none` has no answer.
    fn shown(text: &str) -> Option<String> {
        let look_up = |name: &str| Ok((name != "none").then(|| format!("<{name}>")));
        substitute::<TooLong>(text, look_up).unwrap()
    }

    /// Each was compared with `string.Template` of CPython 3.11.7, with the pattern of names of
    /// oslo.config 10.7.0.
    #[test]
    fn references_are_found_as_python_finds_them() {
        for (text, expected) in [
            ("$a", "<a>"),
            ("x$a/y", "x<a>/y"),
            ("${a}b", "<a>b"),
            ("$a.b", "<a.b>"),
            ("say $a.", "say <a.>"),
            ("$a$b", "<a><b>"),
            ("$A_1-b", "<A_1>-b"),
            ("$$a", "$a"),
            ("\\$a", "$a"),
            ("\\$$a", "$<a>"),
            ("$$$a", "$<a>"),
            ("$1 $ ${ $.a $-", "$1 $ ${ $.a $-"),
            ("${a-b} ${a", "${a-b} ${a"),
            ("${a${b}", "${a<b>"),
            ("${}$", "${}$"),
            ("$none ${none} $a", "$none ${none} <a>"),
            ("$ſK$é", "<ſK>$é"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(shown("plain \\ text"), None);
    }

    #[test]
    fn a_value_that_grows_too_long_is_refused() {
        let half = "x".repeat(MAX_VALUE_BYTES / 2 + 1);
        let look_up = |_: &str| Ok(Some(half.clone()));
        assert_eq!(substitute::<TooLong>("$a$a$a", look_up), Err(TooLong));
        let long = "$".repeat(MAX_VALUE_BYTES + 1);
        assert_eq!(substitute::<TooLong>(&long, look_up), Err(TooLong));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "([${}\\\\.a_1é]|\\PC){0,40}") {
            shown(&text);
        }
    }
}
