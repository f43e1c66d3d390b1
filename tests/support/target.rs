//! The programs of `fixtures/targets`, started, ready, and gone at the end of the test.

use super::{
    DEADLINE, await_some, python, reads_stdin, root, skip, skip_impossible, spawned, thread_states,
};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Once;
use std::sync::mpsc::{self, Receiver};

/// A running program; dropping it kills it, with its children. It dies, too, when the thread that
/// started it ends: keep it within its test.
pub struct Target {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// What followed `ready`: the pid, and whatever more the program says.
    pub ready: Vec<i32>,
}

impl Target {
    /// Start a built program or, by a name that ends in `.py`, a script with the default
    /// interpreter. Returns when its threads are where its source says; the one that said so waits
    /// for stdin then. Records a skip if it could not be built.
    pub fn spawn<A: AsRef<OsStr>>(program: &str, args: &[A]) -> Option<Self> {
        let target = Self::spawn_running(program, args)?;
        await_some("it waits for stdin", || reads_stdin(target.pid()).then_some(()));
        Some(target)
    }

    /// As `spawn`, of a program that never waits for stdin.
    pub fn spawn_running<A: AsRef<OsStr>>(program: &str, args: &[A]) -> Option<Self> {
        if program.ends_with(".py") {
            let Some(python) = python() else {
                skip_impossible("no Python 3.11");
                return None;
            };
            return Some(Self::python(python, program, args));
        }
        let mut command = Command::new(Self::program(program)?);
        command.args(args);
        Some(Self::start(command))
    }

    /// Where a built program is. Records a skip if it could not be built.
    pub fn program(name: &str) -> Option<PathBuf> {
        build();
        let path = root("target/targets").join(name);
        if path.exists() {
            return Some(path);
        }
        skip(&format!("{name} is not built: tests/run says what is missing"));
        None
    }

    /// Run a script of `fixtures/targets` with this interpreter.
    pub fn python<A: AsRef<OsStr>>(interpreter: &Path, script: &str, args: &[A]) -> Self {
        let mut command = Command::new(interpreter);
        command.arg(root("fixtures/targets").join(script)).args(args);
        // No cache beside the sources.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        Self::start(command)
    }

    /// Run any command that prints `ready PID`.
    pub fn start(mut command: Command) -> Self {
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawned(&mut command);
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // Ends with the target's stdout; so no read can outlast a deadline.
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut target = Self { child, stdin, lines, ready: Vec::new() };
        let line = target.line();
        let words = line.strip_prefix("ready ").unwrap_or_else(|| panic!("not ready: {line}"));
        target.ready = words.split(' ').map(|word| word.parse().unwrap()).collect();
        target
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.ready[0]
    }

    /// The id of the process that was started, as it is seen from here.
    pub fn started(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The next line it prints.
    pub fn line(&self) -> String {
        self.lines
            .recv_timeout(DEADLINE)
            .unwrap_or_else(|_| panic!("no line from {:?}", self.child))
    }

    /// The next line, if it has printed one.
    pub fn try_line(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// Send it a line.
    pub fn send(&mut self, line: &str) {
        self.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Send it a line and return the answer.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.line()
    }

    /// Let it end by itself and say whether it did so with success: it has come to no harm.
    pub fn end(mut self) -> bool {
        self.stdin = None;
        await_some("the target ends", || self.child.try_wait().unwrap()).success()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        kill_group(&mut self.child);
    }
}

/// Wait until all threads of a target that will do no more sleep.
pub fn await_asleep(target: &Target) {
    await_some("all threads are asleep", || {
        let asleep = thread_states(target.pid()).values().all(|thread| thread.state == 'S');
        asleep.then_some(())
    });
}

/// Kill a child that leads a process group, with the whole group.
pub fn kill_group(child: &mut Child) {
    // Not once it is reaped: its number could be another's.
    if let Ok(None) = child.try_wait() {
        let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
        let _ = child.wait();
    }
}

/// Bring the built programs up to date, once; what cannot be built is missing then.
fn build() {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let script = root("fixtures/targets/build");
        let _ = Command::new(script).arg(root("target/targets")).status();
    });
}
