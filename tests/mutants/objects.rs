//! Python: interpreters, threads, frames, code, dictionaries, tasks, greenlets, configuration, in
//! memory that was damaged where they are.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use guru::addr::Addr;
use guru::asked::Asked;
use guru::evidence::Evidence;
use guru::mask::Secrets;
use guru::module::Modules;
use guru::runtime::{Preview, RUNTIMES, Visit};
use guru::target::Tid;
use guru::target::memory::{Fault, Memory};
use guru::target::search::Search;

use crate::campaign;
use crate::random::{NUMBERS, Random};
use crate::recordings;

/// The recorded memory, which remembers where it was read.
struct Watched<'a> {
    memory: &'a dyn Memory,
    words: RefCell<BTreeSet<u64>>,
}

impl Memory for Watched<'_> {
    fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        self.memory.read(addr, buf)?;
        // Of what is long, the beginning: texts and tables have their turn elsewhere.
        let words = addr.0 / 8..=(addr.0 + buf.len().clamp(1, 512) as u64 - 1) / 8;
        self.words.borrow_mut().extend(words.map(|word| word * 8));
        Ok(())
    }
}

/// The recorded memory with other words in some places.
struct Damaged<'a> {
    memory: &'a dyn Memory,
    words: BTreeMap<u64, [u8; 8]>,
}

impl Memory for Damaged<'_> {
    fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        self.memory.read(addr, buf)?;
        let end = addr.0 + buf.len() as u64;
        for (at, word) in self.words.range(addr.0.saturating_sub(7)..end) {
            for (byte, place) in word.iter().zip(*at..) {
                let inside = place.checked_sub(addr.0).and_then(|nth| usize::try_from(nth).ok());
                if let Some(to) = inside.and_then(|nth| buf.get_mut(nth)) {
                    *to = *byte;
                }
            }
        }
        Ok(())
    }
}

/// A recorded process.
struct Recorded {
    evidence: Evidence,
    /// The words that are read of it.
    places: Vec<u64>,
}

impl Recorded {
    fn load(name: &str, asked: &Asked) -> Recorded {
        let evidence = recordings::load(name);
        let mut recorded = Recorded { evidence, places: Vec::new() };
        let words = RefCell::default();
        let watched = Watched { memory: &recorded.evidence.snapshot.memory, words };
        let modules = recorded.modules();
        assert!(recorded.visit(&modules, asked, true, &watched), "{name}: there is no Python");
        let places: Vec<u64> = watched.words.into_inner().into_iter().collect();
        drop(modules);
        assert!(places.len() > 1000, "{name}: only {} words are read", places.len());
        recorded.places = places;
        recorded
    }

    fn modules(&self) -> Modules<'_> {
        Modules::new(&self.evidence.files, &self.evidence.snapshot.mappings)
    }

    /// Has everything read that can be asked for, perhaps with what was found by a search of the
    /// whole memory. Tells whether there were threads.
    fn visit(
        &self,
        modules: &Modules<'_>,
        asked: &Asked,
        searched: bool,
        memory: &dyn Memory,
    ) -> bool {
        let snapshot = &self.evidence.snapshot;
        let tids: Vec<(Tid, Tid)> = snapshot.threads.iter().map(|t| t.facts.tids()).collect();
        let preview = Preview {
            mappings: &snapshot.mappings,
            modules,
            memory,
            tids: &tids,
            first: snapshot.target.process.pid,
        };
        let mut found = false;
        for runtime in RUNTIMES {
            let Some(visitor) = runtime.detect(&preview, &mut Vec::new()) else { continue };
            visitor.summary();
            let Ok(roster) = visitor.roster(memory) else { continue };
            visitor.holds(&roster, &|_| true, memory);
            visitor.search_for(memory);
            let mut search = Search::default();
            if let Some(recorded) = snapshot.searches.first().filter(|_| searched) {
                search = recorded.clone();
                visitor.sift(&mut search, &roster, memory);
            }
            let (search, wanted) = (&search, &|_| true);
            let visit = Visit { roster: &roster, wanted, asked, search, pages_only: false };
            found |= !visitor.visit(&visit, memory).threads.is_empty();
        }
        found
    }
}

/// Another word: one that stands somewhere else, an address that is read, a number, a bit more.
fn word(before: u64, places: &[u64], memory: &dyn Memory, random: &mut Random) -> u64 {
    let at = |random: &mut Random| places[random.below(places.len())];
    match random.below(6) {
        0 => before ^ 1 << random.below(64),
        1 => at(random),
        2 => NUMBERS[random.below(NUMBERS.len())],
        3 => before.wrapping_add(random.next() % 65).wrapping_sub(32),
        4 => random.next(),
        _ => number(memory, at(random)),
    }
}

fn number(memory: &dyn Memory, at: u64) -> u64 {
    let mut bytes = [0; 8];
    memory.read(Addr(at), &mut bytes).map_or(0, |()| u64::from_le_bytes(bytes))
}

/// Versions whose objects differ, and programs with all kinds of them.
const RECORDINGS: [&str; 5] =
    ["threads-3.8", "tasks-3.10", "threads-3.12", "greenlets-3.12", "threads-3.13t"];

#[test]
fn objects() {
    let objects = ["sys.modules", "sys.path", "os.environ", "__main__", "threading._active"];
    let objects = objects.map(str::to_owned).to_vec();
    let asked = Asked { locals: true, objects, secrets: Secrets::Masked, ..Asked::default() };
    let recorded = RECORDINGS.map(|name| Recorded::load(name, &asked));
    let modules: Vec<Modules<'_>> = recorded.iter().map(Recorded::modules).collect();

    // An input is a number, which tells the recording, and what is damaged: places with their words.
    let parse = |bytes: &[u8]| {
        let mut numbers = bytes.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap()));
        let number = usize::try_from(numbers.next().unwrap()).unwrap();
        let places: Vec<u64> = numbers.collect();
        let words = places.chunks_exact(2).map(|pair| (pair[0], pair[1].to_le_bytes())).collect();
        let which = number % RECORDINGS.len();
        let recorded = &recorded[which];
        let damaged = Damaged { memory: &recorded.evidence.snapshot.memory, words };
        let searched = (number / RECORDINGS.len()).is_multiple_of(2);
        recorded.visit(&modules[which], &asked, searched, &damaged);
    };
    campaign::run("objects of Python", parse, |random| {
        let number = random.below(2 * RECORDINGS.len());
        let Recorded { evidence, places } = &recorded[number % RECORDINGS.len()];
        let memory = &evidence.snapshot.memory;
        let pairs = (0..1 << random.below(7)).flat_map(|_| {
            let at = places[random.below(places.len())];
            [at, word(self::number(memory, at), places, memory, random)]
        });
        std::iter::once(number as u64).chain(pairs).flat_map(u64::to_le_bytes).collect()
    });
}
