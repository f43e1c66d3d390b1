//! Tests that cannot run say so: a skip is never silent. `tests/run` counts what is written here.

use super::root;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::process::Command;

/// The test cannot run for want of something that can be had on this machine. That is a failure, but where
/// `tests/run` asked for the tests: it has got what it could, and fails itself where nothing may be skipped.
pub fn skip(reason: &str) {
    record(reason, "");
    let may_skip = std::env::var_os("GURU_MAY_SKIP").is_some();
    assert!(may_skip, "{reason}; tests/run gets what is missing");
}

/// The test cannot run, and nothing that could be installed on this machine would change it.
pub fn skip_impossible(reason: &str) {
    record(reason, " [not possible here]");
}

/// Whether `unshare` can make namespaces of mounts and processes. Records a skip if not.
pub fn can_make_namespaces() -> bool {
    if !rustix::process::geteuid().is_root() {
        skip_impossible("only root can make namespaces");
        return false;
    }
    match Command::new("unshare").args(["-mpf", "true"]).status() {
        Ok(status) if status.success() => return true,
        Ok(_) => skip_impossible("namespaces are forbidden here"),
        Err(_) => skip("unshare (util-linux) is not installed"),
    }
    false
}

fn record(reason: &str, mark: &str) {
    let thread = std::thread::current();
    // The test harness names a test's thread by the test.
    let line = format!("SKIP {}: {reason}{mark}\n", thread.name().unwrap_or("?"));
    // Past the harness, which keeps what a passing test prints to itself.
    let _ = io::stderr().write_all(line.as_bytes());
    let path = root("target/skips.txt");
    let file = OpenOptions::new().create(true).append(true).open(path);
    // One write, so that tests that run side by side do not mix their lines.
    file.unwrap().write_all(line.as_bytes()).unwrap();
}
