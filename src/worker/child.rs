//! The worker itself: a fork of the supervisor under limits.
//!
//! A fork, and no program of its own: it begins with little memory, nothing has to be looked for on
//! disk, and what is to be done is known.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;

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
    // Not SIGKILL: in the middle of a hold that would not repair the system calls that it ended.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    if getppid() != Some(supervisor) {
        return Err(io::Error::other("the supervisor has ended"));
    }
    // Who reads what guru prints must not wait for a worker that never ends.
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(errors)?;
    limit();
    allow_processor_time();
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
