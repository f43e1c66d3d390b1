//! The CPythons that can be run here, as `fixtures/python/pythons` lists them.

use super::{Target, root, skip, skip_impossible};
use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Once, OnceLock};

use tempfile::TempDir;

/// An interpreter, and with what greenlets.
#[derive(Debug)]
pub struct Interpreter {
    /// `3.11.7-pyenv`, `3.14-sid+debian`.
    pub name: String,
    /// Its version: `(3, 11)`.
    pub version: (u8, u8),
    in_chroot: bool,
    command: Vec<String>,
}

impl Interpreter {
    /// Run a script of `fixtures/targets`.
    pub fn start(&self, script: &str, args: &[&str]) -> Target {
        let mut command = self.command_with(script);
        command.args(args);
        Target::start(command)
    }

    /// The command that runs it with a script of `fixtures/targets`.
    pub fn command_with(&self, script: &str) -> Command {
        let mut command = self.command();
        match self.in_chroot {
            true => command.arg(format!("/srv/{script}")),
            false => command.arg(root("fixtures/targets").join(script)),
        };
        command
    }

    /// A directory that it can see, and the path by which it does.
    pub fn directory(&self) -> (TempDir, PathBuf) {
        if !self.in_chroot {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().to_owned();
            return (directory, path);
        }
        let chroot = self.command.iter().skip_while(|word| *word != "chroot").nth(1).unwrap();
        let directory = tempfile::tempdir_in(Path::new(chroot).join("tmp")).unwrap();
        let path = Path::new("/").join(directory.path().strip_prefix(chroot).unwrap());
        (directory, path)
    }

    /// The command that runs it, without arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        // No cache beside the sources; no word that eventlet is old; its own resolver wants a
        // resolv.conf, which a bare root has not.
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONWARNINGS", "ignore");
        command.env("EVENTLET_NO_GREENDNS", "yes");
        command
    }

    /// Whether it can import this module.
    pub fn has(&self, module: &str) -> bool {
        let output = self.command().args(["-c", &format!("import {module}")]).output();
        output.unwrap().status.success()
    }

    /// Whether it was built without the GIL.
    pub fn is_free_threaded(&self) -> bool {
        self.name.split('-').next().is_some_and(|version| version.ends_with('t'))
    }

    /// Whether it has a version that guru reads.
    pub fn is_read(&self) -> bool {
        self.version >= (3, 8)
    }

    fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, kind, command @ ..] = words.as_slice() else { panic!("{line}") };
        let mut version = name.split(['.', '-']).map(|number| number.trim_end_matches('t').parse());
        let mut number = || version.next().unwrap().unwrap();
        Self {
            name: (*name).to_owned(),
            version: (number(), number()),
            in_chroot: *kind == "chroot",
            command: command.iter().map(|word| (*word).to_owned()).collect(),
        }
    }
}

/// All of them.
pub fn pythons() -> &'static [Interpreter] {
    static FOUND: OnceLock<Vec<Interpreter>> = OnceLock::new();
    FOUND.get_or_init(|| list(&[]))
}

/// Those with greenlets, once for each build of greenlet that they have.
pub fn green_pythons() -> &'static [Interpreter] {
    static FOUND: OnceLock<Vec<Interpreter>> = OnceLock::new();
    FOUND.get_or_init(|| list(&["green"]))
}

/// Those with oslo.config.
pub fn oslo_pythons() -> &'static [Interpreter] {
    static FOUND: OnceLock<Vec<Interpreter>> = OnceLock::new();
    FOUND.get_or_init(|| list(&["oslo"]))
}

/// Records a skip for every interpreter that could have oslo.config and has not.
pub fn skip_those_without_oslo() {
    // That of 3.11 is in the venv `mini`; there are no wheels without the GIL.
    let wanted = |python: &&Interpreter| {
        python.is_read() && !python.is_free_threaded() && python.version != (3, 11)
    };
    for python in pythons().iter().filter(wanted) {
        if oslo_pythons().iter().all(|known| known.name != python.name) {
            skip(&format!("no oslo.config for {}: run tests/run", python.name));
        }
    }
}

/// Try each of them; fails with the names of those that it failed with.
pub fn each(interpreters: &[Interpreter], test: impl Fn(&Interpreter)) {
    let failed: Vec<&str> = interpreters
        .iter()
        .filter(|python| {
            let failed = catch_unwind(AssertUnwindSafe(|| test(python))).is_err();
            if failed {
                let _ = writeln!(std::io::stderr(), "... that was {}", python.name);
            }
            failed
        })
        .map(|python| python.name.as_str())
        .collect();
    assert!(failed.is_empty(), "failed with {failed:?}, of {}", interpreters.len());
}

/// Records a skip for every interpreter that the tests want and that is not here.
pub fn skip_the_missing() {
    for suite in ["3.9-bullseye", "3.13-trixie", "3.14-sid", "3.15-sid"] {
        if pythons().iter().any(|python| python.name == suite) {
            continue;
        }
        let (_, name) = suite.split_once('-').unwrap();
        let reason = fs::read_to_string(root(&format!("target/pythons/{name}.failed")));
        match (reason, root(&format!("target/pythons/{name}/built")).exists()) {
            (Ok(reason), _) => skip_impossible(&format!("no {suite}: {}", reason.trim())),
            (Err(_), true) => skip_impossible(&format!("no {suite}: the suite has moved on")),
            (Err(_), false) => skip(&format!("{suite} is not built: run tests/run")),
        }
    }
    for minor in 8..=15 {
        if pythons().iter().all(|python| python.version != (3, minor)) {
            skip_impossible(&format!("no CPython 3.{minor} on this machine"));
        }
    }
    // Wheels without the GIL are few.
    for python in pythons().iter().filter(|python| python.is_read() && !python.is_free_threaded()) {
        let name = format!("{}+current", python.name);
        if green_pythons().iter().all(|green| green.name != name) {
            skip(&format!("no greenlets for {}: run tests/run", python.name));
        }
    }
}

fn list(arguments: &[&str]) -> Vec<Interpreter> {
    static SCRIPTS: Once = Once::new();
    SCRIPTS.call_once(|| {
        let status = Command::new(root("fixtures/python/build")).arg("scripts").status();
        assert!(status.unwrap().success());
    });
    let output = Command::new(root("fixtures/python/pythons")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(Interpreter::parse).collect()
}
