//! The moment itself: all threads stand still, are recorded, and run on.
//!
//! Who sleeps stands still anyway, and a stop would end its system call. So only who runs is stopped,
//! for a tenth of a millisecond, after the others have been recorded; that these slept on all the time
//! is checked when all is over. If they did not, everything is done again, and who moved is taken for
//! one who runs. Where the user wants all to be stopped, the blocked threads are so first.
//!
//! Either way there is one instant at which all stand still, so what is recorded belongs together;
//! that it does is checked by the runtime's own list of threads (its roster): all of it when the blocked
//! threads stand, and what the running ones can have changed since when these stand, too. On any doubt
//! everything is recorded again at that instant.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};

use super::holder::{HeldThread, Holder, LetGo};
use super::stacks::{Piece, Slab, Space, fit};
use super::{Found, Plan, STACKS, visit};
use crate::asked::{Native, Stop};
use crate::error::Error;
use crate::evidence::pages::Recorder;
use crate::part::Kind;
use crate::runtime::{Part, Visit};
use crate::target::Tid;
use crate::target::live::facts;
use crate::target::live::memory::LiveMemory;
use crate::target::live::seize::Refused;
use crate::target::live::sleepers::{Asleep, Sleepers};
use crate::target::live::stop::{Released, Wave};
use crate::target::live::urgent::Urgent;

/// What was recorded while the threads stood still, not yet looked at.
pub struct Captured<'a> {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Registers and times.
    pub released: Released,
    /// The threads that slept, and were recorded so.
    pub asleep: HashMap<Tid, Asleep>,
    /// Those of them that did not sleep on until the end.
    pub moved: HashSet<Tid>,
    /// Whether the threads ran again before everything was read.
    pub early: bool,
    /// Memory that was read while the running threads ran.
    pub cold: Recorder<'a>,
    /// Memory that was read while all stood still.
    pub hot: Recorder<'a>,
    /// The stacks.
    pub slab: Slab,
    /// Whose stacks were cut by the budget.
    pub cut: HashSet<Tid>,
    /// Threads that were made meanwhile.
    pub newcomers: Vec<Tid>,
}

/// The share of the stack budget that is kept for the running threads, which come last.
const HOT_SHARE: usize = 4;

/// How many bytes of stack a thread is expected to use, to have the memory at hand.
const EXPECTED_STACK: usize = 8 << 10;

/// How long the pages that the rehearsal needed are read again while all threads stand still. Those
/// that are not stay as they were just before.
const HOT_FETCH: Duration = Duration::from_millis(20);

/// How long everything may be read again at that instant, where threads came or went: there is no
/// other that it could be had from.
const HOT_ANEW: Duration = Duration::from_millis(100);

/// How long the visitors may look then for what has changed. What takes longer is left out.
const HOT_VISIT: Duration = Duration::from_millis(8);

/// How long a hold may last: this, and this once more for each 1000 threads. It takes a
/// fiftieth of it; but reading memory that another program serves (userfaultfd, FUSE) may never
/// return.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often everything is recorded, if threads that slept move meanwhile, or one that ran could not
/// be stopped: another tracer may just have let it go, or it is ending.
const MAX_TRIES: usize = 3;

/// How often another guru is waited for that holds a thread, and how long each time.
const MAX_TURNS: usize = 100;
const MOMENT: Duration = Duration::from_millis(5);

/// Has all threads stand still, records them and lets them go on.
///
/// Those that are stopped are held by a system thread of its own ([`super::holder`]): when that ends,
/// the kernel lets go of whatever was seized, even of a thread that never came to a stop. And it is not
/// interrupted in between: a ^C or ^Z is delivered when the target runs again.
pub fn hold<'a>(
    plan: &mut Plan<'_>,
    memory: &'a LiveMemory,
) -> Result<Result<Captured<'a>, Refused>, Error> {
    let (mut tries, mut turns) = (1, 0);
    loop {
        let held = hold_once(plan, memory)?;
        let refused = match &held {
            Ok(captured) => !captured.released.refused.is_empty(),
            Err(refused) => *refused == Refused::NotPermitted,
        };
        if refused && turns < MAX_TURNS && is_held_by_guru(plan) {
            while turns < MAX_TURNS && is_held_by_guru(plan) {
                turns += 1;
                std::thread::sleep(MOMENT);
            }
            continue;
        }
        let mut captured = match held {
            Ok(captured) => captured,
            Err(_) if refused && tries < MAX_TRIES => {
                tries += 1;
                std::thread::sleep(MOMENT);
                continue;
            }
            Err(refused) => return Ok(Err(refused)),
        };
        captured.moved = moved(&captured.asleep, plan.sleepers);
        // Who has come awake is as likely to run the next time.
        let mut woken = plan.woken(&captured.asleep);
        woken.retain(|tid| plan.process.tasks.has(*tid));
        if tries == MAX_TRIES || captured.moved.is_empty() && woken.is_empty() && !refused {
            return Ok(Ok(captured));
        }
        plan.hot.extend(captured.moved.iter().chain(&woken));
        tries += 1;
    }
}

