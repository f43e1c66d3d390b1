//! The moment itself: threads are held in two waves, recorded, and let go.
//!
//! What hurts a process is that a *running* thread stands still. So the blocked threads are
//! stopped and recorded first, for as long as it takes; then the running ones, for a tenth of a
//! millisecond. There is one instant at which all stand still, so what is recorded belongs
//! together; that it does is checked by the runtime's own list of threads (its roster), and on
//! any doubt everything is recorded again at that instant.

use std::collections::{HashMap, HashSet};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};

use super::stacks::{Slab, Space, fit};
use super::{Found, Plan, visit};
use crate::arch::Registers;
use crate::error::Error;
use crate::evidence::Held;
use crate::evidence::pages::{Recorder, Recording};
use crate::note::Note;
use crate::report::Hold;
use crate::runtime::Roster;
use crate::target::live::memory::LiveMemory;
use crate::target::live::stop::{Refused, Released, Stop, Wave};
use crate::target::live::{facts, refusal, sys};
use crate::target::{Consistency, ThreadFacts, Tid};

/// What was recorded of one thread.
pub struct Recorded {
    pub registers: Option<Registers>,
    pub seen: Consistency,
    pub cut: bool,
}

/// What was recorded of the process.
pub struct Taken {
    pub threads: HashMap<Tid, Recorded>,
    pub memory: Recording,
    pub held: Held,
}

/// The share of the stack budget that is kept for the running threads, which come last.
const HOT_SHARE: usize = 4;

/// How many bytes of stack a thread is expected to use, to have the memory at hand.
const EXPECTED_STACK: usize = 8 << 10;

