//! Taking secrets out of evidence: of what was just seen before it is kept, and of a recording that
//! was made with them when whoever reads it did not ask for them.

use super::{Evidence, Snapshot};
use crate::asked::Asked;
use crate::mask::{hidden_parts, mask_argv, mask_value};
use crate::target::ProcessFacts;
use crate::text::Text;

impl Evidence {
    /// Narrows recorded evidence to what is wanted of it now. What it does not hold is a note.
    pub fn select(&mut self, wanted: &Asked) {
        let held = self.snapshot.asked.secrets;
        let notes = self.snapshot.asked.select(wanted);
        self.snapshot.notes.extend(notes);
        if held.are_shown() && !wanted.secrets.are_shown() {
            self.snapshot.mask(Vec::new());
            self.files.mask();
        }
    }
}

impl Snapshot {
    /// Masks command lines and environments, and overwrites what was masked, and the other
    /// `secrets`, wherever it lies in the recorded memory: on a stack as well, where the program has
    /// looked at its arguments.
    pub fn mask(&mut self, mut secrets: Vec<String>) {
        secrets.extend(mask_command(&mut self.target.process));
        secrets.extend(self.descendants.iter_mut().flat_map(mask_command));
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
    use crate::mask::Secrets;
    use crate::target::files::FileRequest;

    /// Evidence that was recorded with its secrets.
    fn evidence() -> Evidence {
        let mut snapshot = snapshot(&["app", "--password", "hunter2"]);
        snapshot.asked.secrets = Secrets::Shown;
        snapshot.target.environment = vec![("DB_URL".into(), "db://u:hunter2@h/d".into())];
        let files = FakeRoot::new(&[("/a.conf", "password = hunter2\n")]).files();
        Evidence { snapshot, files: files.with_secrets(Secrets::Shown) }
    }

    /// What of the evidence may hold a secret: the command, the environment, the file.
    fn texts(evidence: &Evidence) -> [String; 3] {
        let target = &evidence.snapshot.target;
        let file = evidence.files.open(&FileRequest::Config("/a.conf".into())).unwrap();
        let bytes = file.read_all(100).unwrap();
        [
            target.process.command.last().unwrap().raw().to_owned(),
            target.environment.first().unwrap().1.raw().to_owned(),
            String::from_utf8(bytes.to_vec()).unwrap(),
        ]
    }

    #[test]
    fn a_recording_with_secrets_shows_them_only_to_who_asks() {
        let shown = Asked { secrets: Secrets::Shown, ..Asked::default() };
        let mut evidence = evidence();
        evidence.select(&shown);
        let all = ["hunter2", "db://u:hunter2@h/d", "password = hunter2\n"];
        assert_eq!(texts(&evidence), all);
        assert!(evidence.snapshot.notes.is_empty());

        evidence.select(&Asked::default());
        assert_eq!(texts(&evidence), ["***", "db://u:***@h/d", "password = ***\n"]);
        assert!(evidence.snapshot.notes.is_empty());

        evidence.select(&shown);
        assert_eq!(texts(&evidence), ["***", "db://u:***@h/d", "password = ***\n"]);
        let notes = &evidence.snapshot.notes;
        assert!(notes.first().unwrap().message.raw().contains("without --show-secrets"));
    }
}
