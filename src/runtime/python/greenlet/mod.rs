//! Greenlets: plain, of eventlet and of gevent. No list of the process leads to all of them.
//!
//! So before anything is held, the whole memory is searched for the addresses of their types
//! ([`Greenlets::search_for`]), and what was found is looked at ([`Greenlets::sift`]): what is
//! none is dropped, the layout that all of them agree with is settled, and the thread that owns
//! each. While the threads are held, each is read again with its owner, and what was made since is
//! added (`newest`).

mod awaits;
pub mod layout;
mod newest;
mod object;
mod owner;
mod role;
mod settle;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod types;

use std::collections::{BTreeSet, HashMap};

use super::frames::{Chain, Walker};
use super::objects::Objects;
use super::subclasses::with_subclasses;
use crate::addr::Addr;
use crate::module::Modules;
use crate::note::Note;
use crate::report::ExecutionKind;
use crate::runtime::{GreenThread, LanguageThread, Part, Preview, Roster, Visit, Visited};
use crate::target::Tid;
use crate::target::memory::{Fault, MemoryExt as _};
use crate::target::search::{Place, Search, SearchRequest};
use crate::text::Text;
use awaits::Awaits;
use newest::Newest;
pub(super) use object::{GC_HEAD, is_tracked};
use object::{Greenlet, Reader, State};
use owner::Stacks;

/// The most greenlets that are read.
const MAX_GREENLETS: usize = 200_000;

/// The name of the package's own type.
const TYPE: &str = "greenlet.greenlet";

/// The greenlets of a process whose Python has the package.
#[derive(Debug)]
pub struct Greenlets {
    /// `PyGreenlet_Type`.
    root: Addr,
    /// `_PyRuntime`.
    runtime: Addr,
    /// `[stack]`, and whose it is.
    first: Option<(Addr, Addr, Tid)>,
    /// Memory that no file backs.
    anonymous: Vec<(Addr, Addr)>,
}

impl Greenlets {
    /// The package, if it is mapped and in use.
    pub fn detect(
        process: &Preview<'_, '_>,
        objects: &Objects<'_>,
        runtime: Addr,
    ) -> Option<Greenlets> {
        let is_type = |kind: &Addr| {
            let name = objects.pointer(*kind, objects.layout.object.type_name);
            let name = name.and_then(|name| objects.memory.c_string(name).ok());
            name.is_some_and(|name| name.raw() == TYPE)
        };
        let root = candidates(process.modules).find(is_type)?;
        let anonymous = process.mappings.iter().filter(|mapping| !mapping.is_file());
        let stack = process.mappings.iter().find(|mapping| mapping.path.raw() == "[stack]");
        Some(Greenlets {
            root,
            runtime,
            first: stack.map(|stack| (stack.start, stack.end, process.first)),
            anonymous: anonymous.map(|mapping| (mapping.start, mapping.end)).collect(),
        })
    }

    /// The types of greenlets, and where the collector's lists end.
    pub fn search_for(&self, objects: &Objects<'_>) -> SearchRequest {
        let words = with_subclasses(objects, self.root).into_iter().collect();
        let marks = newest::marks(objects, self.runtime);
        SearchRequest { words, marks, ..SearchRequest::default() }
    }

    /// Of the places that were found, keeps those where a greenlet is.
    pub fn sift(&self, search: &mut Search, roster: &Roster, objects: Objects<'_>) {
        let types = with_subclasses(&objects, self.root);
        let kind = objects.layout.object.kind;
        let places = std::mem::take(&mut search.places).into_iter();
        let places: Vec<Addr> =
            places.filter_map(|place| place.addr.0.checked_sub(kind).map(Addr)).collect();
        let Some((layout, mut greenlets)) = settle::settle(objects, &types, self.root, &places)
        else {
            // The types' own words are found, too: those are no objects.
            let is_object =
                |place: &Addr| objects.layout.free_threaded || object::is_tracked(&objects, *place);
            let strange = places.into_iter().filter(is_object).take(MAX_GREENLETS);
            let place = |addr| Place { addr, owner: None, state: 0 };
            search.places = strange.map(place).collect();
            return;
        };
        greenlets.truncate(MAX_GREENLETS);
        let owners = self.owners(&greenlets, roster, &objects);
        let place = |greenlet: &Greenlet| Place {
            addr: greenlet.object,
            owner: owners.get(&greenlet.object).copied(),
            state: greenlet.fingerprint(),
        };
        search.places = greenlets.iter().map(place).collect();
        search.layout = Some(layout.name.into());
    }

