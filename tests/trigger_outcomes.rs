//! What `guru trigger` does where a report would end the process, where another's comes instead, and
//! where it does not come whole.

use crate::support::sink::{Kind, Sink};
use crate::support::trigger::{
    AUTO, FILE, HEADER, PTRACE, assert_free, assert_same, gmr, no_report, trigger,
};
use crate::support::{GURU, Target, await_some, guru, venv};
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn python() -> Option<Command> {
    Some(Command::new(venv("mini")?))
}

/// The small program with a report, with this standard error.
fn program(stderr: impl Into<Stdio>, args: &[&str]) -> Option<Target> {
    let mut command = python()?;
    command.stderr(stderr);
    Some(gmr(&mut command, args))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Guru asks, and refuses by these words; the process lives on.
fn is_refused(target: &Target, says: &str) {
    let pid = target.pid().to_string();
    for via in ["auto", "ptrace"] {
        let (status, said) = no_report(&["--via", via, &pid]);
        assert_eq!(status, Some(3), "{said}");
        assert!(said.contains(says), "{said}");
        assert!(said.contains("a report that cannot be written ends the process"), "{said}");
    }
    assert_free(target.pid());
}

#[test]
fn a_socket_whose_peer_is_gone_is_refused() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let Some(target) = program(OwnedFd::from(theirs), &[]) else { return };
    drop(ours);
    is_refused(&target, "has a standard error that has nobody at its other end any more");
}

#[test]
fn a_terminal_that_was_hung_up_is_refused() {
    // Nobody else may have it: another test could start a program right now.
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = ptsname_r(&master).unwrap();
    let slave = File::options().write(true).custom_flags(libc::O_NOCTTY).open(slave).unwrap();
    let Some(target) = program(slave, &[]) else { return };
    drop(master);
    is_refused(&target, "has a standard error that has nobody at its other end any more");
}

#[test]
fn a_standard_error_that_takes_nothing_is_refused() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let Some(target) = program(full, &[]) else { return };
    is_refused(&target, "has a standard error that is /dev/full");
    let unread = File::open("/dev/null").unwrap();
    let Some(target) = program(unread, &[]) else { return };
    is_refused(&target, "has a standard error that is open for reading only");
}

#[test]
fn a_file_that_may_not_grow_is_refused() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -f 8; exec \"$0\" \"$@\""]).arg(python.get_program());
    command.stderr(File::create(directory.path().join("stderr")).unwrap());
    let target = gmr(&mut command, &[]);
    is_refused(&target, "has a standard error that may not grow any more");
}

/// `guru trigger` in the background.
fn started(args: &[&str]) -> std::process::Child {
    let mut command = Command::new(GURU);
    command.arg("trigger").args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Reports are named by the second: the next one is to be another file.
fn until_next_second() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    thread::sleep(Duration::from_nanos(1_000_000_000 - u64::from(now.subsec_nanos())));
}

#[test]
fn the_report_of_another_process_in_the_same_directory_is_not_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let Some(mut asked) = program(Stdio::null(), &["ask", path]) else { return };
    let Some(other) = program(Stdio::null(), &["none", path]) else { return };
    let guru = started(&["--timeout", "60", &asked.pid().to_string()]);
    assert_eq!(asked.line(), "making");
    kill(Pid::from_raw(other.pid()), Signal::SIGUSR2).unwrap();
    await_some("the other has written its report", || {
        let mut found = fs::read_dir(path).unwrap().flatten();
        found.find(|one| one.metadata().is_ok_and(|meta| meta.len() > 500))
    });
    until_next_second();
    asked.send("go on");
    let output = guru.wait_with_output().unwrap();
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(printed.contains(&format!("Process {} (under ", asked.pid())), "{printed}");
    assert!(!printed.contains(&format!("Process {} (under ", other.pid())), "{printed}");
}

#[test]
fn a_report_that_fails_is_told_where_reports_go_into_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reports");
    fs::create_dir(&path).unwrap();
    for kind in [Kind::File, Kind::Pipe, Kind::Null] {
        let Some(python) = python() else { return };
        let (sink, mut command) = Sink::command(kind, python.get_program());
        let target = gmr(&mut command, &["fail", path.to_str().unwrap()]);
        let _sink = sink;
        let output = guru(&["trigger", &target.pid().to_string()]);
        let (printed, said) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{kind:?}: {said}");
        assert!(said.contains("could not make its report: ValueError: as it was told"), "{said}");
        assert!(printed.ends_with("Unable to run Guru Meditation Report!\n"), "{printed}");
        assert_free(target.pid());
    }
}