/// Whether another guru holds one of the threads that are to be stopped: it does so for a moment.
fn is_held_by_guru(plan: &Plan<'_>) -> bool {
    let own = facts::name(std::process::id().cast_signed());
    let stopped = plan.threads.iter().filter(|thread| plan.stops(thread.tid).is_some());
    let mut tracers = stopped.filter_map(|thread| plan.process.tasks.status(thread.tid)?.tracer());
    tracers.any(|tracer| facts::name(facts::process_of(tracer)) == own)
}

/// The threads that did not sleep on since they were looked at.
fn moved(asleep: &HashMap<Tid, Asleep>, sleepers: &Sleepers) -> HashSet<Tid> {
    if asleep.is_empty() {
        return HashSet::new();
    }
    let turns = sleepers.turns();
    let moved = asleep.iter().filter(|(tid, then)| turns.get(tid) != Some(&then.turns));
    moved.map(|(tid, _)| *tid).collect()
}

fn hold_once<'a>(
    plan: &Plan<'_>,
    memory: &'a LiveMemory,
) -> Result<Result<Captured<'a>, Refused>, Error> {
    let mut quiet = SigSet::empty();
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGTSTP,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
    ] {
        quiet.add(signal);
    }
    let mut before = SigSet::empty();
    // Blocking these can fail for no reason that exists.
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&quiet), Some(&mut before));
    let room = Room::new(plan, memory);
    let patience = PATIENCE + PATIENCE * u32::try_from(plan.threads.len() / 1000).unwrap_or(0);
    let captured = std::thread::scope(|scope| {
        if plan.stops_nobody() {
            let standing = capture(plan, None, memory, room)?;
            return Ok(Ok(standing.let_go(LetGo::default())));
        }
        let wave_of = |tid| plan.stops(tid);
        match Holder::seize(scope, &plan.process.tasks, wave_of, patience) {
            Ok(holder) => capture(plan, Some(&holder), memory, room).map(|captured| {
                // Without an answer it failed, which the scope passes on.
                let let_go = holder.release().ok_or(Refused::Gone)?;
                Ok(captured.let_go(let_go))
            }),
            Err(refused) => Ok(Err(refused)),
        }
    });
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    captured
}

/// The memory that is expected to be needed while threads are held.
///
/// It is made by the thread that made the plan: what that gave back serves again, and the kernel
/// need not find as much.
struct Room<'a> {
    cold: Recorder<'a>,
    hot: Recorder<'a>,
    slab: Slab,
}

impl<'a> Room<'a> {
    fn new(plan: &Plan<'_>, memory: &'a LiveMemory) -> Room<'a> {
        let cold = Recorder::new(memory, plan.budget.memory);
        let hot = Recorder::new(memory, plan.budget.memory);
        cold.reserve(plan.cold_pages.len());
        hot.reserve(plan.hot_pages.len());
        let expected = match plan.asked.native {
            Native::None => 0,
            _ => plan.threads.len().saturating_mul(EXPECTED_STACK).min(plan.budget.stacks),
        };
        Room { cold, hot, slab: Slab::with_capacity(expected) }
    }
}

/// What was recorded while the threads are still held.
struct Standing<'a> {
    at: i64,
    /// Until they run on.
    _urgent: Option<Urgent>,
    asleep: HashMap<Tid, Asleep>,
    cold: Recorder<'a>,
    hot: Recorder<'a>,
    slab: Slab,
    cut: HashSet<Tid>,
    newcomers: Vec<Tid>,
}

impl<'a> Standing<'a> {
    fn let_go(self, LetGo { released, early }: LetGo) -> Captured<'a> {
        let Standing { at, _urgent, asleep, cold, hot, slab, cut, newcomers } = self;
        let moved = HashSet::new();
        Captured { at, released, asleep, moved, early, cold, hot, slab, cut, newcomers }
    }
}

