//! A file that another program serves, and never answers for, costs itself only: guru reports all else
//! within its time, ends, and is gone.

use std::process::Command;
use std::time::{Duration, Instant};

use guru::report::Report;

use crate::support::configuration::{configuration, notes, values};
use crate::support::{Target, can_make_namespaces, guru, skip_impossible, stdout_of, threads};

/// Opcodes of the kernel's `include/uapi/linux/fuse.h`.
const NONE: &str = "0";
const GETATTR: &str = "3";
const OPEN: &str = "14";
const READ: &str = "15";
const STATFS: &str = "17";

/// A process that names and maps a file whose server never answers such a request from now on.
fn served(silent: &str, directory: &std::path::Path) -> Option<Target> {
    if !can_make_namespaces() {
        return None;
    }
    if !std::path::Path::new("/dev/fuse").exists() {
        skip_impossible("this kernel has no FUSE");
        return None;
    }
    let mut command = Command::new(Target::program("served")?);
    command.env_clear().arg(silent).arg(directory).arg("--config").arg(directory.join("f.conf"));
    Some(Target::start(command))
}

/// The report on it, and how long that took.
fn timed(target: &Target) -> (Report, Duration) {
    let begun = Instant::now();
    // It has ended, and was collected, when this returns.
    let output =
        guru(&["report", "--format", "json", "--timeout", "10", &target.pid().to_string()]);
    let taken = begun.elapsed();
    (serde_json::from_str(&stdout_of(&output)).unwrap(), taken)
}

#[test]
fn a_served_file_that_answers_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let Some(target) = served(NONE, directory.path()) else { return };
    let (report, _) = timed(&target);
    let configuration = configuration(&report);
    let [(files, groups)] = configuration[..] else { panic!("{configuration:?}") };
    assert!(files.iter().all(|file| file.unread.is_none()), "{files:?}");
    assert_eq!(values(groups)["db.host"], ["served"]);
    assert!(target.end());
}

#[test]
fn a_served_file_that_never_answers_costs_itself_only() {
    for silent in [GETATTR, OPEN, READ, STATFS, "3,14,15,17"] {
        let directory = tempfile::tempdir().unwrap();
        let Some(target) = served(silent, directory.path()) else { return };
        let (report, taken) = timed(&target);
        assert!(taken < Duration::from_secs(8), "{silent}: {taken:?}");
        assert!(!threads(&report).is_empty());
        let path = directory.path().join("f.conf");
        let told = notes(&report);
        let told = told.iter().any(|(about, what)| {
            *about == path.to_str().unwrap() && what.contains("did not answer within 1 s")
        });
        assert!(told, "{silent}: {:?}", notes(&report));
        assert!(target.end());
    }
}

#[test]
fn standard_error_whose_server_never_answers_is_not_asked() {
    for silent in [GETATTR, "3,14,15,17"] {
        let directory = tempfile::tempdir().unwrap();
        let Some(target) = served(silent, directory.path()) else { return };
        let begun = Instant::now();
        let output = guru(&["trigger", "--timeout", "10", &target.pid().to_string()]);
        let taken = begun.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("has no Guru Meditation Report"), "{silent}: {said}");
        assert!(taken < Duration::from_secs(3), "{silent}: {taken:?}");
        assert!(target.end());
    }
}
