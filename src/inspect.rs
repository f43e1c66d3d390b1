//! The one place that joins target, visitors and evidence: rehearse, hold, record, let go.
//!
//! Heap data cannot be known in advance. So the visitors run once on the running process, which
//! shows the pages that they need; while the threads are held, those pages are fetched again in a
//! few batched calls; and over the recording the visitors run once more, for their results.
//! Registers and the used part of each stack are all that native stacks need.

use std::time::{Duration, Instant};

use crate::asked::{Asked, Native, Stop};
use crate::error::{Change, Error};
use crate::evidence::files::Files;
use crate::evidence::known::KnownSecrets;
use crate::evidence::pages::Recorder;
use crate::evidence::{Evidence, Snapshot};
use crate::mask::Secrets;
use crate::module::Modules;
use crate::note::Note;
use crate::own::definition::Definition;
use crate::own::live;
use crate::part::{Kind, Parts};
use crate::runtime::{self, Part, Preview, Roster, Runtime, Visit, Visitor};
use crate::target::live::bpf::TaskIterator;
use crate::target::live::memory::LiveMemory;
use crate::target::live::open::LiveOpener;
use crate::target::live::pagemap::Pagemap;
use crate::target::live::proc::ProcDir;
use crate::target::live::seize::Refused;
use crate::target::live::sleepers::{self, Sleepers};
use crate::target::live::{LiveProcess, facts, refusal, served};
use crate::target::memory::Memory;
use crate::target::search::Search;
use crate::target::{Mapping, ThreadFacts, Tid};

mod beside;
mod hold;
mod holder;
mod plan;
mod recorded;
mod search;
mod sections;
mod stacks;
mod tables;

use beside::Beside;
use plan::{Known, Plan};

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

/// What is recorded.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the user asked for beyond stacks.
    pub asked: Asked,
    /// Whose threads are stopped.
    pub stop: Stop,
    /// How much at most.
    pub budget: Budget,
    /// Sections of one's own that were found in files: those that fit the process are added to what
    /// was asked for.
    pub definitions: Vec<Definition>,
    /// When the commands of such sections must have ended, however long each may take.
    pub commands_until: Option<Instant>,
    /// Which parts of the work are done.
    pub parts: Parts,
}

/// A runtime that was found.
struct Found {
    visitor: Box<dyn Visitor>,
    /// The threads that it knew before any was stopped.
    roster: Roster,
    /// What was found of it by searching the memory.
    search: Search,
    /// When that began.
    searched: Instant,
}

impl Found {
    /// The search, with its age at this moment.
    fn aged(self, stop: Instant) -> Search {
        let age = stop.saturating_duration_since(self.searched).as_micros();
        Search { age_us: u64::try_from(age).unwrap_or(u64::MAX), ..self.search }
    }
}

/// The part of looking into memory that is the runtimes', and the one that is the stacks'.
const RUNTIMES: &str = "runtimes";
const STACKS: &str = "stacks";

/// How often a process may execute another program while it is looked at.
const MAX_PROGRAMS: usize = 5;

/// How often it may be refused for no reason that can be seen: threads that end are, and those that
/// another tracer has just let go.
const MAX_REFUSALS: usize = 10;

/// How long is waited after that.
const MOMENT: Duration = Duration::from_millis(5);

/// Takes the evidence of a living process. `id` is that of a process or of one of its threads.
///
/// A process that was just started may still be about to execute its program: then it is looked at
/// again.
pub fn inspect(id: i32, options: Options) -> Result<Evidence, Error> {
    let (mut programs, mut refusals) = (1, 0);
    let began = beginning(id);
    loop {
        match attempt(id, options.clone(), refusals == MAX_REFUSALS) {
            Err(Error::Changed { what: Change::Executed, .. }) if programs < MAX_PROGRAMS => {
                programs += 1;
            }
            Err(Error::Changed { what: Change::Restless, .. }) if refusals < MAX_REFUSALS => {
                refusals += 1;
                std::thread::sleep(MOMENT);
            }
            // Of one that goes on only a thread has ended, or what it was before it executed another
            // program.
            Err(Error::Changed { what: Change::Exited, .. })
                if refusals < MAX_REFUSALS && began.is_some() && began == beginning(id) =>
            {
                refusals += 1;
                std::thread::sleep(MOMENT);
            }
            Err(Error::Changed { what: Change::Restless, pid }) => {
                return Err(refusal::in_the_end(pid));
            }
            done => return done,
        }
    }
}

/// When a process began that has not ended, in the kernel's ticks.
fn beginning(pid: i32) -> Option<u64> {
    let stat = ProcDir::open(pid).ok()?.stat()?;
    let goes_on = !stat.has_ended() || stat.num_threads > 1;
    goes_on.then_some(stat.starttime)
}

