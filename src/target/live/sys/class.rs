//! How a system thread of guru's is given processors.

use std::io;

/// How a system thread is given processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// As most are (`SCHED_OTHER`).
    Usual,
    /// Before all of these, at the lowest priority of its kind (`SCHED_FIFO`, 1).
    Realtime,
    /// In another way.
    Other,
}

/// How this system thread is given processors.
pub fn class() -> io::Result<Class> {
    // SAFETY: takes a number; 0 is this system thread.
    match unsafe { libc::sched_getscheduler(0) } {
        -1 => Err(io::Error::last_os_error()),
        policy => Ok(match policy & !libc::SCHED_RESET_ON_FORK {
            libc::SCHED_OTHER => Class::Usual,
            libc::SCHED_FIFO => Class::Realtime,
            _ => Class::Other,
        }),
    }
}

/// Sets how this system thread is given processors; not those that it makes.
pub fn set_class(class: Class) -> io::Result<()> {
    let (policy, sched_priority) = match class {
        Class::Usual => (libc::SCHED_OTHER, 0),
        Class::Realtime => (libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, 1),
        Class::Other => return Err(io::Error::other("it is not known which")),
    };
    let parameter = libc::sched_param { sched_priority };
    // SAFETY: the kernel reads one sched_param; 0 is this system thread.
    match unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
