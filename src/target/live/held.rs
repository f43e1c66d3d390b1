//! One thread in our hands: where it stands, and how it is let go.

use std::time::{Duration, Instant};

use crate::arch::Registers;
use crate::target::Tid;
use crate::target::live::looks::Looks;
use crate::target::live::restart;
use crate::target::live::sys::{self, Event, Stopped};
use crate::target::live::tasks::Tasks;

/// Which wave a thread belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wave {
    /// It was in an uninterruptible wait: it is asked first, and not waited for.
    Stuck,
    /// It was blocked: it is stopped first and held for longer, and nobody waits for it.
    Cold,
    /// It was running, or ran a moment ago: it is stopped last and let go first.
    Hot,
}

/// Where a thread stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Seized, running.
    Seized,
    /// It was told to stop.
    Asked,
    /// It stands still.
    Held {
        /// What is handed back when it is let go; 0: none.
        signal: i32,
    },
    /// It did not stop in time.
    Late,
    /// It was not told to stop: it slept in a call that a stop would have cut short.
    Spared,
    /// It ended, or was let go.
    Gone,
}

/// A thread in our hands.
pub struct Held {
    /// Its id.
    pub tid: Tid,
    /// When it is stopped.
    pub wave: Wave,
    /// Where it stands.
    pub phase: Phase,
    /// Since when it is in our hands: a signal may stop it from then on.
    seized: Instant,
    /// When it was asked to stop, or last seen not to stand still since.
    pub asked: Option<Instant>,
    /// Whether it was outside of any system call when it stopped, and so lost time of its own.
    ran: bool,
    /// Its registers, once it stood still.
    pub registers: Option<Registers>,
}

impl Held {
    /// One that was just seized.
    pub fn new(tid: Tid, wave: Wave) -> Held {
        let (phase, seized) = (Phase::Seized, Instant::now());
        Held { tid, wave, phase, seized, asked: None, ran: false, registers: None }
    }

    /// Lets it run on. Returns how long it stood still, if it would have run.
    pub fn set_free(&mut self) -> Option<Duration> {
        let Phase::Held { signal } = self.phase else { return None };
        // A signal stops it when it comes, which may be before we asked.
        let since = if signal == 0 { self.asked } else { Some(self.seized) };
        // Looked at before, not after: the thread may take our processor as soon as it may run.
        let stood = since.map(|since| since.elapsed());
        // ESRCH: it was killed meanwhile, and nothing is left to let go.
        let _ = sys::detach(self.tid, signal);
        self.phase = Phase::Gone;
        stood.filter(|_| self.wave == Wave::Hot || self.ran)
    }

    /// Waits until the thread stands still, if it was asked to, and reads its registers at once.
    pub fn await_stop(&mut self, tasks: &Tasks, deadline: Instant) {
        let mut looks = Looks::default();
        while matches!(self.phase, Phase::Asked | Phase::Late) {
            let now = Instant::now();
            match sys::poll(self.tid) {
                // It does not stand still yet: who waits for a processor would wait without us, too.
                Ok(Event::None) if now < deadline => self.asked = Some(now),
                Ok(Event::None) => return,
                Err(_) => {
                    self.phase = Phase::Late;
                    return;
                }
                Ok(Event::Gone) => {
                    self.phase = Phase::Gone;
                    return;
                }
                Ok(Event::Interrupted | Event::GroupStop | Event::Call) => {
                    return self.hold(tasks, 0);
                }
                Ok(Event::Signal(signal)) => return self.hold(tasks, signal),
            }
            looks.pause();
        }
    }

    fn hold(&mut self, tasks: &Tasks, signal: i32) {
        self.phase = Phase::Held { signal };
        let Ok(mut stopped) = Stopped::read(self.tid) else { return };
        self.registers = Some(stopped.registers());
        self.ran = !stopped.in_call();
        restart::repair(tasks, self.tid, &mut stopped);
    }
}
