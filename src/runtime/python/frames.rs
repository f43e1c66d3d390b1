//! The chain of frames of one thread, innermost first.
//!
//! A code object is decoded once for each visit, however many frames run it. The chain may be
//! torn (the thread runs while it is read) or garbage: it is followed as far as it makes sense,
//! and what stopped it is told.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::lines::Lines;
use super::objects::Objects;
use super::offsets::Layout;
use crate::addr::Addr;
use crate::runtime::LanguageFrame;
use crate::target::memory::{Fault, Memory, MemoryExt as _};
use crate::text::Text;

/// The most frames of one thread that are followed.
pub const MAX_FRAMES: usize = 100_000;

/// The most frames of one visit, all threads together.
pub const MAX_FRAMES_TOTAL: usize = 500_000;

/// The longest location table that is read, in bytes. It has one byte or more for each
/// instruction; the largest of the standard library has 11 KiB.
pub const MAX_LINE_TABLE: u64 = 4 << 20;

/// The most bytes of location tables that one visit reads.
const MAX_LINE_TABLES_TOTAL: u64 = 64 << 20;

/// Reads the frames of threads, with what it learnt of their code.
pub struct Walker<'a> {
    objects: Objects<'a>,
    codes: RefCell<HashMap<Addr, Option<Rc<Code>>>>,
    frames_left: Cell<usize>,
    tables_left: Cell<u64>,
}

/// What is known of a code object.
struct Code {
    file: Text,
    name: Text,
    lines: Lines,
    /// Where its instructions begin.
    start: Addr,
    /// The first instruction of which a frame counts as running, by its address.
    first_traceable: Addr,
}

/// The frames of one thread.
#[derive(Debug)]
pub struct Chain {
    /// Where on the machine's stack its innermost activation of the evaluation function is.
    pub activation: Addr,
    /// The frames, innermost first.
    pub frames: Vec<LanguageFrame>,
    /// Why there are no more, if it is not because the last is the outermost.
    pub broken: Option<Text>,
}

/// A frame as it lies in memory.
struct RawFrame {
    code: Addr,
    previous: Addr,
    instruction: Addr,
    is_entry: u8,
    owner: u8,
}

