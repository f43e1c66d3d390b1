//! A command of the inspecting side: run by the shell with the rights of the caller, outside the
//! target, for a bounded time.
//!
//! It has a process group of its own. When the shell has ended or the time is up, the group is
//! killed, so that nothing of it stays; only what has left the group on purpose (setsid) does. The
//! same happens when guru is interrupted.
//! What it writes is read to its end and kept up to a limit, so that it never waits for guru.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::surroundings;
use crate::asked::own::{OwnSection, Source};
use crate::evidence::ran::{End, Ran, Written};
use crate::text::Text;
use crate::worker::{self, interrupts::Interrupts};

/// The most bytes of each of its outputs that are kept.
const MAX_OUTPUT: usize = 1 << 20;

/// How many bytes are read at once.
const CHUNK: usize = 64 << 10;

/// How many chunks are read of what lies in a pipe when the command has ended: the largest pipe
/// that a user may make holds 1 MiB.
const MAX_LAST_CHUNKS: usize = 16;

/// Runs the commands of these sections, one after the other, until `until` at the longest.
///
/// What they wrote is as they wrote it: it is masked with all other evidence.
pub fn run(sections: &[OwnSection], pid: i32, until: Option<Instant>) -> Vec<Ran> {
    let mut all = Vec::new();
    for section in sections {
        let Source::Command { command, patience } = &section.source else { continue };
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let patience = left.map_or(*patience, |left| left.min(*patience));
        all.push(match patience.is_zero() {
            true => failed(&section.title, "no time was left for it (--timeout)".to_owned()),
            false => one(&section.title, command.raw(), pid, patience),
        });
    }
    all
}

fn failed(title: &str, why: String) -> Ran {
    let (output, errors) = (Written::default(), Written::default());
    Ran { title: title.to_owned(), end: End::Failed(why), output, errors }
}

fn one(title: &str, command: &str, pid: i32, patience: Duration) -> Ran {
    let mut shell = Command::new("/bin/sh");
    surroundings::set(&mut shell);
    shell.arg("-c").arg(command).env("GURU_PID", pid.to_string()).process_group(0);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // The limits are those of guru's own work.
    let mut spawn = || worker::without_limits(|| shell.spawn());
    let started = Interrupts::keep_back().and_then(|kept| Ok((spawn()?, kept)));
    let (running, interrupts) = match started {
        Ok((child, interrupts)) => (Running(child), interrupts),
        Err(error) => return failed(title, format!("/bin/sh could not be started: {error}")),
    };
    match running.watch(patience, &interrupts) {
        Ok((end, output, errors)) => {
            let (output, errors) = (output.written(), errors.written());
            Ran { title: title.to_owned(), end, output, errors }
        }
        Err(error) => failed(title, format!("it could not be watched: {error}")),
    }
}

/// Why a shell is not watched any longer.
enum Why {
    Exited,
    Late,
    Interrupted,
}

/// A shell that runs; its group is gone when this is dropped.
struct Running(Child);

impl Running {
    fn watch(
        mut self,
        patience: Duration,
        interrupts: &Interrupts,
    ) -> io::Result<(End, Output, Output)> {
        let deadline = Instant::now() + patience;
        let child = Pid::from_child(&self.0);
        let pidfd = pidfd_open(child, PidfdFlags::empty())?;
        let mut output = Output::new(self.0.stdout.take())?;
        let mut errors = Output::new(self.0.stderr.take())?;
        let why = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break Why::Late;
            }
            let (exited, interrupted) = (Some(pidfd.as_fd()), Some(interrupts.arrived()));
            match await_any(&[exited, interrupted, output.pipe(), errors.pipe()], left)? {
                Some(0) => break Why::Exited,
                Some(1) => break Why::Interrupted,
                _ => {}
            }
            output.read_chunk();
            errors.read_chunk();
        };
        // The shell is not yet collected, so that the number is still that of its group.
        self.kill_group();
        let status = self.0.wait()?;
        output.read_rest();
        errors.read_rest();
        let end = match (why, status.code(), status.signal()) {
            (Why::Late, ..) => {
                End::TimedOut(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX))
            }
            (Why::Interrupted, ..) => End::Failed("guru was interrupted".to_owned()),
            (Why::Exited, Some(code), _) => End::Exited(code),
            (Why::Exited, None, Some(signal)) => End::Killed(signal),
            (Why::Exited, None, None) => End::Failed("how it ended is not known".to_owned()),
        };
        Ok((end, output, errors))
    }

    fn kill_group(&self) {
        // The group is gone where all of it has ended.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Collected or not is known to the child itself: once it is, its number is not used again.
        if let Ok(None) = self.0.try_wait() {
            self.kill_group();
            let _ = self.0.wait();
        }
    }
}

