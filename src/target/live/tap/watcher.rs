//! The system thread that holds the thread that is watched.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::unistd::Pid;

use super::{Orders, Seen, Watch, writes};
use crate::target::live::looks::Looks;
use crate::target::live::seize::{Refused, seize};
use crate::target::live::sys::{self, Call, Event, Stopped, Until};
use crate::target::live::tasks::Tasks;
use crate::target::live::{restart, signals};
use crate::target::{MAX_OWN_REPORT, Tid};

/// What a write costs beside its bytes: so the number of writes is bounded, too.
const COST_OF_WRITE: usize = 64;

/// How often it is looked whether another thread took the signal.
const PENDING_EVERY: Duration = Duration::from_millis(1);

/// How long a thread that was told to stop is waited for before it is let go: its system call may
/// have to be repaired.
const LAST_STOP: Duration = Duration::from_millis(5);

/// The first of the results that never leave the kernel, `ERESTARTSYS` of its
/// `include/linux/errno.h`, and the last, `ERESTART_RESTARTBLOCK`: the system call will return EINTR
/// if a handler runs, and begins again if none does.
const RESTARTS: std::ops::RangeInclusive<i32> = 512..=516;

/// Holds a thread. It belongs to the system thread that made it.
pub struct Watcher {
    tasks: Tasks,
    tid: Tid,
    watch: Watch,
    orders: Arc<Orders>,
    sender: Sender<Seen>,
    /// Where the signal is.
    signal: Signal,
    /// How far the thread runs when it goes on.
    until: Until,
    /// Whether it was told to stop, and did not yet.
    asked: bool,
    /// Whether it is in a write that was told.
    writing: bool,
    /// How many bytes may still be kept of what it writes.
    budget: usize,
}

/// Where the signal is that is watched for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signal {
    /// It is waited for.
    Awaited,
    /// It came, to whichever thread; the next of its number is somebody else's.
    Passed,
}

/// Whether the thread is watched any longer.
enum Next {
    Watch,
    End,
}

impl Watcher {
    /// Takes hold of a thread without stopping it.
    pub fn seize(
        tasks: Tasks,
        tid: Tid,
        watch: Watch,
        orders: Arc<Orders>,
        sender: Sender<Seen>,
    ) -> Result<Watcher, Refused> {
        // Without TRACESYSGOOD a guru that is killed at a system call would leave a SIGTRAP.
        seize(&tasks, tid, ptrace::Options::PTRACE_O_TRACESYSGOOD)?;
        let signal = if watch.signal().is_some() { Signal::Awaited } else { Signal::Passed };
        let (until, asked, writing) = (Until::Signal, false, false);
        let budget = MAX_OWN_REPORT;
        Ok(Watcher { tasks, tid, watch, orders, sender, signal, until, asked, writing, budget })
    }

