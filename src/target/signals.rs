//! What a process does with signals, as the kernel tells it (proc_pid_status(5)).

use nix::sys::signal::Signal;

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

/// The first and the last real-time signal that programs may use: glibc and musl keep those before
/// the first for themselves.
pub const REAL_TIME: (i32, i32) = (34, 64);

/// The name of a signal: `SIGUSR2`, `SIGRTMIN+1`; `signal 33` of one that has none.
pub fn name(signal: i32) -> String {
    if let Ok(known) = Signal::try_from(signal) {
        return known.as_str().to_owned();
    }
    match signal.saturating_sub(REAL_TIME.0) {
        0 => "SIGRTMIN".to_owned(),
        offset if offset > 0 && signal <= REAL_TIME.1 => format!("SIGRTMIN+{offset}"),
        _ => format!("signal {signal}"),
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
        for (signal, known) in
            [(1, "SIGHUP"), (12, "SIGUSR2"), (34, "SIGRTMIN"), (64, "SIGRTMIN+30")]
        {
            assert_eq!(name(signal), known);
        }
        let none = [i32::MIN, 0, 33, 65].map(name);
        assert_eq!(none, ["signal -2147483648", "signal 0", "signal 33", "signal 65"]);
    }

    #[test]
    fn signals_are_counted_from_one() {
        let set = SignalSet(0x800);
        assert!(set.contains(12));
        assert!([-1, 0, 11, 13, 65, i32::MAX].iter().all(|signal| !set.contains(*signal)));
    }
}