fn capture<'a>(
    plan: &Plan<'_>,
    holder: Option<&Holder>,
    memory: &'a LiveMemory,
    room: Room<'a>,
) -> Result<Standing<'a>, Error> {
    let at = jiff::Timestamp::now().as_second();
    let Room { cold, mut hot, mut slab } = room;
    let kept_back = if plan.hot.is_empty() { 0 } else { plan.budget.stacks / HOT_SHARE };

    // Nothing has been stopped yet. If the id belongs to another process by now, nothing is.
    plan.process.check_unchanged()?;

    let asleep = plan.asleep();
    let mut held = match holder.filter(|_| plan.stop == Stop::All) {
        Some(holder) => holder.halt(&[Wave::Stuck, Wave::Cold]),
        None => Vec::new(),
    };
    held.extend(asleep.iter().map(|(tid, thread)| (*tid, Wave::Cold, thread.registers.clone())));
    let halt_running = || match holder {
        Some(holder) => (Some(Urgent::begin()), holder.halt_running()),
        None => Default::default(),
    };
    let budget = plan.budget.stacks - kept_back;
    let reading = plan.parts.begin(Kind::Memory, STACKS);
    let Some(_reading) = &reading else {
        let (_urgent, (_, newcomers)) = halt_running();
        let cut = HashSet::new();
        return Ok(Standing { at, _urgent, asleep, cold, hot, slab, cut, newcomers });
    };
    let wanted = plan.asked.native != Native::None;
    let is_cold = |wave| wanted && wave != Wave::Hot;
    let mut cut = read_stacks(&held, is_cold, plan.space(), memory, &mut slab, budget);
    cold.prefetch(&plan.cold_pages);
    visit(
        plan.found,
        plan.asked,
        &cold,
        &|part| matches!(part, Part::Thread(tid) if plan.wave_of(tid) != Some(Wave::Hot)),
        true,
    );
    let known = same_threads(plan.found, &cold);
    let stopped = held.iter().filter(|(_, wave, _)| *wave != Wave::Hot);
    let stopped: HashSet<Tid> = stopped.map(|(tid, ..)| *tid).collect();

    let (_urgent, (held, newcomers)) = halt_running();
    let left = plan.budget.stacks.saturating_sub(slab.len());
    let is_hot = |wave| wanted && wave == Wave::Hot;
    cut.extend(read_stacks(&held, is_hot, plan.space(), memory, &mut slab, left));
    hot.stop_at(Instant::now() + HOT_FETCH);
    hot.prefetch(&plan.hot_pages);
    hot.stop_at(Instant::now() + HOT_VISIT);
    if known && still_same_threads(plan.found, &stopped, &hot) {
        visit(
            plan.found,
            plan.asked,
            &hot,
            &|part| match part {
                Part::Thread(tid) => plan.wave_of(tid) == Some(Wave::Hot),
                Part::Moment => true,
                Part::Lasting => false,
            },
            true,
        );
    } else {
        // Threads came or went since the rehearsal, so what was recorded in the cold wave may
        // have been found by a list in motion.
        hot.stop_at(Instant::now() + HOT_ANEW);
        hot.prefetch(&plan.cold_pages);
        visit_anew(plan, &hot);
    }
    Ok(Standing { at, _urgent, asleep, cold, hot, slab, cut, newcomers })
}

/// Reads the stacks of the threads of some waves. Returns whose were cut.
fn read_stacks(
    held: &[HeldThread],
    wanted: impl Fn(Wave) -> bool,
    space: Space<'_>,
    memory: &LiveMemory,
    slab: &mut Slab,
    budget: usize,
) -> HashSet<Tid> {
    let held = held.iter().filter(|(_, wave, _)| wanted(*wave));
    let mut pieces: Vec<Piece> =
        held.flat_map(|(tid, _, registers)| space.pieces(*tid, registers)).collect();
    let cut = fit(&mut pieces, budget);
    slab.read(memory, &pieces);
    cut
}

/// Whether every runtime knows exactly the threads that it knew before any was stopped, as far as
/// its lists can be read while the running threads may change them.
fn same_threads(found: &[Found], memory: &Recorder<'_>) -> bool {
    found.iter().all(|found| found.visitor.roster(memory).as_ref() == Ok(&found.roster))
}

/// Whether that is so while all stand still, after all but those that were `stopped` ran on.
fn still_same_threads(found: &[Found], stopped: &HashSet<Tid>, memory: &Recorder<'_>) -> bool {
    let free = |tid| !stopped.contains(&tid);
    found.iter().all(|found| found.visitor.holds(&found.roster, &free, memory))
}

/// Visits all threads that the runtimes know at this instant.
pub fn visit_anew(plan: &Plan<'_>, memory: &Recorder<'_>) {
    for Found { visitor, search, .. } in plan.found {
        let roster = &visitor.roster(memory).unwrap_or_default();
        let (wanted, asked) = (&|part| part != Part::Lasting, plan.asked);
        visitor.visit(&Visit { roster, wanted, asked, search, pages_only: true }, memory);
    }
}
