//! What one line tells of a report: pure functions over a line without its newline.

use crate::gmr::heading::{self, STANDARD};

/// The last line of a report that failed (`handle_signal` of every release).
pub(super) const FAILED: &[u8] = b"Unable to run Guru Meditation Report!";

/// What a line begins with that says where a report could not be written to; the path follows.
pub(super) const UNDUMPED: &[u8] = b"Unable to dump Guru Meditation Report to file ";

/// What a traceback begins with.
const TRACEBACK: &[u8] = b"Traceback (most recent call last):";

/// What a traceback of a group of exceptions begins with (Python 3.11 and newer).
const GROUP_TRACEBACK: &[u8] = b"  + Exception Group Traceback (most recent call last):";

/// What stands between a traceback and the one of what it led to.
const CHAINS: [&[u8]; 2] = [
    b"During handling of the above exception, another exception occurred:",
    b"The above exception was the direct cause of the following exception:",
];

/// What a line is in the frame of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The rule over a title.
    Rule,
    /// The same, behind a text that has no newline at its end.
    GluedRule,
    /// A title.
    Title,
    /// The rule below a title.
    Closing,
    /// The bar below the title of the report.
    Bar,
    /// The first line of a report without a header.
    Package,
    /// Any other.
    Other,
}

impl Kind {
    /// Whether a title may follow.
    pub(super) fn is_rule(self) -> bool {
        matches!(self, Kind::Rule | Kind::GluedRule)
    }
}

/// In which section a line lies, as far as that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the first one that is called Configuration.
    Configuration,
    /// In any other.
    Elsewhere,
}

/// What a line is by itself; which rules close a title only its neighbours tell.
pub(super) fn kind(line: &[u8]) -> Kind {
    match line {
        b"Package" => Kind::Package,
        _ if heading::is_rule(line) => Kind::Rule,
        _ if heading::ends_in_rule(line) => Kind::GluedRule,
        _ if heading::is_bar(line) => Kind::Bar,
        _ if heading::title(line).is_some() => Kind::Title,
        _ => Kind::Other,
    }
}

/// Whether a line may follow the title of Package in a report without a header, of the views
/// json, xml and text.
pub(super) fn begins_package(line: &[u8]) -> bool {
    let begins = |start: &[u8]| line.starts_with(start);
    begins(b"{\"product\"") || begins(b"<model><product") || begins(b"product = ")
}

/// Whether a line is the title of a section that every report has.
pub(super) fn is_standard_title(line: &[u8]) -> bool {
    STANDARD.iter().any(|title| title.as_bytes() == line)
}

/// Whether a line may be one of the text view of Configuration: an empty one, the name of a group
/// with a colon and a space, or anything of it that is indented.
pub(super) fn fits_configuration(line: &[u8]) -> bool {
    line.is_empty() || line.starts_with(b"  ") || (line.ends_with(b": ") && line.len() < 1024)
}

/// Where the traceback begins that goes on or begins with a line at `start`.
pub(super) fn traceback(
    line: &[u8],
    start: usize,
    begun: Option<usize>,
    chained: &mut bool,
) -> Option<usize> {
    if line == TRACEBACK || line == GROUP_TRACEBACK {
        let begin = begun.filter(|_| std::mem::take(chained)).unwrap_or(start);
        return Some(begin);
    }
    if !line.is_empty() {
        *chained = CHAINS.contains(&line);
    }
    begun
}
