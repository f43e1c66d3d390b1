//! Stopping threads without harm, in two waves, and setting them free.
//!
//! SEIZE and INTERRUPT only: when a tracer is killed, the kernel lets a seized thread run on,
//! while PTRACE_ATTACH (and SIGSTOP) left the target stopped for ever in a quarter of the tries.
//! Each thread is waited for by its own id (waiting for any is quadratic in their number), never
//! without a deadline (the parent in a `vfork` does not stop), and a signal that a thread was
//! about to get is handed back.
//!
//! System calls that the stop made return EINTR are made to start again: see
//! [`restart`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::arch::Registers;
use crate::target::Tid;
use crate::target::live::held::{Held, Phase};
use crate::target::live::looks::Looks;
use crate::target::live::pace::{self, BREAK, Pace};
use crate::target::live::restart;
use crate::target::live::seize::{Refused, Seized, let_go, seize};
use crate::target::live::sys;
use crate::target::live::tasks::Tasks;
use crate::target::live::urgent::Urgent;

pub use crate::target::live::held::Wave;

/// How long the blocked threads may take to stop, all together.
const COLD_DEADLINE: Duration = Duration::from_millis(200);

/// How long the running threads may take to stop, all together. Who waits for a processor in a
/// cgroup at its limit takes longer; it is then recorded without a stop.
const HOT_DEADLINE: Duration = Duration::from_millis(20);

/// How much longer, as long as none of them has stopped.
const THROTTLED_DEADLINE: Duration = Duration::from_millis(230);

/// How long those that stop late are waited for when all others have been let go: longer than a container at
/// its limit has to wait for its next turn.
const LATE_DEADLINE: Duration = Duration::from_millis(500);

/// How long the threads in an uninterruptible wait may take. Most come out of it soon (a page
/// is read from disk); one on a dead file server, or the parent in a `vfork`, never does, and
/// all others would stand still for it.
const STUCK_DEADLINE: Duration = Duration::from_millis(2);

/// How long it may take to find threads that were made since, while all others stand still.
const NEWCOMER_DEADLINE: Duration = Duration::from_millis(5);

/// So many of the blocked threads are asked to stop before they are waited for. Each that is woken
/// to be stopped goes before whoever runs; all at once, they are in its way for milliseconds.
const CROWD: usize = 16;

/// How long they are waited for before the next are asked.
const CROWD_DEADLINE: Duration = Duration::from_millis(1);

/// How often the list of threads is read until no new one appears.
const MAX_PASSES: usize = 100;

/// How long the list of threads is read until no new one appears.
const SEIZE_DEADLINE: Duration = Duration::from_secs(1);

/// How long threads stood still.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// The longest hold of a thread that ran, or had run a moment ago, if there was one.
    pub paused: Option<Duration>,
    /// From the first thread asked to the last let go.
    pub held: Duration,
}

/// What is left when the threads run again.
#[derive(Debug, Default)]
pub struct Released {
    /// How long they stood still.
    pub timing: Timing,
    /// The registers of each thread that stood still.
    pub registers: Vec<(Tid, Registers)>,
    /// The threads that did not stop in time.
    pub late: Vec<Tid>,
    /// The threads that somebody else traces, or that may not be traced.
    pub refused: Vec<Tid>,
    /// Whether new threads still appeared when the list had been read often enough.
    pub restless: bool,
}

/// The threads of a process in our hands. Dropping it sets them free.
///
/// It belongs to the system thread that made it. If that thread ends, the kernel sets free even
/// those that never stopped: so it is run on a thread of its own.
pub struct Stop {
    tasks: Tasks,
    threads: Vec<Held>,
    /// Who is told of each that is seized.
    seized: Arc<Seized>,
    /// Threads that are alive and not ours: the kernel's own, and refused ones.
    others: usize,
    refused: Vec<Tid>,
    /// While running threads stand still.
    urgent: Option<Urgent>,
    /// Who was seized and is not to be stopped, if only because it is no thread of the process: free
    /// when this system thread ends.
    strangers: Vec<Tid>,
    first_asked: Option<Instant>,
    timing: Timing,
    restless: bool,
    /// Whether all threads share one processor.
    crowded: bool,
}

impl Stop {
    /// Takes hold of every thread of a process that `wave_of` puts into a wave, without stopping it.
    ///
    /// # Errors
    /// All are refused, or there is none any more.
    pub fn seize(
        tasks: &Tasks,
        wave_of: &dyn Fn(Tid) -> Option<Wave>,
        seized: &Arc<Seized>,
    ) -> Result<Stop, Refused> {
        Stop::seize_within(tasks, wave_of, seized, SEIZE_DEADLINE)
    }

