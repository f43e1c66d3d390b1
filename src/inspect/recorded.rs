//! What was recorded, thread by thread: put together when the process runs again, and completed
//! with what can be seen without a stop.

use std::collections::{HashMap, HashSet};

use super::hold::{Captured, visit_anew};
use super::stacks::{Piece, Slab, fit};
use super::{Found, Plan, STACKS};
use crate::arch::Registers;
use crate::asked::{Asked, Stop};
use crate::evidence::Held;
use crate::evidence::pages::{Recorder, Recording};
use crate::note::Note;
use crate::part::Kind;
use crate::report::Hold;
use crate::runtime::{Part, Roster, Visit};
use crate::target::live::facts;
use crate::target::live::memory::LiveMemory;
use crate::target::{Consistency, ThreadFacts, Tid};
use crate::text::Text;

/// What was recorded of one thread.
pub struct Recorded {
    pub registers: Option<Registers>,
    /// Of one that was not stopped, how often it had been given a processor.
    pub turns: Option<u64>,
    pub seen: Consistency,
    pub cut: bool,
}

impl Recorded {
    fn is_torn(&self) -> bool {
        self.seen == Consistency::Torn
    }
}

/// What was recorded of the process.
pub struct Taken {
    pub threads: HashMap<Tid, Recorded>,
    pub memory: Recording,
    pub held: Held,
}

/// What was recorded while the threads were held.
pub fn of_capture(
    plan: &Plan<'_>,
    captured: Captured<'_>,
    rehearsal: &Recorder<'_>,
    memory: &LiveMemory,
    notes: &mut Vec<Note>,
) -> Taken {
    let Captured { at, released, asleep, moved, early, cold, hot, slab, cut, newcomers } = captured;
    if early {
        let text = "it could not be read in time, and the threads were let go before it was: stacks \
                    may be mixtures";
        notes.push(Note::missing("memory", text));
    }
    let recorded = |registers, tid| {
        let seen = if early { Consistency::Torn } else { Consistency::Stopped };
        let registers = Some(registers);
        Recorded { registers, turns: None, seen, cut: cut.contains(&tid) }
    };
    let registers = released.registers.into_iter();
    let mut threads: HashMap<Tid, Recorded> =
        registers.map(|(tid, registers)| (tid, recorded(registers, tid))).collect();
    threads.extend(asleep.into_iter().map(|(tid, thread)| {
        let seen = if moved.contains(&tid) { Consistency::Torn } else { Consistency::Unchanged };
        let (registers, turns) = (Some(thread.registers), Some(thread.turns));
        (tid, Recorded { registers, turns, seen, cut: cut.contains(&tid) })
    }));
    let as_before = hot.fill_from(rehearsal, &plan.hot_pages);
    if as_before > 0 {
        let text = format!(
            "{as_before} pages could not be read again in the short time that running threads were \
             held: what lies in them is shown as it was just before"
        );
        notes.push(Note::missing("memory", text));
    }
    let mut recording = Recording::default();
    recording.add_pages(cold.into_pages());
    recording.add_pages(hot.into_pages());
    for stack in slab.into_stacks() {
        recording.add_stack(stack);
    }
    for tid in &released.late {
        let text = "did not stop in time; seen without a stop";
        notes.push(Note::missing(format!("thread {tid}"), text));
    }
    // The kernel refuses those that are ending, too: they are told of as ended.
    let refused = released.refused.iter().filter(|tid| plan.process.tasks.has(**tid));
    for tid in refused {
        let tracer = plan.process.tasks.status(*tid).and_then(|status| status.tracer());
        let text = match tracer {
            Some(tracer) => format!("traced by {}; seen without a stop", facts::who(tracer)),
            None => "the kernel does not let it be stopped; seen without a stop".to_owned(),
        };
        notes.push(Note::missing(format!("thread {tid}"), text));
    }
    // Who was late, refused or spared, or is no more where it slept, and goes on.
    let is_left = |thread: &&ThreadFacts| {
        let tid = thread.tid;
        plan.wave_of(tid).is_some() && !threads.contains_key(&tid) && plan.process.tasks.has(tid)
    };
    let unstopped: Vec<&ThreadFacts> = plan.threads.iter().filter(is_left).collect();
    watch(plan, &unstopped, memory, &mut recording, &mut threads);
    let ran = |thread: &&ThreadFacts| threads.get(&thread.tid).is_some_and(Recorded::is_torn);
    if unstopped.iter().any(ran) {
        say_that_it_ran(plan, notes);
    }
    if !newcomers.is_empty() {
        let text = format!("{} threads were made while others were being held", newcomers.len());
        notes.push(Note::remark("threads", text));
    }
    if released.restless {
        let text = "new threads kept appearing; those made last are not in the report";
        notes.push(Note::missing("threads", text));
    }
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let held = Held {
        hold: if plan.stop == Stop::All { Hold::All } else { Hold::Running },
        at,
        paused_us: released.timing.paused.map(micros),
        held_us: micros(released.timing.held),
    };
    Taken { threads, memory: recording, held }
}

