//! guru itself, the built binary.

use super::{DEADLINE, Target, await_some};
use guru::report::{Block, Execution, Report};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

/// The built binary.
pub const GURU: &str = env!("CARGO_BIN_EXE_guru");

/// Run guru with these arguments and nothing on stdin, to its end.
pub fn guru<A: AsRef<OsStr>>(args: &[A]) -> Output {
    let mut command = Command::new(GURU);
    command.args(args);
    run(command)
}

/// Run a command with nothing on stdin to its end, which must come before the deadline.
pub fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = spawned(&mut command);
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    let (sender, output) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    output.recv_timeout(DEADLINE).map(Result::unwrap).unwrap_or_else(|_| {
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
        panic!("did not end in time: {command:?}")
    })
}

/// Starts a command. A copy of a program that was just made can not be executed as long as a process that
/// another test forked meanwhile holds it open for writing: until that executes its own.
pub fn spawned(command: &mut Command) -> Child {
    await_some("the program can be executed", || match command.spawn() {
        Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => None,
        done => Some(done.unwrap()),
    })
}

/// What guru prints, when there is a report: whole (status 0) or partial (1).
pub fn stdout_of(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{:?}: {errors}", output.status);
    assert!(errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The report on a process, as its JSON tells it.
pub fn report(pid: i32) -> Report {
    let output = guru(&["report", "--format", "json", &pid.to_string()]);
    serde_json::from_str(&stdout_of(&output)).unwrap()
}

/// The threads of a report.
pub fn threads(report: &Report) -> &[Execution] {
    let section = report.sections.iter().find(|section| section.id == "threads");
    let mut blocks = section.iter().flat_map(|section| &section.blocks);
    let found = blocks.find_map(|block| match block {
        Block::Executions { executions } => Some(executions.as_slice()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no threads in {:?}", report.sections))
}

/// The only thread of this name.
pub fn thread_named<'a>(report: &'a Report, name: &str) -> &'a Execution {
    let all = threads(report);
    let is = |thread: &&Execution| thread.name.as_ref().is_some_and(|n| n.raw() == name);
    let found: Vec<_> = all.iter().filter(is).collect();
    assert_eq!(found.len(), 1, "threads called {name} of {all:?}");
    found[0]
}

/// The functions of a thread, outermost first, as far as they have names.
pub fn functions(thread: &Execution) -> Vec<&str> {
    let frames = thread.stack.frames.iter();
    frames.filter_map(|frame| frame.function.as_ref().map(|name| name.raw())).collect()
}

/// As [`guru`]; and the most memory that it had at any time, in KiB. `None` if the program that
/// measures it is not built.
pub fn guru_with_peak(args: &[&str]) -> Option<(Output, u64)> {
    let peak = Target::program("peak")?;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("peak");
    let mut command = Command::new(peak);
    command.args([file.as_path(), Path::new(GURU)]).args(args);
    let output = run(command);
    let kib = std::fs::read_to_string(file).unwrap();
    Some((output, kib.trim().parse().unwrap()))
}
