//! The escape of the text formats: what a process calls itself must not steer a terminal, nor
//! pass for something else. Where a text may stand is told in `page.rs`, and how a name is told from
//! guru's words in `name.rs`.
//!
//! Readability comes first: a backslash stays a single backslash, so that paths and regular
//! expressions read as they are. The price is that an escape and the same characters written
//! out by the process look alike in a text; in a name they do not, because one with an escape is
//! quoted, and `--format json` tells them apart everywhere. It does no harm: what an escape stands
//! for has no effect, and no text of the process gains a place by it. Secrets are masked before, in
//! the report: cutting a text here can not uncover one.

use crate::text::Text;

/// The most characters of one text that are shown; how many more there are is said.
pub const MAX_CHARS: usize = 4096;

/// Characters that do something to a terminal, or that no eye can see or tell from a space: by the
/// properties of Unicode 16 the controls (Cc), the format characters (Cf: among them those that turn
/// the direction of writing, CVE-2021-42574, and tags), all that is ignored where it is not known
/// (`Default_Ignorable_Code_Point`: fillers, variation selectors), and every space and separator but
/// the ASCII space (`White_Space`); beside these the empty braille pattern.
///
/// There is no exception for the joiners and variation selectors that scripts and emoji are written
/// with: two names that look alike would differ.
pub fn is_harmful(character: char) -> bool {
    // Most of what is asked for.
    if matches!(character, ' '..='~') {
        return false;
    }
    matches!(character,
        '\0'..='\x1f' | '\x7f'..='\u{a0}'
        | '\u{ad}' | '\u{34f}'
        | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}' | '\u{891}' | '\u{8e2}'
        | '\u{115f}' | '\u{1160}' | '\u{1680}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
        | '\u{205f}'..='\u{206f}'
        | '\u{2800}' | '\u{3000}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// `text` on one line.
pub fn line(text: &str) -> String {
    let (shown, more) = cut(text);
    let mut line = escape(shown);
    push_more(&mut line, more);
    line
}

/// The lines of `text`, split where it has newlines. Whoever prints them indents each one, so
/// that none of them passes for a line of guru's.
pub fn lines(text: &str) -> Vec<String> {
    let (shown, more) = cut(text);
    let mut lines: Vec<String> = shown.split('\n').map(escape).collect();
    if let Some(last) = lines.last_mut() {
        push_more(last, more);
    }
    lines
}

/// Bytes for a terminal: whole, in their lines and with their tabs, and with nothing else in them that
/// does something.
pub fn for_terminal(bytes: &[u8]) -> String {
    let text = Text::from_bytes(bytes);
    let shown = |line: &str| line.split('\t').map(escape).collect::<Vec<_>>().join("\t");
    text.raw().split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

/// The first [`MAX_CHARS`] characters of `text`, and how many follow.
fn cut(text: &str) -> (&str, usize) {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => {
            let (shown, rest) = text.split_at(end);
            (shown, rest.chars().count())
        }
        None => (text, 0),
    }
}

fn push_more(line: &mut String, more: usize) {
    if more > 0 {
        line.push_str(&format!("… ({more} more)"));
    }
}

fn escape(text: &str) -> String {
    // Most of a report is this, and there may be a million frames.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\0'..='\x1f' | '\x7f' => {
                escaped.push_str(&format!("\\x{:02x}", u32::from(character)));
            }
            // Never `\x85`: so a byte that is no UTF-8 is written.
            _ if is_harmful(character) => {
                escaped.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_shown_as_escapes() {
        assert_eq!(line("\x1b]0;pwn\x07\x1b[2J"), "\\x1b]0;pwn\\x07\\x1b[2J");
        assert_eq!(line("a\tb\r\nc\0\x7f"), "a\\tb\\r\\nc\\x00\\x7f");
        assert_eq!(line("\u{85}\u{9b}1m"), "\\u{85}\\u{9b}1m");
        assert_eq!(
            line("a\u{202e}b\u{2066}\u{feff}\u{e0041}"),
            "a\\u{202e}b\\u{2066}\\u{feff}\\u{e0041}"
        );
    }

    #[test]
    fn every_control_and_every_space_but_one_is_shown() {
        for character in ('\0'..=char::MAX).filter(|c| c.is_control() || c.is_whitespace()) {
            assert_eq!(is_harmful(character), character != ' ', "{:x}", u32::from(character));
        }
    }

    #[test]
    fn what_no_eye_sees_is_shown() {
        let fillers = "\u{34f}\u{115f}\u{1160}\u{17b4}\u{180b}\u{2065}\u{2800}\u{3164}\u{ffa0}";
        let marks = "\u{200b}\u{200c}\u{200d}\u{202e}\u{2066}\u{fe00}\u{fe0f}\u{feff}\u{fffb}";
        let far = "\u{1bca0}\u{1d173}\u{e0001}\u{e0020}\u{e0100}\u{e01ef}\u{e0fff}";
        for character in [fillers, marks, far].into_iter().flat_map(str::chars) {
            let shown = format!("a\\u{{{:x}}}b", u32::from(character));
            assert_eq!(line(&format!("a{character}b")), shown);
        }
    }

    #[test]
    fn readable_text_stays_as_it_is() {
        for text in ["C:\\dir\\new", "grüße 東京 👩💻 e\u{301}", "`a` = \"b\"", ""] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn a_terminal_gets_lines_and_tabs_and_nothing_else_that_does_something() {
        assert_eq!(for_terminal(b"a\tb\r\n\x1b[2J\xff\n"), "a\tb\\r\n\\x1b[2J\\xff\n");
        let long = "x".repeat(2 * MAX_CHARS);
        assert_eq!(for_terminal(long.as_bytes()), long);
    }

    #[test]
    fn a_long_text_is_cut_and_says_by_how_much() {
        let text = "ü".repeat(MAX_CHARS + 7);
        assert_eq!(line(&text), format!("{}… (7 more)", "ü".repeat(MAX_CHARS)));
        assert_eq!(line(&"x".repeat(MAX_CHARS)), "x".repeat(MAX_CHARS));
        assert_eq!(lines(&"\n".repeat(MAX_CHARS + 1)).len(), MAX_CHARS + 1);
    }

    #[test]
    fn lines_are_split_at_newlines_only() {
        assert_eq!(lines("one\ntwo\r\u{2028}\n"), ["one", "two\\r\\u{2028}", ""]);
    }
}
