//! Taking secrets out of evidence: of what was just seen before it is kept, and of a recording that
//! was made with them when whoever reads it did not ask for them.

use super::{Evidence, Snapshot};
use crate::asked::Asked;
use crate::evidence::known::KnownSecrets;
use crate::mask::{Secrets, hidden_parts, mask_argv, mask_value};
use crate::target::ProcessFacts;
use crate::text::Text;

impl Evidence {
    /// Narrows recorded evidence to what is wanted of it now. What it does not hold is a note.
    pub fn select(&mut self, wanted: &Asked) {
        let held = self.snapshot.asked.secrets;
        if held.are_shown() && !wanted.secrets.are_shown() {
            self.snapshot.mask(Vec::new());
            self.files.mask();
        }
        let notes = self.snapshot.asked.select(wanted);
        self.snapshot.notes.extend(notes);
    }
}

impl Snapshot {
    /// Masks command lines and environments, what commands of one's own are and wrote, and overwrites
    /// what was masked, and the other `secrets`, wherever it lies in the recorded memory: on a stack
    /// as well, where the program has looked at its arguments.
    pub fn mask(&mut self, mut secrets: Vec<String>) {
        let known = KnownSecrets::new(&secrets);
        known.mask_words(&mut self.target.process.command);
        for process in self.target.parent.iter_mut().chain(&mut self.descendants) {
            known.mask_words(&mut process.command);
        }
        for (_, value) in &mut self.target.environment {
            known.mask(value);
        }
        let sections = std::mem::take(&mut self.asked.sections);
        self.asked.sections =
            sections.into_iter().map(|section| section.masked(Secrets::Masked)).collect();
        for written in self.ran.iter_mut().flat_map(|ran| [&mut ran.output, &mut ran.errors]) {
            written.mask();
        }
        secrets.extend(mask_command(&mut self.target.process));
        let others = self.target.parent.iter_mut().chain(&mut self.descendants);
        secrets.extend(others.flat_map(mask_command));
        for (name, value) in &mut self.target.environment {
            // Of `OS_GROUP__OPTION` the option's name says what it is, as it would in a file.
            let name = name.raw().rsplit_once("__").map_or(name.raw(), |(_, option)| option);
            let masked = mask_value(name, value.raw()).into_owned();
            secrets.extend(hidden_parts(value.raw(), &masked).into_iter().map(str::to_owned));
            *value = masked.into();
        }
        self.memory.overwrite(&secrets);
    }
}

/// Masks a command line. Returns what was masked.
fn mask_command(process: &mut ProcessFacts) -> Vec<String> {
    let words: Vec<String> = process.command.iter().map(|word| word.raw().to_owned()).collect();
    let masked = mask_argv(&words);
    let secrets = words.iter().zip(&masked).flat_map(|(word, masked)| hidden_parts(word, masked));
    let secrets = secrets.map(str::to_owned).collect();
    process.command = masked.into_iter().map(Text::from).collect();
    secrets
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::fake::{FakeRoot, snapshot};
    use super::*;
    use crate::asked::own::OwnSection;
    use crate::evidence::ran::{End, Ran, Written};
    use crate::mask::Secrets;
    use crate::part::Parts;
    use crate::target::files::FileRequest;

    /// Evidence that was recorded with its secrets.
    fn evidence() -> Evidence {
        let mut snapshot = snapshot(&["app", "--password", "hunter2"]);
        snapshot.target.parent = Some(snapshot.target.process.clone());
        snapshot.asked.secrets = Secrets::Shown;
        snapshot.target.environment = vec![("DB_URL".into(), "db://u:hunter2@h/d".into())];
        let section = OwnSection::parse("T=!sql --password=hunter2").unwrap();
        let written = |text: &str| Written { text: text.into(), left: 0 };
        let (output, errors) = (written("password=hunter2"), Written::default());
        snapshot.ran = vec![Ran { title: "T".into(), end: End::Exited(0), output, errors }];
        snapshot.asked.sections = vec![section];
        let files = FakeRoot::new(&[("/a.conf", "password = hunter2\n")]).files();
        let files = files.with_secrets(Secrets::Shown);
        Evidence { snapshot, files, parts: Parts::default() }
    }

    /// What of the evidence may hold a secret: the command, the environment, the file; a command of
    /// one's own and what it wrote; the parent's command.
    fn texts(evidence: &Evidence) -> [String; 6] {
        let target = &evidence.snapshot.target;
        let file = evidence.files.open(&FileRequest::Config("/a.conf".into())).unwrap();
        let bytes = file.read_all(100).unwrap();
        [
            target.process.command.last().unwrap().raw().to_owned(),
            target.environment.first().unwrap().1.raw().to_owned(),
            String::from_utf8(bytes.to_vec()).unwrap(),
            format!("{:?}", evidence.snapshot.asked.sections),
            evidence.snapshot.ran.first().unwrap().output.text.raw().to_owned(),
            format!("{:?}", target.parent),
        ]
    }

    #[test]
    fn a_recording_with_secrets_shows_them_only_to_who_asks() {
        let shown = Asked { secrets: Secrets::Shown, ..Asked::default() };
        let mut evidence = evidence();
        evidence.select(&shown);
        let all = texts(&evidence);
        assert!(all.iter().all(|text| text.contains("hunter2")), "{all:?}");
        assert!(evidence.snapshot.notes.is_empty());

        evidence.select(&Asked::default());
        let masked = texts(&evidence);
        assert!(masked.iter().all(|text| text.contains("***") && !text.contains("hunter2")));
        assert_eq!(masked[..3], ["***", "db://u:***@h/d", "password = ***\n"]);
        assert!(evidence.snapshot.notes.is_empty());

        evidence.select(&shown);
        assert_eq!(texts(&evidence), masked);
        let notes = &evidence.snapshot.notes;
        assert!(notes.first().unwrap().message.raw().contains("without --show-secrets"));
    }
}
