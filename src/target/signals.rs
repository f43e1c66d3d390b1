//! What a process does with signals, as the kernel tells it (proc_pid_status(5)).

/// A set of signals, as `/proc/PID/status` prints it: the lowest bit is signal 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// Whether a signal is in it. Signals are numbered from 1 to 64.
    pub fn contains(self, signal: i32) -> bool {
        let bit = u32::try_from(signal).ok().and_then(|signal| signal.checked_sub(1));
        bit.and_then(|bit| self.0.checked_shr(bit)).is_some_and(|set| set & 1 == 1)
    }
}

/// The names of the signals from 1 to 31 (signal(7)), the same on x86-64 and arm64.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The name of a signal: `SIGUSR2`; `signal 40` of one that has none.
pub fn name(signal: i32) -> String {
    let at = usize::try_from(signal).ok().and_then(|signal| signal.checked_sub(1));
    match at.and_then(|at| NAMES.get(at)) {
        Some(name) => format!("SIG{name}"),
        None => format!("signal {signal}"),
    }
}

/// What a process does with signals at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalState {
    /// Those that have a handler.
    pub caught: SignalSet,
    /// Those that are ignored.
    pub ignored: SignalSet,
    /// Those that its first thread keeps back.
    pub blocked_by_first: SignalSet,
    /// Those that every thread keeps back: nobody takes them.
    pub blocked_by_all: SignalSet,
    /// Those that were sent and taken by nobody yet, for the process or its first thread.
    pub pending: SignalSet,
    /// The state of its first thread, a letter as in `/proc/PID/stat`: `S`, `R`, `D`, `T`, `t` …
    pub state: char,
    /// How many threads it has.
    pub threads: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_the_names_of_their_numbers() {
        for (signal, known) in [(1, "SIGHUP"), (9, "SIGKILL"), (12, "SIGUSR2"), (31, "SIGSYS")] {
            assert_eq!(name(signal), known);
        }
        assert_eq!([0, -1, 40].map(name), ["signal 0", "signal -1", "signal 40"]);
    }

    #[test]
    fn signals_are_counted_from_one() {
        let set = SignalSet(0x800);
        assert!(set.contains(12));
        assert!([-1, 0, 11, 13, 65, i32::MAX].iter().all(|signal| !set.contains(*signal)));
    }
}
