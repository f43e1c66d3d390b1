//! `guru demo`: the first command that anybody runs, with and without rights, with and without a
//! Python. It leaves nothing behind.

use crate::support::{GURU, run, skip_impossible};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// The user and group without rights: `nobody`.
const NOBODY: &str = "65534";

/// The password in the demo's configuration.
const PASSWORD: &str = "not-in-the-report";

/// Run a demo whose files go into a directory of its own, and see that nothing of it stays.
fn demo(mut command: Command) -> Output {
    let place = open_directory();
    command.arg("demo").env("TMPDIR", place.path());
    let output = run(command);
    assert!(output.status.code().is_some(), "it was killed: {output:?}");
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(processes_of(place.path()), Vec::<String>::new());
    output
}

/// A directory that every user may use.
fn open_directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
    directory
}

/// The processes whose command line names the directory.
fn processes_of(directory: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let commands = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    commands
        .map(|command| String::from_utf8_lossy(&command).replace('\0', " "))
        .filter(|command| command.contains(directory.to_str().unwrap()))
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Whether the `python3` that the demo would start is one that guru reads.
fn has_python(mut command: Command) -> bool {
    let ask = "import sys; print((3, 8) <= sys.version_info[:2] <= (3, 15))";
    let output = command.args(["-c", ask]).output();
    let known = output.is_ok_and(|output| text(&output.stdout).trim() == "True");
    if !known {
        skip_impossible("python3 is no Python from 3.8 to 3.15, or there is none");
    }
    known
}

/// What every demo shows of its own service.
fn assert_native(report: &str) {
    for expected in ["\"holder\"", "\"worker-1\"", "\"worker-2\"", "were not stopped", "demo.rs:"] {
        assert!(report.contains(expected), "{expected}: {report}");
    }
    let configuration = ["password = ***", "connection = mysql://demo:***@127.0.0.1/demo"];
    for expected in configuration {
        assert!(report.contains(expected), "{expected}: {report}");
    }
    assert!(!report.contains(PASSWORD), "{report}");
}

/// What it shows of its script, where a Python that guru reads runs it.
fn assert_python(report: &str) {
    assert_eq!(report.matches(" Guru Meditation ").count(), 2, "{report}");
    for expected in [" in take_jobs\n    `jobs.get()`", " in want_lock\n    `with lock:`"] {
        assert!(report.contains(expected), "{expected}: {report}");
    }
}

#[test]
fn the_demo_shows_a_program_and_a_script() {
    let output = demo(Command::new(GURU));
    let report = text(&output.stdout);
    assert_native(&report);
    if has_python(Command::new("python3")) {
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        assert_python(&report);
    }
}

#[test]
fn the_demo_needs_no_rights() {
    if !rustix::process::geteuid().is_root() {
        // The other tests run it without rights already.
        return;
    }
    let directory = open_directory();
    let guru = directory.path().join("guru");
    fs::copy(GURU, &guru).unwrap();
    let as_nobody = |program: &Path| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]).arg(program);
        // No program of somebody's home, which setpriv finds and nobody may not read.
        command.env("PATH", "/usr/bin:/bin");
        command
    };
    let output = demo(as_nobody(&guru));
    let report = text(&output.stdout);
    // The sources need not be readable for it, but the names in the program are.
    assert_native(&report);
    if has_python(as_nobody(Path::new("python3"))) {
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        assert_python(&report);
    }
}

#[test]
fn the_demo_says_that_there_is_no_python() {
    let mut command = Command::new(GURU);
    command.env("PATH", "/nonexistent");
    let output = demo(command);
    assert_eq!(output.status.code(), Some(0));
    assert_native(&text(&output.stdout));
    let errors = text(&output.stderr);
    assert!(errors.contains("no python3") && errors.lines().count() == 1, "{errors}");
}

#[test]
fn the_demo_as_json_is_one_document() {
    let mut command = Command::new(GURU);
    command.args(["demo", "--format", "json"]);
    let place = open_directory();
    command.env("TMPDIR", place.path());
    let output = run(command);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(!text(&output.stdout).contains(PASSWORD));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["process"]["name"], "guru");
    assert_eq!(processes_of(place.path()), Vec::<String>::new());
}
