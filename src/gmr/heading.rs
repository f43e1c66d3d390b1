//! The lines that tell the parts of an in-process report apart: oslo.reports'
//! `views/text/header.py` (`TitledView`) and `report.py` (`TextReport`), the same in every release.

/// The width of a rule, of a title with its borders, and of the bar below the report's own title.
pub const WIDTH: usize = 72;

/// What stands on both sides of a title.
const BORDER: &[u8] = b"====";

/// The longest line that is taken for a title, in bytes. A title of oslo.reports has 64
/// characters; a longer one makes the line longer.
const MAX_TITLE: usize = 4096;

/// The sections that every report has, by their titles and in their order. `Green Threads` is
/// absent where greenlet is not installed (oslo.reports 3.3.0 and newer), `Processes` in copies of
/// the incubator's code that are older than oslo.reports.
pub const STANDARD: [&str; 5] =
    ["Package", "Threads", "Green Threads", "Processes", "Configuration"];

/// Whether a line (without its newline) is one of the two that enclose a title.
pub fn is_rule(line: &[u8]) -> bool {
    line.len() == WIDTH && ends_in_rule(line)
}

/// Whether a line ends in a rule: what was written before it had no newline at its end.
pub fn ends_in_rule(line: &[u8]) -> bool {
    line.len().checked_sub(WIDTH).and_then(|at| line.get(at..)).is_some_and(|end| all(end, b'='))
}

/// Whether a line is the bar that stands below the title of the report itself, and below no other.
pub fn is_bar(line: &[u8]) -> bool {
    line.len() == WIDTH && all(line, b'|')
}

/// The title in the line between two rules.
pub fn title(line: &[u8]) -> Option<&[u8]> {
    if !(WIDTH..=MAX_TITLE).contains(&line.len()) || all(line, b'=') {
        return None;
    }
    Some(line.strip_prefix(BORDER)?.strip_suffix(BORDER)?.trim_ascii())
}

fn all(line: &[u8], byte: u8) -> bool {
    line.iter().all(|other| *other == byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_titles_and_bars_are_told_apart() {
        let rule = "=".repeat(WIDTH);
        let titled = format!("===={:^64}====", "Mini Extra");
        assert!(is_rule(rule.as_bytes()) && !is_rule(&rule.as_bytes()[1..]));
        assert!(ends_in_rule(format!("x{rule}").as_bytes()));
        assert_eq!(title(titled.as_bytes()), Some(&b"Mini Extra"[..]));
        let long = format!("===={}====", "x".repeat(70));
        assert_eq!(title(long.as_bytes()), Some("x".repeat(70).as_bytes()));
        for line in [&rule, "==== x ====", &"=".repeat(5000), ""] {
            assert_eq!(title(line.as_bytes()), None, "{line}");
        }
        assert!(is_bar("|".repeat(WIDTH).as_bytes()) && !is_bar(rule.as_bytes()));
    }
}
