//! Unwinding: from registers and memory to the chain of callers. It knows addresses only: no
//! names, no paths, no languages.

pub mod cfi;
mod evaluate;
mod scan;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::addr::{Addr, CodeAddr};
use crate::arch::Registers;
use crate::module::{Module, Modules};
use crate::native::cfi::{Cfi, Rules};
use crate::stack::Trust;
use crate::target::memory::{Fault, Memory, MemoryExt as _};
use crate::target::{Mapping, mapping_at};

/// The most frames of one stack that are walked.
pub const MAX_FRAMES: usize = 250_000;

/// How often a stack may go on at a lower address: from a signal stack to the interrupted one.
const MAX_STACK_SWITCHES: usize = 64;

/// A frame, as an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFrame {
    /// Where in the code.
    pub address: CodeAddr,
    /// The stack pointer in it.
    pub sp: Option<Addr>,
    /// How it was found.
    pub trust: Trust,
    /// Whether it is no function's, but the kernel's return from a signal handler.
    pub signal: bool,
}

/// A stack of addresses, innermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawStack {
    /// At least the frame of the registers.
    pub frames: Vec<RawFrame>,
    /// Why there are no more.
    pub end: RawEnd,
}

/// Why a stack of addresses ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawEnd {
    /// The rules say that there is no caller.
    Root,
    /// [`MAX_FRAMES`].
    Limit,
    /// The caller's frame could not be read.
    Fault(Fault),
    /// No rules for this address, and no chain of frame pointers to follow.
    NoRules(Addr),
    /// The rules lead back down the stack: it is damaged, or they are wrong.
    Loop(Addr),
    /// The rules can not be evaluated (an unknown register, a damaged expression).
    Rules(Addr),
}

/// Unwinds stacks of one process; what is learned from one stack serves the next.
pub struct Unwinder<'u, 'a> {
    modules: &'u Modules<'a>,
    mappings: &'u [Mapping],
    memory: &'u dyn Memory,
    cfi: RefCell<HashMap<Addr, Option<Rc<Cfi<'a>>>>>,
}

/// How often a frame of one stack is looked for on it: that takes as long as a hundred others.
const MAX_SCANS: usize = 16;

/// How far a stack is followed to see whether it leads to its root.
const MAX_TRIED: usize = 1024;

/// A step outwards.
enum Step {
    To(Registers, Trust, CodeAddr),
    End(RawEnd),
}

impl<'u, 'a> Unwinder<'u, 'a> {
    /// An unwinder for a process with these modules and this memory.
    pub fn new(
        modules: &'u Modules<'a>,
        mappings: &'u [Mapping],
        memory: &'u dyn Memory,
    ) -> Unwinder<'u, 'a> {
        Unwinder { modules, mappings, memory, cfi: RefCell::default() }
    }

    /// The stack of a thread with these registers. It always has its first frame, and always
    /// ends.
    pub fn unwind(&self, registers: &Registers) -> RawStack {
        self.unwind_within(registers, MAX_FRAMES, MAX_SCANS)
    }

    fn unwind_within(
        &self,
        registers: &Registers,
        max_frames: usize,
        mut scans: usize,
    ) -> RawStack {
        let mut registers = registers.clone();
        let mut address = CodeAddr::Exact(registers.pc);
        let mut frames =
            vec![RawFrame { address, sp: registers.sp(), trust: Trust::Registers, signal: false }];
        let mut switches = 0;
        let mut guessed = false;
        loop {
            if frames.len() >= max_frames {
                return RawStack { frames, end: RawEnd::Limit };
            }
            let (next, trust, to) = match self.step(&registers, address, &mut scans) {
                Step::To(next, trust, to) => (next, trust, to),
                Step::End(end) => return RawStack { frames, end },
            };
            // Whatever follows from a guess is one.
            guessed |= trust == Trust::Scan;
            let trust = if guessed { Trust::Scan } else { trust };
            if next.sp() <= registers.sp() {
                switches += 1;
                if switches > MAX_STACK_SWITCHES {
                    return RawStack { frames, end: RawEnd::Loop(address.shown()) };
                }
            }
            if let (CodeAddr::Exact(_), Some(last)) = (to, frames.last_mut()) {
                last.signal = true;
            }
            frames.push(RawFrame { address: to, sp: next.sp(), trust, signal: false });
            (registers, address) = (next, to);
        }
    }

