//! The chain of frames of one thread, generator or greenlet, innermost first.
//!
//! The chain may be torn (the thread runs while it is read) or garbage: it is followed as far as
//! it makes sense, and what stopped it is told.

use std::cell::Cell;
use std::rc::Rc;

use super::code::{Code, Codes};
use super::layout::{Frame, FrameObject, InnermostFrame, InternalFrame, Layout};
use super::objects::Objects;
use super::value::{self, Values};
use crate::addr::Addr;
use crate::mask::Secrets;
use crate::note::Note;
use crate::runtime::LanguageFrame;
use crate::target::memory::{Fault, Memory, MemoryExt as _};
use crate::text::Text;

/// The most frames of one chain that are followed.
pub const MAX_FRAMES: usize = 100_000;

/// The most frames of one visit, all chains together.
pub const MAX_FRAMES_TOTAL: usize = 500_000;

/// Reads the frames of threads, with what it learnt of their code.
pub struct Walker<'a> {
    /// The objects of the process.
    pub objects: Objects<'a>,
    codes: Codes<'a>,
    frames_left: Cell<usize>,
    pages_only: bool,
    /// Reads local variables, if they are wanted.
    values: Option<Values<'a>>,
}

/// The frames of one flow of control.
#[derive(Debug, Default)]
pub struct Chain {
    /// Where on the machine's stack its innermost activation of the evaluation function is, if
    /// that can be told.
    pub activation: Addr,
    /// The frames, innermost first.
    pub frames: Vec<LanguageFrame>,
    /// Why there are no more, if it is not because the last is the outermost.
    pub broken: Option<Text>,
}

/// A frame as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFrame {
    /// Where it lies.
    pub addr: Addr,
    /// Its code object.
    pub code: Addr,
    /// The next frame outwards.
    pub previous: Addr,
    /// The instruction that it is at.
    pub at: Instruction,
    /// Whether native code entered the evaluation function for it, if the frame itself tells.
    pub entry: bool,
    /// Whose it is.
    pub owner: Owner,
}

/// The instruction that a frame is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Its address; and which copy of the code it is in, where there are copies (3.11+).
    Address(Addr, Option<i32>),
    /// Its number, in units; -1 before the first (to 3.10).
    Number(i32),
}

/// Whose a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A function's.
    Function,
    /// A generator's or coroutine's.
    Generator,
    /// Nobody's: it stands for the native code that entered the evaluation function (3.12+).
    Native,
}

