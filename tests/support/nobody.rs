//! A user without rights, who attacks root's guru.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Target, python, root, skip, skip_impossible};

/// Its number.
pub const NOBODY: u32 = 65534;

/// What `setpriv` is to do for that: it is nobody's program then, in no group.
pub const AS_NOBODY: &[&str] = &["--reuid", "65534", "--regid", "65534", "--clear-groups"];

/// A command by which nobody runs a program; records a skip where that is not possible.
pub fn command(program: &Path) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        skip_impossible("only root can start a process of another user");
        return None;
    }
    let start = || {
        let mut command = Command::new("setpriv");
        command.args(AS_NOBODY).arg(program);
        command
    };
    let mut probe = start();
    probe.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match probe.status() {
        Ok(status) if status.success() => return Some(start()),
        // It may lie where nobody may not look.
        Ok(_) => skip_impossible("another user may not run what lies here"),
        Err(_) => skip("setpriv (util-linux) is not installed"),
    }
    None
}

/// A script of `fixtures/targets`, run by nobody with the default interpreter; a copy of it, in a
/// directory that anybody may look into.
pub fn script(name: &str, directory: &Path) -> Option<Command> {
    let Some(python) = python() else {
        skip_impossible("no Python 3.11");
        return None;
    };
    let mut command = command(python)?;
    for name in [name, "support.py"] {
        std::fs::copy(root("fixtures/targets").join(name), directory.join(name)).unwrap();
        chmod(&directory.join(name), 0o644);
    }
    command.arg(directory.join(name)).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

/// A copy of a built program that anybody may run, in a directory that anybody may look into.
pub fn program(name: &str, directory: &Path) -> Option<PathBuf> {
    let copy = directory.join(name);
    std::fs::copy(Target::program(name)?, &copy).unwrap();
    Some(copy)
}

/// Gives a file or directory these rights.
pub fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
