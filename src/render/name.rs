//! Names of the process among guru's words: as they are if they are ordinary, else in double quotes.
//!
//! A function may be called `note: threads: all is well`, and a file `tid 1 "init" · running`. What
//! is ordinary is told by what a name is made of, not by a list of what guru writes: it is one word,
//! without quotes and without the signs that stand between guru's words. In quotes a backslash is
//! doubled, so that no name forges the end of its quotes, nor an escape.

use super::sanitize::line;
use crate::stack::Language;

/// What stands between the facts of a line.
pub const BETWEEN: char = '·';

/// What guru says of a frame behind its function.
pub const INLINED: &str = " (inlined)";

/// What guru says of a frame that may be none.
pub const GUESSED: &str = " (guessed: frame pointer)";

/// The same of one that was looked for on the stack.
pub const SCANNED: &str = " (guessed: found on the stack)";

/// What stands for what is not known.
pub const NOT_KNOWN: &str = "??";

/// A name within a line.
pub fn name(text: &str) -> String {
    if is_word(text) { line(text) } else { quoted(text) }
}

/// A name at the start of a line: there it must not look like a heading, a remark in parentheses or
/// the words before a colon either.
pub fn at_start(text: &str) -> String {
    let looks_like_ours = text.starts_with(['=', '-', '|', '(', '…']) || text.ends_with(':');
    if looks_like_ours { quoted(text) } else { name(text) }
}

/// A few words of small letters, as guru has them for states and fields; anything else as a name.
pub fn plain(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || matches!(c, ' ' | '-');
    let is_ours = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(is_plain)
        && text.len() <= MAX_PLAIN;
    if is_ours { text.to_owned() } else { at_start(text) }
}

/// The longest text that may be a few words of guru's.
const MAX_PLAIN: usize = 32;

/// The name of a function, which stands behind ` in ` and ends its line but for marks of guru's.
pub fn function(text: &str, language: Language) -> String {
    let is_ordinary = match language {
        Language::Native => is_native(text),
        Language::Python => is_word(text),
    };
    if is_ordinary && text != NOT_KNOWN { line(text) } else { quoted(text) }
}

/// Text in double quotes, on one line, without what stands between facts.
pub fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", line(&text).replace(BETWEEN, "\\u{b7}"))
}

/// One word that is not taken for anything else.
fn is_word(text: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | '`' | BETWEEN);
    !text.is_empty() && text.chars().all(is_plain) && !is_escaped(text)
}

/// Names of C++ and Rust have spaces, parentheses and quotes: `f<int>(char const*) const`.
fn is_native(text: &str) -> bool {
    is_word(text)
        || !(text.is_empty()
            || text.starts_with([' ', '"'])
            || text.contains([BETWEEN, '`'])
            || text.contains("  ")
            || text.contains(": ")
            || text.ends_with([' ', ':'])
            || text.ends_with(INLINED)
            || text.ends_with(GUESSED)
            || text.ends_with(SCANNED)
            || is_escaped(text))
}

/// Whether something in it is shown otherwise than it is.
fn is_escaped(text: &str) -> bool {
    text.chars().any(super::sanitize::is_harmful)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for text in ["/usr/bin/x", "<module>", "grüße", "C:\\x", "a\\x2db.service", "[vdso]", "a:b"]
        {
            assert_eq!(name(text), text);
            assert_eq!(at_start(text), text);
            assert_eq!(function(text, Language::Python), text);
        }
        for text in [
            "std::vector<int, std::allocator<int> >::push_back(int const&)",
            "std::function<void (int)>::operator()(int) const",
            "(anonymous namespace)::work(char const*)",
            "<T as core::fmt::Debug>::fmt::{{closure}}",
            "operator\"\" _ms(unsigned long long)",
            "f()::'lambda'(int)::operator()(int) const",
        ] {
            assert_eq!(function(text, Language::Native), text);
        }
    }

    #[test]
    fn what_is_no_word_is_quoted() {
        for (text, shown) in [
            ("", "\"\""),
            ("note: threads: x", "\"note: threads: x\""),
            ("a\" · running", "\"a\\\" \\u{b7} running\""),
            ("a·b", "\"a\\u{b7}b\""),
            ("it's", "\"it's\""),
            ("a\x1b", "\"a\\x1b\""),
            ("a \\x1b", "\"a \\\\x1b\""),
            ("\u{3164}", "\"\\u{3164}\""),
            ("a\u{a0}b", "\"a\\u{a0}b\""),
        ] {
            assert_eq!(name(text), shown);
        }
        assert_eq!(name("(sd-pam)"), "(sd-pam)");
        for text in ["(sd-pam)", "====", "-x", "|", "note:"] {
            assert_eq!(at_start(text), format!("\"{text}\""));
        }
    }

    #[test]
    fn a_function_forges_no_mark() {
        for text in ["f (inlined)", "f (guessed: frame pointer)", "??", "note: x", " f"] {
            for language in [Language::Native, Language::Python] {
                assert_eq!(function(text, language), format!("\"{text}\""));
            }
        }
    }
}
