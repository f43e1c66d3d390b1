//! Sections of one's own, as the inspecting side defines them: the files that do, which of them
//! apply to a process, and the commands that they run.
//!
//! Everything but [`live`] is a pure function. What a section shows is part of the evidence: its
//! file and its object are read as all others are, and what its command wrote is a
//! [`Ran`](crate::evidence::ran::Ran).

pub mod definition;
pub mod live;
mod pattern;

use crate::asked::own::{MAX_SECTIONS, OwnSection};
use crate::mask::Secrets;
use crate::note::Note;
use crate::text::Text;
use definition::Definition;

/// What a process is matched by.
pub struct Subject<'a> {
    /// The path of its executable, as it sees it itself.
    pub executable: Option<&'a str>,
    /// Its command line, secrets masked, its words separated by spaces.
    pub command: &'a str,
    /// The names of what runs: of the Python distribution, of the distribution package. It takes
    /// time to find out, so it is asked for when all else fits.
    pub packages: &'a dyn Fn() -> Vec<Text>,
}

/// Adds to `asked`, the sections of the command line, those that apply to the process. Of several
/// with one title the command line's counts, and else the last.
pub fn add(
    asked: &mut Vec<OwnSection>,
    definitions: Vec<Definition>,
    subject: &Subject<'_>,
    notes: &mut Vec<Note>,
) {
    let typed = asked.len();
    for Definition { section, on } in definitions {
        if !on.fits(subject) {
            continue;
        }
        match asked.iter().position(|other| other.title == section.title) {
            Some(known) if known < typed => {}
            Some(known) => asked[known] = section,
            None if asked.len() < MAX_SECTIONS => asked.push(section),
            None => {
                let text = format!("left out: a report has at most {MAX_SECTIONS} such sections");
                notes.push(Note::missing(format!("section {}", section.title), text));
            }
        }
    }
}

/// Sections fit to be stored and shown: no secret in a command, unless they are to be shown.
pub fn masked(sections: Vec<OwnSection>, secrets: Secrets) -> Vec<OwnSection> {
    sections.into_iter().map(|section| section.masked(secrets)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked::own::Source;
    use definition::Match;

    fn section(title: &str, file: &str) -> OwnSection {
        OwnSection {
            title: title.into(),
            source: Source::File(file.into()),
            defined_in: Some("/etc/guru/sections.d/x.toml".into()),
        }
    }

    fn define(title: &str, file: &str, executable: &str) -> Definition {
        let executable = (!executable.is_empty()).then(|| pattern::Glob::new(executable));
        Definition { section: section(title, file), on: Match { executable, ..Match::default() } }
    }

    fn added(definitions: Vec<Definition>) -> Vec<OwnSection> {
        let mut asked = vec![OwnSection { defined_in: None, ..section("Typed", "/typed") }];
        let packages = || Vec::new();
        let subject = Subject { executable: Some("/bin/x"), command: "x", packages: &packages };
        add(&mut asked, definitions, &subject, &mut Vec::new());
        asked
    }

    #[test]
    fn of_one_title_the_command_line_counts_and_else_the_last_that_applies() {
        let all = added(vec![
            define("Typed", "/system", ""),
            define("A", "/system", ""),
            define("B", "/system", ""),
            define("A", "/user", "/bin/*"),
            define("B", "/user", "/sbin/*"),
        ]);
        let files: Vec<_> = all.iter().map(|own| (own.title.as_str(), &own.source)).collect();
        let expected = [
            ("Typed", &Source::File("/typed".into())),
            ("A", &Source::File("/user".into())),
            ("B", &Source::File("/system".into())),
        ];
        assert_eq!(files, expected);
    }

    #[test]
    fn no_more_sections_than_the_limit_are_added() {
        let many = (0..MAX_SECTIONS + 3).map(|nth| define(&format!("S{nth}"), "/x", ""));
        assert_eq!(added(many.collect()).len(), MAX_SECTIONS);
    }

    #[test]
    fn a_secret_in_a_command_is_not_kept() {
        let typed = OwnSection::parse("T=!psql postgresql://u:hunter2@h/db");
        let kept = masked(typed.into_iter().collect(), Secrets::Masked);
        assert!(format!("{kept:?}").contains("u:***@h"), "{kept:?}");
    }
}