    fn seize_within(
        tasks: &Tasks,
        wave_of: &dyn Fn(Tid) -> Option<Wave>,
        seized: &Arc<Seized>,
        deadline: Duration,
    ) -> Result<Stop, Refused> {
        let mut stop = Stop {
            tasks: tasks.clone(),
            threads: Vec::new(),
            seized: Arc::clone(seized),
            others: 0,
            refused: Vec::new(),
            urgent: None,
            strangers: Vec::new(),
            first_asked: None,
            timing: Timing::default(),
            restless: false,
            crowded: pace::is_crowded(tasks.pid),
        };
        // Who can not be told of a stop can not let go: a filter may forbid it.
        if sys::poll(std::process::id().cast_signed()).is_err() {
            return Err(Refused::NotPermitted);
        }
        let mut seen = std::collections::HashSet::new();
        let begun = Instant::now();
        for pass in 0.. {
            let mut added = false;
            for tid in stop.tasks.list() {
                if !seen.insert(tid) {
                    continue;
                }
                let Some(wave) = wave_of(tid) else {
                    stop.others += 1;
                    continue;
                };
                match seize(tasks, tid, ptrace::Options::empty()) {
                    Ok(()) => {
                        added = true;
                        seized.add(tid);
                        stop.threads.push(Held::new(tid, wave));
                    }
                    Err(Refused::NotPermitted) => {
                        stop.others += 1;
                        stop.refused.push(tid);
                    }
                    Err(Refused::Stranger) => stop.strangers.push(tid),
                    Err(Refused::Gone | Refused::NoThread | Refused::NoHolder) => {}
                }
            }
            if !added {
                break;
            }
            if pass >= MAX_PASSES || begun.elapsed() > deadline {
                stop.restless = true;
                break;
            }
        }
        match (stop.threads.is_empty(), stop.refused.is_empty()) {
            (true, false) => Err(Refused::NotPermitted),
            (true, true) if tasks.list().is_empty() => Err(Refused::Gone),
            // Those that were to be stopped may have ended, and others go on.
            _ => Ok(stop),
        }
    }

    /// Stops the threads of a wave, and reads their registers.
    pub fn halt(&mut self, wave: Wave) {
        let deadline = match wave {
            Wave::Stuck => STUCK_DEADLINE,
            Wave::Cold => COLD_DEADLINE,
            Wave::Hot => HOT_DEADLINE,
        };
        if wave == Wave::Hot {
            self.spare();
            self.urgent.get_or_insert_with(Urgent::begin);
        }
        let stands = |held: &Held| matches!(held.phase, Phase::Held { .. });
        let others_stand = self.threads.iter().any(stands);
        let crowd = if wave == Wave::Cold { CROWD } else { usize::MAX };
        let waiting = |held: &&mut Held| held.wave == wave && held.phase == Phase::Seized;
        let mut waiting: Vec<&mut Held> = self.threads.iter_mut().filter(waiting).collect();
        let mut pace = Pace::of(wave, self.crowded);
        for crowd in waiting.chunks_mut(crowd) {
            for held in crowd.iter_mut() {
                pace.step();
                let now = Instant::now();
                self.first_asked.get_or_insert(now);
                held.asked = Some(now);
                held.phase = match ptrace::interrupt(Pid::from_raw(held.tid)) {
                    Ok(()) => Phase::Asked,
                    Err(_) => Phase::Gone,
                };
            }
            let patience = Instant::now() + CROWD_DEADLINE.min(deadline);
            for held in crowd {
                held.await_stop(&self.tasks, patience);
            }
        }
        let deadline = Instant::now() + deadline;
        for held in &mut waiting {
            held.await_stop(&self.tasks, deadline);
        }
        // As long as nobody stands still, nobody waits for who comes late: all of a container at its
        // limit wait for a processor until the next tenth of a second begins.
        let waited_for = others_stand || waiting.iter().any(|held| stands(held));
        let mut patience = match wave {
            Wave::Hot if !waited_for => deadline + THROTTLED_DEADLINE,
            Wave::Stuck | Wave::Cold | Wave::Hot => deadline,
        };
        for held in waiting {
            held.await_stop(&self.tasks, patience);
            match held.phase {
                Phase::Asked => held.phase = Phase::Late,
                Phase::Held { .. } => patience = patience.min(Instant::now() + HOT_DEADLINE),
                Phase::Seized | Phase::Spared | Phase::Late | Phase::Gone => {}
            }
        }
    }

