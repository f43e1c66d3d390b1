//! What the command line tells of a program, and which configuration files follow from that.

use crate::config::oslo::find;
use crate::config::servers::Process;
use crate::evidence::files::Files;
use crate::package::python::command;
use crate::target::files::FileError;
use crate::target::{ProcessFacts, TargetFacts};

/// What the command line tells of the program.
pub struct Program<'a> {
    /// Its words, without interpreter and script.
    args: Vec<String>,
    /// All its words.
    command: Vec<String>,
    /// The script's or executable's path or name.
    name: String,
    directory: &'a str,
    environment: Vec<(String, String)>,
    /// The words of its parent, if that is one of the same name.
    parent: Vec<String>,
    /// Whether it is a Python program, which oslo.config may serve.
    python: bool,
}

impl<'a> Program<'a> {
    /// Reads the command line.
    pub fn of(target: &'a TargetFacts, python: bool) -> Program<'a> {
        let words_of = |process: &ProcessFacts| -> Vec<String> {
            process.command.iter().map(|word| word.raw().to_owned()).collect()
        };
        let command = words_of(&target.process);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let first = command.first().cloned().unwrap_or_default();
        let (name, args) = match command::program(&words) {
            command::Program::Script(script) if python => {
                let at = command.iter().position(|word| *word == script);
                let args = at.and_then(|at| command.get(at + 1..)).unwrap_or_default().to_vec();
                (script, args)
            }
            command::Program::Module(module) if python => (module, command.clone()),
            command::Program::Title { name, .. } if python => {
                // A title quotes the command line, if anything, as one word.
                (name, first.split_whitespace().map(str::to_owned).collect())
            }
            _ => (first, command.get(1..).unwrap_or_default().to_vec()),
        };
        let pair = |(name, value): &(crate::text::Text, crate::text::Text)| {
            (name.raw().to_owned(), value.raw().to_owned())
        };
        Program {
            args,
            command,
            name,
            directory: target.directory.as_ref().map_or("/", |path| path.raw()),
            environment: target.environment.iter().map(pair).collect(),
            parent: target.parent.as_ref().map(words_of).unwrap_or_default(),
            python,
        }
    }

    /// The files that oslo.config reads for it, each with the reason to think so; `None` if it is no
    /// program that oslo.config serves.
    pub fn of_oslo(&self, files: &Files) -> Option<Vec<(String, &'static str)>> {
        if !self.python {
            return None;
        }
        let program = find::Program {
            args: &self.args,
            name: &self.name,
            project: find::guess_project(&self.name),
            home: self.home(),
            cwd: self.directory,
            environment: &self.environment,
        };
        let exists = |path: &str| !matches!(files.in_root(path), Err(FileError::Absent));
        let list = |path: &str| {
            let names = files.list(path).unwrap_or_default();
            names.iter().map(|name| name.raw().to_owned()).collect()
        };
        let lookup = find::Lookup { exists: &exists, list: &list };
        let planned = find::plan(&program, &lookup);
        let serves = !planned.is_empty() || find::names_config(&self.args);
        serves.then(|| planned.into_iter().map(|file| (file.path, file.reason.words())).collect())
    }

    /// The home directory of its user.
    pub fn home(&self) -> Option<&str> {
        let home = self.environment.iter().find(|(name, _)| name == "HOME");
        home.map(|(_, value)| value.as_str())
    }

    /// Its words with a program's name before them; of a script without those of the interpreter.
    pub fn words(&self) -> Vec<String> {
        if self.python {
            [std::slice::from_ref(&self.name), &self.args].concat()
        } else {
            self.command.clone()
        }
    }

    /// Its command line, its environment and its working directory as a process's.
    pub fn process<'p>(&'p self, names: &'p [&'p str]) -> Process<'p> {
        Process {
            names,
            command: &self.command,
            directory: self.directory,
            environment: &self.environment,
            parent: &self.parent,
        }
    }

    /// The script's or executable's path or name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is known of its environment.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }
}
