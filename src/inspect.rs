//! The one place that joins target, visitors and evidence: rehearse, hold, record, let go.
//!
//! Heap data cannot be known in advance. So the visitors run once on the running process, which
//! shows the pages that they need; while the threads are held, those pages are fetched again in a
//! few batched calls; and over the recording the visitors run once more, for their results.
//! Registers and the used part of each stack are all that native stacks need.

use std::collections::{HashMap, HashSet};

use crate::addr::Addr;
use crate::config::mask::mask_argv;
use crate::error::Error;
use crate::evidence::files::Files;
use crate::evidence::pages::Recorder;
use crate::evidence::{Evidence, Snapshot};
use crate::module::Modules;
use crate::note::Note;
use crate::runtime::{self, Preview, Roster, Visitor};
use crate::target::live::memory::LiveMemory;
use crate::target::live::open::LiveOpener;
use crate::target::live::stop::Wave;
use crate::target::live::tasks::Tasks;
use crate::target::live::{LiveProcess, facts};
use crate::target::memory::Memory;
use crate::target::{Consistency, Mapping, ProcessFacts, Thread, ThreadFacts, Tid};
use crate::text::Text;

mod hold;
mod stacks;

/// How much is recorded at most.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes of stack, of all threads together. The deepest are cut first.
    pub stacks: usize,
    /// Bytes of other memory.
    pub memory: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { stacks: 64 << 20, memory: 128 << 20 }
    }
}

/// A runtime that was found, with the threads that it knows.
type Found = (Box<dyn Visitor>, Roster);

/// Takes the evidence of a living process. `id` is that of a process or of one of its threads.
pub fn inspect(id: i32, budget: Budget) -> Result<Evidence, Error> {
    let (process, by_thread) = LiveProcess::open(id)?;
    let mut notes = Vec::new();
    if by_thread {
        let pid = process.pid;
        notes.push(Note::remark("process", format!("{id} is a thread of {pid}; reporting {pid}")));
    }
    let mut target = process.facts()?;
    target.arch = process.arch()?;
    mask_command(&mut target.process);
    let mappings = process.mappings()?;
    let files = Files::live(Box::new(LiveOpener::new(process.living, mappings.clone())));
    let mut descendants = facts::descendants(process.pid);
    descendants.iter_mut().for_each(mask_command);
    let before = turns(&process.tasks);
    let threads = process.threads();

    let memory = LiveMemory::new(process.living);
    let rehearsal = Recorder::new(&memory, budget.memory);
    let inner_tids: Vec<(Tid, Tid)> =
        threads.iter().filter_map(|thread| Some((thread.inner_tid?, thread.tid))).collect();
    let modules = Modules::new(&files, &mappings);
    let preview = Preview {
        mappings: &mappings,
        modules: &modules,
        memory: &rehearsal,
        inner_tids: &inner_tids,
    };
    let found = find_runtimes(&preview);
    let hot = running(&process.tasks, &threads, &before);
    let plan = Plan::rehearse(&process, &threads, hot, &found, &rehearsal, &mappings, budget);
    drop(rehearsal);

    let taken = hold::hold(&plan, &memory, &mut notes)?;
    process.check_unchanged()?;
    let threads = plan.join(&process, taken.threads, &mut notes);
    let snapshot = Snapshot {
        target,
        descendants,
        threads,
        mappings,
        memory: taken.memory,
        hold: taken.held,
        notes,
    };
    Ok(Evidence { snapshot, files })
}

/// Command lines hold secrets; the evidence does not.
fn mask_command(process: &mut ProcessFacts) {
    let words: Vec<String> = process.command.iter().map(|word| word.raw().to_owned()).collect();
    process.command = mask_argv(&words).into_iter().map(Text::from).collect();
}

/// The runtimes in the process that answer with their threads.
fn find_runtimes(preview: &Preview<'_, '_>) -> Vec<Found> {
    // What there is to say of them is said when they are found again, in the evidence.
    let mut notes = Vec::new();
    let visitors =
        runtime::RUNTIMES.iter().filter_map(|runtime| runtime.detect(preview, &mut notes));
    visitors
        .map(|visitor| {
            // On a running process this may fail; the hold reads it again.
            let roster = visitor.roster(preview.memory).unwrap_or_default();
            (visitor, roster)
        })
        .collect()
}

