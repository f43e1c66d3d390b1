//! The chain of coroutines, generators and asynchronous generators that wait for each other, from
//! the outermost inwards.
//!
//! One that is suspended in an `await` or `yield from` has what it waits for on the top of its
//! frame's stack of values. Between two of them lie small objects of the interpreter's own.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use crate::addr::Addr;
use crate::runtime::LanguageFrame;
use crate::runtime::python::frames::{Instruction, RawFrame, Walker, untagged};
use crate::runtime::python::layout::{Frame, GeneratorFrame, StackEnd};
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

/// The most links of one chain that are followed.
pub const MAX_LINKS: usize = 1000;

/// The most links of all chains of one visit.
const MAX_LINKS_TOTAL: usize = 2_000_000;

/// `YIELD_FROM` to 3.10 (`Include/opcode.h`).
const YIELD_FROM: u8 = 72;

/// The types of what has a frame.
const GENERATORS: [&str; 3] = ["coroutine", "generator", "async_generator"];

/// The types of what lies between them, and begins with a pointer to the next.
const WRAPPERS: [&str; 4] =
    ["coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable"];

/// Follows chains.
pub struct Coroutines<'a> {
    walker: &'a Walker<'a>,
    left: Cell<usize>,
    /// What objects of a type are, by the type.
    known: RefCell<HashMap<Addr, Link>>,
}

/// A chain that was followed.
#[derive(Debug, Default)]
pub struct Followed {
    /// The frames, innermost first.
    pub frames: Vec<LanguageFrame>,
    /// The innermost frame as it lies in memory.
    pub innermost: Option<RawFrame>,
    /// How it goes on behind the innermost.
    pub end: End,
    /// Why it was not followed further, if it goes on.
    pub broken: Option<Text>,
}

/// How a chain goes on behind its innermost frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// It does not: nothing is awaited, or that can not be told.
    #[default]
    Nothing,
    /// With an object that is no coroutine or generator.
    Object(Addr),
    /// With a coroutine that runs right now: its frames are those of a thread. Its own is the
    /// innermost of the chain.
    Running,
}

/// What a coroutine or generator is at.
enum Step {
    /// It has ended.
    Ended,
    /// It is not started, or suspended by a `yield`.
    Alone(RawFrame),
    /// It waits for an object.
    Awaits(RawFrame, Addr),
    /// It runs.
    Runs(RawFrame),
}

/// What a link of a chain is, by the name of its type.
#[derive(Clone, Copy)]
enum Link {
    /// It has a frame.
    Generator,
    /// The first field leads on.
    Wrapper,
    /// Neither.
    Other,
}

