//! What ends a run: few causes, each with its exit status and what to do next.
//!
//! What does not end a run is a [`crate::note::Note`].

use thiserror::Error;

/// The exit status of guru: a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// The report is complete.
    Complete = 0,
    /// The report lacks something; its notes say what.
    Partial = 1,
    /// The command line made no sense.
    Usage = 2,
    /// The process can not be inspected.
    CannotInspect = 3,
    /// A deadline passed.
    Timeout = 4,
    /// The process ended or became another one meanwhile.
    TargetChanged = 5,
}

impl Status {
    /// The status that has this number.
    pub fn of(code: u8) -> Option<Status> {
        use Status::*;
        let all = [Complete, Partial, Usage, CannotInspect, Timeout, TargetChanged];
        all.into_iter().find(|status| *status as u8 == code)
    }
}

/// What can happen to a process while it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It exited.
    Exited,
    /// It executed another program.
    Executed,
    /// Threads ended, or programs were executed, whenever it was looked at: the kernel refuses then.
    Restless,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Change::Exited => "exited",
            Change::Executed => "executed another program",
            Change::Restless => "let threads end or executed programs",
        })
    }
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no such process.
    #[error("no process {0}")]
    NoProcess(i32),
    /// The process has exited, and waits for its parent to take note.
    #[error("{pid} ({}) has exited; its parent {parent} has not collected it", word(.name))]
    Zombie {
        /// The process.
        pid: i32,
        /// Its name, fit for a terminal.
        name: String,
        /// Who should collect it.
        parent: i32,
    },
    /// It belongs to the kernel.
    #[error("{pid} ({}) is a kernel thread: it has no user stack", word(.name))]
    KernelThread {
        /// The thread.
        pid: i32,
        /// Its name, fit for a terminal.
        name: String,
    },
    /// guru was pointed at itself.
    #[error("guru cannot inspect itself")]
    Itself,
    /// The kernel refuses, for this reason; the second field says what to do.
    #[error("not permitted to inspect {pid}: {cause}")]
    NotPermitted {
        /// The process.
        pid: i32,
        /// The true cause, as far as the kernel tells.
        cause: String,
        /// What to do.
        hint: String,
    },
    /// It is not a 64-bit process of an architecture that guru knows.
    #[error("{pid} is a {what} process, which this guru cannot read")]
    Foreign {
        /// The process.
        pid: i32,
        /// What it is.
        what: String,
    },
    /// What was asked for makes no sense.
    #[error("{id} {why}")]
    Senseless {
        /// The id that was given.
        id: i32,
        /// Why not.
        why: String,
    },
    /// The process is not asked for a report of its own: that would do harm, or nothing.
    #[error("{pid} {why}")]
    Refused {
        /// The process.
        pid: i32,
        /// Why not.
        why: String,
        /// What to do.
        hint: Option<String>,
    },
    /// It ended, or executed another program, while it was looked at.
    #[error("{pid} {what} while it was looked at")]
    Changed {
        /// The process.
        pid: i32,
        /// What happened to it.
        what: Change,
    },
    /// A deadline passed.
    #[error("{pid}: {what} within {seconds} s")]
    Timeout {
        /// The process.
        pid: i32,
        /// What did not happen.
        what: &'static str,
        /// The deadline.
        seconds: u64,
    },
    /// A recording can not be read or written.
    #[error("recording {path}: {why}")]
    Recording {
        /// Its path.
        path: String,
        /// Why.
        why: String,
    },
    /// The report can not be written.
    #[error("cannot write the report to {to}: {why}")]
    Output {
        /// Where to: a path, or `standard output`.
        to: String,
        /// Why.
        why: String,
    },
    /// The demo could not be shown.
    #[error("the demo could not {doing}: {why}")]
    Demo {
        /// What it tried.
        doing: String,
        /// Why it failed.
        why: String,
    },
    /// guru itself was given rights that its user does not have.
    #[error("guru refuses to run with the rights of another user (setuid or setgid)")]
    Privileged,
}

/// A name that was escaped: in quotes where it could be more than one word.
fn word(name: &str) -> String {
    match name.contains(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '\\')) {
        true => format!("\"{name}\""),
        false => name.to_owned(),
    }
}

impl Error {
    /// The exit status that tells this error from others.
    pub fn status(&self) -> Status {
        match self {
            Error::Senseless { .. } => Status::Usage,
            Error::Timeout { .. } => Status::Timeout,
            Error::Changed { .. } => Status::TargetChanged,
            _ => Status::CannotInspect,
        }
    }

    /// What to do next, where there is something to do.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Error::NotPermitted { hint, .. } => Some(hint.as_str()).filter(|hint| !hint.is_empty()),
            Error::Refused { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }
}