/// Lets the visitors read the threads that are `wanted`, for the pages that it takes.
fn visit(found: &[Found], memory: &dyn Memory, wanted: &dyn Fn(Tid) -> bool) {
    for (visitor, roster) in found {
        visitor.visit(roster, wanted, memory);
    }
}

/// How often each thread has been given a processor.
fn turns(tasks: &Tasks) -> HashMap<Tid, u64> {
    tasks.list().into_iter().filter_map(|tid| Some((tid, tasks.turns(tid)?))).collect()
}

/// The threads that run, or ran since `before`: "blocked" must mean "not scheduled lately". A
/// thread that sleeps 0.2 ms at a time is blocked whenever one looks.
fn running(tasks: &Tasks, threads: &[ThreadFacts], before: &HashMap<Tid, u64>) -> HashSet<Tid> {
    let moved = |thread: &&ThreadFacts| {
        thread.state == 'R' || tasks.turns(thread.tid) != before.get(&thread.tid).copied()
    };
    threads.iter().filter(moved).map(|thread| thread.tid).collect()
}

/// What is to be done while threads are held, worked out before.
struct Plan<'a> {
    pid: i32,
    tasks: &'a Tasks,
    threads: &'a [ThreadFacts],
    /// Threads that have no user stack, and are left alone.
    spared: HashSet<Tid>,
    hot: HashSet<Tid>,
    found: &'a [Found],
    mappings: &'a [Mapping],
    stack_start: Option<Addr>,
    cold_pages: Vec<u64>,
    hot_pages: Vec<u64>,
    budget: Budget,
}

impl<'a> Plan<'a> {
    /// Lets the visitors run on the running process, to see which pages they need.
    fn rehearse(
        process: &'a LiveProcess,
        threads: &'a [ThreadFacts],
        hot: HashSet<Tid>,
        found: &'a [Found],
        rehearsal: &Recorder<'_>,
        mappings: &'a [Mapping],
        budget: Budget,
    ) -> Plan<'a> {
        // What finding the runtimes and their threads took belongs to no thread: it is read
        // while all stand still.
        visit(found, rehearsal, &|tid| hot.contains(&tid));
        let hot_pages = rehearsal.take_touched();
        visit(found, rehearsal, &|tid| !hot.contains(&tid));
        let cold_pages = rehearsal.take_touched();
        let spared = threads.iter().filter(|thread| thread.kernel).map(|thread| thread.tid);
        Plan {
            pid: process.pid,
            tasks: &process.tasks,
            threads,
            spared: spared.collect(),
            hot,
            found,
            mappings,
            stack_start: process.stat().ok().map(|stat| Addr(stat.startstack)),
            cold_pages,
            hot_pages,
            budget,
        }
    }

    fn wave_of(&self, tid: Tid) -> Option<Wave> {
        if self.spared.contains(&tid) {
            return None;
        }
        // A thread that was not seen before is as likely to run as not.
        let known = self.threads.binary_search_by_key(&tid, |thread| thread.tid).is_ok();
        Some(if known && !self.hot.contains(&tid) { Wave::Cold } else { Wave::Hot })
    }

    /// The threads of the evidence: what was known before, with what was recorded.
    fn join(
        &self,
        process: &LiveProcess,
        mut recorded: HashMap<Tid, hold::Recorded>,
        notes: &mut Vec<Note>,
    ) -> Vec<Thread> {
        let waits = process.waits();
        let newcomers = recorded
            .keys()
            .filter(|tid| self.threads.binary_search_by_key(*tid, |thread| thread.tid).is_err());
        let newcomers: Vec<ThreadFacts> =
            newcomers.filter_map(|tid| process.thread(*tid, &waits)).collect();
        let mut ended = 0;
        let mut threads: Vec<Thread> = Vec::new();
        for facts in self.threads.iter().chain(&newcomers) {
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
            let text = format!("{ended} threads ended before they could be held");
            notes.push(Note::remark("threads", text));
        }
        threads.sort_by_key(|thread| thread.facts.tid);
        threads
    }
}
