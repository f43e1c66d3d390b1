//! guru itself, the built binary.

use super::DEADLINE;
use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

/// Run guru with these arguments and nothing on stdin, to its end.
pub fn guru<A: AsRef<OsStr>>(args: &[A]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guru"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    let (sender, output) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    output.recv_timeout(DEADLINE).map(Result::unwrap).unwrap_or_else(|_| {
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
        panic!("guru did not end in time: {command:?}")
    })
}
