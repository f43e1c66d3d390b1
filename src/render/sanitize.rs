//! The escape of the text formats: what a process calls itself must not steer a terminal, nor
//! look like a line of guru's own.
//!
//! Readability comes first: a backslash stays a single backslash, so that paths and regular
//! expressions read as they are. The price is that an escape and the same characters written
//! out by the process look alike; `--format json` tells them apart. Secrets are masked before,
//! in the report: cutting a text here can not uncover one.

/// The most characters of one text that are shown; how many more there are is said.
pub const MAX_CHARS: usize = 4096;

/// Characters that do something to a terminal, or that no eye can see: controls (C0, DEL, C1),
/// marks that turn the direction of writing (CVE-2021-42574), separators of lines, and format
/// characters without a glyph. The joiners U+200C and U+200D stay, because scripts and emoji
/// are written with them.
pub fn is_harmful(character: char) -> bool {
    matches!(character,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// `text` on one line.
pub fn line(text: &str) -> String {
    let (shown, more) = cut(text);
    let mut line = escape(shown);
    push_more(&mut line, more);
    line
}

/// `text` on one line, for the start of a line of output: with what would make it look like a
/// heading or the bar of a thread escaped.
pub fn at_line_start(text: &str) -> String {
    let mut line = line(text);
    if let Some(first @ ('=' | '-' | '|')) = line.chars().next() {
        line.replace_range(..1, &format!("\\x{:02x}", u32::from(first)));
    }
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
    fn readable_text_stays_as_it_is() {
        for text in ["C:\\dir\\new", "grüße 東京 👩‍💻", "`a` = \"b\"", ""] {
            assert_eq!(line(text), text);
        }
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

    #[test]
    fn a_heading_at_the_start_of_a_line_is_broken() {
        assert_eq!(at_line_start("====  Threads  ===="), "\\x3d===  Threads  ====");
        assert_eq!(at_line_start("------"), "\\x2d-----");
        assert_eq!(at_line_start("/usr/bin/x"), "/usr/bin/x");
        assert_eq!(at_line_start(""), "");
    }
}
