//! Greenlets of a hand-made CPython 3.11, found and read.

use proptest::prelude::*;

use super::super::fake::{Activation, Draft, Fake, V3_11};
use super::super::layout::Layout;
use super::*;
use crate::asked::Asked;
use crate::report::Role;
use crate::target::memory::Memory;

/// Where the heads of the collector's lists are in its structure.
const GENERATIONS: u64 = 24;
/// Thread 11 has this stack, and what `pthread_self` returns lies at its end.
const STACK: (Addr, Addr) = (Addr(0x1_0000), Addr(0x2_0000));
const IDENT: Addr = Addr(0x1_ff00);

const LAYOUT: &str = "greenlet 3.2.4 for 3.11";

fn layout() -> Layout {
    let mut layout = V3_11.clone();
    layout.gc =
        layout.gc.map(|gc| super::super::layout::Gc { generations: Some(GENERATIONS), ..gc });
    layout
}

/// A process with one thread.
struct Process {
    fake: Fake,
    layout: Layout,
    greenlets: Greenlets,
    roster: Roster,
    interpreter: Addr,
    search: Search,
}

/// A greenlet to be made.
#[derive(Clone, Copy, Default)]
struct Made {
    start: u64,
    stop: u64,
    frame: Addr,
    parent: Addr,
    main: Addr,
}

impl Process {
    fn new() -> Process {
        let (mut fake, layout) = (Fake::new(), layout());
        let code = fake.code("loop", "main.py", 1);
        let frame = fake.frames(&[Activation { code, instruction: 2, entry: true, owner: 0 }]);
        let thread = fake.thread(11, frame);
        fake.poke(thread.wrapping_add(layout.thread.ident), IDENT.0);
        let runtime = fake.runtime(&[&[thread]]);
        let gc = layout.gc.unwrap();
        // The interpreter that the thread belongs to, with room for the collector's lists.
        let mut interpreter = fake.object(2000, "interpreter");
        interpreter.put_u64(layout.interpreter.threads, thread.0);
        interpreter.put_u64(layout.interpreter.next, 0);
        let interpreter = fake.finish(interpreter);
        fake.poke(runtime.wrapping_add(layout.runtime.interpreters), interpreter.0);
        for generation in 0..3 {
            let head = interpreter.wrapping_add(gc.start + GENERATIONS + 24 * generation);
            fake.poke(head, head.0);
            fake.poke(head.wrapping_add(8), head.0);
        }
        let object = fake.object(40, TYPE);
        let object = fake.finish(object);
        let root = fake.ptr(object.wrapping_add(layout.object.kind)).unwrap();
        fake.poke(root.wrapping_add(layout.object.basic_size), 40);
        let greenlets = Greenlets { root, runtime, first: None, anonymous: vec![STACK] };
        let roster = Roster { threads: vec![(11, thread)], ..Roster::default() };
        let search = Search { bytes: 1 << 20, ..Search::default() };
        Process { fake, layout, greenlets, roster, interpreter, search }
    }

    /// A greenlet that the search finds and the youngest list of the collector has.
    fn add(&mut self, made: Made) -> Addr {
        let object = self.hide(made);
        self.search.places.push(Place { addr: object.wrapping_add(8), owner: None, state: 0 });
        object
    }

    /// The same, but the search does not find it.
    fn hide(&mut self, made: Made) -> Addr {
        let known = layout::by_name(LAYOUT).unwrap();
        let layout::Body::Apart { pointer, this, main } = known.body else { unreachable!() };
        let mut body = Draft::new(200);
        body.put_u64(known.start, made.start).put_u64(known.stop, made.stop);
        body.put_u64(known.top_frame, made.frame.0);
        body.put_u64(known.parent, made.parent.0).put_u64(main, made.main.0);
        let body = self.fake.finish(body);
        let mut object = Draft::new(56);
        object.put_u64(16 + 8, self.greenlets.root.0).put_u64(16 + pointer, body.0);
        let head = self.fake.finish(object);
        let object = head.wrapping_add(16);
        self.fake.poke(body.wrapping_add(this), object.0);
        let list = self.head(0);
        let last = self.fake.ptr(list.wrapping_add(8)).unwrap();
        self.fake.poke(head, list.0);
        self.fake.poke(head.wrapping_add(8), last.0);
        self.fake.poke(last, head.0);
        self.fake.poke(list.wrapping_add(8), head.0);
        object
    }

    fn head(&self, generation: u64) -> Addr {
        let start = self.layout.gc.unwrap().start;
        self.interpreter.wrapping_add(start + GENERATIONS + 24 * generation)
    }

    /// A frame object of a function.
    fn frame(&mut self, function: &str, file: &str) -> Addr {
        let code = self.fake.code(function, file, 10);
        let frame = self.fake.frames(&[Activation { code, instruction: 4, entry: true, owner: 0 }]);
        let mut object = self.fake.object(56, "frame");
        object.put_u64(self.layout.frame_of_object.unwrap(), frame.0);
        self.fake.finish(object)
    }

    fn objects(&self) -> Objects<'_> {
        Objects { memory: &self.fake, layout: &self.layout }
    }

    fn sift(&mut self) {
        self.search.marks = self.greenlets.search_for(&self.objects()).marks;
        let mut search = std::mem::take(&mut self.search);
        self.greenlets.sift(&mut search, &self.roster, self.objects());
        self.search = search;
    }

    fn visit(&self) -> Visited {
        let walker = Walker::new(&self.fake as &dyn Memory, &self.layout);
        let thread = LanguageThread {
            tid: 11,
            frames: walker.chain(self.roster.threads[0].1).frames,
            ..LanguageThread::default()
        };
        let mut visited = Visited { threads: vec![thread], ..Visited::default() };
        let visit = Visit {
            roster: &self.roster,
            wanted: &|_| true,
            asked: &Asked::default(),
            search: &self.search,
            pages_only: false,
        };
        self.greenlets.visit(&visit, &walker, &mut visited);
        visited
    }
}

