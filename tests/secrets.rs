//! Secrets of a real process: in its command line, a configuration file, a local variable, an object
//! and the name of a thread. By default none is shown or stored; with `--show-secrets` each is, and
//! the report says so first.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Target, await_some, guru, python, reads_stdin, skip_impossible, stdout_of};

/// Where the script has its secrets; each is another one.
const SECRETS: [(&str, &str); 5] = [
    ("the command line", "hunter2-argv"),
    ("the configuration file", "hunter2-file"),
    ("a local variable", "hunter2-local"),
    ("an object", "hunter2-object"),
    ("a thread's name", "hunter2-name"),
];

const SCRIPT: &str = r#"
import os, sys, threading

class Settings:
    # In two parts, so that the line of source does not show it.
    database = "mysql://nova:hunter2" "-object@db/nova"

settings = Settings()
settings.here = settings.database

def work():
    api_token = "-".join(["hunter2", "local"])
    print("ready", os.getpid(), flush=True)
    sys.stdin.read()

threading.current_thread().name = "poll http://u:hunter2-name@h/"
work()
"#;

const CONFIGURATION: &str = "[database]\npassword = hunter2-file\n";

const OPTIONS: [&str; 3] = ["--locals", "--object", "__main__.settings"];

const FIRST_LINE: &str = "SECRETS ARE SHOWN IN THIS REPORT (--show-secrets)";

fn start(directory: &Path) -> Option<Target> {
    let Some(python) = python() else {
        skip_impossible("no Python 3.11");
        return None;
    };
    let path = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let mut command = Command::new(python);
    command.arg(path("secrets.py", SCRIPT));
    command.arg("--config").arg(path("secrets.conf", CONFIGURATION));
    command.args(["--db-password", "hunter2-argv"]);
    let target = Target::start(command);
    await_some("it waits for stdin", || reads_stdin(target.pid()).then_some(()));
    Some(target)
}

fn report(args: &[&str]) -> String {
    stdout_of(&guru(&[&["report"], &OPTIONS[..], args].concat()))
}

fn assert_shows(text: &str, wanted: &[&str]) {
    for (place, secret) in SECRETS {
        assert_eq!(text.contains(secret), wanted.contains(&place), "{place}: {text}");
    }
}

#[test]
fn secrets_are_shown_to_who_asks_for_them_only_and_the_first_line_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let Some(target) = start(directory.path()) else { return };
    let pid = target.pid().to_string();
    let all = SECRETS.map(|(place, _)| place);
    for format in ["text", "gmr", "json"] {
        let masked = report(&["--format", format, &pid]);
        assert_shows(&masked, &[]);
        assert!(!masked.contains("SECRETS ARE SHOWN") && !masked.contains("hunter2"), "{masked}");
    }
    let text = report(&["--show-secrets", &pid]);
    assert_eq!(text.lines().next(), Some(FIRST_LINE));
    assert_shows(&text, &all);
    let json = report(&["--show-secrets", "--format", "json", &pid]);
    assert_shows(&json, &all);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["secrets_shown"], true);
    // A GMR has neither variables nor objects, nor names of threads.
    let gmr = report(&["--show-secrets", "--format", "gmr", &pid]);
    assert_eq!(gmr.lines().next(), Some(FIRST_LINE));
    assert_shows(&gmr, &["the configuration file"]);
}

#[test]
fn a_recording_says_whether_it_was_made_with_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let Some(target) = start(directory.path()) else { return };
    let pid = target.pid().to_string();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (masked, shown) = (path("masked"), path("shown"));
    let live = report(&["--record", &masked, &pid]);
    let live_shown = report(&["--show-secrets", "--record", &shown, &pid]);
    drop(target);

    assert_eq!(report(&["--from", &masked]), live);
    assert_eq!(report(&["--show-secrets", "--from", &shown]), live_shown);
    // What was recorded with its secrets is shown without them, unless they are asked for.
    let hidden = report(&["--from", &shown]);
    assert_shows(&hidden, &[]);
    assert!(!hidden.contains("SECRETS ARE SHOWN"), "{hidden}");
    // What was recorded without them has those of the memory only, and says so.
    let output = guru(&[&["report", "--show-secrets", "--from", &masked], &OPTIONS[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let text = stdout_of(&output);
    assert_eq!(text.lines().next(), Some(FIRST_LINE));
    assert_shows(&text, &["a local variable", "an object", "a thread's name"]);
    assert!(
        text.contains("note: secrets: the recording was made without --show-secrets"),
        "{text}"
    );
}