/// Records a process without stopping it: what is blocked does not move.
pub fn of_untouched(plan: &Plan<'_>, memory: &LiveMemory, notes: &mut Vec<Note>) -> Taken {
    let at = jiff::Timestamp::now().as_second();
    let before = plan.sleepers.turns();
    let mut recording = Recording::default();
    if let Some(_reading) = plan.parts.begin(Kind::Memory, STACKS) {
        let recorder = Recorder::new(memory, plan.budget.memory);
        recorder.prefetch(&plan.cold_pages);
        recorder.prefetch(&plan.hot_pages);
        visit_anew(plan, &recorder);
        recording.add_pages(recorder.into_pages());
    }
    let mut threads = HashMap::new();
    let all: Vec<&ThreadFacts> = plan.threads.iter().filter(|thread| !thread.kernel).collect();
    watch(plan, &all, memory, &mut recording, &mut threads);
    let moved = threads.values().any(Recorded::is_torn);
    if moved || before != plan.sleepers.turns() {
        say_that_it_ran(plan, notes);
    }
    let held = Held { hold: Hold::None, at, paused_us: None, held_us: 0 };
    Taken { threads, memory: recording, held }
}

/// Objects that threads share are of one moment only if none of them ran while they were read.
fn say_that_it_ran(plan: &Plan<'_>, notes: &mut Vec<Note>) {
    if !plan.found.is_empty() {
        let text = "threads ran while it was read: objects and green threads may be mixtures";
        notes.push(Note::missing("memory", text));
    }
}

/// The secrets that the runtimes find in what was recorded of lasting things, and in the environment
/// by what these say of it: they must not be kept.
pub fn secrets(
    found: &[Found],
    asked: &Asked,
    recording: &Recording,
    environment: &[(Text, Text)],
) -> Vec<String> {
    let (roster, wanted) = (&Roster::default(), &|part| part == Part::Lasting);
    let of = |Found { visitor, search, .. }: &Found| {
        let visit = Visit { roster, wanted, asked, search, pages_only: false };
        let visited = visitor.visit(&visit, recording);
        let variables = visited.registries.iter().flat_map(|registry| registry.secret_variables());
        let variables: HashSet<String> = variables.collect();
        let set = environment.iter().filter(|(name, _)| variables.contains(name.raw()));
        let set = set.map(|(_, value)| value.raw().to_owned());
        visited.secrets.into_iter().chain(set).collect::<Vec<String>>()
    };
    found.iter().flat_map(of).collect()
}

/// Records threads without a stop: the registers of those that sleep, and their stacks. One that was
/// given a processor since, or does not sleep, may have moved.
fn watch(
    plan: &Plan<'_>,
    threads: &[&ThreadFacts],
    memory: &LiveMemory,
    recording: &mut Recording,
    recorded: &mut HashMap<Tid, Recorded>,
) {
    if threads.is_empty() {
        return;
    }
    let mut slab = Slab::default();
    let mut pieces: Vec<Piece> = Vec::new();
    let asleep = plan.sleepers.look();
    for thread in threads {
        let registers = asleep.get(&thread.tid).map(|thread| thread.registers.clone());
        if let Some(registers) = &registers {
            pieces.extend(plan.space().pieces(thread.tid, registers));
        }
        let seen = Consistency::Unchanged;
        let turns = asleep.get(&thread.tid).map(|thread| thread.turns);
        recorded.insert(thread.tid, Recorded { registers, turns, seen, cut: false });
    }
    let cut = fit(&mut pieces, plan.budget.stacks);
    if let Some(_reading) = plan.parts.begin(Kind::Memory, STACKS) {
        slab.read(memory, &pieces);
    }
    for stack in slab.into_stacks() {
        recording.add_stack(stack);
    }
    let turns = plan.sleepers.turns();
    for thread in threads {
        let then = asleep.get(&thread.tid).map(|thread| thread.turns);
        let still = then.is_some() && then == turns.get(&thread.tid).copied();
        if let Some(recorded) = recorded.get_mut(&thread.tid) {
            recorded.cut = cut.contains(&thread.tid);
            if !still {
                recorded.seen = Consistency::Torn;
            }
        }
    }
}