    fn step(&self, registers: &Registers, address: CodeAddr, scans: &mut usize) -> Step {
        let lookup = address.lookup();
        let found = self.modules.find(lookup).and_then(|module| {
            let cfi = self.cfi(module)?;
            let rules = cfi.rules(module.file_addr(lookup)?)?;
            Some((module, cfi, rules))
        });
        let Some((module, cfi, rules)) = found else {
            return self.by_frame_pointer(registers, lookup);
        };
        match self.by_rules(registers, &cfi, &rules, address) {
            Step::End(RawEnd::Rules(at)) if *scans > 0 => {
                *scans -= 1;
                let found = self.by_scan(registers, module, &cfi, &rules);
                found.unwrap_or(Step::End(RawEnd::Rules(at)))
            }
            step => step,
        }
    }

    /// Where a register is missing: by what the call left on the stack. What is not certain is believed
    /// if it leads to the root.
    fn by_scan(
        &self,
        registers: &Registers,
        module: &Module<'_>,
        cfi: &Cfi<'a>,
        rules: &Rules,
    ) -> Option<Step> {
        let candidates = scan::candidates(registers, rules, module, self.modules, self.memory);
        let steps = candidates.into_iter().filter_map(|found| {
            match self.by_rules(&found.registers, cfi, rules, CodeAddr::Return(registers.pc)) {
                Step::To(next, _, to) => Some((found.certain, next, to)),
                Step::End(_) => None,
            }
        });
        let steps: Vec<_> = steps.collect();
        let certain = steps.iter().position(|(certain, ..)| *certain);
        let rooted = || {
            let ends = |next| self.unwind_within(next, MAX_TRIED, 0).end == RawEnd::Root;
            steps.iter().position(|(_, next, _)| ends(next))
        };
        let (_, next, to) = steps.get(certain.or_else(rooted)?)?;
        Some(Step::To(next.clone(), Trust::Scan, *to))
    }

    fn cfi(&self, module: &Module<'a>) -> Option<Rc<Cfi<'a>>> {
        let key = module.mappings().first()?.start;
        if let Some(known) = self.cfi.borrow().get(&key) {
            return known.clone();
        }
        let cfi = module.image().ok().map(|image| Rc::new(Cfi::new(image)));
        self.cfi.borrow_mut().insert(key, cfi.clone());
        cfi
    }

    fn by_rules(
        &self,
        registers: &Registers,
        cfi: &Cfi<'a>,
        rules: &Rules,
        address: CodeAddr,
    ) -> Step {
        let next = match evaluate::caller(registers, cfi, rules, self.memory) {
            Ok(Some(next)) => next,
            Ok(None) => return Step::End(RawEnd::Root),
            Err(evaluate::Failure::Memory(fault)) => return Step::End(RawEnd::Fault(fault)),
            Err(evaluate::Failure::Rules) => return Step::End(RawEnd::Rules(registers.pc)),
        };
        if next.pc.is_null() {
            return Step::End(RawEnd::Root);
        }
        // Only the kernel's return from a signal, or a switch of stacks made by hand, goes down. The
        // innermost function may have nothing on the stack: glibc's vfork keeps its return address in a
        // register.
        let is_leaf = matches!(address, CodeAddr::Exact(_)) && next.sp() == registers.sp();
        if next.sp() <= registers.sp() && !rules.signal && !is_leaf {
            return Step::End(RawEnd::Loop(registers.pc));
        }
        let to = if rules.signal { CodeAddr::Exact(next.pc) } else { CodeAddr::Return(next.pc) };
        Step::To(next, Trust::Cfi, to)
    }

    /// Without rules: a chain of frame pointers, where there is one. A guess, checked as far as
    /// it can be: the chain goes up, and returns into code.
    fn by_frame_pointer(&self, registers: &Registers, at: Addr) -> Step {
        let none = Step::End(RawEnd::NoRules(at));
        let (Some(fp), Some(sp)) = (registers.fp(), registers.sp()) else { return none };
        if fp < sp || fp.0 % 8 != 0 {
            return none;
        }
        let (Ok(caller_fp), Ok(pc)) = (self.memory.u64(fp), self.memory.ptr(fp.wrapping_add(8)))
        else {
            return none;
        };
        let into_code = mapping_at(self.mappings, pc).is_some_and(|mapping| mapping.executable);
        if !into_code {
            return none;
        }
        let numbers = registers.arch.numbers();
        let mut next = Registers::new(registers.arch, pc);
        next.thread_pointer = registers.thread_pointer;
        next.set(numbers.fp, Some(caller_fp));
        next.set(numbers.sp, Some(fp.0.wrapping_add(16)));
        Step::To(next, Trust::FramePointer, CodeAddr::Return(pc))
    }
}