impl<'a> Walker<'a> {
    /// A walker over this memory that knows no code yet.
    pub fn new(memory: &'a dyn Memory, layout: &'a Layout) -> Walker<'a> {
        Walker {
            objects: Objects { memory, layout },
            codes: RefCell::new(HashMap::new()),
            frames_left: Cell::new(MAX_FRAMES_TOTAL),
            tables_left: Cell::new(MAX_LINE_TABLES_TOTAL),
        }
    }

    fn memory(&self) -> &'a dyn Memory {
        self.objects.memory
    }

    /// The frames of a thread.
    pub fn chain(&self, thread: Addr) -> Chain {
        let mut chain = Chain { activation: Addr(0), frames: Vec::new(), broken: None };
        if let Err(why) = self.follow(thread, &mut chain) {
            chain.broken = Some(why.into());
        }
        chain
    }

    /// The innermost frame of a thread, and where its activation is.
    pub fn innermost(&self, thread: Addr) -> Result<(Addr, Addr), Fault> {
        let layout = &self.objects.layout.thread;
        let activation = self.memory().ptr(thread.wrapping_add(layout.cframe))?;
        let frame = self.memory().ptr(activation.wrapping_add(layout.cframe_current_frame))?;
        Ok((activation, frame))
    }

    fn follow(&self, thread: Addr, chain: &mut Chain) -> Result<(), String> {
        let (activation, mut frame) =
            self.innermost(thread).map_err(|fault| format!("its first frame: {fault}"))?;
        chain.activation = activation;
        let mut loops = LoopDetector::default();
        let mut walked = 0;
        while !frame.is_null() {
            if walked == MAX_FRAMES {
                return Err(format!("the limit of {MAX_FRAMES} frames was reached"));
            }
            if self.frames_left.get() == 0 {
                return Err(format!("the limit of {MAX_FRAMES_TOTAL} frames in all was reached"));
            }
            if loops.sees_again(frame) {
                return Err(format!("its frames go in a circle at {frame}"));
            }
            walked += 1;
            self.frames_left.set(self.frames_left.get() - 1);
            let raw = self.raw(frame).map_err(|fault| format!("the frame at {frame}: {fault}"))?;
            chain.frames.push(self.decode(&raw).ok_or_else(|| format!("no frame at {frame}"))?);
            frame = raw.previous;
        }
        Ok(())
    }

    fn raw(&self, frame: Addr) -> Result<RawFrame, Fault> {
        let layout = &self.objects.layout.frame;
        let memory = self.memory();
        Ok(RawFrame {
            code: memory.ptr(frame.wrapping_add(layout.code))?,
            previous: memory.ptr(frame.wrapping_add(layout.previous))?,
            instruction: memory.ptr(frame.wrapping_add(layout.instruction))?,
            is_entry: memory.u8(frame.wrapping_add(layout.is_entry))?,
            owner: memory.u8(frame.wrapping_add(layout.owner))?,
        })
    }

    fn decode(&self, raw: &RawFrame) -> Option<LanguageFrame> {
        let layout = &self.objects.layout.frame;
        if raw.owner > layout.last_owner || raw.is_entry > 1 {
            return None;
        }
        let code = self.code(raw.code)?;
        // As `_PyFrame_IsIncomplete` decides: the function's cells are still being made.
        let incomplete =
            raw.owner != layout.owned_by_generator && raw.instruction < code.first_traceable;
        let offset = raw.instruction.0.checked_sub(code.start.0);
        Some(LanguageFrame {
            function: code.name.clone(),
            file: code.file.clone(),
            line: code.lines.at(offset),
            entry: raw.is_entry == 1,
            hidden: incomplete,
        })
    }

    /// Whether this is a code object, by the name of its type.
    pub fn is_code(&self, object: Addr) -> bool {
        self.objects.is_exactly(object, "code")
    }

    /// The code object of a frame, not yet believed to be one.
    pub fn code_of(&self, frame: Addr) -> Result<(Addr, Addr), Fault> {
        self.raw(frame).map(|raw| (raw.code, raw.previous))
    }

    fn code(&self, object: Addr) -> Option<Rc<Code>> {
        if let Some(known) = self.codes.borrow().get(&object) {
            return known.clone();
        }
        let code = self.read_code(object).map(Rc::new);
        self.codes.borrow_mut().insert(object, code.clone());
        code
    }

    fn read_code(&self, object: Addr) -> Option<Code> {
        let layout = &self.objects.layout.code;
        if !self.is_code(object) {
            return None;
        }
        let text = |offset| self.objects.text(self.objects.pointer(object, offset)?);
        let number = |offset| self.memory().i32(object.checked_add(offset)?).ok();
        let start = object.checked_add(layout.instructions)?;
        let untraceable = u64::try_from(number(layout.first_traceable)?).ok()?;
        let first_line = number(layout.first_line)?;
        // Without its table a frame still has its name.
        let table = self.line_table(object).unwrap_or_default();
        Some(Code {
            file: text(layout.file)?,
            name: text(layout.name)?,
            lines: Lines::parse(&table, first_line),
            start,
            first_traceable: start.checked_add(untraceable.checked_mul(layout.unit)?)?,
        })
    }

    fn line_table(&self, code: Addr) -> Option<Vec<u8>> {
        let table = self.objects.pointer(code, self.objects.layout.code.line_table)?;
        let table = self.objects.bytes(table, MAX_LINE_TABLE.min(self.tables_left.get()))?;
        self.tables_left.set(self.tables_left.get() - table.len() as u64);
        Some(table)
    }
}

/// Finds a chain that goes in a circle, with one address of memory (Brent's algorithm).
#[derive(Default)]
pub struct LoopDetector {
    milestone: Addr,
    steps: usize,
    next_milestone: usize,
}