/// `is_last`: what can be had without a stop is better than nothing.
fn attempt(id: i32, mut options: Options, is_last: bool) -> Result<Evidence, Error> {
    let (process, by_thread) = LiveProcess::open(id)?;
    let mut notes = Vec::new();
    if by_thread {
        let pid = process.pid;
        notes.push(Note::remark("process", format!("{id} is a thread of {pid}; reporting {pid}")));
    }
    let parts = options.parts.clone();
    let mut target = process.facts(&parts)?;
    if let Some(_part) = parts.begin(Kind::Executable, "") {
        target.arch = process.arch()?;
    }
    let mappings = match parts.begin(Kind::Mappings, "") {
        Some(_part) => process.mappings(&mut notes)?,
        None => Vec::new(),
    };
    let opener = LiveOpener::new(process.living, mappings.clone());
    let files = Files::live(Box::new(opener)).with_secrets(options.asked.secrets);
    // That takes as long as all that follows up to the search, where there are many processes.
    let pid = process.pid;
    let beside = parts.beside();
    let descendants = Beside::start(move || facts::descendants(pid, &beside));
    let wants_registers = options.asked.native != Native::None;
    let iterator = wants_registers.then(|| Beside::start(move || TaskIterator::open(pid)));
    let not_wanted = || Err(std::io::Error::other("not asked for"));
    let iterator = move || iterator.map_or_else(not_wanted, Beside::wait);
    let sleepers = Sleepers::new(&process.tasks, iterator);
    let before = sleepers::turns(&process.tasks);
    let threads = process.threads(&parts);

    let memory = LiveMemory::guarded(process.living, served::ranges(process.living, &mappings));
    let rehearsal = Recorder::new(&memory, options.budget.memory);
    let tids: Vec<(Tid, Tid)> = threads.iter().map(ThreadFacts::tids).collect();
    let modules = Modules::new(&files, &mappings);
    let preview = Preview {
        mappings: &mappings,
        modules: &modules,
        memory: &rehearsal,
        tids: &tids,
        first: process.pid,
    };
    let looking = parts.begin(Kind::Memory, RUNTIMES);
    let mut runtimes = match looking {
        Some(_) => Runtimes::find(&preview, &rehearsal),
        None => Runtimes { found: Vec::new(), pages: Vec::new() },
    };
    let definitions = std::mem::take(&mut options.definitions);
    if !definitions.is_empty() {
        let known = sections::Known { target: &target, mappings: &mappings, modules: &modules };
        let found = runtimes.found.iter().map(|found| &*found.visitor);
        known.add(&mut options.asked, definitions, &files, found.collect(), &mut notes);
    }
    let pagemap = process.pagemap();
    search(&mut runtimes.found, &mappings, pagemap.as_ref(), &memory, options.budget.memory);
    let known =
        Known { process: &process, sleepers: &sleepers, threads: &threads, mappings: &mappings };
    let mut plan = Plan::rehearse(known, before, &runtimes, &options, &rehearsal);
    drop(looking);

    // It must not be there when threads are held: a signal that ends guru would be taken by it.
    let descendants = descendants.wait();

    let stop = Instant::now();
    let hold = if plan.stop == Stop::None { None } else { parts.begin(Kind::Hold, "") };
    if plan.stop != Stop::None && plan.stops_nobody() {
        // What a stop would have asked the kernel for. Who wants none takes what there is.
        process.check_memory()?;
    }
    let held = hold.as_ref().map(|_part| hold::hold(&mut plan, &memory)).transpose()?;
    drop(hold);
    let taken = match held {
        None => recorded::of_untouched(&plan, &memory, &mut notes),
        Some(Ok(captured)) => {
            recorded::of_capture(&plan, captured, &rehearsal, &memory, &mut notes)
        }
        Some(Err(Refused::Gone | Refused::NoThread | Refused::Stranger)) => {
            return Err(Error::Changed { pid: process.pid, what: Change::Exited });
        }
        Some(Err(Refused::NoHolder)) => {
            let text = "none could be stopped (guru could not make a thread for it): those that run \
                        have no stacks";
            notes.push(Note::missing("threads", text));
            recorded::of_untouched(&plan, &memory, &mut notes)
        }
        Some(Err(Refused::NotPermitted)) => {
            let cause = match refusal::of_stop(process.pid) {
                Err(Error::Changed { what: Change::Restless, .. })
                    if is_last && !memory.is_refused() =>
                {
                    "the kernel refuses, and shows no reason".to_owned()
                }
                cause => cause?,
            };
            let text = format!("none could be stopped ({cause}): those that run have no stacks");
            notes.push(Note::missing("threads", text));
            recorded::of_untouched(&plan, &memory, &mut notes)
        }
    };
    process.check_unchanged()?;
    if memory.is_refused() {
        let cause = match refusal::reason_of_read(process.pid) {
            Error::NotPermitted { cause, .. } => cause,
            _ => "the kernel refuses, and shows no reason".to_owned(),
        };
        notes.push(Note::missing("memory", format!("none of it could be read: {cause}")));
    }
    if memory.unserved() > 0 {
        let text = "some is another program's to serve (FUSE, a network file system, userfaultfd) \
                    and was not there: it was not read, for that may never answer";
        notes.push(Note::missing("memory", text));
    }
    let secrets = match options.asked.secrets {
        Secrets::Masked => {
            recorded::secrets(&runtimes.found, &options.asked, &taken.memory, &target.environment)
        }
        Secrets::Shown => Vec::new(),
    };
    let threads = plan.join(taken.threads, &mut notes);
    // With the process running again: how long they take is the caller's affair alone.
    let commands = parts.begin(Kind::Commands, "");
    let ran = live::run(&options.asked.sections, process.pid, options.commands_until);
    drop(commands);
    let mut snapshot = Snapshot {
        target,
        descendants,
        threads,
        mappings,
        memory: taken.memory,
        hold: taken.held,
        searches: runtimes.found.into_iter().map(|found| found.aged(stop)).collect(),
        ran,
        asked: options.asked,
        notes,
    };
    let mut files = files;
    if !snapshot.asked.secrets.are_shown() {
        files.hide(KnownSecrets::new(&secrets));
        snapshot.mask(secrets);
    }
    Ok(Evidence { snapshot, files, parts })
}

