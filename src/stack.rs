//! Stacks as the report shows them: frames, how far they are to be trusted, and why they end.

use serde::{Deserialize, Serialize};

use crate::addr::Addr;
use crate::text::Text;
use crate::value::Local;

/// How a frame was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// From the registers of the thread: certain.
    Registers,
    /// From the caller's rules for unwinding (`.eh_frame`, `.debug_frame`): certain, if the
    /// stack is intact.
    Cfi,
    /// From a chain of frame pointers, where no rules were found: a guess.
    FramePointer,
    /// From what a call left on the stack, where the rules count from a register that is not known, or
    /// from a frame that was found so: a guess.
    Scan,
    /// From the data of the language's runtime.
    Runtime,
}

impl Trust {
    /// Whether it may be wrong on a stack that is intact.
    pub fn is_guess(self) -> bool {
        matches!(self, Trust::FramePointer | Trust::Scan)
    }
}

/// The language that a frame was written in, as far as its origin tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Machine code: C, C++, Rust and what else the compiler made of it.
    Native,
    /// A frame of CPython's interpreter.
    Python,
}

/// One activation of a function. What is not known is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// The function's name, demangled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<Text>,
    /// The same with what it was defined in, where the language has such a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualified_name: Option<Text>,
    /// The source file, as the compiler or interpreter names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Text>,
    /// The line in it, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The text of that line, without its indentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Text>,
    /// The file that the machine code was mapped from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<Text>,
    /// Where in the process: the program counter, or the return address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Addr>,
    /// The same place in the module, as its ELF file counts (what `addr2line` takes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_address: Option<Addr>,
    /// Native code, or the runtime that it belongs to.
    pub language: Language,
    /// Whether the compiler dissolved this function into the one that follows outwards.
    pub inlined: bool,
    /// How it was found.
    pub trust: Trust,
    /// Machinery of a language's runtime outwards of the language's own frames: left out of the
    /// formats for eyes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
    /// The stack pointer in it, of a native frame: for putting stacks together, not for the report.
    #[serde(skip)]
    pub sp: Option<Addr>,
    /// Its local variables, if they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locals: Vec<Local>,
}

impl Frame {
    /// A frame of which nothing is known yet but where it comes from.
    pub fn new(language: Language, trust: Trust) -> Frame {
        Frame {
            function: None,
            qualified_name: None,
            file: None,
            line: None,
            source: None,
            module: None,
            address: None,
            module_address: None,
            language,
            inlined: false,
            trust,
            internal: false,
            sp: None,
            locals: Vec::new(),
        }
    }
}

/// Why a stack has no further frames outwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason", content = "why")]
pub enum StackEnd {
    /// The thread's first function was reached.
    #[default]
    Root,
    /// A limit of guru's was reached; the stack goes on.
    Limit(Text),
    /// The next frame could not be found.
    Broken(Text),
    /// The stack was not read at all.
    Unread(Text),
}

/// Frames left out of the middle of a very deep stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omitted {
    /// How many of the shown frames, counted from the outermost, come before the gap.
    pub after: usize,
    /// How many frames are left out.
    pub frames: usize,
}

/// A stack, outermost frame first, as every Guru Meditation Report prints it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// The frames.
    pub frames: Vec<Frame>,
    /// The gap in them, if the stack is deeper than is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<Omitted>,
    /// Why it ends at its outer end.
    pub end: StackEnd,
}