/// Holds the threads, records them and lets them go.
///
/// It runs on a system thread of its own: when that ends, the kernel lets go of whatever was
/// seized, even of a thread that never came to a stop. And it is not interrupted in between: a
/// ^C is delivered when the target runs again.
pub fn hold(plan: &Plan<'_>, memory: &LiveMemory, notes: &mut Vec<Note>) -> Result<Taken, Error> {
    let mut quiet = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        quiet.add(signal);
    }
    let mut before = SigSet::empty();
    // Blocking these four can fail for no reason that exists.
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&quiet), Some(&mut before));
    let mut told = Vec::new();
    let taken = std::thread::scope(|scope| {
        let worker = scope.spawn(|| record(plan, memory, &mut told));
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    notes.append(&mut told);
    taken
}

fn record(plan: &Plan<'_>, memory: &LiveMemory, notes: &mut Vec<Note>) -> Result<Taken, Error> {
    match Stop::seize(plan.pid, &|tid| plan.wave_of(tid)) {
        Ok(stop) => Ok(record_stopped(plan, stop, memory, notes)),
        Err(Refused::Gone) => Err(Error::Changed { pid: plan.pid, what: "exited" }),
        Err(Refused::NotPermitted) => match refusal::tracer(plan.pid) {
            Some(tracer) => {
                let text = format!(
                    "traced by {} (pid {tracer}), so its threads could not be stopped: only \
                     blocked threads have stacks",
                    facts::name(tracer).escape_debug()
                );
                notes.push(Note::missing("threads", text));
                Ok(record_watched(plan, memory))
            }
            None => Err(refusal::reason(plan.pid)),
        },
    }
}

fn record_stopped(
    plan: &Plan<'_>,
    mut stop: Stop,
    memory: &LiveMemory,
    notes: &mut Vec<Note>,
) -> Taken {
    let at = now();
    let cold = Recorder::new(memory, plan.budget.memory);
    let hot = Recorder::new(memory, plan.budget.memory);
    cold.reserve(plan.cold_pages.len());
    hot.reserve(plan.hot_pages.len());
    let expected = plan.threads.len().saturating_mul(EXPECTED_STACK).min(plan.budget.stacks);
    let mut slab = Slab::with_capacity(expected);
    let space = Space { mappings: plan.mappings, stack_start: plan.stack_start };
    let kept_back = if plan.hot.is_empty() { 0 } else { plan.budget.stacks / HOT_SHARE };

    stop.halt(Wave::Cold);
    let mut cut =
        read_stacks(&stop, Wave::Cold, space, memory, &mut slab, plan.budget.stacks - kept_back);
    cold.prefetch(&plan.cold_pages);
    visit(plan.found, &cold, &|tid| plan.wave_of(tid) == Some(Wave::Cold));

    stop.halt(Wave::Hot);
    let newcomers = stop.halt_newcomers(&|tid| plan.wave_of(tid));
    let left = plan.budget.stacks.saturating_sub(slab.len());
    cut.extend(read_stacks(&stop, Wave::Hot, space, memory, &mut slab, left));
    hot.prefetch(&plan.hot_pages);
    if same_threads(plan.found, &hot) {
        visit(plan.found, &hot, &|tid| plan.wave_of(tid) == Some(Wave::Hot));
    } else {
        // Threads came or went since the rehearsal, so what was recorded in the cold wave may
        // have been found by a list in motion.
        hot.prefetch(&plan.cold_pages);
        visit_anew(plan.found, &hot);
    }

    // From here on the threads run again: nothing above but what must be done while they stand.
    let Released { timing, registers, late, restless } = stop.release();

    let recorded = |registers, tid| {
        let (registers, seen) = (Some(registers), Consistency::Stopped);
        Recorded { registers, seen, cut: cut.contains(&tid) }
    };
    let mut threads: HashMap<Tid, Recorded> =
        registers.into_iter().map(|(tid, registers)| (tid, recorded(registers, tid))).collect();
    let mut recording = Recording::default();
    recording.add_pages(cold.into_pages());
    recording.add_pages(hot.into_pages());
    for stack in slab.into_stacks() {
        recording.add_stack(stack);
    }
    let late_facts: Vec<&ThreadFacts> =
        plan.threads.iter().filter(|thread| late.contains(&thread.tid)).collect();
    for thread in &late_facts {
        let about = format!("thread {}", thread.tid);
        notes.push(Note::missing(about, "did not stop in time; seen without a stop"));
    }
    watch(plan, &late_facts, memory, &mut recording, &mut threads);
    if !newcomers.is_empty() {
        let text = format!("{} threads were made while others were being held", newcomers.len());
        notes.push(Note::remark("threads", text));
    }
    if restless {
        let text = "new threads kept appearing; those made last are not in the report";
        notes.push(Note::missing("threads", text));
    }
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let held = Held {
        hold: Hold::Stopped,
        at,
        paused_us: timing.paused.map(micros),
        held_us: micros(timing.held),
    };
    Taken { threads, memory: recording, held }
}

/// Reads the stacks of the threads of a wave. Returns whose were cut.
fn read_stacks(
    stop: &Stop,
    wave: Wave,
    space: Space<'_>,
    memory: &LiveMemory,
    slab: &mut Slab,
    budget: usize,
) -> HashSet<Tid> {
    let mut pieces: Vec<_> = stop
        .held()
        .filter(|(_, of, _)| *of == wave)
        .flat_map(|(tid, _, registers)| space.pieces(tid, registers))
        .collect();
    let cut = fit(&mut pieces, budget);
    slab.read(memory, &pieces);
    cut
}

/// Whether every runtime still knows exactly the threads that it knew before any was stopped.
fn same_threads(found: &[Found], memory: &Recorder<'_>) -> bool {
    found.iter().all(|(visitor, roster)| visitor.roster(memory).as_ref() == Ok(roster))
}

/// Visits all threads that the runtimes know at this instant.
fn visit_anew(found: &[Found], memory: &Recorder<'_>) {
    for (visitor, _) in found {
        let roster: Roster = visitor.roster(memory).unwrap_or_default();
        visitor.visit(&roster, &|_| true, memory);
    }
}

/// Records a process that can not be stopped: what is blocked does not move.
fn record_watched(plan: &Plan<'_>, memory: &LiveMemory) -> Taken {
    let at = now();
    let recorder = Recorder::new(memory, plan.budget.memory);
    recorder.prefetch(&plan.cold_pages);
    recorder.prefetch(&plan.hot_pages);
    visit_anew(plan.found, &recorder);
    let mut recording = Recording::default();
    recording.add_pages(recorder.into_pages());
    let mut threads = HashMap::new();
    let all: Vec<&ThreadFacts> = plan.threads.iter().filter(|thread| !thread.kernel).collect();
    watch(plan, &all, memory, &mut recording, &mut threads);
    let held = Held { hold: Hold::Watched, at, paused_us: None, held_us: 0 };
    Taken { threads, memory: recording, held }
}

/// Records threads without a stop: program counter and stack pointer as the kernel tells them of
/// a blocked thread, and its stack; then looks whether it has moved.
fn watch(
    plan: &Plan<'_>,
    threads: &[&ThreadFacts],
    memory: &LiveMemory,
    recording: &mut Recording,
    recorded: &mut HashMap<Tid, Recorded>,
) {
    let space = Space { mappings: plan.mappings, stack_start: plan.stack_start };
    let turns = |tid| plan.tasks.turns(tid);
    let before: HashMap<Tid, Option<u64>> =
        threads.iter().map(|thread| (thread.tid, turns(thread.tid))).collect();
    let mut slab = Slab::default();
    let mut pieces = Vec::new();
    for thread in threads {
        let registers = thread.blocked_at.map(|(pc, sp)| {
            let mut registers = Registers::new(sys::HOST, pc);
            registers.set(sys::HOST.numbers().sp, Some(sp.0));
            registers
        });
        if let Some(registers) = &registers {
            pieces.extend(space.pieces(thread.tid, registers));
        }
        let seen = Consistency::Unchanged;
        recorded.insert(thread.tid, Recorded { registers, seen, cut: false });
    }
    let cut = fit(&mut pieces, plan.budget.stacks);
    slab.read(memory, &pieces);
    for stack in slab.into_stacks() {
        recording.add_stack(stack);
    }
    for (tid, turns_before) in before {
        if let Some(thread) = recorded.get_mut(&tid) {
            thread.cut = cut.contains(&tid);
            if turns(tid) != turns_before {
                thread.seen = Consistency::Torn;
            }
        }
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