impl<'a> Coroutines<'a> {
    /// Follows chains with what this walker knows of code.
    pub fn new(walker: &'a Walker<'a>) -> Coroutines<'a> {
        Coroutines { walker, left: Cell::new(MAX_LINKS_TOTAL), known: RefCell::default() }
    }

    /// The chain from this coroutine inwards.
    pub fn follow(&self, coroutine: Addr) -> Followed {
        let mut chain = Followed::default();
        chain.broken = self.append(coroutine, &mut chain).err().map(Text::from);
        chain.frames.reverse();
        chain
    }

    fn append(&self, coroutine: Addr, chain: &mut Followed) -> Result<(), String> {
        let mut seen = HashSet::new();
        let mut link = coroutine;
        loop {
            if !seen.insert(link) {
                return Err(format!("its coroutines go in a circle at {link}"));
            }
            if seen.len() > MAX_LINKS {
                return Err(format!("the limit of {MAX_LINKS} coroutines was reached"));
            }
            let Some(left) = self.left.get().checked_sub(1) else {
                return Err(format!("the limit of {MAX_LINKS_TOTAL} coroutines was reached"));
            };
            self.left.set(left);
            match self.link(link) {
                Link::Other => {
                    chain.end = End::Object(link);
                    return Ok(());
                }
                Link::Wrapper => {
                    let first = self.walker.objects.layout.object.header;
                    let inner = self.walker.objects.pointer(link, first);
                    link = inner.ok_or_else(|| format!("no awaitable in the one at {link}"))?;
                }
                Link::Generator => {
                    let step = self.step(link);
                    match step.ok_or_else(|| format!("no coroutine at {link}"))? {
                        Step::Ended => return Ok(()),
                        Step::Alone(frame) => return self.push(frame, chain),
                        Step::Runs(frame) => {
                            self.push(frame, chain)?;
                            chain.end = End::Running;
                            return Ok(());
                        }
                        Step::Awaits(frame, awaited) => {
                            self.push(frame, chain)?;
                            link = awaited;
                        }
                    }
                }
            }
        }
    }

    fn push(&self, frame: RawFrame, chain: &mut Followed) -> Result<(), String> {
        let decoded = self.walker.decode(&frame);
        let decoded = decoded.ok_or_else(|| format!("no frame at {}", frame.addr))?;
        chain.frames.push(decoded);
        chain.innermost = Some(frame);
        Ok(())
    }

    fn link(&self, object: Addr) -> Link {
        let kind = self.walker.objects.pointer(object, self.walker.objects.layout.object.kind);
        let Some(kind) = kind else { return Link::Other };
        *self.known.borrow_mut().entry(kind).or_insert_with(|| {
            let is = |name: &&str| self.walker.objects.is_exactly(object, name);
            if GENERATORS.iter().any(is) {
                Link::Generator
            } else if WRAPPERS.iter().any(is) {
                Link::Wrapper
            } else {
                Link::Other
            }
        })
    }

    fn step(&self, generator: Addr) -> Option<Step> {
        let objects = &self.walker.objects;
        let (frame, progress) = match objects.layout.generator.frame {
            GeneratorFrame::Pointer(frame) => {
                let frame = objects.memory.ptr(generator.checked_add(frame)?).ok()?;
                (frame, if frame.is_null() { Progress::Ended } else { Progress::Suspended })
            }
            GeneratorFrame::Inside { frame, state } => {
                let state = objects.memory.u8(generator.checked_add(state)?).ok()?.cast_signed();
                let progress = Progress::of(objects.layout.version.minor(), state)?;
                (generator.checked_add(frame)?, progress)
            }
        };
        if progress == Progress::Ended {
            return Some(Step::Ended);
        }
        let raw = self.walker.raw(frame).ok()??;
        if progress == Progress::Runs {
            return Some(Step::Runs(raw));
        }
        if matches!(progress, Progress::Created | Progress::Yields) {
            return Some(Step::Alone(raw));
        }
        Some(match self.values(&raw)? {
            Values::Elsewhere => Step::Runs(raw),
            Values::Top(awaited) if progress == Progress::Awaits || self.is_in_await(&raw)? => {
                Step::Awaits(raw, awaited)
            }
            Values::Top(_) | Values::Empty => Step::Alone(raw),
        })
    }

    /// Whether a suspended frame is in an `await` or `yield from`, as its code tells (to 3.12; see
    /// `_PyGen_yf` in CPython's `Objects/genobject.c`).
    fn is_in_await(&self, frame: &RawFrame) -> Option<bool> {
        let objects = &self.walker.objects;
        match frame.at {
            Instruction::Number(number) => {
                let Ok(number) = u64::try_from(number) else { return Some(false) };
                let code = objects.pointer(frame.code, objects.layout.code.bytecode?)?;
                let next = number.checked_mul(objects.layout.code.unit)?.checked_add(2)?;
                let next = code.checked_add(objects.layout.bytes_data)?.checked_add(next)?;
                Some(objects.memory.u8(next).ok()? == YIELD_FROM)
            }
            Instruction::Address(at, _) => {
                // What comes next is `RESUME`, whose argument tells after what: 2 is a
                // `yield from`, 3 an `await`.
                let argument = objects.memory.u8(at.checked_add(3)?).ok()?;
                Some(matches!(argument, 2 | 3))
            }
        }
    }

    /// The stack of values of a frame.
    fn values(&self, frame: &RawFrame) -> Option<Values> {
        let objects = &self.walker.objects;
        let memory = objects.memory;
        let field = |offset| frame.addr.checked_add(offset);
        let (bottom, stack_end) = match &objects.layout.frame {
            Frame::Object(layout) => (memory.ptr(field(layout.stack)?).ok()?, layout.stack_end),
            Frame::Internal(layout) => (field(layout.variables)?, layout.stack_end),
        };
        let end = match stack_end {
            StackEnd::Pointer(offset) => memory.ptr(field(offset)?).ok()?,
            StackEnd::Depth(offset) | StackEnd::FromVariables(offset) => {
                let Ok(count) = u64::try_from(memory.i32(field(offset)?).ok()?) else {
                    return Some(Values::Elsewhere);
                };
                bottom.checked_add(count.checked_mul(8)?)?
            }
        };
        if end.is_null() {
            return Some(Values::Elsewhere);
        }
        // Since 3.15 a number lies on what is awaited.
        let depth = if objects.layout.version.minor() >= 15 { 16 } else { 8 };
        let top = Addr(end.0.checked_sub(depth)?);
        if top < bottom {
            return Some(Values::Empty);
        }
        Some(Values::Top(untagged(memory.ptr(top).ok()?)))
    }
}

/// The stack of values of a frame.
enum Values {
    /// The interpreter has it in hand: the frame runs.
    Elsewhere,
    /// Nothing is on it.
    Empty,
    /// This is on top.
    Top(Addr),
}

/// How far a generator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Created,
    /// Suspended; by what is not told.
    Suspended,
    /// Suspended by a `yield`.
    Yields,
    /// Suspended by a `yield from` or `await`.
    Awaits,
    Runs,
    Ended,
}

