//! What is to be done while the threads are held, worked out on the running process, so that
//! nothing is decided while it stands.

use std::collections::{HashMap, HashSet};

use super::recorded::Recorded;
use super::stacks::Space;
use super::{Budget, Found, Options, Runtimes, visit};
use crate::addr::Addr;
use crate::asked::{Asked, Stop};
use crate::evidence::pages::Recorder;
use crate::note::Note;
use crate::part::Parts;
use crate::runtime::Part;
use crate::target::live::LiveProcess;
use crate::target::live::restart;
use crate::target::live::sleepers::{Asleep, Sleepers};
use crate::target::live::stop::Wave;
use crate::target::live::wait::Waits;
use crate::target::{Consistency, Mapping, Thread, ThreadFacts, Tid};

/// What is known of a process before anything of it is recorded.
pub struct Known<'a> {
    pub process: &'a LiveProcess,
    /// How its threads are looked at that sleep.
    pub sleepers: &'a Sleepers,
    /// Its threads, by id.
    pub threads: &'a [ThreadFacts],
    /// Its mappings, by address.
    pub mappings: &'a [Mapping],
}

/// What is to be done while threads are held, worked out before.
pub struct Plan<'a> {
    pub process: &'a LiveProcess,
    /// Who is to be stopped.
    pub stop: Stop,
    /// How those are looked at that are not.
    pub sleepers: &'a Sleepers,
    /// The threads as they were before, by id.
    pub threads: &'a [ThreadFacts],
    /// How often each had been given a processor before that.
    turns: HashMap<Tid, u64>,
    /// The threads that run, or ran since then.
    pub hot: HashSet<Tid>,
    pub found: &'a [Found],
    pub asked: &'a Asked,
    pub parts: &'a Parts,
    mappings: &'a [Mapping],
    stack_start: Option<Addr>,
    /// The pages that the blocked threads' data is in, and the lists of threads.
    pub cold_pages: Vec<u64>,
    /// Those of the running threads, and what belongs to no thread.
    pub hot_pages: Vec<u64>,
    pub budget: Budget,
}

