//! Sections of one's own, as they are asked for: a title, and where the content comes from.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::steps;
use crate::mask::Secrets;
use crate::text::Text;

/// The most sections of one's own in one report.
pub const MAX_SECTIONS: usize = 64;

/// The longest title, in characters: what fits into a heading.
pub const MAX_TITLE: usize = 60;

/// How long a command may take that was given no other time.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Titles that a report has already, or may have one day: no section of one's own passes for one
/// of guru's, and none that a process has registered.
pub const TAKEN: &[&str] = &[
    "Guru Meditation",
    "Package",
    "Threads",
    "Green Threads",
    "Processes",
    "Configuration",
    "Objects",
    "Registered Sections",
    "Notes",
    "What The Process Wrote",
];

/// A section of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSection {
    /// Its heading.
    pub title: String,
    /// What it shows.
    pub source: Source,
    /// The file that defines it; absent where it was asked for on the command line.
    #[serde(default)]
    pub defined_in: Option<Text>,
}

/// Where the content of a section comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A file at this absolute path inside the target's root.
    File(Text),
    /// A command of the shell, run by the inspecting side.
    Command {
        /// What the shell is given.
        command: Text,
        /// How long it may take.
        patience: Duration,
    },
    /// An object of the process, by its path.
    Object(String),
}

impl OwnSection {
    /// Fit to be stored and shown: no secret in a command, unless they are to be shown.
    pub fn masked(self, secrets: Secrets) -> OwnSection {
        match self.source {
            Source::Command { command, patience } => {
                let command = secrets.mask_text(command.raw()).into_owned().into();
                OwnSection { source: Source::Command { command, patience }, ..self }
            }
            Source::File(_) | Source::Object(_) => self,
        }
    }

    /// The section that `TITLE=FILE`, `TITLE=!COMMAND` or `TITLE=@OBJECT` asks for.
    ///
    /// # Errors
    /// Says what does not make sense.
    pub fn parse(typed: &str) -> Result<OwnSection, String> {
        let (title, what) = typed
            .split_once('=')
            .ok_or("TITLE=FILE, TITLE=!COMMAND or TITLE=@OBJECT was expected")?;
        let source = match what.chars().next() {
            Some('!') => Source::command(what.get(1..).unwrap_or_default(), PATIENCE),
            Some('@') => Source::object(what.get(1..).unwrap_or_default()),
            _ => Source::file(what),
        }?;
        Ok(OwnSection { title: self::title(title)?, source, defined_in: None })
    }
}

impl Source {
    /// The file at a path of the process.
    ///
    /// # Errors
    /// Says why that is none.
    pub fn file(path: &str) -> Result<Source, String> {
        if !path.starts_with('/') {
            return Err(format!("a path from the root of the process was expected, not `{path}`"));
        }
        Ok(Source::File(path.into()))
    }

    /// What a command writes.
    ///
    /// # Errors
    /// Says why it is none.
    pub fn command(command: &str, patience: Duration) -> Result<Source, String> {
        let command = command.trim();
        if command.is_empty() || command.contains('\0') {
            return Err("a command was expected".to_owned());
        }
        Ok(Source::Command { command: command.into(), patience })
    }

    /// An object of the process.
    ///
    /// # Errors
    /// Says why the path is none.
    pub fn object(path: &str) -> Result<Source, String> {
        steps(path).map(|_| Source::Object(path.to_owned()))
    }
}

/// What can be the title of a section of one's own, without spaces around it.
///
/// # Errors
/// Says why it can not.
pub fn title(typed: &str) -> Result<String, String> {
    let title = typed.trim();
    if title.is_empty() {
        return Err("a title was expected".to_owned());
    }
    if title.chars().count() > MAX_TITLE {
        return Err(format!("the title is longer than {MAX_TITLE} characters"));
    }
    if title.contains(char::is_control) {
        return Err("the title has a control character in it".to_owned());
    }
    if TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(title)) {
        return Err(format!("`{title}` is a section of guru's own"));
    }
    Ok(title.to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_file_a_command_and_an_object_can_be_asked_for() {
        let source = |typed: &str| OwnSection::parse(typed).map(|section| section.source).unwrap();
        assert_eq!(source("Hosts=/etc/hosts"), Source::File("/etc/hosts".into()));
        assert_eq!(
            source("Open files=! lsof -p $GURU_PID | grep a=b"),
            Source::command("lsof -p $GURU_PID | grep a=b", PATIENCE).unwrap()
        );
        assert_eq!(source("Cells=@nova.x['a=b']"), Source::Object("nova.x['a=b']".into()));
        assert_eq!(OwnSection::parse(" Two words =/x").unwrap().title, "Two words");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        for (typed, why) in [
            ("Title", "TITLE=FILE"),
            ("=/etc/hosts", "a title was expected"),
            ("  =/etc/hosts", "a title was expected"),
            ("a\x1b[2J=/etc/hosts", "a control character"),
            ("threads=/etc/hosts", "a section of guru's own"),
            ("T=etc/hosts", "a path from the root"),
            ("T=", "a path from the root"),
            ("T=!", "a command was expected"),
            ("T=! ", "a command was expected"),
            ("T=@", "a name was expected"),
            ("T=@a..b", "a name was expected"),
        ] {
            let refused = OwnSection::parse(typed).unwrap_err();
            assert!(refused.contains(why), "{typed:?}: {refused}");
        }
        let long = format!("{}=/etc/hosts", "x".repeat(MAX_TITLE + 1));
        assert!(OwnSection::parse(&long).unwrap_err().contains("longer than"));
    }
}
