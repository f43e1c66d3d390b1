//! The worker itself: a fork of the supervisor under limits.
//!
//! A fork, and no program of its own: it begins with little memory, nothing has to be looked for on
//! disk, and what is to be done is known.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getpid, getppid, getrlimit, pidfd_open,
    set_parent_process_death_signal, setrlimit,
};
use rustix::time::{ClockId, clock_gettime};

use super::{ADDRESSES, MEMORY, PROCESSOR};
use crate::target::live::sys::{self, PANICKED};

/// The limits that a worker has, with their values beside the processor time.
const LIMITS: [(Resource, u64); 3] =
    [(Resource::Data, MEMORY << 20), (Resource::As, ADDRESSES << 20), (Resource::Core, 0)];

/// A worker, as its supervisor sees it.
pub struct Child {
    pub pid: Pid,
    pub pidfd: OwnedFd,
    /// What it writes to its standard error.
    pub errors: File,
}

/// Starts a worker that does this and ends.
pub fn start(work: &dyn Fn() -> u8) -> io::Result<Child> {
    have_room_for_files()?;
    let (errors, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    let supervisor = getpid();
    let pid = sys::fork(|| match settle(supervisor, &theirs) {
        Ok(()) => work(),
        Err(_) => PANICKED,
    })?;
    drop(theirs);
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    Ok(Child { pid, pidfd, errors: errors.into() })
}

/// Takes the descriptors and limits of a worker.
fn settle(supervisor: Pid, errors: &OwnedFd) -> io::Result<()> {
    // Not SIGKILL: in the middle of a hold that would not repair the system calls that it ended. A filter
    // may forbid it; then the worker ends by its own limits.
    let _ = set_parent_process_death_signal(Some(Signal::TERM));
    if getppid() != Some(supervisor) {
        return Err(io::Error::other("the supervisor has ended"));
    }
    // Who reads what guru prints must not wait for a worker that never ends.
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map(OwnedFd::from).or_else(|_| nothing())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(errors)?;
    limit();
    allow_processor_time();
    Ok(())
}

/// What can be neither read nor written, where there is no `/dev/null`.
fn nothing() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// How many files guru has open at a time, and some more.
const OPEN_FILES: u64 = 64;

/// Raises the limit of open files, if it is low. Where that is not enough, every file that is missed
/// would be told to be absent.
fn have_room_for_files() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let most = maximum.unwrap_or(u64::MAX);
    if most < OPEN_FILES / 2 {
        let text =
            format!("only {most} files may be open (RLIMIT_NOFILE), and guru needs {OPEN_FILES}");
        return Err(io::Error::other(text));
    }
    if current.is_some_and(|current| current < OPEN_FILES) {
        let raised = Rlimit { current: Some(OPEN_FILES.min(most)), maximum };
        setrlimit(Resource::Nofile, raised)?;
    }
    Ok(())
}

fn limit() {
    for (resource, most) in LIMITS {
        lower(resource, most);
    }
}

/// Sets the soft limit alone, so that it can be lifted again. Refused, the old one stays.
fn lower(resource: Resource, most: u64) {
    let Rlimit { maximum, .. } = getrlimit(resource);
    let most = maximum.map_or(most, |maximum| most.min(maximum));
    let _ = setrlimit(resource, Rlimit { current: Some(most), maximum });
}

/// Gives the part that begins now its processor time.
pub fn allow_processor_time() {
    let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or(0);
    lower(Resource::Cpu, used.saturating_add(PROCESSOR.as_secs()));
}

/// Lets `start` run with the limits that the supervisor was given.
pub fn without_limits<T>(start: impl FnOnce() -> T) -> T {
    let resources = LIMITS.map(|(resource, _)| resource);
    let limits = resources.map(|resource| (resource, getrlimit(resource)));
    let cpu = getrlimit(Resource::Cpu);
    for (resource, limit) in limits.iter().chain([&(Resource::Cpu, cpu)]) {
        let lifted = Rlimit { current: limit.maximum, ..*limit };
        let _ = setrlimit(*resource, lifted);
    }
    let started = start();
    for (resource, limit) in limits.into_iter().chain([(Resource::Cpu, cpu)]) {
        let _ = setrlimit(resource, limit);
    }
    started
}
