//! Patterns of Python's `re`, as far as they mean the same to us. Where one may not, or may not for
//! this text, there is no answer: guessing would make a good value a bad one.
//!
//! Of texts and patterns, ASCII is where both are sure to agree on letters, digits and case.

use std::iter::Peekable;
use std::str::Chars;
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

use crate::text::Text;

/// The longest pattern that is translated, in bytes.
const MAX_BYTES: usize = 4096;

/// The most memory that a pattern may take, compiled.
const MAX_COMPILED: usize = 1 << 18;

/// Flags of `re` (`Lib/re/_constants.py`, the same from 3.8 to 3.15).
mod flag {
    pub const IGNORECASE: u32 = 2;
    pub const MULTILINE: u32 = 8;
    pub const DOTALL: u32 = 16;
    pub const UNICODE: u32 = 32;
    pub const ASCII: u32 = 256;
    pub const KNOWN: u32 = IGNORECASE | MULTILINE | DOTALL | UNICODE | ASCII;
}

/// A compiled pattern of Python, by what it was compiled of.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Text,
    flags: u32,
    /// Translated when it is first asked.
    translated: OnceLock<Option<Arc<Translated>>>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        (&self.text, self.flags) == (&other.text, other.flags)
    }
}

/// A pattern as we have it.
#[derive(Debug)]
struct Translated {
    regex: Regex,
    /// Whether it is sure of texts in ASCII only.
    ascii: bool,
    /// Whether it is sure of a single line only: for `$` there is an end before a last line feed.
    line: bool,
}

impl Pattern {
    /// The attributes `pattern` and `flags` of a compiled one.
    pub fn new(text: Text, flags: u32) -> Pattern {
        Pattern { text, flags, translated: OnceLock::new() }
    }

    /// The attributes `pattern` and `flags`.
    pub fn parts(&self) -> (&Text, u32) {
        (&self.text, self.flags)
    }

    /// Whether it was asked before.
    pub fn is_compiled(&self) -> bool {
        self.translated.get().is_some()
    }

    /// Whether `search` finds it in a text; `None` where only Python could tell.
    pub fn is_in(&self, text: &str) -> Option<bool> {
        let translated = || translate(self.text.raw(), self.flags).map(Arc::new);
        let translated = self.translated.get_or_init(translated).as_ref()?;
        let is_sure =
            (text.is_ascii() || !translated.ascii) && !(translated.line && text.contains('\n'));
        is_sure.then(|| translated.regex.is_match(text))
    }
}

fn translate(pattern: &str, flags: u32) -> Option<Translated> {
    if pattern.len() > MAX_BYTES || flags & !flag::KNOWN != 0 {
        return None;
    }
    let mut translator = Translator {
        rest: pattern.chars().peekable(),
        out: String::new(),
        flags,
        // Of letters of other alphabets, case is not ours to tell.
        ascii: flags & flag::IGNORECASE != 0,
        line: flags & flag::MULTILINE != 0,
    };
    if translator.ascii && !pattern.is_ascii() {
        return None;
    }
    translator.skip_global_flags(pattern);
    translator.all()?;
    let Translator { out, ascii, line, .. } = translator;
    let regex = RegexBuilder::new(&out)
        .case_insensitive(flags & flag::IGNORECASE != 0)
        .dot_matches_new_line(flags & flag::DOTALL != 0)
        .size_limit(MAX_COMPILED)
        .nest_limit(50)
        .build()
        .ok()?;
    Some(Translated { regex, ascii, line })
}

/// Goes through a pattern that Python has compiled: there is nothing wrong with it.
struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    flags: u32,
    ascii: bool,
    line: bool,
}