impl Progress {
    /// What `gi_frame_state` says: `enum _framestate` of `Include/internal/pycore_frame.h`.
    fn of(minor: u8, state: i8) -> Option<Progress> {
        Some(match (minor, state) {
            (11..=12, -2) | (13..=14, -3) | (15.., 0) => Progress::Created,
            (11..=12, -1) => Progress::Suspended,
            (13..=14, -2) | (15.., 1) => Progress::Yields,
            (13..=14, -1) | (15.., 2..=3) => Progress::Awaits,
            (11..=14, 0) | (15.., 4) => Progress::Runs,
            (11..=14, 1..=4) | (15.., 5) => Progress::Ended,
            _ => return None,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::fake::{AWAIT, CLEARED, CREATED, EXECUTING, SUSPENDED, YIELD};
    use super::*;
    use crate::runtime::python::fake::{Fake, V3_11};

    fn follow(fake: &Fake, coroutine: Addr) -> (Vec<String>, End, Option<String>) {
        let walker = Walker::new(fake, &V3_11);
        let chain = Coroutines::new(&walker).follow(coroutine);
        let names = chain.frames.iter().map(|frame| frame.function.raw().to_owned()).collect();
        (names, chain.end, chain.broken.map(|why| why.raw().to_owned()))
    }

    #[test]
    fn a_chain_goes_through_all_that_awaits_innermost_first() {
        let mut fake = Fake::new();
        let future = fake.wrapper("_asyncio.FutureIter", Addr(0));
        let mut link = future;
        for (kind, name) in [("generator", "d"), ("async_generator", "c"), ("coroutine", "b")] {
            link = fake.generator(kind, name, SUSPENDED, AWAIT, link);
            let wrapper = match kind {
                "generator" => "coroutine_wrapper",
                "async_generator" => "async_generator_asend",
                _ => "anext_awaitable",
            };
            link = fake.wrapper(wrapper, link);
        }
        let coroutine = fake.awaiting("a", link);
        let names = ["d", "c", "b", "a"].map(str::to_owned).to_vec();
        assert_eq!(follow(&fake, coroutine), (names, End::Object(future), None));
    }

    #[test]
    fn what_is_suspended_by_a_yield_or_not_started_awaits_nothing() {
        let mut fake = Fake::new();
        // What lies on its stack is something else: what it loops over.
        let other = fake.awaiting("other", Addr(0));
        let yields = fake.generator("generator", "f", SUSPENDED, YIELD, other);
        let created = fake.generator("coroutine", "f", CREATED, 0, other);
        for generator in [yields, created] {
            let names = vec!["f".to_owned()];
            assert_eq!(follow(&fake, generator), (names, End::Nothing, None));
        }
    }

    #[test]
    fn a_coroutine_that_runs_is_the_last_and_one_that_ended_is_none() {
        let mut fake = Fake::new();
        let other = fake.awaiting("other", Addr(0));
        let runs = fake.generator("coroutine", "f", EXECUTING, 0, other);
        let outer = fake.awaiting("outer", runs);
        let names = ["f", "outer"].map(str::to_owned).to_vec();
        assert_eq!(follow(&fake, outer), (names, End::Running, None));
        let ended = fake.generator("coroutine", "f", CLEARED, 0, other);
        assert_eq!(follow(&fake, ended), (Vec::new(), End::Nothing, None));
    }

    #[test]
    fn a_chain_that_goes_in_a_circle_ends_and_says_so() {
        let mut fake = Fake::new();
        let wrapper = fake.wrapper("coroutine_wrapper", Addr(0));
        let inner = fake.awaiting("inner", wrapper);
        let outer = fake.awaiting("outer", inner);
        fake.poke(wrapper.wrapping_add(V3_11.object.header), outer.0);
        let (names, _, broken) = follow(&fake, outer);
        assert_eq!(names, ["inner", "outer"]);
        assert!(broken.unwrap().contains("in a circle"));
    }

    #[test]
    fn a_chain_longer_than_the_limit_ends_and_says_so() {
        let mut fake = Fake::new();
        let mut link = Addr(0);
        for _ in 0..=MAX_LINKS {
            link = fake.awaiting("f", link);
        }
        let (names, _, broken) = follow(&fake, link);
        assert_eq!(names.len(), MAX_LINKS);
        assert!(broken.unwrap().contains("limit of 1000"));
    }

    #[test]
    fn garbage_ends_a_chain_and_keeps_what_was_read() {
        let mut fake = Fake::new();
        let unknown_state = fake.generator("coroutine", "f", 77, AWAIT, Addr(0));
        let nowhere = fake.wrapper("coroutine_wrapper", Addr(0));
        let no_code = fake.awaiting("f", Addr(0));
        let GeneratorFrame::Inside { frame, .. } = V3_11.generator.frame else { unreachable!() };
        let Frame::Internal(layout) = &V3_11.frame else { unreachable!() };
        fake.poke(no_code.wrapping_add(frame + layout.code), nowhere.0);
        for (bad, why) in [
            (unknown_state, "no coroutine at 0x"),
            (nowhere, "no awaitable in the one at 0x"),
            (no_code, "no frame at 0x"),
        ] {
            let outer = fake.awaiting("outer", bad);
            let (names, _, broken) = follow(&fake, outer);
            assert_eq!(names, ["outer"]);
            assert!(broken.unwrap().starts_with(why));
        }
        // What is no object at all is not followed.
        let outer = fake.awaiting("outer", Addr(8));
        assert_eq!(follow(&fake, outer).1, End::Object(Addr(8)));
    }
}