/// Waits until something happens to one of these, of which the last may be closed, and says to which.
fn await_any(watched: &[Option<BorrowedFd<'_>>], left: Duration) -> io::Result<Option<usize>> {
    let open = watched.iter().flatten();
    let mut fds: Vec<PollFd<'_>> =
        open.map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    let left = Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    };
    match poll(&mut fds, Some(&left)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(fds.iter().position(|fd| !fd.revents().is_empty()))
}

/// What comes out of one pipe.
struct Output {
    /// Open until its end was read.
    pipe: Option<Box<dyn Pipe>>,
    kept: Vec<u8>,
    /// How many bytes were not kept.
    left: u64,
}

trait Pipe: Read + AsFd {}
impl<T: Read + AsFd> Pipe for T {}

impl Output {
    fn new(pipe: Option<impl Pipe + 'static>) -> io::Result<Output> {
        if let Some(pipe) = &pipe {
            rustix::fs::fcntl_setfl(pipe, OFlags::NONBLOCK)?;
        }
        let pipe = pipe.map(|pipe| Box::new(pipe) as Box<dyn Pipe>);
        Ok(Output { pipe, kept: Vec::new(), left: 0 })
    }

    fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(|pipe| pipe.as_fd())
    }

    /// Reads what is there, and says whether there was anything.
    fn read_chunk(&mut self) -> bool {
        let mut chunk = [0; CHUNK];
        let Some(pipe) = &mut self.pipe else { return false };
        match pipe.read(&mut chunk) {
            Ok(0) => self.pipe = None,
            Ok(got) => {
                let got = chunk.get(..got).unwrap_or_default();
                let room = MAX_OUTPUT.saturating_sub(self.kept.len()).min(got.len());
                self.kept.extend_from_slice(got.get(..room).unwrap_or_default());
                self.left += (got.len() - room) as u64;
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(_) => self.pipe = None,
        }
        false
    }

    /// Reads what lies in the pipe; who else may still write into it is not waited for.
    fn read_rest(&mut self) {
        for _ in 0..MAX_LAST_CHUNKS {
            if !self.read_chunk() {
                break;
            }
        }
    }

    /// What was kept, as text. What was cut ends with a whole line or word, so that no half
    /// of a secret is left that would not show that it is one.
    fn written(self) -> Written {
        let (mut kept, mut left) = (self.kept, self.left);
        if left > 0 {
            let last = kept.iter().rposition(|byte| *byte == b'\n');
            let last = last.or_else(|| kept.iter().rposition(u8::is_ascii_whitespace));
            let whole = last.map_or(kept.len(), |last| last + 1);
            left += (kept.len() - whole) as u64;
            kept.truncate(whole);
        }
        Written { text: Text::from_bytes(&kept), left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(command: &str, patience: Duration) -> Ran {
        one("T", command, 4711, patience)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn outputs_are_told_apart_and_the_status_is_told() {
        let ran = ran("echo out $GURU_PID; echo wrong >&2; read x; exit 3", LONG);
        assert_eq!(ran.end, End::Exited(3));
        assert_eq!((ran.output.text.raw(), ran.errors.text.raw()), ("out 4711\n", "wrong\n"));
        assert_eq!(self::ran("kill -9 $$", LONG).end, End::Killed(9));
    }

    #[test]
    fn what_a_command_leaves_behind_is_not_waited_for() {
        let ran = ran("sleep 1000 & echo done", LONG);
        assert_eq!((ran.end, ran.output.text.raw()), (End::Exited(0), "done\n"));
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_line_and_counted() {
        let ran = ran("yes password=hunter2 | head -c 3000000", LONG);
        assert_eq!(ran.end, End::Exited(0));
        assert!(ran.output.text.raw().ends_with("password=hunter2\n"));
        // A line of 17 bytes.
        let lines = ran.output.text.raw().lines().count() as u64;
        assert_eq!(lines * 17 + ran.output.left, 3_000_000);
        assert!(lines * 17 <= MAX_OUTPUT as u64);
    }

    #[test]
    fn a_command_without_time_does_not_run() {
        let section = OwnSection::parse("T=!echo ran");
        let sections: Vec<OwnSection> = section.into_iter().collect();
        let ran = run(&sections, 1, Some(Instant::now()));
        assert!(matches!(ran.as_slice(), [Ran { end: End::Failed(_), .. }]), "{ran:?}");
    }
}