impl Translator<'_> {
    /// `(?i)` at the begin is among the flags.
    fn skip_global_flags(&mut self, pattern: &str) {
        let flags = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
        if let Some((letters, rest)) = flags
            && !letters.is_empty()
            && letters.chars().all(|c| "aimsu".contains(c))
        {
            let skipped = pattern.chars().count() - rest.chars().count();
            self.rest.by_ref().take(skipped).for_each(drop);
        }
    }

    fn all(&mut self) -> Option<()> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => {
                    let escaped = self.escape(false)?;
                    self.out.push_str(&escaped);
                }
                '[' => self.set()?,
                '(' => self.group()?,
                '{' => self.count()?,
                '*' | '+' | '?' => self.repeat(&c.to_string())?,
                '$' => {
                    self.line = true;
                    self.out.push_str("\\z");
                }
                '.' | '^' | '|' | ')' => self.out.push(c),
                c => self.literal(c),
            }
        }
        Some(())
    }

    fn literal(&mut self, c: char) {
        self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }

    /// `+?` finds what `+` does, elsewhere. `++` (3.11) gives nothing back, which we do not know.
    fn repeat(&mut self, how_often: &str) -> Option<()> {
        self.out.push_str(how_often);
        match self.rest.peek() {
            Some('+') => None,
            Some('?') => {
                self.rest.next();
                Some(())
            }
            _ => Some(()),
        }
    }

    /// `{2}`, `{2,}`, `{,2}`, `{2,3}`. Any other brace is itself.
    fn count(&mut self) -> Option<()> {
        let mut ahead = self.rest.clone();
        let inner: String = ahead.by_ref().take_while(|c| *c != '}').take(20).collect();
        let closed = self.rest.clone().nth(inner.len()) == Some('}');
        let (least, most) = inner.split_once(',').unwrap_or((&inner, &inner));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !closed || inner.is_empty() || !is_number(least) || !is_number(most) {
            self.literal('{');
            return Some(());
        }
        self.rest.by_ref().take(inner.len() + 1).for_each(drop);
        let least = if least.is_empty() { "0" } else { least };
        let how_often = match inner.contains(',') {
            true => format!("{{{least},{most}}}"),
            false => format!("{{{least}}}"),
        };
        self.repeat(&how_often)
    }

    /// A group; what looks ahead or behind, or back, we do not know.
    fn group(&mut self) -> Option<()> {
        self.out.push_str("(?:");
        if self.rest.next_if_eq(&'?').is_none() {
            return Some(());
        }
        match self.rest.next()? {
            ':' => Some(()),
            'P' => {
                self.rest.next_if_eq(&'<')?;
                self.rest.by_ref().find(|c| *c == '>').map(drop)
            }
            _ => None,
        }
    }

    /// What a backslash and what follows it are, in a set or outside.
    fn escape(&mut self, in_set: bool) -> Option<String> {
        let c = self.rest.next()?;
        let class = |ascii: &str| if in_set { ascii.to_owned() } else { format!("[{ascii}]") };
        Some(match c {
            'd' | 'w' | 's' | 'D' | 'W' | 'S' => {
                self.ascii |= self.flags & flag::ASCII == 0;
                let inside = match c.to_ascii_lowercase() {
                    'd' => "0-9",
                    'w' => "0-9A-Za-z_",
                    // Four separators of ASCII are white space where Unicode counts.
                    _ if self.flags & flag::ASCII == 0 => "\\t-\\r\\x1c-\\x20",
                    _ => "\\t-\\r\\x20",
                };
                if c.is_ascii_uppercase() { format!("[^{inside}]") } else { class(inside) }
            }
            'b' if in_set => "\\x08".to_owned(),
            'b' => {
                self.ascii |= self.flags & flag::ASCII == 0;
                "(?-u:\\b)".to_owned()
            }
            'A' if !in_set => "\\A".to_owned(),
            'Z' if !in_set => "\\z".to_owned(),
            'n' => "\\n".to_owned(),
            't' => "\\t".to_owned(),
            'r' => "\\r".to_owned(),
            'f' => "\\x0c".to_owned(),
            'v' => "\\x0b".to_owned(),
            'a' => "\\x07".to_owned(),
            'x' => {
                let digits: String = self.rest.by_ref().take(2).collect();
                let code = u8::from_str_radix(&digits, 16).ok()?;
                format!("\\x{{{code:02x}}}")
            }
            // Numbers refer back; other letters are not known, or not of all versions.
            c if c.is_ascii_alphanumeric() => return None,
            c => regex::escape(c.encode_utf8(&mut [0; 4])),
        })
    }

    /// `[...]`. Python knows no sets in sets: each sign in it is escaped.
    fn set(&mut self) -> Option<()> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            let c = self.rest.next()?;
            if c == ']' && !is_first {
                break;
            }
            is_first = false;
            let from = self.of_set(c)?;
            self.out.push_str(&from);
            let mut ahead = self.rest.clone();
            if ahead.next() == Some('-') && ahead.next().is_some_and(|to| to != ']') {
                self.rest.next();
                let to = self.rest.next()?;
                let to = self.of_set(to)?;
                self.out.push('-');
                self.out.push_str(&to);
            }
        }
        self.out.push(']');
        Some(())
    }

    fn of_set(&mut self, c: char) -> Option<String> {
        match c {
            '\\' => self.escape(true),
            c if c.is_ascii_punctuation() => Some(format!("\\{c}")),
            c => Some(c.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was compared with `re.search` of CPython 3.11.7; `None` where we do not tell.
    #[test]
    fn patterns_find_what_python_finds() {
        let i = flag::IGNORECASE;
        for (pattern, flags, text, expected) in [
            ("^x", 32, "xy", Some(true)),
            ("^x", 32, "yx", Some(false)),
            ("a$", 32, "ba", Some(true)),
            ("a$", 32, "a\n", None),
            ("a\\Z", 32, "a\n", Some(false)),
            ("^[a-zA-Z0-9-_.]*$", 32, "a-_.", Some(true)),
            ("^[a-zA-Z0-9-_.]*$", 32, "a b", Some(false)),
            ("^[]a]+$", 32, "]a]", Some(true)),
            ("^[^]a]+$", 32, "b", Some(true)),
            ("[a&&b]", 32, "&", Some(true)),
            ("[[:x]", 32, "[", Some(true)),
            ("[a~~b]", 32, "~", Some(true)),
            ("^\\d+$", 32, "123", Some(true)),
            ("^\\d+$", 32, "١", None),
            ("^\\d+$", 256, "١", Some(false)),
            ("^\\w+\\s\\S$", 32, "a_9 b", Some(true)),
            ("\\s", 32, "\u{1c}", Some(true)),
            ("\\s", 256, "\u{1c}", Some(false)),
            ("[\\s]", 32, "\u{1c}", Some(true)),
            ("[^\\W\\d]", 32, "7", Some(false)),
            ("[^\\W\\d]", 32, "a", Some(true)),
            ("é", 32, "café", Some(true)),
            ("^.$", 32, "é", Some(true)),
            ("^é$", 32 | i, "É", None),
            ("abc", 32 | i, "xABCx", Some(true)),
            ("(?i)abc", 32 | i, "ABC", Some(true)),
            ("k", 32 | i, "\u{212a}", None),
            ("^a{2}$", 32, "aa", Some(true)),
            ("^a{,2}$", 32, "aaa", Some(false)),
            ("^a{2,}$", 32, "aaa", Some(true)),
            ("^a{,}$", 32, "aaa", Some(true)),
            ("^a{x}$", 32, "a{x}", Some(true)),
            ("^{}$", 32, "{}", Some(true)),
            ("^a{2$", 32, "a{2", Some(true)),
            ("^a}$", 32, "a}", Some(true)),
            ("^a]$", 32, "a]", Some(true)),
            ("^(a|b)+?$", 32, "abba", Some(true)),
            ("^(?P<n>a)(?:b)?$", 32, "ab", Some(true)),
            ("a++", 32, "a", None),
            ("(?=a)", 32, "a", None),
            ("(?!a)", 32, "b", None),
            ("(?<!a)b", 32, "b", None),
            ("(a)\\1", 32, "aa", None),
            ("(?i:a)", 32, "A", None),
            ("a b", 96, "ab", None),
            ("a.b", 32, "a\nb", Some(false)),
            ("a.b", 48, "a\nb", Some(true)),
            ("^b", 40, "a\nb", None),
            ("\\bfoo\\b", 32, "a foo b", Some(true)),
            ("\\x41\\.\\-\\/", 32, "A.-/", Some(true)),
            ("[\\x41-\\x43]", 32, "B", Some(true)),
            ("[+--]", 32, ",", Some(true)),
            ("[a-]", 32, "-", Some(true)),
            ("[\\b]", 32, "\u{8}", Some(true)),
            ("#a b", 32, "#a b", Some(true)),
            ("", 32, "", Some(true)),
        ] {
            let found = Pattern::new(pattern.into(), flags).is_in(text);
            assert_eq!(found, expected, "{pattern:?} {flags} {text:?}");
        }
        let huge = "(((a{1000}){1000}){1000})";
        assert_eq!(Pattern::new(huge.into(), 32).is_in("a"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_makes_it_fail(text in "([\\\\()\\[\\]{}?*+^$|.,<>=!:P#a0-9é-]){0,30}") {
            let _ = Pattern::new(text.as_str().into(), 32).is_in("a0-");
            let _ = Pattern::new(text.as_str().into(), 34).is_in("a0-\n");
        }
    }
}