fn functions(green: &GreenThread) -> Vec<&str> {
    green.frames.iter().map(|frame| frame.function.raw()).collect()
}

/// A main greenlet, one that runs, one that was left, one that never ran and one that ended.
fn process() -> Process {
    let mut process = Process::new();
    let frame = process.frame("switch", "main.py");
    let main = process.add(Made { start: 0x1_8000, stop: u64::MAX, frame, ..Made::default() });
    let of_main = Made { parent: main, main, ..Made::default() };
    process.add(Made { start: 1, stop: 0x1_7000, ..of_main });
    let frame = process.frame("wait", "worker.py");
    process.add(Made { start: 0x1_6000, stop: 0x1_7000, frame, ..of_main });
    process.add(Made { parent: main, ..Made::default() });
    process.add(Made { stop: 0x1_7000, ..of_main });
    process
}

#[test]
fn greenlets_are_found_with_state_role_stack_and_owner() {
    let mut process = process();
    process.sift();
    assert_eq!(process.search.layout.as_ref().unwrap().raw(), LAYOUT);
    let visited = process.visit();
    let green = visited.green.unwrap();
    let shown: Vec<_> =
        green.iter().map(|green| (green.state, green.role.unwrap(), functions(green))).collect();
    assert_eq!(
        shown,
        [
            ("suspended", Role::Main, vec!["switch"]),
            ("running", Role::Worker, vec!["loop"]),
            ("suspended", Role::Worker, vec!["wait"]),
            ("unstarted", Role::Worker, vec![]),
            ("dead", Role::Worker, vec![]),
        ]
    );
    assert!(green.iter().all(|green| green.owner == Some(11)));
    assert!(green.iter().all(|green| green.type_name.raw() == TYPE));
    assert_eq!(visited.threads[0].base, Some(Addr(0x1_7000)));
}

#[test]
fn the_greenlet_that_runs_the_hub_of_eventlet_is_a_hub() {
    let mut process = process();
    let frame = process.frame("run", "/srv/eventlet/hubs/hub.py");
    let hub = process.add(Made { start: 0x1_6000, stop: 0x1_7000, frame, ..Made::default() });
    process.sift();
    let green = process.visit().green.unwrap();
    let roles = green.iter().filter(|green| green.role == Some(Role::Hub));
    assert_eq!(roles.map(|green| green.address).collect::<Vec<_>>(), [hub]);
}

#[test]
fn what_is_left_of_a_greenlet_is_none() {
    let mut process = process();
    let gone = process.add(Made::default());
    // Its memory was given back: the two parts no longer belong together.
    let body = process.fake.ptr(gone.wrapping_add(32)).unwrap();
    process.fake.poke(body.wrapping_add(8), 0);
    process.search.places.push(Place { addr: Addr(0x8), owner: None, state: 0 });
    process.sift();
    assert_eq!(process.search.places.len(), 5);
    assert_eq!(process.visit().green.unwrap().len(), 5);
}

#[test]
fn those_made_since_the_search_are_added() {
    let mut process = process();
    process.sift();
    let new = process.hide(Made::default());
    let visited = process.visit();
    assert_eq!(visited.green.unwrap().last().unwrap().address, new);
    assert!(visited.notes[0].message.raw().ends_with("1 younger ones were added"));
}

#[test]
fn after_a_collection_of_the_oldest_list_it_is_said_that_some_may_be_missing() {
    let mut process = process();
    process.sift();
    let collecting = process.layout.gc.unwrap();
    let collections =
        process.interpreter.wrapping_add(collecting.start + collecting.collecting - 24);
    process.fake.poke(collections, 1);
    let visited = process.visit();
    assert_eq!(visited.green.unwrap().len(), 5);
    assert!(visited.notes[0].message.raw().ends_with("all garbage was collected meanwhile"));
}

#[test]
fn greenlets_of_no_known_layout_are_not_guessed() {
    let mut process = process();
    let size = process.greenlets.root.wrapping_add(process.layout.object.basic_size);
    process.fake.poke(size, 4096);
    process.sift();
    let visited = process.visit();
    assert_eq!(visited.green, None);
    assert!(visited.notes[0].message.raw().contains("layout is not known"));
}

#[test]
fn parents_that_go_in_a_circle_end() {
    let mut process = process();
    let first = process.add(Made::default());
    let second = process.add(Made { parent: first, ..Made::default() });
    let body = process.fake.ptr(first.wrapping_add(32)).unwrap();
    process.fake.poke(body.wrapping_add(184), second.0);
    process.sift();
    assert_eq!(process.visit().green.unwrap().len(), 7);
}

proptest! {
    /// Whatever the memory holds, the search's findings are sifted and read without harm.
    #[test]
    fn damaged_memory_never_harms(
        pokes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, any::<u64>()), 1..40),
    ) {
        let mut process = process();
        let words = process.fake.data.len() / 8;
        let base = process.interpreter.0 & !0xffff;
        for (at, how, value) in pokes {
            let at = at.index(words) * 8;
            let value = match how {
                0 => base + value % process.fake.data.len() as u64,
                1 => 0,
                _ => value,
            };
            process.fake.data[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        process.sift();
        prop_assert!(process.visit().green.unwrap_or_default().len() < 100);
    }
}