    /// Leaves alone those of the running threads that sleep right now in a call that a stop would cut
    /// short.
    fn spare(&mut self) {
        let running = |held: &&mut Held| held.wave == Wave::Hot && held.phase == Phase::Seized;
        for held in self.threads.iter_mut().filter(running) {
            if restart::would_be_cut_short(&self.tasks, held.tid) {
                held.phase = Phase::Spared;
            }
        }
    }

    /// Takes hold of threads that were made since, and stops them as part of the hot wave.
    /// Returns their ids.
    pub fn halt_newcomers(&mut self, wave_of: &dyn Fn(Tid) -> Option<Wave>) -> Vec<Tid> {
        let ours = self.threads.iter().filter(|held| held.phase != Phase::Gone).count();
        if self.tasks.count() == Some(ours + self.others) {
            return Vec::new();
        }
        let known: std::collections::HashSet<Tid> =
            self.threads.iter().map(|held| held.tid).collect();
        let new = |tid| wave_of(tid).filter(|_| !known.contains(&tid)).map(|_| Wave::Hot);
        let Ok(mut newcomers) =
            Stop::seize_within(&self.tasks, &new, &self.seized, NEWCOMER_DEADLINE)
        else {
            return Vec::new();
        };
        let tids = newcomers.threads.iter().map(|held| held.tid).collect();
        self.restless |= newcomers.restless;
        self.threads.append(&mut newcomers.threads);
        self.strangers.append(&mut newcomers.strangers);
        self.halt(Wave::Hot);
        tids
    }

    /// The threads that stand still, with their registers.
    pub fn held(&self) -> impl Iterator<Item = (Tid, Wave, &Registers)> {
        self.threads.iter().filter_map(|held| Some((held.tid, held.wave, held.registers.as_ref()?)))
    }

    /// Sets all threads free, those that were running first. Who was late is not stopped yet: see
    /// [`Stop::await_late`].
    pub fn release(&mut self) -> Released {
        self.set_free();
        let threads = std::mem::take(&mut self.threads).into_iter();
        let (late, free): (Vec<_>, Vec<_>) = threads.partition(|held| held.phase == Phase::Late);
        let tids = late.iter().map(|held| held.tid).collect();
        self.threads = late;
        // These are not ours for much longer; until then they may stop by themselves.
        let spared = free.iter().filter(|held| held.phase == Phase::Spared);
        self.strangers.extend(spared.map(|held| held.tid));
        let registers = free.into_iter().filter_map(|held| Some((held.tid, held.registers?)));
        let refused = std::mem::take(&mut self.refused);
        let (timing, restless) = (self.timing, self.restless);
        Released { timing, registers: registers.collect(), late: tids, refused, restless }
    }

    /// Waits for those that have not stopped yet, to let each go at once: whoever stops when nobody
    /// looks has its system call ended. Nobody stands still meanwhile.
    pub fn await_late(&mut self) {
        let end = Instant::now() + LATE_DEADLINE;
        // One in an uninterruptible wait may never stop.
        self.threads.retain(|held| held.wave != Wave::Stuck);
        let mut looks = Looks::default();
        while !self.threads.is_empty() && Instant::now() < end {
            for held in &mut self.threads {
                held.await_stop(&self.tasks, Instant::now());
                held.set_free();
            }
            self.threads.retain(|held| held.phase == Phase::Late);
            self.strangers.iter().for_each(|tid| let_go(*tid));
            looks.pause();
        }
    }

    fn set_free(&mut self) {
        self.strangers.iter().for_each(|stranger| let_go(*stranger));
        for wave in [Wave::Hot, Wave::Cold, Wave::Stuck] {
            let mut pace = Pace::of(wave, self.crowded);
            let mut freed = false;
            for held in self.threads.iter_mut().filter(|held| held.wave == wave) {
                // One that was late may have stopped by now.
                held.await_stop(&self.tasks, Instant::now());
                pace.step();
                freed |= matches!(held.phase, Phase::Held { .. });
                if let Some(paused) = held.set_free() {
                    self.timing.paused = self.timing.paused.max(Some(paused));
                }
            }
            // Before anything else: on a busy host it is long until this thread has a processor again.
            if let Some(first) = self.first_asked.filter(|_| freed) {
                self.timing.held = first.elapsed();
            }
            // Whoever was let go must not wait for us.
            self.urgent = None;
            let others = self.threads.iter().any(|held| matches!(held.phase, Phase::Held { .. }));
            if freed && others {
                // A thread that wakes on our processor waits for its next tick, 4 ms, while we
                // go on. So make room.
                std::thread::sleep(BREAK);
            }
        }
        self.first_asked = None;
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.set_free();
    }
}
