//! Sections of one's own: a file, what a command wrote, or an object, each under the title that it
//! was asked for with.

use super::Section;
use super::state::state;
use crate::analysis::Analysis;
use crate::asked::own::{OwnSection, Source};
use crate::evidence::files::Files;
use crate::evidence::ran::{End, Ran};
use crate::note::Note;
use crate::report::{Block, CommandRun, NamedObject};
use crate::target::TargetFacts;
use crate::target::files::FileError;
use crate::text::Text;

/// One such section.
pub struct Own<'a> {
    asked: &'a OwnSection,
    /// The object, where it shows one.
    object: Option<&'a NamedObject>,
}

/// Those that were asked for, in their order.
pub fn sections<'a>(analysis: &'a Analysis<'_>) -> Vec<Own<'a>> {
    let mut objects = analysis.own_objects.iter();
    let sections = analysis.evidence.snapshot.asked.sections.iter();
    let with_object = |asked: &'a OwnSection| match asked.source {
        Source::Object(_) => Own { asked, object: objects.next() },
        Source::File(_) | Source::Command { .. } => Own { asked, object: None },
    };
    sections.map(with_object).collect()
}

impl Section for Own<'_> {
    fn id(&self) -> &str {
        "own"
    }

    fn title(&self) -> &str {
        &self.asked.title
    }

    fn build(&self, analysis: &Analysis<'_>, notes: &mut Vec<Note>) -> Vec<Block> {
        let evidence = analysis.evidence;
        let snapshot = &evidence.snapshot;
        vec![match &self.asked.source {
            Source::File(path) => file(path, self.why(), &snapshot.target, &evidence.files, notes),
            Source::Command { command, .. } => {
                let mut ran = snapshot.ran.iter();
                let ran = ran.find(|ran| ran.title == self.asked.title);
                self::command(&self.asked.title, command, ran, notes)
            }
            Source::Object(_) => {
                Block::Objects { objects: self.object.cloned().into_iter().collect() }
            }
        }]
    }
}

impl Own<'_> {
    fn why(&self) -> String {
        match &self.asked.defined_in {
            Some(file) => format!("named by {}", file.raw()),
            None => "named by --section".to_owned(),
        }
    }
}

fn file(
    path: &Text,
    why: String,
    target: &TargetFacts,
    files: &Files,
    notes: &mut Vec<Note>,
) -> Block {
    let read = files.config(path.raw()).and_then(|file| {
        let bytes = file.read_all(file.len())?;
        if bytes.contains(&0) {
            return Err(FileError::Other("not a text file".into()));
        }
        Ok((Text::from_bytes(bytes), file.meta()))
    });
    if let Err(error) = &read {
        notes.push(Note::missing(path.clone(), error.to_string()));
    }
    let meta = read.as_ref().map(|(_, meta)| *meta);
    let file = state(target, path.clone(), why, meta);
    let text = read.map(|(text, _)| text).unwrap_or_default();
    Block::Text { file: Some(file), command: None, text, left: 0 }
}

fn command(title: &str, command: &Text, ran: Option<&Ran>, notes: &mut Vec<Note>) -> Block {
    let mut run = CommandRun { command: command.clone(), ..CommandRun::default() };
    let mut note = |text: String| notes.push(Note::missing(format!("section {title}"), text));
    let Some(ran) = ran else {
        let why = "what it wrote is not in the evidence";
        note(why.to_owned());
        run.failed = Some(why.into());
        return Block::Text { file: None, command: Some(run), text: Text::default(), left: 0 };
    };
    match &ran.end {
        // A command that fails has still said what there is to say.
        End::Exited(status) => run.status = Some(*status),
        End::Killed(signal) => run.signal = Some(*signal),
        End::TimedOut(ms) => {
            run.killed_after_ms = Some(*ms);
            note(format!("its command still ran after {} s and was killed", *ms as f64 / 1000.0));
        }
        End::Failed(why) => {
            run.failed = Some(why.as_str().into());
            note(why.clone());
        }
    }
    run.errors = ran.errors.text.clone();
    run.errors_left = ran.errors.left;
    let left = ran.output.left;
    let all = left.saturating_add(run.errors_left);
    if all > 0 {
        note(format!("its command wrote too much: {all} bytes are left out"));
    }
    Block::Text { file: None, command: Some(run), text: ran.output.text.clone(), left }
}
