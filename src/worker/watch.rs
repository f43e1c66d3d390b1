//! Watches a worker: whether it goes on, what it complains, and how it ends.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};

use super::child::Child;
use super::interrupts::Interrupts;
use super::progress::Progress;
use super::{MEMORY, PROCESSOR};
use crate::part::Part;
use crate::target::live::sys::PANICKED;

/// How often it is looked whether the worker goes on.
const TICK: Duration = Duration::from_millis(50);

/// How long a worker that was killed, or was sent the signal that ended the supervisor, may take to
/// end.
const LAST: Duration = Duration::from_secs(1);

/// The most bytes of what it complains that are kept for one line.
const MAX_LINE: usize = 64 << 10;

/// What lines begin with that are for the user. Others are those of a panic, or of an allocation
/// that failed.
const FOR_USER: &str = "guru: ";

/// What Rust says before it aborts because there is no memory.
const NO_MEMORY: &str = "memory allocation of ";

/// How a worker ended.
pub enum Ended {
    /// By itself, with this status; what it printed is here.
    Done(u8, File),
    /// Of what it did, or it stood still.
    Died { part: Option<Part>, why: String, committed: bool },
    /// The time was over.
    TimedOut,
    /// A signal came that ends the supervisor.
    Interrupted(i32),
}

/// How long a worker is waited for.
pub struct Patience {
    /// Until then.
    pub end: Instant,
    /// How long it may stand still.
    pub still: Duration,
}

/// Watches a worker to its end.
pub fn watch(
    child: Child,
    progress: &Progress,
    printed: File,
    patience: Patience,
    say: &mut dyn FnMut(&str),
) -> io::Result<Ended> {
    let interrupts = Interrupts::keep_back()?;
    let mut errors = Errors::new(&child.errors)?;
    let mut pulse = Pulse::default();
    let died = |why: String| Ended::Died {
        part: progress.part(),
        why,
        committed: progress.is_committed(),
    };
    loop {
        let left = patience.end.saturating_duration_since(Instant::now());
        let mut fds = vec![
            PollFd::new(&child.pidfd, PollFlags::IN),
            PollFd::from_borrowed_fd(interrupts.arrived(), PollFlags::IN),
        ];
        if errors.open {
            fds.push(PollFd::new(&child.errors, PollFlags::IN));
        }
        let ready =
            match poll(&mut fds, Some(&Timespec::try_from(left.min(TICK)).unwrap_or_default())) {
                Ok(ready) => ready,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
        let [exited, interrupted] =
            [0, 1].map(|nth| fds.get(nth).is_some_and(|fd: &PollFd<'_>| !fd.revents().is_empty()));
        errors.read(say);
        if exited {
            errors.read(say);
            return Ok(match status(child.pid) {
                Some(Status::Exited(PANICKED)) => died("guru panicked".to_owned()),
                Some(Status::Exited(code)) => Ended::Done(code, printed),
                // From the terminal it reaches both, and the worker may be the first.
                Some(Status::Killed(signal)) if Interrupts::are(signal) => {
                    Ended::Interrupted(signal)
                }
                Some(Status::Killed(signal)) => died(cause(signal, errors.no_memory)),
                None => died("how it ended is not known".to_owned()),
            });
        }
        if interrupted && let Some(signal) = interrupts.take() {
            // A signal from the terminal has reached it, too; one from elsewhere has not.
            let _ = Signal::from_named_raw(signal).map(|signal| kill_process(child.pid, signal));
            let until = Instant::now() + LAST;
            if !ends(&child, until) {
                kill(&child);
            }
            return Ok(Ended::Interrupted(signal));
        }
        if left.is_zero() {
            kill(&child);
            return Ok(Ended::TimedOut);
        }
        if ready == 0 && pulse.is_still(&child, progress, patience.still) {
            let ended =
                died(format!("it did not answer within {:.1} s", patience.still.as_secs_f32()));
            kill(&child);
            return Ok(ended);
        }
    }
}

/// Ends a worker. One that is stuck in the kernel ends when that answers, and is not waited for.
fn kill(child: &Child) {
    let _ = kill_process(child.pid, Signal::KILL);
    ends(child, Instant::now() + LAST);
}

/// Whether a worker ends until then; it is collected if it does.
fn ends(child: &Child, until: Instant) -> bool {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(&child.pidfd, PollFlags::IN)];
        match poll(&mut fds, Some(&Timespec::try_from(left).unwrap_or_default())) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(ready) if ready > 0 => {
                status(child.pid);
                return true;
            }
            Ok(_) | Err(_) => return false,
        }
    }
}

