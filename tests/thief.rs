//! What root's guru prints of a process without rights, while it listens for its report, is what that
//! process wrote or could read itself.

use std::fs::{self, OpenOptions};
use std::path::Path;

use tempfile::TempDir;

use crate::support::nobody::{NOBODY, chmod, script};
use crate::support::trigger::{FILE, assert_free};
use crate::support::{Target, guru};

const SECRET: &str = "this stands where the process may not read it\n";

/// A file that only root may read.
fn secret(directory: &Path) -> std::path::PathBuf {
    let path = directory.join("secret");
    fs::write(&path, SECRET).unwrap();
    chmod(&path, 0o600);
    path
}

fn place() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    chmod(directory.path(), 0o755);
    directory
}

/// What guru prints, and what it says.
fn printed(target: &Target, way: &[&str]) -> (String, String) {
    let output =
        guru(&[&["trigger"], way, &["--timeout", "10", &target.pid().to_string()]].concat());
    assert_free(target.pid());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn what_a_standard_error_leads_to_for_a_moment_is_not_printed() {
    for what in ["held", "read", "pipe", "directory"] {
        let directory = place();
        let secret = secret(directory.path());
        if what == "read" {
            // It may read that, but what it has open for reading is not what it writes.
            chmod(&secret, 0o644);
        }
        let log = directory.path().join("log");
        fs::write(&log, "written before\n").unwrap();
        std::os::unix::fs::chown(&log, Some(NOBODY), Some(NOBODY)).unwrap();
        let Some(mut command) = script("thief.py", directory.path()) else { return };
        command.arg(what).args([&log, &secret]);
        let target = Target::start(command);
        let (printed, errors) = printed(&target, &[]);
        assert!(printed.contains("Stolen") && printed.contains("whole = yes"), "{what}: {errors}");
        for text in [&printed, &errors] {
            assert!(!text.contains("this stands") && !text.contains("before"), "{what}: {text}");
        }
        assert!(target.end());
    }
}

#[test]
fn a_log_that_the_process_may_not_read_is_heard_by_what_it_writes() {
    let directory = place();
    let secret = secret(directory.path());
    let log = OpenOptions::new().append(true).open(&secret).unwrap();
    let Some(mut command) = script("thief.py", directory.path()) else { return };
    command.args(["nowhere", "-"]).arg(&secret).stderr(log);
    let target = Target::start(command);
    let (printed_so, errors) = printed(&target, &[]);
    assert!(printed_so.contains("Stolen") && printed_so.contains("whole = yes"), "{errors}");
    assert!(!printed_so.contains("this stands") && !errors.contains("this stands"));
    // By the file alone it cannot be heard; why, and what to do, is said.
    let (nothing, errors) = printed(&target, FILE);
    assert_eq!(nothing, "");
    assert!(errors.contains("not readable by the process itself"), "{errors}");
    assert!(errors.contains("--via ptrace") && !errors.contains("this stands"), "{errors}");
    assert!(target.end());
}
