//! Why the kernel refuses to have a process inspected, and what to do about it.
//!
//! ptrace answers EPERM for a dozen reasons. A tool that names the wrong one costs an operator an
//! hour, so each is looked up where the kernel shows it.

use crate::error::{Change, Error};
use crate::target::access::{Access, Finding};
use crate::target::live::access::Tree;
use crate::target::live::facts;
use crate::target::live::memory::LiveMemory;
use crate::target::live::proc::ProcDir;

/// The reason why the threads of `pid` may not be stopped; the error, if its memory may not be read
/// either, or if no reason is seen: then it may go away.
pub fn of_stop(pid: i32) -> Result<String, Error> {
    // The kernel has one tracer for a thread.
    if let Some(tracer) = tracer(pid).filter(|_| !is_over(pid)) {
        return Ok(format!("traced by {}", facts::who(tracer)));
    }
    match reason_of_read(pid) {
        Error::NotPermitted { cause, .. } if !LiveMemory::new(pid).is_refused() => Ok(cause),
        error => Err(error),
    }
}

/// Nothing, if the ids that `/proc` tells are those by which the kernel knows processes here: else another
/// one would be looked at.
pub fn of_ids(pid: i32) -> Result<(), Error> {
    let own = std::process::id();
    match rustix::fs::readlink("/proc/self", Vec::new()) {
        Ok(seen) if seen.as_bytes() == own.to_string().as_bytes() => Ok(()),
        _ => Err(not_permitted(pid, &access(pid))),
    }
}

/// The reason why `pid` may not be traced.
pub fn reason(pid: i32) -> Error {
    match tracer(pid) {
        Some(tracer) if !is_over(pid) => Error::NotPermitted {
            pid,
            cause: format!("it is traced by {}", facts::who(tracer)),
            hint: "let that end first; a report can be had without a stop".to_owned(),
        },
        _ => reason_of_read(pid),
    }
}

/// Whether it has ended: of one that just does, the kernel says the same.
fn is_over(pid: i32) -> bool {
    let stat = ProcDir::open(pid).ok().and_then(|process| process.stat());
    stat.is_none_or(|stat| stat.has_ended() && stat.num_threads <= 1)
}

/// The reason why the memory of `pid` may not be read, which another tracer is not.
pub fn reason_of_read(pid: i32) -> Error {
    if is_over(pid) {
        return Error::Changed { pid, what: Change::Exited };
    }
    let access = access(pid);
    let is_seen = access.refusal().is_some();
    if !is_seen && access.is_privileged() && access.security_modules().is_empty() {
        return Error::Changed { pid, what: Change::Restless };
    }
    not_permitted(pid, &access)
}

/// The reason after it was asked for again and again, and always was that the process is restless.
pub fn in_the_end(pid: i32) -> Error {
    let stat = ProcDir::open(pid).ok().and_then(|process| process.stat());
    if stat.is_none_or(|stat| stat.has_ended() || stat.is_ending()) {
        return Error::Changed { pid, what: Change::Restless };
    }
    not_permitted(pid, &access(pid))
}

fn access(pid: i32) -> Access {
    Tree::here().access(std::process::id().cast_signed(), Some(pid))
}

fn not_permitted(pid: i32, access: &Access) -> Error {
    if let Some(Finding { text, to_do, .. }) = access.refusal() {
        return Error::NotPermitted { pid, cause: text, hint: to_do.unwrap_or_default() };
    }
    let modules = access.security_modules().join(", ");
    let cause = match (modules.is_empty(), access.is_privileged()) {
        (true, true) => "the kernel refuses, and shows no reason".to_owned(),
        (true, false) => "it has capabilities that guru lacks".to_owned(),
        (false, true) => format!("a security module ({modules}) forbids it"),
        (false, false) => {
            format!(
                "it has capabilities that guru lacks, or a security module ({modules}) forbids it"
            )
        }
    };
    let hint = "run guru on the host as root; in a container, add the capability SYS_PTRACE";
    Error::NotPermitted { pid, cause, hint: hint.to_owned() }
}

/// Who traces the process, if anybody does.
pub fn tracer(pid: i32) -> Option<i32> {
    ProcDir::open(pid).ok()?.status()?.tracer()
}
