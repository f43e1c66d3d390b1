//! Greenlets: plain, of eventlet and of gevent. No list of the process leads to all of them.
//!
//! So before anything is held, the whole memory is searched for the addresses of their types
//! ([`Greenlets::search_for`]), and what was found is looked at ([`Greenlets::sift`]): what is
//! none is dropped, the layout that all of them agree with is settled, and the thread that owns
//! each. While the threads are held, each is read again with its owner, and what was made since is
//! added ([`newest`]).

pub mod layout;
mod newest;
mod object;
mod owner;
mod role;
mod settle;
mod types;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::frames::{Chain, Walker};
use super::objects::Objects;
use crate::addr::Addr;
use crate::module::Modules;
use crate::note::Note;
use crate::report::ExecutionKind;
use crate::runtime::{GreenThread, LanguageThread, Preview, Roster, Visit};
use crate::target::Tid;
use crate::target::memory::MemoryExt as _;
use crate::target::search::{Place, Search, SearchRequest};
use crate::text::Text;
use newest::Newest;
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
        let words = types::with_subclasses(objects, self.root).into_iter().collect();
        SearchRequest { words, marks: newest::marks(objects, self.runtime) }
    }

    /// Of the places that were found, keeps those where a greenlet is.
    pub fn sift(&self, search: &mut Search, roster: &Roster, objects: Objects<'_>) {
        let types = types::with_subclasses(&objects, self.root);
        let kind = objects.layout.object.kind;
        let places = std::mem::take(&mut search.places).into_iter();
        let places: Vec<Addr> =
            places.filter_map(|place| place.addr.0.checked_sub(kind).map(Addr)).collect();
        let Some((layout, mut greenlets)) = settle::settle(objects, &types, self.root, &places)
        else {
            return;
        };
        greenlets.truncate(MAX_GREENLETS);
        let owners = self.owners(&greenlets, roster, &objects);
        let place = |greenlet: &Greenlet| Place {
            addr: greenlet.object,
            owner: owners.get(&greenlet.object).copied(),
        };
        search.places = greenlets.iter().map(place).collect();
        search.layout = Some(layout.name.into());
    }

    /// Reads the memory that the wanted greenlets take, and makes nothing of it.
    pub fn touch(&self, visit: &Visit<'_>, walker: &Walker<'_>) {
        let Some(found) = self.find(visit, walker.objects) else { return };
        for greenlet in &found.greenlets {
            if greenlet.state() == State::Suspended {
                self.chain(greenlet, walker);
            }
        }
    }

    /// The wanted greenlets. The frames of one that runs are those of its thread, of which is told
    /// where they begin on the stack.
    pub fn visit(
        &self,
        visit: &Visit<'_>,
        walker: &Walker<'_>,
        threads: &mut [LanguageThread],
        notes: &mut Vec<Note>,
    ) -> Option<Vec<GreenThread>> {
        let objects = walker.objects;
        if visit.search.bytes == 0 {
            notes.push(Note::missing("greenlets", "they were not searched for"));
            return None;
        }
        if let Some(why) = &visit.search.cut {
            let text = format!("not all memory was searched for them: {}", why.raw());
            notes.push(Note::missing("greenlets", text));
        }
        let Some(found) = self.find(visit, objects) else {
            let text = "found, but their layout is not known to this guru";
            notes.push(Note::missing("greenlets", text));
            return None;
        };
        let owners = self.owners(&found.greenlets, visit.roster, &objects);
        let mut names: BTreeMap<Addr, Text> = BTreeMap::new();
        let mut green: Vec<GreenThread> = Vec::with_capacity(found.greenlets.len());
        for greenlet in &found.greenlets {
            let owner = owners.get(&greenlet.object).copied();
            let type_name = names.entry(greenlet.kind).or_insert_with(|| {
                types::name(&objects, greenlet.kind).unwrap_or_else(|| TYPE.into())
            });
            let mut chain = Chain::default();
            match greenlet.state() {
                State::Suspended => chain = self.chain(greenlet, walker),
                State::Running => {
                    let thread = threads.iter_mut().find(|thread| Some(thread.tid) == owner);
                    if let Some(thread) = thread {
                        chain.frames.clone_from(&thread.frames);
                        chain.broken.clone_from(&thread.broken);
                        thread.base = (!greenlet.is_main()).then_some(greenlet.stop);
                    }
                }
                State::Unstarted | State::Dead => {}
            }
            green.push(GreenThread {
                kind: ExecutionKind::Greenlet,
                address: greenlet.object,
                type_name: type_name.clone(),
                name: None,
                role: Some(role::of(greenlet, type_name, &chain.frames)),
                state: state_name(greenlet.state()),
                owner,
                awaits: Vec::new(),
                frames: chain.frames,
                broken: chain.broken,
            });
        }
        green.sort_by_key(|green| (role::rank(green.role), green.address));
        notes.extend(found.age(visit.search));
        Some(green)
    }

    /// The frames of a greenlet that was left.
    fn chain(&self, greenlet: &Greenlet, walker: &Walker<'_>) -> Chain {
        let frame = match walker.objects.layout.frame_of_object {
            Some(offset) => {
                match walker.objects.memory.ptr(greenlet.top_frame.wrapping_add(offset)) {
                    Ok(frame) => frame,
                    Err(fault) => {
                        let broken = Some(format!("its first frame: {fault}").into());
                        return Chain { broken, ..Chain::default() };
                    }
                }
            }
            None => greenlet.top_frame,
        };
        walker.chain_from(frame)
    }

    /// The greenlets that are wanted: those that the search found, and those made since.
    fn find(&self, visit: &Visit<'_>, objects: Objects<'_>) -> Option<Found> {
        let layout = layout::by_name(visit.search.layout.as_ref()?.raw())?;
        let types = types::with_subclasses(&objects, self.root);
        let reader = Reader { objects, types: &types, layout };
        let wanted = visit.search.places.iter().filter(|place| (visit.wanted)(place.owner));
        let mut greenlets: Vec<Greenlet> =
            wanted.filter_map(|place| reader.read(place.addr)).collect();
        let newest = self
            .is_last(visit)
            .then(|| newest::since(&objects, self.runtime, &visit.search.marks, &types));
        let mut added = BTreeSet::new();
        if let Some(newest) = &newest {
            // Those that others tell of are there even where no list can be read.
            let told = greenlets.iter().flat_map(|greenlet| [greenlet.parent, greenlet.main]);
            let told: Vec<Addr> = told.chain(newest.objects.iter().copied()).collect();
            let places = &visit.search.places;
            let found = |object| places.binary_search_by_key(&object, |place| place.addr).is_ok();
            for object in told.into_iter().filter(|object| !found(*object)) {
                if greenlets.len() < MAX_GREENLETS
                    && !added.contains(&object)
                    && let Some(greenlet) = reader.read(object)
                {
                    greenlets.push(greenlet);
                    added.insert(object);
                }
            }
        }
        let added = added.len();
        Some(Found { greenlets, newest, added })
    }

    /// Whether no thread of Python that is not wanted now can still make any: those that run are
    /// read last, and if none of them runs Python, the blocked are all there is.
    fn is_last(&self, visit: &Visit<'_>) -> bool {
        let mut threads = visit.roster.threads.iter().map(|(tid, _)| (visit.wanted)(Some(*tid)));
        let all = threads.clone().all(|wanted| wanted);
        all || (visit.wanted)(None) && threads.any(|wanted| wanted)
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

/// What a visit found.
struct Found {
    greenlets: Vec<Greenlet>,
    /// What was made since the search, if this visit is to tell.
    newest: Option<Newest>,
    /// How many of `greenlets` the search did not find.
    added: usize,
}

impl Found {
    /// How old the search was, and what was added.
    fn age(&self, search: &Search) -> Option<Note> {
        let newest = self.newest.as_ref()?;
        let searched = format!(
            "their search in {} MB of memory began {} ms before the stop",
            search.bytes / 1_000_000,
            search.age_us.div_ceil(1000)
        );
        Some(match newest.incomplete {
            None => {
                let text = format!("{searched}; {} younger ones were added", self.added);
                Note::remark("greenlets", text)
            }
            Some(why) => {
                let text = format!("{searched}; some younger ones may be missing: {why}");
                Note::missing("greenlets", text)
            }
        })
    }
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