enum Status {
    Exited(u8),
    Killed(i32),
}

/// How a worker that has ended did so.
fn status(pid: Pid) -> Option<Status> {
    let (_, status): (Pid, WaitStatus) = waitpid(Some(pid), WaitOptions::NOHANG).ok()??;
    let exited = status.exit_status().and_then(|code| u8::try_from(code).ok());
    exited.map(Status::Exited).or_else(|| status.terminating_signal().map(Status::Killed))
}

/// What a signal means that ended a worker.
fn cause(signal: i32, no_memory: bool) -> String {
    match signal {
        libc::SIGXCPU => {
            format!("it takes more than {} s of processor time", PROCESSOR.as_secs())
        }
        libc::SIGABRT if no_memory => format!("it needs more than {MEMORY} MiB of memory"),
        libc::SIGKILL => "guru was killed in it, as when the machine is short of memory".to_owned(),
        _ => format!("guru died of signal {signal} in it: please report it as a defect"),
    }
}

/// What comes from a worker's standard error.
struct Errors<'a> {
    pipe: &'a File,
    open: bool,
    line: Vec<u8>,
    no_memory: bool,
}

impl Errors<'_> {
    fn new(pipe: &File) -> io::Result<Errors<'_>> {
        rustix::fs::fcntl_setfl(pipe, OFlags::NONBLOCK)?;
        Ok(Errors { pipe, open: true, line: Vec::new(), no_memory: false })
    }

    /// Reads what there is, and passes on the lines that are for the user.
    fn read(&mut self, say: &mut dyn FnMut(&str)) {
        let mut buffer = [0; 4096];
        while self.open {
            let mut pipe = self.pipe;
            match pipe.read(&mut buffer) {
                Ok(0) => self.open = false,
                Ok(got) => self.take(buffer.get(..got).unwrap_or_default(), say),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.open = false,
            }
        }
    }

    fn take(&mut self, bytes: &[u8], say: &mut dyn FnMut(&str)) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    let line = String::from_utf8_lossy(&line);
                    self.no_memory |= line.starts_with(NO_MEMORY);
                    if line.starts_with(FOR_USER) {
                        say(&line);
                    }
                }
                _ if self.line.len() < MAX_LINE => self.line.push(*byte),
                _ => {}
            }
        }
    }
}

/// Whether a worker goes on.
#[derive(Default)]
struct Pulse {
    changes: u64,
    turns: u64,
    /// How many looks in turn found nothing new. Counted, so that a supervisor that was stopped
    /// (^Z) takes no sleep of its own for one of the worker's.
    still: u32,
}

impl Pulse {
    /// Looks at it; whether it has stood still for so long.
    fn is_still(&mut self, child: &Child, progress: &Progress, patience: Duration) -> bool {
        let waits = progress.part().is_some_and(|part| part.kind.waits());
        let seen = (progress.changes(), turns(child.pid));
        if waits || seen != (self.changes, self.turns) {
            (self.changes, self.turns) = seen;
            self.still = 0;
            return false;
        }
        self.still += 1;
        // On a loaded host it may have to wait for its turn.
        TICK * self.still >= patience && !wants_processor(child.pid)
    }
}

/// How often the threads of a process were given a processor, together.
fn turns(pid: Pid) -> u64 {
    let of = |task: PathBuf| {
        let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
        text.split_ascii_whitespace().nth(2)?.parse::<u64>().ok()
    };
    tasks(pid).filter_map(of).fold(0, u64::wrapping_add)
}

fn tasks(pid: Pid) -> impl Iterator<Item = PathBuf> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
    tasks.into_iter().flatten().flatten().map(|task| task.path())
}

/// Whether a thread of a process waits for a processor, or has one.
fn wants_processor(pid: Pid) -> bool {
    tasks(pid).any(|task| state(&task) == Some(b'R'))
}

/// The state of a thread, behind its name in `stat`.
fn state(task: &Path) -> Option<u8> {
    let text = std::fs::read(task.join("stat")).ok()?;
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    text.get(name_end + 2).copied()
}
