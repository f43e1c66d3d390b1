//! The breaks that are taken while many threads are stopped or let go.

use std::time::Duration;

use crate::target::live::held::Wave;

/// The blocked threads that are woken to be stopped, or to be let go, queue before the running
/// one. So after this many of them there is a break. It is 1.6 ms instead of 4.7, a tick of the
/// scheduler, that a running thread of 1000 then waits, and a report takes a tenth longer.
const PACE: usize = 32;

/// The same where all threads share one processor: 0.35 ms instead of 7 (with breaks of 100 µs), and
/// the blocked ones are held twice as long.
const PACE_OF_CROWD: usize = 16;

/// How long that break is; the kernel adds some 50 µs.
pub const BREAK: Duration = Duration::from_micros(50);

/// Whether the threads of a process may run on one processor only.
pub fn is_crowded(pid: i32) -> bool {
    let pid = rustix::process::Pid::from_raw(pid);
    pid.is_some() && rustix::thread::sched_getaffinity(pid).is_ok_and(|set| set.count() == 1)
}

/// Takes breaks.
pub struct Pace {
    /// After how many steps; none if `None`.
    every: Option<usize>,
    steps: usize,
}

impl Pace {
    /// The pace of a wave. Only the blocked threads can wait.
    pub fn of(wave: Wave, crowded: bool) -> Pace {
        let every = if crowded { PACE_OF_CROWD } else { PACE };
        Pace { every: (wave == Wave::Cold).then_some(every), steps: 0 }
    }

    /// One step, and a break if it is time for one.
    pub fn step(&mut self) {
        self.steps += 1;
        if self.every.is_some_and(|every| self.steps.is_multiple_of(every)) {
            std::thread::sleep(BREAK);
        }
    }
}