/// The runtimes in the process that answer with their threads.
struct Runtimes {
    found: Vec<Found>,
    /// The pages that it took to find them.
    pages: Vec<u64>,
}

/// How often a runtime is looked for that is there and can not be read: its threads may come and go
/// in the meantime.
const ATTEMPTS: usize = 5;

impl Runtimes {
    fn find(preview: &Preview<'_, '_>, rehearsal: &Recorder<'_>) -> Runtimes {
        let mut pages = Vec::new();
        let mut detected: Vec<Box<dyn Visitor>> = Vec::new();
        for runtime in runtime::RUNTIMES {
            detected.extend(detect(*runtime, preview, rehearsal));
            // Before the next one, if it is looked for again, forgets them.
            pages.extend(rehearsal.take_touched());
        }
        let listed = detected.into_iter().map(|visitor| {
            // On a running process this may fail; the hold reads it again.
            let roster = visitor.roster(preview.memory).unwrap_or_default();
            Found { visitor, roster, search: Search::default(), searched: Instant::now() }
        });
        Runtimes { found: listed.collect(), pages }
    }
}

/// Looks for a runtime; if it contradicts itself, again, with its memory read anew.
fn detect(
    runtime: &dyn Runtime,
    preview: &Preview<'_, '_>,
    rehearsal: &Recorder<'_>,
) -> Option<Box<dyn Visitor>> {
    for _ in 0..ATTEMPTS {
        // What there is to say of it is said when it is found again, in the evidence.
        let mut notes = Vec::new();
        let found = runtime.detect(preview, &mut notes);
        if found.is_some() || notes.is_empty() {
            return found;
        }
        rehearsal.forget();
    }
    None
}

/// Searches the memory for what no list of the runtimes leads to, and lets them look at what was
/// found. That reads much that turns out to be nothing, and needs not be recorded.
fn search(
    found: &mut [Found],
    mappings: &[Mapping],
    pagemap: Option<&Pagemap>,
    memory: &LiveMemory,
    budget: usize,
) {
    for Found { visitor, roster, search, searched } in found {
        *searched = Instant::now();
        let request = visitor.search_for(&Recorder::new(memory, budget));
        *search = search::search(memory, pagemap, mappings, &request);
        search.tables = tables::find(memory, &request.tables);
        visitor.sift(search, roster, &Recorder::new(memory, budget));
    }
}

/// Lets the visitors read what is `wanted`, for the pages that it takes; `pages_only` as in
/// [`Visit`].
fn visit(
    found: &[Found],
    asked: &Asked,
    memory: &dyn Memory,
    wanted: &dyn Fn(Part) -> bool,
    pages_only: bool,
) {
    for Found { visitor, roster, search, .. } in found {
        visitor.visit(&Visit { roster, wanted, asked, search, pages_only }, memory);
    }
}