    /// Adds the wanted greenlets to what was visited; if only pages are wanted, reads the memory
    /// that they take. The frames of one that runs are those of its thread, of which is told where
    /// they begin on the stack.
    pub fn visit(&self, visit: &Visit<'_>, walker: &Walker<'_>, visited: &mut Visited) {
        let found = match self.find(visit, walker.objects) {
            Ok(found) => found,
            Err(why) => return visited.notes.push(Note::missing("greenlets", why)),
        };
        let awaits = Awaits::new(walker);
        if visit.pages_only {
            // The memory of the others is known from the rehearsal, and is here already.
            let places = &visit.search.places;
            let changed = found.greenlets.iter().filter(|greenlet| {
                let at = places.binary_search_by_key(&greenlet.object, |place| place.addr);
                let before = at.ok().and_then(|at| places.get(at));
                before.is_none_or(|before| before.state != greenlet.fingerprint())
            });
            for greenlet in changed.filter(|greenlet| greenlet.state() == State::Suspended) {
                if let Ok(frame) = innermost(greenlet, walker) {
                    walker.chain_from(frame);
                    awaits.of(frame);
                }
            }
            return;
        }
        let owners = self.owners(&found.greenlets, visit.roster, &walker.objects);
        let mut names: HashMap<Addr, Text> = HashMap::new();
        let mut green: Vec<GreenThread> = Vec::with_capacity(found.greenlets.len());
        for greenlet in &found.greenlets {
            let type_name = names.entry(greenlet.kind).or_insert_with(|| {
                types::name(&walker.objects, greenlet.kind).unwrap_or_else(|| TYPE.into())
            });
            let owner = owners.get(&greenlet.object).copied();
            let mut awaited = None;
            let chain = match greenlet.state() {
                State::Suspended => match innermost(greenlet, walker) {
                    Ok(frame) => {
                        awaited = awaits.of(frame);
                        walker.chain_from(frame)
                    }
                    Err(fault) => {
                        let broken = Some(format!("its first frame: {fault}").into());
                        Chain { broken, ..Chain::default() }
                    }
                },
                State::Running => {
                    let mut threads = visited.threads.iter_mut();
                    let thread = threads.find(|thread| Some(thread.tid) == owner);
                    thread.map_or_else(Chain::default, |thread| of_thread(greenlet, thread))
                }
                State::Unstarted | State::Dead => Chain::default(),
            };
            green.push(GreenThread {
                kind: ExecutionKind::Greenlet,
                address: greenlet.object,
                type_name: type_name.clone(),
                name: None,
                role: Some(role::of(greenlet, type_name, &chain.frames)),
                state: state_name(greenlet.state()),
                owner,
                awaits: awaited.into_iter().collect(),
                frames: chain.frames,
                broken: chain.broken,
            });
        }
        green.sort_by_key(|green| (role::rank(green.role), green.address));
        visited.green.get_or_insert_default().splice(0..0, green);
        visited.notes.extend(found.notes(visit.search));
    }

    /// The greenlets that are wanted: those that the search found, and those made since.
    fn find(&self, visit: &Visit<'_>, objects: Objects<'_>) -> Result<Found, &'static str> {
        let Search { places, layout, bytes, .. } = visit.search;
        if *bytes == 0 {
            return Err("they were not searched for");
        }
        if places.is_empty() && layout.is_none() {
            return Ok(Found::default());
        }
        let layout = layout.as_ref().and_then(|name| layout::by_name(name.raw()));
        let layout = layout.ok_or("found, but their layout is not known to this guru")?;
        let types = with_subclasses(&objects, self.root);
        let reader = Reader { objects, types: &types, layout };
        let mut found = Found::default();
        for place in places.iter().filter(|place| (visit.wanted)(Part::of(place.owner))) {
            found.add(reader.read(place.addr));
        }
        if !self.is_last(visit) {
            return Ok(found);
        }
        let newest = newest::since(&objects, self.runtime, &visit.search.marks, &types);
        // Those that others tell of are there even where no list can be read.
        let told = found.greenlets.iter().flat_map(|greenlet| [greenlet.parent, greenlet.main]);
        let told: BTreeSet<Addr> = told.chain(newest.objects.iter().copied()).collect();
        let known = |object| places.binary_search_by_key(&object, |place| place.addr).is_ok();
        let before = found.greenlets.len();
        for object in told.into_iter().filter(|object| !object.is_null() && !known(*object)) {
            found.add(reader.read(object));
        }
        found.added = found.greenlets.len() - before;
        found.newest = Some(newest);
        Ok(found)
    }

    /// Whether no thread of Python that is not wanted now can still make any: those that run are
    /// read last, and if none of them runs Python, the blocked are all there is.
    fn is_last(&self, visit: &Visit<'_>) -> bool {
        let mut threads =
            visit.roster.threads.iter().map(|(tid, _)| (visit.wanted)(Part::Thread(*tid)));
        let all = threads.clone().all(|wanted| wanted);
        all || (visit.wanted)(Part::Moment) && threads.any(|wanted| wanted)
    }

    fn owners(
        &self,
        greenlets: &[Greenlet],
        roster: &Roster,
        objects: &Objects<'_>,
    ) -> HashMap<Addr, Tid> {
        let ident = |thread: Addr| objects.pointer(thread, objects.layout.thread.ident);
        let threads = roster.threads.iter().filter(|(tid, _)| *tid != 0);
        let idents = threads.filter_map(|(tid, thread)| Some((ident(*thread)?, *tid)));
        let stacks = Stacks::new(self.first, &self.anonymous, idents);
        let only = match roster.threads.as_slice() {
            [(tid, _)] if *tid != 0 => Some(*tid),
            _ => None,
        };
        owner::owners(greenlets, &stacks, only)
    }
}