impl<'a> Walker<'a> {
    /// A walker over this memory that knows no code yet.
    pub fn new(memory: &'a dyn Memory, layout: &'a Layout) -> Walker<'a> {
        let objects = Objects { memory, layout };
        Walker {
            objects,
            codes: Codes::new(objects),
            frames_left: Cell::new(MAX_FRAMES_TOTAL),
            pages_only: false,
            values: None,
        }
    }

    /// The same, and every frame has its local variables, with this done to secrets in them.
    pub fn with_locals(mut self, secrets: Secrets) -> Walker<'a> {
        self.values = Some(Values::new(self.objects, value::LOCALS).with_secrets(secrets));
        self
    }

    /// What there is to say of the local variables.
    pub fn note_of_locals(&self) -> Option<Note> {
        let used_up = self.values.as_ref().is_some_and(Values::is_used_up);
        let text = format!(
            "the limit of {} values was reached: the frames read last lack some or all",
            value::LOCALS.total
        );
        used_up.then(|| Note::missing("locals", text))
    }

    /// The same, but it only reads what it takes: its chains have no frames.
    pub fn pages_only(self) -> Walker<'a> {
        Walker { pages_only: true, ..self }
    }

    fn memory(&self) -> &'a dyn Memory {
        self.objects.memory
    }

    /// The frames of a thread.
    pub fn chain(&self, thread: Addr) -> Chain {
        let mut chain = Chain::default();
        let followed = match self.innermost(thread) {
            Ok((activation, frame)) => {
                chain.activation = activation;
                self.follow(frame, &mut chain)
            }
            Err(fault) => Err(format!("its first frame: {fault}")),
        };
        chain.broken = followed.err().map(Text::from);
        chain
    }

    /// The frames from this one outwards.
    pub fn chain_from(&self, frame: Addr) -> Chain {
        let mut chain = Chain::default();
        chain.broken = self.follow(frame, &mut chain).err().map(Text::from);
        chain
    }

    /// The innermost frame of a thread, and where its activation is, if that can be told.
    pub fn innermost(&self, thread: Addr) -> Result<(Addr, Addr), Fault> {
        match self.objects.layout.thread.frame {
            InnermostFrame::Direct(frame) => {
                Ok((Addr(0), self.memory().ptr(thread.wrapping_add(frame))?))
            }
            InnermostFrame::Indirect { cframe, current } => {
                let activation = self.memory().ptr(thread.wrapping_add(cframe))?;
                Ok((activation, self.memory().ptr(activation.wrapping_add(current))?))
            }
        }
    }

    fn follow(&self, innermost: Addr, chain: &mut Chain) -> Result<(), String> {
        let mut frame = innermost;
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
            let raw = raw.ok_or_else(|| format!("no frame at {frame}"))?;
            if raw.owner == Owner::Native {
                // It lies where the evaluation function was entered for the frame before.
                if chain.activation.is_null() {
                    chain.activation = frame;
                }
                // Outwards of it can be another: the bottom of the thread's stack (3.15).
                if let Some(last) = chain.frames.last_mut().filter(|last| !last.entry) {
                    last.entry = true;
                    last.activation = Some(frame);
                }
            } else if self.pages_only {
                self.codes.get(raw.code).ok_or_else(|| format!("no frame at {frame}"))?;
            } else {
                chain.frames.push(self.decode(&raw).ok_or_else(|| format!("no frame at {frame}"))?);
            }
            frame = raw.previous;
        }
        Ok(())
    }

    /// The frame at this address, not yet believed to be one. `None` if it contradicts itself.
    pub fn raw(&self, frame: Addr) -> Result<Option<RawFrame>, Fault> {
        match &self.objects.layout.frame {
            Frame::Object(layout) => self.raw_object(layout, frame).map(Some),
            Frame::Internal(layout) => self.raw_internal(layout, frame),
        }
    }

    fn raw_object(&self, layout: &FrameObject, addr: Addr) -> Result<RawFrame, Fault> {
        let memory = self.memory();
        Ok(RawFrame {
            addr,
            code: memory.ptr(addr.wrapping_add(layout.code))?,
            previous: memory.ptr(addr.wrapping_add(layout.previous))?,
            at: Instruction::Number(memory.i32(addr.wrapping_add(layout.instruction))?),
            // Every call of a function in Python entered the evaluation function anew.
            entry: true,
            owner: Owner::Function,
        })
    }

    fn raw_internal(&self, layout: &InternalFrame, addr: Addr) -> Result<Option<RawFrame>, Fault> {
        let head = Head::read(self.memory(), layout, addr)?;
        let entry = layout.is_entry.map_or(0, |offset| head.byte(offset));
        let owner = head.byte(layout.owner);
        if owner > layout.last_owner || entry > 1 {
            return Ok(None);
        }
        let copy = layout.copy_index.map(|offset| head.word(offset) as i32);
        let instruction = Addr(head.word(layout.instruction));
        Ok(Some(RawFrame {
            addr,
            code: untagged(Addr(head.word(layout.code))),
            previous: Addr(head.word(layout.previous)),
            at: Instruction::Address(instruction, copy),
            entry: entry == 1,
            owner: if layout.first_native_owner.is_some_and(|first| owner >= first) {
                Owner::Native
            } else if owner == layout.owned_by_generator {
                Owner::Generator
            } else {
                Owner::Function
            },
        }))
    }

    /// What a frame runs.
    pub fn decode(&self, raw: &RawFrame) -> Option<LanguageFrame> {
        let code = self.codes.get(raw.code)?;
        let offset = match raw.at {
            Instruction::Number(number) => {
                let number = u64::try_from(number).ok();
                number.and_then(|number| number.checked_mul(self.objects.layout.code.unit))
            }
            Instruction::Address(at, copy) => {
                let copy = copy.and_then(|index| self.codes.copy(raw.code, index));
                at.0.checked_sub(copy.unwrap_or(code.start).0)
            }
        };
        // As `_PyFrame_IsIncomplete` decides: the function's cells are still being made.
        let started = offset.is_some_and(|offset| offset >= code.first_traceable);
        let incomplete = matches!(raw.at, Instruction::Address(..)) && !started;
        let hidden = incomplete && raw.owner == Owner::Function;
        let values = self.values.as_ref().filter(|_| !hidden);
        Some(LanguageFrame {
            address: raw.addr,
            function: code.name.clone(),
            qualified_name: code.qualified_name.clone(),
            file: code.file.clone(),
            line: code.lines.at(offset),
            entry: raw.entry,
            activation: None,
            hidden,
            locals: values.map_or_else(Vec::new, |values| values.locals(raw.addr, raw.code)),
        })
    }

    /// The code object at this address, if it is one.
    pub fn code(&self, object: Addr) -> Option<Rc<Code>> {
        self.codes.get(object)
    }

    /// Whether this is a code object.
    pub fn is_code(&self, object: Addr) -> bool {
        self.codes.is_code(object)
    }
}

/// What comes before a frame's local variables, read at once: frames are most of what is read.
struct Head([u8; Head::LEN]);

impl Head {
    /// The longest that is read; that of 3.14 has 80 bytes.
    const LEN: usize = 128;

    fn read(memory: &dyn Memory, layout: &InternalFrame, addr: Addr) -> Result<Head, Fault> {
        let mut head = Head([0; Head::LEN]);
        let len = usize::try_from(layout.variables).unwrap_or(Head::LEN).min(Head::LEN);
        memory.read(addr, head.0.get_mut(..len).unwrap_or_default())?;
        Ok(head)
    }

    /// A number; 0 where the layout says that it lies further on.
    fn word(&self, offset: u64) -> u64 {
        let bytes = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..));
        bytes.and_then(|bytes| bytes.first_chunk()).copied().map_or(0, u64::from_le_bytes)
    }

    fn byte(&self, offset: u64) -> u8 {
        usize::try_from(offset).ok().and_then(|offset| self.0.get(offset)).copied().unwrap_or(0)
    }
}

/// A reference without the bits that tell how it is counted (3.14+); objects are aligned.
pub fn untagged(reference: Addr) -> Addr {
    Addr(reference.0 & !3)
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
    use super::super::fake::{Activation, Fake, V3_11, frame_layout};
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
        fake.poke(outermost.wrapping_add(frame_layout().previous), last.0);
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