    /// Watches until there is nothing more to see, or it shall end.
    pub fn run(mut self) {
        // A doze takes as long as it says then, and not 50 µs longer; refused, it does.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        if self.watch.signal().is_none() {
            self.interrupt();
        }
        let mut looks = Looks::giving_way();
        let mut looked = Instant::now();
        while !self.orders.end.load(Ordering::Acquire) {
            match sys::poll(self.tid) {
                Ok(Event::None) | Err(_) => {
                    looks.pause();
                    if looks.dozes() && looked.elapsed() >= PENDING_EVERY {
                        looked = Instant::now();
                        if let Next::End = self.look_for_signal() {
                            return;
                        }
                    }
                }
                Ok(event) => {
                    if let Next::End = self.on(event) {
                        return;
                    }
                    looks = Looks::giving_way();
                }
            }
        }
        self.let_go();
    }

    fn tell(&self, seen: Seen) {
        // Nobody listens any more: the order to end will come.
        let _ = self.sender.send(seen);
    }

    /// Tells the thread to stop, to watch what it writes from there on.
    fn interrupt(&mut self) {
        self.until = Until::Call;
        self.asked = ptrace::interrupt(Pid::from_raw(self.tid)).is_ok();
    }

    /// Deals with a stop, or the end, of the thread.
    fn on(&mut self, event: Event) -> Next {
        // What fails here fails because the thread was killed; that is told next.
        match event {
            Event::None => {}
            Event::Gone => {
                self.tell(Seen::Ended);
                return Next::End;
            }
            Event::Interrupted => {
                self.asked = false;
                self.repair();
                let _ = sys::go_on(self.tid, self.until, 0);
            }
            Event::GroupStop => {
                self.asked = false;
                self.repair();
                let _ = sys::listen(self.tid);
            }
            Event::Signal(signal) => return self.on_signal(signal),
            Event::Call => return self.on_call(),
        }
        Next::Watch
    }

    fn on_signal(&mut self, signal: i32) -> Next {
        self.repair();
        if !self.is_awaited(signal) {
            let _ = sys::go_on(self.tid, self.until, signal);
            return Next::Watch;
        }
        self.signal = Signal::Passed;
        // The thread stands still, so it can execute nothing between this look and its handler.
        if !signals::catches(&self.tasks, self.tid, signal) {
            let _ = sys::detach(self.tid, 0);
            self.tell(Seen::HeldBack);
            return Next::End;
        }
        if matches!(self.watch, Watch::Guard { .. }) {
            let _ = sys::detach(self.tid, signal);
            self.tell(Seen::Delivered);
            return Next::End;
        }
        self.until = Until::Call;
        let _ = sys::go_on(self.tid, self.until, signal);
        self.tell(Seen::Delivered);
        Next::Watch
    }

    fn is_awaited(&self, signal: i32) -> bool {
        self.signal == Signal::Awaited && self.watch.signal() == Some(signal)
    }

    fn on_call(&mut self) -> Next {
        let seen = match sys::call(self.tid) {
            Some(Call::Entry { number, arguments }) => self.begins(number, arguments),
            Some(Call::Exit(result)) if self.writing => {
                self.writing = false;
                Some(Seen::Wrote(result.map_err(|error| match error {
                    error if RESTARTS.contains(&error) => libc::EINTR,
                    error => error,
                })))
            }
            _ => None,
        };
        let too_much = seen == Some(Seen::TooMuch);
        let _ = match too_much {
            true => sys::detach(self.tid, 0),
            false => sys::go_on(self.tid, self.until, 0),
        };
        // Told when the thread runs again, so that it does not wait for it.
        if let Some(seen) = seen {
            self.tell(seen);
        }
        if too_much { Next::End } else { Next::Watch }
    }

    /// A system call begins: what is to be told of it.
    fn begins(&mut self, number: i64, arguments: [u64; 6]) -> Option<Seen> {
        self.writing = false;
        let Watch::Writes { stderr, .. } = self.watch else { return None };
        let write = writes::Write::of(&self.tasks, self.tid, number, arguments)?;
        if !write.is_wanted(stderr) {
            return None;
        }
        let Some(budget) = self.budget.checked_sub(COST_OF_WRITE) else {
            return Some(Seen::TooMuch);
        };
        let bytes = write.bytes(budget);
        self.budget = budget - bytes.len();
        self.writing = true;
        Some(Seen::Writing { fd: write.fd, bytes })
    }

    /// Looks whether another thread took the signal: it is not pending, and this one did not stop
    /// for it. The kernel takes it from the pending ones and stops the thread in one step.
    fn look_for_signal(&mut self) -> Next {
        let Some(signal) = self.watch.signal() else { return Next::Watch };
        let passed = self.signal == Signal::Passed || !self.orders.sent.load(Ordering::Acquire);
        if passed || signals::is_pending(&self.tasks, self.tid, signal) {
            return Next::Watch;
        }
        if !matches!(sys::poll(self.tid), Ok(Event::None)) {
            return Next::Watch;
        }
        self.signal = Signal::Passed;
        let writes = matches!(self.watch, Watch::Writes { .. });
        if writes {
            self.interrupt();
        }
        self.tell(Seen::TakenByOther);
        if writes { Next::Watch } else { Next::End }
    }

    /// Makes the system call that the stop has ended begin again.
    fn repair(&self) {
        if let Ok(mut stopped) = Stopped::read(self.tid) {
            restart::repair(&self.tasks, self.tid, &mut stopped);
        }
    }

    /// Lets the thread go: properly, if it stands in a stop. Otherwise nothing is to be done: the
    /// kernel lets it run on when this system thread ends.
    fn let_go(mut self) {
        if let Signal::Awaited = self.signal
            && let Some(signal) = self.watch.signal()
        {
            self.watch = Watch::Guard { signal };
        }
        let mut looks = Looks::giving_way();
        let deadline = Instant::now() + LAST_STOP;
        loop {
            match sys::poll(self.tid) {
                Ok(Event::None) => {
                    // It is about to stop: its system call may have to be repaired then.
                    let stops = self.asked || signals::comes(&self.tasks, self.tid);
                    if !stops || Instant::now() > deadline {
                        return;
                    }
                    looks.pause();
                }
                Ok(Event::Signal(signal)) if self.is_awaited(signal) => {
                    self.on_signal(signal);
                    return;
                }
                Ok(Event::Signal(signal)) => return self.detach(signal),
                Ok(Event::Interrupted | Event::GroupStop) => return self.detach(0),
                // A result of EINTR can be repaired on the way to its signal only.
                Ok(Event::Call)
                    if signals::comes(&self.tasks, self.tid) && Instant::now() < deadline =>
                {
                    let _ = sys::go_on(self.tid, Until::Signal, 0);
                }
                Ok(Event::Call) => {
                    let _ = sys::detach(self.tid, 0);
                    return;
                }
                Ok(Event::Gone) | Err(_) => return,
            }
        }
    }

    fn detach(&self, signal: i32) {
        self.repair();
        let _ = sys::detach(self.tid, signal);
    }
}