/// The frame in which a greenlet was left.
fn innermost(greenlet: &Greenlet, walker: &Walker<'_>) -> Result<Addr, Fault> {
    match walker.objects.layout.frame_of_object {
        Some(offset) => walker.objects.memory.ptr(greenlet.top_frame.wrapping_add(offset)),
        None => Ok(greenlet.top_frame),
    }
}

/// What a visit found.
#[derive(Default)]
struct Found {
    greenlets: Vec<Greenlet>,
    /// How many could not be read.
    unread: usize,
    /// The first reason for that.
    fault: Option<Fault>,
    /// What was made since the search, if this visit is to tell.
    newest: Option<Newest>,
    /// How many of `greenlets` the search did not find.
    added: usize,
}

impl Found {
    fn add(&mut self, read: Result<Option<Greenlet>, Fault>) {
        match read {
            Ok(Some(greenlet)) if self.greenlets.len() < MAX_GREENLETS => {
                self.greenlets.push(greenlet);
            }
            // It is gone since.
            Ok(_) => {}
            Err(fault) => {
                self.unread += 1;
                self.fault = self.fault.or(Some(fault));
            }
        }
    }

    /// How old the search was, what was added, and what is missing.
    fn notes(&self, search: &Search) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut missing = |text: String| notes.push(Note::missing("greenlets", text));
        if let Some(why) = &search.cut {
            missing(format!("not all memory was searched for them: {}", why.raw()));
        }
        if self.greenlets.len() == MAX_GREENLETS {
            missing(format!("only {MAX_GREENLETS} are looked at"));
        }
        if let Some(fault) = self.fault {
            missing(format!("{} of them could not be read: {fault}", self.unread));
        }
        let Some(newest) = &self.newest else { return notes };
        let searched = format!(
            "their search in {} MB of memory began {} ms before the stop",
            search.bytes / 1_000_000,
            search.age_us.div_ceil(1000)
        );
        notes.push(match &newest.incomplete {
            None => {
                let text = format!("{searched}; {} younger ones were added", self.added);
                Note::remark("greenlets", text)
            }
            Some(why) => {
                let text = format!("{searched}; some younger ones may be missing: {why}");
                Note::missing("greenlets", text)
            }
        });
        notes
    }
}

/// The frames of a greenlet that runs: those of its thread, up to where its stack begins.
fn of_thread(greenlet: &Greenlet, thread: &mut LanguageThread) -> Chain {
    thread.base = (!greenlet.is_main()).then_some(greenlet.stop);
    Chain { frames: thread.frames.clone(), broken: thread.broken.clone(), ..Chain::default() }
}

/// Where the package's type may be: `_greenlet.*.so`, `greenlet.*.so` to 0.4.
fn candidates<'a>(modules: &'a Modules<'_>) -> impl Iterator<Item = Addr> + 'a {
    let named = modules.iter().filter(|module| {
        let path = module.path().raw();
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        name.starts_with("_greenlet.") || name.starts_with("greenlet.")
    });
    named.filter_map(|module| module.symbol("PyGreenlet_Type"))
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Unstarted => "unstarted",
        State::Dead => "dead",
        State::Running => "running",
        State::Suspended => "suspended",
    }
}
