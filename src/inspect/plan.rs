//! What is to be done while the threads are held, worked out on the running process, so that
//! nothing is decided while it stands.

use std::collections::{HashMap, HashSet};

use super::recorded::Recorded;
use super::stacks::Space;
use super::{Budget, Found, Options, Runtimes, visit};
use crate::addr::Addr;
use crate::asked::Asked;
use crate::evidence::pages::Recorder;
use crate::note::Note;
use crate::part::Parts;
use crate::runtime::Part;
use crate::target::live::LiveProcess;
use crate::target::live::stop::Wave;
use crate::target::live::tasks::Tasks;
use crate::target::{Consistency, Mapping, Thread, ThreadFacts, Tid};

/// What is to be done while threads are held, worked out before.
pub struct Plan<'a> {
    pub process: &'a LiveProcess,
    /// The threads as they were before, by id.
    pub threads: &'a [ThreadFacts],
    /// How often each had been given a processor before anything of it was read.
    pub turns: &'a HashMap<Tid, u64>,
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
    /// Lets the visitors run on the running process, to see which pages they need.
    pub fn rehearse(
        process: &'a LiveProcess,
        threads: &'a [ThreadFacts],
        turns: &'a HashMap<Tid, u64>,
        runtimes: &'a Runtimes,
        options: &'a Options,
        rehearsal: &Recorder<'_>,
        mappings: &'a [Mapping],
    ) -> Plan<'a> {
        let asked = &options.asked;
        let hot = running(&process.tasks, threads, turns);
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
            threads,
            turns,
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

    /// When a thread is stopped; never, if it has no user stack.
    pub fn wave_of(&self, tid: Tid) -> Option<Wave> {
        match self.facts(tid) {
            Some(thread) if thread.kernel => None,
            Some(thread) if thread.state == 'D' => Some(Wave::Stuck),
            Some(_) if !self.hot.contains(&tid) => Some(Wave::Cold),
            // One that was not seen before is as likely to run as not.
            _ => Some(Wave::Hot),
        }
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
                    facts,
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
fn running(tasks: &Tasks, threads: &[ThreadFacts], before: &HashMap<Tid, u64>) -> HashSet<Tid> {
    let moved = |thread: &&ThreadFacts| {
        thread.state == 'R' || tasks.turns(thread.tid) != before.get(&thread.tid).copied()
    };
    threads.iter().filter(moved).map(|thread| thread.tid).collect()
}