impl<'a> Plan<'a> {
    /// Lets the visitors run on the running process, to see which pages they need. `turns`: how often
    /// each thread had been given a processor before anything of it was read.
    pub fn rehearse(
        known: Known<'a>,
        turns: HashMap<Tid, u64>,
        runtimes: &'a Runtimes,
        options: &'a Options,
        rehearsal: &Recorder<'_>,
    ) -> Plan<'a> {
        let Known { process, sleepers, threads, mappings } = known;
        let asked = &options.asked;
        let hot = running(sleepers, threads, &turns);
        let found = &runtimes.found;
        // What finding the runtimes took does not change while they live.
        let mut cold_pages = runtimes.pages.clone();
        cold_pages.extend(rehearsal.take_touched());
        for Found { visitor, roster, .. } in found {
            visitor.holds(roster, &|tid| hot.contains(&tid), rehearsal);
        }
        let is_hot = |part| match part {
            Part::Thread(tid) => hot.contains(&tid),
            Part::Moment => true,
            Part::Lasting => false,
        };
        visit(found, asked, rehearsal, &is_hot, false);
        let hot_pages = rehearsal.take_touched();
        visit(found, asked, rehearsal, &|part| !is_hot(part), false);
        cold_pages.extend(rehearsal.take_touched());
        Plan {
            process,
            stop: options.stop,
            turns,
            sleepers,
            threads,
            hot,
            found,
            asked,
            parts: &options.parts,
            mappings,
            stack_start: process.stat().ok().map(|stat| Addr(stat.startstack)),
            cold_pages,
            hot_pages,
            budget: options.budget,
        }
    }

    fn facts(&self, tid: Tid) -> Option<&ThreadFacts> {
        let at = self.threads.binary_search_by_key(&tid, |thread| thread.tid).ok()?;
        self.threads.get(at)
    }

    /// Whether there is nobody to be stopped.
    pub fn stops_nobody(&self) -> bool {
        !self.threads.iter().any(|thread| self.stops(thread.tid).is_some())
    }

    /// When a thread is stopped, if it is. Where all are to be, one that sleeps in a call which a stop
    /// would change is not: it does not move.
    pub fn stops(&self, tid: Tid) -> Option<Wave> {
        let calls = || self.facts(tid)?.wait.as_ref()?.call.as_deref();
        self.wave_of(tid).filter(|wave| match self.stop {
            _ if *wave == Wave::Hot => true,
            Stop::All => calls().is_none_or(restart::is_unchanged),
            Stop::Running | Stop::None => false,
        })
    }

    /// The threads that sleep now, and are not stopped: they are looked at as they are.
    pub fn asleep(&self) -> HashMap<Tid, Asleep> {
        if self.sleeping().next().is_none() {
            return HashMap::new();
        }
        let mut asleep = self.sleepers.look();
        asleep.retain(|tid, _| self.sleeps(*tid));
        asleep
    }

    /// Those that slept when they were first looked at, and are not among these.
    pub fn woken(&self, asleep: &HashMap<Tid, Asleep>) -> Vec<Tid> {
        self.sleeping().filter(|tid| !asleep.contains_key(tid)).collect()
    }

    /// The threads that slept when they were first looked at, and are not to be stopped.
    fn sleeping(&self) -> impl Iterator<Item = Tid> {
        self.threads.iter().map(|thread| thread.tid).filter(|tid| self.sleeps(*tid))
    }

    /// Whether a thread is one of these.
    fn sleeps(&self, tid: Tid) -> bool {
        self.wave_of(tid).is_some() && self.stops(tid).is_none()
    }

    /// The wave that a thread belongs to; to none, if it has no user stack or has ended.
    pub fn wave_of(&self, tid: Tid) -> Option<Wave> {
        match self.facts(tid) {
            Some(thread) if thread.kernel || matches!(thread.state, 'Z' | 'X') => None,
            Some(thread) if thread.state == 'D' => Some(Wave::Stuck),
            Some(_) if !self.hot.contains(&tid) => Some(Wave::Cold),
            // One that was not seen before is as likely to run as not.
            _ => Some(Wave::Hot),
        }
    }

    /// What a thread was doing when it was recorded. If it has moved between, it sleeps in another call
    /// than before; and if it has moved since, in which one nobody knows.
    fn as_recorded(&self, facts: ThreadFacts, found: &Recorded, waits: &Waits<'_>) -> ThreadFacts {
        let tid = facts.tid;
        if found.turns.is_none() || found.turns == self.turns.get(&tid).copied() {
            return facts;
        }
        let now = self.process.thread(tid, waits);
        let same = now.filter(|_| self.process.tasks.turns(tid) == found.turns);
        same.unwrap_or(ThreadFacts { wait: None, ..facts })
    }

    /// What is known of the address space.
    pub fn space(&self) -> Space<'_> {
        let (mappings, stack_start) = (self.mappings, self.stack_start);
        Space { first: self.process.pid, mappings, stack_start }
    }

    /// The threads of the evidence: what was known before, with what was recorded.
    pub fn join(&self, mut recorded: HashMap<Tid, Recorded>, notes: &mut Vec<Note>) -> Vec<Thread> {
        let waits = self.process.waits();
        let newcomers: Vec<Tid> =
            recorded.keys().copied().filter(|tid| self.facts(*tid).is_none()).collect();
        let known: Vec<ThreadFacts> =
            newcomers.iter().filter_map(|tid| self.process.thread(*tid, &waits)).collect();
        let mut ended = newcomers.len() - known.len();
        let mut threads: Vec<Thread> = Vec::new();
        for facts in self.threads.iter().chain(&known) {
            let facts = facts.clone();
            match recorded.remove(&facts.tid) {
                Some(found) => threads.push(Thread {
                    facts: self.as_recorded(facts, &found, &waits),
                    registers: found.registers,
                    seen: found.seen,
                    cut: found.cut,
                }),
                None if facts.kernel => {
                    let (registers, seen) = (None, Consistency::Unchanged);
                    threads.push(Thread { facts, registers, seen, cut: false });
                }
                None if facts.state == 'Z' => {
                    let text = "its first thread has ended; the others go on";
                    notes.push(Note::remark("threads", text));
                }
                None => ended += 1,
            }
        }
        if ended > 0 {
            let text = format!("{ended} threads ended while the process was looked at");
            notes.push(Note::remark("threads", text));
        }
        threads.sort_by_key(|thread| thread.facts.tid);
        threads
    }
}

/// The threads that run, or ran since `before`: "blocked" must mean "not scheduled lately". A
/// thread that sleeps 0.2 ms at a time is blocked whenever one looks.
fn running(
    sleepers: &Sleepers,
    threads: &[ThreadFacts],
    before: &HashMap<Tid, u64>,
) -> HashSet<Tid> {
    let turns = sleepers.turns();
    let moved = |thread: &&ThreadFacts| {
        thread.state == 'R' || turns.get(&thread.tid) != before.get(&thread.tid)
    };
    threads.iter().filter(moved).map(|thread| thread.tid).collect()
}
