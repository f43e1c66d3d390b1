//! The files that define sections of one's own: TOML, one `[[section]]` for each, described in
//! `guru-sections(5)`. Here is what their text means; they are found and read in
//! [`live`](super::live).

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::Subject;
use super::pattern::{Glob, plain_name};
use crate::asked::own::{OwnSection, PATIENCE, Source, title};
use crate::note::Note;

/// The longest time that a file may give to a command, in seconds.
const MAX_TIMEOUT: u64 = 3600;

/// A section, and the processes that it is for.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The section.
    pub section: OwnSection,
    /// Which processes.
    pub on: Match,
}

/// Which processes a section is for: those that fit in all that is given.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// A pattern of the executable's path.
    pub(super) executable: Option<Glob>,
    /// The name of what runs, as it is compared.
    pub(super) package: Option<String>,
    /// A part of the command line.
    pub(super) command: Option<String>,
}

impl Match {
    /// Whether a process is one of them.
    pub fn fits(&self, subject: &Subject<'_>) -> bool {
        let executable = self
            .executable
            .as_ref()
            .is_none_or(|pattern| subject.executable.is_some_and(|path| pattern.fits(path)));
        let command = self.command.as_ref().is_none_or(|part| subject.command.contains(part));
        let is = |name: &String| {
            let packages = (subject.packages)();
            packages.iter().any(|package| plain_name(package.raw()) == *name)
        };
        executable && command && self.package.as_ref().is_none_or(is)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    section: Vec<Spanned<Section>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    title: String,
    #[serde(default, rename = "match")]
    on: Option<Pattern>,
    file: Option<String>,
    command: Option<String>,
    object: Option<String>,
    timeout: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    executable: Option<String>,
    package: Option<String>,
    command: Option<String>,
}

/// The sections that the text of the file at `path` defines. What makes no sense in it is a note.
pub fn parse(path: &str, text: &str, notes: &mut Vec<Note>) -> Vec<Definition> {
    let mut wrong = |at: Option<usize>, why: &str| {
        let line = at.map(|at| format!(":{}", line(text, at))).unwrap_or_default();
        notes.push(Note::missing(format!("{path}{line}"), why.to_owned()));
    };
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            wrong(error.span().map(|span| span.start), error.message());
            return Vec::new();
        }
    };
    let mut definitions = Vec::new();
    for section in file.section {
        let at = section.span().start;
        match definition(path, section.into_inner()) {
            Ok(found) => definitions.push(found),
            Err(why) => wrong(Some(at), &why),
        }
    }
    definitions
}

fn definition(path: &str, section: Section) -> Result<Definition, String> {
    let Section { title: typed, on, file, command, object, timeout } = section;
    if timeout.is_some() && command.is_none() {
        return Err("`timeout` is for commands".to_owned());
    }
    let timeout = timeout.map_or(Ok(PATIENCE), |seconds| match seconds {
        1..=MAX_TIMEOUT => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("`timeout` is a number of seconds from 1 to {MAX_TIMEOUT}")),
    })?;
    let source = match (file, command, object) {
        (Some(path), None, None) => Source::file(&path),
        (None, Some(command), None) => Source::command(&command, timeout),
        (None, None, Some(object)) => Source::object(&object),
        _ => Err("one of `file`, `command` and `object` was expected".to_owned()),
    }?;
    let on = on.map_or_else(Match::default, |on| Match {
        executable: on.executable.as_deref().map(Glob::new),
        package: on.package.map(|name| plain_name(&name)),
        command: on.command,
    });
    let section = OwnSection { title: title(&typed)?, source, defined_in: Some(path.into()) };
    Ok(Definition { section, on })
}