impl LoopDetector {
    /// Whether this link was passed before, told at the latest when the chain has been followed
    /// three times the length of what is new in it.
    pub fn sees_again(&mut self, link: Addr) -> bool {
        if self.steps > 0 && link == self.milestone {
            return true;
        }
        if self.steps == self.next_milestone {
            self.milestone = link;
            self.next_milestone = self.next_milestone * 2 + 1;
        }
        self.steps += 1;
        false
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::fake::{Activation, Fake};
    use super::super::offsets::V3_11;
    use super::*;

    fn chain(fake: &Fake, thread: Addr) -> Chain {
        Walker::new(fake, &V3_11).chain(thread)
    }

    fn shown(chain: &Chain) -> Vec<(&str, Option<u32>, bool)> {
        chain.frames.iter().map(|f| (f.function.raw(), f.line, f.entry)).collect()
    }

    #[test]
    fn frames_have_their_function_file_line_and_entry() {
        let mut fake = Fake::new();
        let (inner, outer) = (fake.code("größe", "/srv/ä.py", 10), fake.code("main", "m.py", 1));
        let frame = fake.frames(&[
            Activation { code: inner, instruction: 4, entry: false, owner: 0 },
            Activation { code: outer, instruction: 2, entry: true, owner: 0 },
        ]);
        let thread = fake.thread(7, frame);
        let chain = chain(&fake, thread);
        assert_eq!(shown(&chain), [("größe", Some(12), false), ("main", Some(2), true)]);
        assert_eq!(chain.frames[0].file.raw(), "/srv/ä.py");
        assert_eq!(chain.broken, None);
    }

    #[test]
    fn a_frame_that_is_not_complete_is_hidden_unless_a_generator_owns_it() {
        let mut fake = Fake::new();
        let code = fake.code("f", "f.py", 1);
        let frame = fake.frames(&[
            Activation { code, instruction: 0, entry: true, owner: 0 },
            Activation { code, instruction: -2, entry: true, owner: 1 },
            Activation { code, instruction: 2, entry: true, owner: 0 },
        ]);
        let thread = fake.thread(7, frame);
        let chain = chain(&fake, thread);
        let hidden: Vec<bool> = chain.frames.iter().map(|frame| frame.hidden).collect();
        assert_eq!(hidden, [true, false, false]);
        // A generator that is about to start stands before its first instruction.
        assert_eq!(chain.frames[1].line, Some(1));
    }

    #[test]
    fn a_chain_that_goes_in_a_circle_ends_and_says_so() {
        let mut fake = Fake::new();
        let code = fake.code("f", "f.py", 1);
        let frame = fake.frames(&[Activation { code, instruction: 2, entry: true, owner: 0 }; 50]);
        let last = frame.wrapping_add(0);
        let thread = fake.thread(7, frame);
        // The outermost frame was placed first: let it lead back to the innermost.
        let outermost = (0..50).fold(last, |frame, step| {
            if step == 49 { frame } else { fake.ptr(frame.wrapping_add(48)).unwrap() }
        });
        fake.poke(outermost.wrapping_add(V3_11.frame.previous), last.0);
        let chain = chain(&fake, thread);
        assert!(chain.frames.len() < 300, "{}", chain.frames.len());
        assert!(chain.broken.unwrap().raw().contains("in a circle"));
    }

    #[test]
    fn a_chain_longer_than_the_limit_ends_and_says_so() {
        let mut fake = Fake::new();
        let code = fake.code("f", "f.py", 1);
        let one = Activation { code, instruction: 2, entry: false, owner: 0 };
        let frame = fake.frames(&vec![one; MAX_FRAMES + 1]);
        let thread = fake.thread(7, frame);
        let chain = chain(&fake, thread);
        assert_eq!(chain.frames.len(), MAX_FRAMES);
        assert!(chain.broken.unwrap().raw().contains("limit of 100000"));
    }

    #[test]
    fn what_is_no_frame_ends_the_chain_and_keeps_what_was_read() {
        let mut fake = Fake::new();
        let code = fake.code("f", "f.py", 1);
        let no_code = fake.string("f");
        let good = Activation { code, instruction: 2, entry: true, owner: 0 };
        for bad in [Activation { code: no_code, ..good }, Activation { owner: 3, ..good }] {
            let frame = fake.frames(&[good, bad, good]);
            let thread = fake.thread(7, frame);
            let chain = chain(&fake, thread);
            assert_eq!(chain.frames.len(), 1);
            assert!(chain.broken.unwrap().raw().starts_with("no frame at 0x"));
        }
        let thread = fake.thread(7, Addr(8));
        assert!(chain(&fake, thread).broken.unwrap().raw().contains("is not mapped"));
    }
}