#[test]
fn a_report_that_cannot_be_written_into_its_directory_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reports");
    fs::create_dir(&path).unwrap();
    let Some(python) = python() else { return };
    let (sink, mut command) = Sink::command(Kind::Pipe, python.get_program());
    // A name that is no name of a file.
    let target = gmr(&mut command, &["unwritable", path.to_str().unwrap()]);
    let output = guru(&["trigger", &target.pid().to_string()]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("made its report, and could not write it: Unable to dump"), "{said}");
    assert!(text(&output.stdout).starts_with("Unable to dump Guru Meditation Report to file"));
    drop(sink);
}

#[test]
fn a_process_that_ends_with_its_report_has_reported() {
    // In a file, whether it has ended is looked at now and then only.
    let ways = [
        (Kind::File, "end", FILE, 6),
        (Kind::Pipe, "end", AUTO, 1),
        (Kind::Pipe, "unended", AUTO, 1),
    ];
    for (kind, what, way, times) in ways {
        for _ in 0..times {
            let Some(python) = python() else { return };
            let (sink, mut command) = Sink::command(kind, python.get_program());
            let target = gmr(&mut command, &[what]);
            let printed = trigger(&[way, &[&target.pid().to_string()]].concat());
            assert_same(&printed, &sink.arrived_after(0, printed.len()), what);
            assert!(printed.windows(HEADER.len()).any(|part| part == HEADER));
            assert!(target.end());
        }
    }
}

#[test]
fn a_process_that_ends_before_its_report_has_changed() {
    for way in [FILE, PTRACE] {
        let Some(python) = python() else { return };
        let (_sink, mut command) = Sink::command(Kind::File, python.get_program());
        let target = gmr(&mut command, &["gone"]);
        let (status, said) = no_report(&[way, &[&target.pid().to_string()]].concat());
        assert_eq!(status, Some(5), "{said}");
        assert!(said.contains("no whole report: it ended after it was asked"), "{said}");
    }
}

fn asked(args: &[&str]) -> (Output, String) {
    let output = guru(&[&["trigger"], args].concat());
    let said = text(&output.stderr);
    (output, said)
}

#[test]
fn formats_never_print_the_bytes_of_the_process() {
    let Some(target) = program(Stdio::null(), &["fail"]) else { return };
    let pid = target.pid().to_string();
    for format in ["text", "gmr", "json"] {
        let (output, said) = asked(&["--format", format, &pid]);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
        assert!(said.contains("bytes came, which are no whole report"), "{said}");
    }
    let (output, _) = asked(&["--or-report", "--format", "json", &pid]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let why = json["no_own_report"].as_str().unwrap();
    assert_eq!(why, "could not make its report: ValueError: as it was told");
}

#[test]
fn a_whole_report_is_shown_in_every_format() {
    let Some(target) = program(Stdio::null(), &[]) else { return };
    let pid = target.pid().to_string();
    let (raw, said) = asked(&[&pid]);
    assert_eq!(raw.status.code(), Some(0), "{said}");
    let (gmr, said) = asked(&["--format", "gmr", &pid]);
    assert_eq!(gmr.status.code(), Some(0), "{said}");
    assert_eq!(text(&gmr.stdout), text(&raw.stdout));
    let (shown, said) = asked(&["--format", "text", &pid]);
    assert_eq!(shown.status.code(), Some(0), "{said}");
    assert!(text(&shown.stdout).contains("the process reported on itself"));
}

#[test]
fn one_that_cannot_be_asked_keeps_no_other_from_it() {
    let Some(target) = program(Stdio::null(), &[]) else { return };
    let pid = target.pid().to_string();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("reports");
    let file = file.to_str().unwrap();
    let (output, said) = asked(&["--or-report", "-o", file, &pid, "4194304", &pid]);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(said, "guru: no process 4194304\n");
    // The second time it is known already.
    let printed = fs::read_to_string(file).unwrap();
    assert_eq!(printed.matches("====                        Guru Meditation").count(), 1);
}

#[test]
fn a_refusal_is_the_first_line_of_the_report_from_outside() {
    let mut sleeper = Command::new("sleep").arg("1000").spawn().unwrap();
    let (output, said) = asked(&["--or-report", &sleeper.id().to_string()]);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    let printed = text(&output.stdout);
    let first = "The process gave no report of its own: has no Guru Meditation Report: it catches";
    assert!(printed.starts_with(first), "{printed}");
    assert!(said.contains("has no Guru Meditation Report"), "{said}");
}