/// The line, from 1, of a place in a text.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    const PATH: &str = "/etc/guru/sections.d/nova.toml";

    fn parsed(text: &str) -> (Vec<Definition>, Vec<String>) {
        let mut notes = Vec::new();
        let definitions = parse(PATH, text, &mut notes);
        let said = notes.iter().map(|note| format!("{}: {}", note.about.raw(), note.message.raw()));
        (definitions, said.collect())
    }

    fn fits(on: &str, executable: &str, command: &str, package: &str) -> bool {
        let text = format!("[[section]]\ntitle = 'T'\nfile = '/x'\nmatch = {{ {on} }}\n");
        let (definitions, notes) = parsed(&text);
        assert_eq!(notes, [""; 0]);
        let packages = || vec![Text::from(package)];
        let subject = Subject { executable: Some(executable), command, packages: &packages };
        definitions.iter().all(|definition| definition.on.fits(&subject))
    }

    #[test]
    fn each_kind_of_section_can_be_defined() {
        let (definitions, notes) = parsed(
            "[[section]]\ntitle = 'A'\nfile = '/etc/a'\n\
             [[section]]\ntitle = 'B'\ncommand = 'b'\ntimeout = 5\n\
             [[section]]\ntitle = 'C'\nobject = 'c.d'\n",
        );
        assert_eq!(notes, [""; 0]);
        let sources: Vec<_> = definitions.iter().map(|found| &found.section.source).collect();
        let command = Source::command("b", Duration::from_secs(5));
        let expected =
            [Source::file("/etc/a"), command, Source::object("c.d")].map(|source| source.ok());
        assert_eq!(sources, expected.iter().flatten().collect::<Vec<_>>());
        assert!(parsed("").0.is_empty() && parsed("# nothing").1.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_a_note_with_its_place() {
        let head = "[[section]]\ntitle = 'T'\n";
        for (text, said) in [
            (format!("{head}file = '/x'\ncolour = 1\n"), ":4: unknown field `colour`"),
            (format!("{head}file = '/x'\nmatch = {{ pid = '1' }}\n"), ":4: unknown field `pid`"),
            (format!("# one\n\n{head}"), ":3: one of `file`, `command`"),
            (format!("{head}file = '/x'\ncommand = 'y'\n"), ":1: one of `file`, `command`"),
            (format!("{head}file = 'x'\n"), ":1: a path from the root"),
            (format!("{head}file = '/x'\ntimeout = 1\n"), ":1: `timeout` is for commands"),
            (format!("{head}command = 'x'\ntimeout = 0\n"), ":1: `timeout` is a number"),
            (format!("{head}command = 'x'\ntimeout = -1\n"), ":4: invalid value"),
            (format!("{head}object = 'a..b'\n"), ":1: a name was expected"),
            ("[[section]]\nfile = '/x'\n".to_owned(), ":1: missing field `title`"),
            ("[[section]]\ntitle = 'Threads'\nfile = '/x'\n".to_owned(), ":1: `Threads` is"),
            ("\n\nwhat\n".to_owned(), ":3: "),
        ] {
            let (definitions, notes) = parsed(&text);
            assert!(definitions.is_empty(), "{text}");
            let [note] = notes.as_slice() else { unreachable!("{text}: {notes:?}") };
            assert!(note.starts_with(&format!("{PATH}{said}")), "{text}: {note}");
            assert!(!note.contains('\n'), "{note}");
        }
    }

    #[test]
    fn one_bad_section_does_not_take_the_others_with_it() {
        let (definitions, notes) =
            parsed("[[section]]\ntitle = ''\nfile = '/x'\n[[section]]\ntitle='B'\nfile='/b'\n");
        assert_eq!((definitions.len(), notes.len()), (1, 1));
    }

    #[test]
    fn the_example_of_the_manual_makes_sense() {
        let page = include_str!("../../man/guru-sections.5");
        let example = page.split(".nf\n").nth(2).and_then(|rest| rest.split(".fi").next());
        let (definitions, notes) = parsed(&example.unwrap_or_default().replace("\\-", "-"));
        assert_eq!((definitions.len(), notes.len()), (3, 0), "{notes:?}");
    }

    #[test]
    fn all_that_is_given_must_fit() {
        let on = "executable = '/usr/bin/python3*', package = 'Nova', command = 'nova-conductor'";
        let conductor = "/usr/bin/python3 /usr/bin/nova-conductor";
        assert!(fits(on, "/usr/bin/python3.11", conductor, "nova"));
        assert!(!fits(on, "/opt/bin/python3.11", conductor, "nova"));
        assert!(!fits(on, "/usr/bin/python3.11", "nova-scheduler", "nova"));
        assert!(!fits(on, "/usr/bin/python3.11", conductor, "panko"));
        assert!(fits("", "/bin/x", "x", "y"));
    }
}
