//! A process that does as it is told with its standard error and with files.

use super::{Target, await_some, nobody, python, skip_impossible};
use guru::target::live::LiveProcess;
use guru::target::live::stderr::stderr;
use guru::target::stderr::{PipeState, Stderr, StderrKind};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A program that runs each line that it is sent.
const SCRIPT: &str = "import os, sys\nprint('ready', os.getpid(), flush=True)\n\
                      for line in sys.stdin:\n    exec(line)\n    print('done', flush=True)";

/// It, started with a standard error.
pub struct Writer {
    target: Target,
    /// As guru sees it.
    pub process: LiveProcess,
}

impl Writer {
    /// With this standard error.
    pub fn start(stderr: impl Into<Stdio>) -> Option<Writer> {
        Writer::start_with(stderr, |_| {})
    }

    /// The same, run by a user without rights.
    pub fn start_as_nobody(stderr: impl Into<Stdio>) -> Option<Writer> {
        let mut command = nobody::command(python()?)?;
        command.args(["-S", "-c", SCRIPT]).stderr(stderr);
        Some(Writer::of(Target::start(command)))
    }

    /// As [`Writer::start`], with more of the command.
    pub fn start_with(stderr: impl Into<Stdio>, more: impl FnOnce(&mut Command)) -> Option<Writer> {
        let Some(python) = python() else {
            skip_impossible("no Python 3.11");
            return None;
        };
        let mut command = Command::new(python);
        command.args(["-S", "-c", SCRIPT]).stderr(stderr);
        more(&mut command);
        Some(Writer::of(Target::start(command)))
    }

    fn of(target: Target) -> Writer {
        let process = LiveProcess::open(target.started()).unwrap().0;
        Writer { target, process }
    }

    /// Starts it with the given directory for its root.
    pub fn start_below(root: &Path, directory: &str) -> Option<Writer> {
        if !rustix::process::geteuid().is_root() {
            skip_impossible("only root may change the root directory");
            return None;
        }
        let mut writer = Writer::start(Stdio::null())?;
        let enter = format!("os.chroot({:?}); os.chdir({directory:?})", root.to_str().unwrap());
        writer.run(&enter);
        Some(writer)
    }

    /// Runs a line.
    pub fn run(&mut self, line: &str) {
        assert_eq!(self.target.ask(line), "done", "{line}");
    }

    /// Where guru finds that its standard error leads.
    pub fn kind(&self) -> StderrKind {
        self.stderr().kind
    }

    /// All that guru finds of that.
    pub fn stderr(&self) -> Stderr {
        stderr(&self.process)
    }

    /// Who reads the pipe that it is, and how full that is.
    pub fn pipe(&self) -> (Vec<i32>, PipeState) {
        match self.kind() {
            StderrKind::Pipe { readers, state: Some(state), .. } => {
                (readers.into_iter().map(|(pid, _)| pid).collect(), state)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Waits until nobody reads its pipe: a process that another test is about to start may have
    /// inherited the reading end for a moment.
    pub fn await_abandoned(&self) {
        await_some("nobody reads the pipe", || {
            let (readers, state) = self.pipe();
            (state.abandoned && readers.is_empty()).then_some(())
        });
    }

    /// Its id.
    pub fn pid(&self) -> i32 {
        self.process.pid
    }

    /// Lets it end by itself, and says whether it did so with success.
    pub fn end(self) -> bool {
        self.target.end()
    }
}

/// A file that is appended to.
pub fn appending(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// Makes a FIFO and opens its reading end.
pub fn fifo(path: &Path) -> File {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap()
}
