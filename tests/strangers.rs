//! Nobody is traced but threads of the process that was named, whatever its memory says.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Target, guru, python, root, skip_impossible, stdout_of};

/// A user that is neither root nor who runs the tests.
const NOBODY: u32 = 65534;

/// A process of root, or of nobody.
fn sleeper(user: u32) -> Target {
    let mut command = Command::new("sh");
    command.args(["-c", "echo ready $$; exec sleep 1000"]).uid(user).gid(user);
    Target::start(command)
}

/// A process of nobody that watches a file in a thread that claims this id.
fn liar(python: &Path, file: &Path, id: &str) -> Target {
    let mut command = Command::new(python);
    command.arg(root("fixtures/targets/liar.py")).arg(file).arg(id);
    command.env("PYTHONDONTWRITEBYTECODE", "1").stderr(Stdio::piped());
    Target::start(command)
}

/// Who traces the first thread of a process, as the kernel tells it.
fn tracer(pid: i32) -> Option<String> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let value = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    Some(value.trim().to_owned())
}

/// Runs guru, and looks all the while who traces these processes: nobody may.
fn watched(victims: &[i32], args: &[&str]) -> Output {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut looks = 0u64;
            while !over.load(Ordering::Acquire) {
                for victim in victims {
                    assert_eq!(tracer(*victim).as_deref(), Some("0"), "{victim}");
                }
                looks += 1;
                std::thread::yield_now();
            }
            looks
        });
        let output = guru(args);
        over.store(true, Ordering::Release);
        assert!(looks.join().unwrap() > 3);
        output
    })
}

#[test]
fn a_thread_that_only_memory_names_is_never_traced() {
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root could trace another user's process");
    }
    let Some(python) = python() else { return skip_impossible("no Python 3.11") };
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), mode(0o755)).unwrap();
    let file = directory.path().join("trigger");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, mode(0o666)).unwrap();
    let (roots, nobodys) = (sleeper(0), sleeper(NOBODY));
    let victims = [roots.pid(), nobodys.pid(), std::process::id().cast_signed()];
    let ids = victims.map(|pid| pid.to_string());
    let more = ["1", "2", "0", "99999999"];
    for id in ids.iter().map(String::as_str).chain(more) {
        let target = liar(python, &file, id);
        let pid = target.pid().to_string();
        let output = watched(&victims, &["trigger", "--timeout", "1", &pid]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("none of its own threads"), "{id}: {said}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{id}: {said}");

        let output = watched(&victims, &["report", &pid]);
        let text = stdout_of(&output);
        let told = text.contains("of threads that this process has not");
        assert_eq!(told, id != "0", "{id}: {text}");
        crate::support::trigger::assert_free(target.pid());
        assert!(target.end(), "{id}");
    }
    // What can be no thread's id at all makes guru believe no record of that Python.
    for id in ["-1", "4294967297", "9223372036854775808"] {
        let target = liar(python, &file, id);
        let pid = target.pid().to_string();
        let output = watched(&victims, &["trigger", "--timeout", "1", &pid]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{id}: {output:?}");
        let output = watched(&victims, &["report", &pid]);
        assert_eq!(output.status.code(), Some(1), "{id}: {output:?}");
        assert!(target.end(), "{id}");
    }
    // Its own thread is traced, so that what was looked at above is not nothing.
    let target = liar(python, &file, "own");
    let output = guru(&["trigger", "--timeout", "1", &target.pid().to_string()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("none of its own threads"), "{said}");
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(target.end());
}

fn mode(bits: u32) -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(bits)
}
