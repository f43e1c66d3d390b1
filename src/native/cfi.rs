//! Unwind rules of a module: from an address to the rules that find its caller.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use gimli::{
    BaseAddresses, CfaRule, DebugFrame, EhFrame, EhFrameHdr, EhFrameOffset, FrameDescriptionEntry,
    ParsedEhFrameHdr, Register, RegisterRule, UnwindContext, UnwindSection,
};

use crate::addr::FileAddr;
use crate::module::Image;
use crate::symbol::bounds::guarded;
use crate::symbol::reader::SectionReader;

/// The rules for one address.
#[derive(Debug)]
pub struct Rules {
    /// Where the function begins that they are for, as far as they tell: a part of it that the compiler
    /// put elsewhere has rules of its own.
    pub function: FileAddr,
    /// How the frame's base (the canonical frame address) is found.
    pub cfa: CfaRule<usize>,
    /// How the caller's registers are found. What is not named keeps its value.
    pub registers: Vec<(Register, RegisterRule<usize>)>,
    /// The column of the return address.
    pub return_address: Register,
    /// Whether this is the kernel's return from a signal: the next frame was interrupted, not
    /// called.
    pub signal: bool,
    /// The section that the expressions of the rules lie in.
    pub section: Frames,
}

/// Which of a module's sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// `.eh_frame`.
    Eh,
    /// `.debug_frame`.
    Debug,
}

/// The unwind information of one module.
pub struct Cfi<'a> {
    bases: BaseAddresses,
    eh: Option<EhFrame<SectionReader<'a>>>,
    index: Option<ParsedEhFrameHdr<SectionReader<'a>>>,
    debug: Option<DebugFrame<SectionReader<'a>>>,
    /// Indexes of the sections, made when they are needed: of `.eh_frame` only if it has none.
    eh_ranges: OnceCell<Vec<Range>>,
    debug_ranges: OnceCell<Vec<Range>>,
    known: RefCell<HashMap<FileAddr, Option<Rc<Rules>>>>,
    context: OnceCell<RefCell<UnwindContext<usize>>>,
    /// How much may still be read of the sections.
    left: Cell<u64>,
}

/// The code that an entry is for: where it begins and ends, and where the entry is in its section.
type Range = (u64, u64, usize);

/// The most entries of a section without an index that are looked at: chromium has half as many.
const MAX_ENTRIES: usize = 1_000_000;

/// The most rows of one entry that are passed over.
const MAX_ROWS: usize = 1_000_000;

/// The most that is read for all addresses of a module, in numbers: an address takes some hundred, an
/// entry of an index of ours some ten. It ends what has a million rows for each address.
const MAX_READ: u64 = 200_000_000;

/// Addresses are 64 bits wide.
const ADDRESS_SIZE: u8 = 8;

impl<'a> Cfi<'a> {
    /// The unwind information in this file.
    pub fn new(image: &Image<'a>) -> Cfi<'a> {
        let mut bases = BaseAddresses::default();
        let eh = image.section(".eh_frame");
        let header = image.section(".eh_frame_hdr");
        let text = image.section(".text");
        for (section, set) in [
            (eh, BaseAddresses::set_eh_frame as fn(BaseAddresses, u64) -> BaseAddresses),
            (header, BaseAddresses::set_eh_frame_hdr),
            (text, BaseAddresses::set_text),
        ] {
            if let Some(section) = section {
                bases = set(bases, section.addr.0);
            }
        }
        let index = header.and_then(|section| {
            let header = EhFrameHdr::from(SectionReader::new(section));
            guarded(MAX_READ, || header.parse(&bases, ADDRESS_SIZE).ok()).found?
        });
        let eh = eh.map(|section| EhFrame::from(SectionReader::new(section)));
        let debug = image.section(".debug_frame").map(|section| {
            let mut frames = DebugFrame::from(SectionReader::new(section));
            frames.set_address_size(ADDRESS_SIZE);
            frames
        });
        let (eh_ranges, debug_ranges) = (OnceCell::new(), OnceCell::new());
        let (known, context) = (RefCell::default(), OnceCell::new());
        let left = Cell::new(MAX_READ);
        Cfi { bases, eh, index, debug, eh_ranges, debug_ranges, known, context, left }
    }

    /// The rules for an address, if there are any.
    pub fn rules(&self, addr: FileAddr) -> Option<Rc<Rules>> {
        if let Some(known) = self.known.borrow().get(&addr) {
            return known.clone();
        }
        let found = self.guarded(|| self.find(addr)).map(Rc::new);
        self.known.borrow_mut().insert(addr, found.clone());
        found
    }

    /// What a reading of the sections finds; nothing where it is too long.
    pub fn guarded<T>(&self, read: impl FnOnce() -> Option<T>) -> Option<T> {
        let read = guarded(self.left.get(), read);
        self.left.set(read.left);
        read.found?
    }

    fn find(&self, addr: FileAddr) -> Option<Rules> {
        if let Some(eh) = &self.eh {
            let entry = match self.index.as_ref().filter(|index| index.table().is_some()) {
                Some(index) => self.indexed(index, eh, addr),
                None => self.search(eh, &self.eh_ranges, addr),
            };
            if let Some(entry) = entry {
                return self.row(eh, &entry, addr, Frames::Eh);
            }
        }
        let debug = self.debug.as_ref()?;
        let entry = self.search(debug, &self.debug_ranges, addr)?;
        self.row(debug, &entry, addr, Frames::Debug)
    }

    /// The entry for an address, by the file's own index.
    fn indexed(
        &self,
        index: &ParsedEhFrameHdr<SectionReader<'a>>,
        eh: &EhFrame<SectionReader<'a>>,
        addr: FileAddr,
    ) -> Option<FrameDescriptionEntry<SectionReader<'a>>> {
        let entry = index.table()?.lookup(addr.0, &self.bases).ok()?.direct().ok()?;
        // Not by `fde_for_address` (gimli 0.34), which subtracts without a check: an index may
        // point before its section.
        let offset = entry.checked_sub(index.eh_frame_ptr().direct().ok()?)?;
        let offset = EhFrameOffset(usize::try_from(offset).ok()?);
        let entry = eh.fde_from_offset(&self.bases, offset, EhFrame::cie_from_offset).ok()?;
        entry.contains(addr.0).then_some(entry)
    }

    /// The entry for an address, by an index of ours.
    fn search<S: UnwindSection<SectionReader<'a>>>(
        &self,
        section: &S,
        ranges: &OnceCell<Vec<Range>>,
        addr: FileAddr,
    ) -> Option<FrameDescriptionEntry<SectionReader<'a>>> {
        let ranges = ranges.get_or_init(|| self.ranges(section));
        let after = ranges.partition_point(|(start, ..)| *start <= addr.0);
        let (_, end, offset) = ranges.get(after.checked_sub(1)?)?;
        if addr.0 >= *end {
            return None;
        }
        section.fde_from_offset(&self.bases, (*offset).into(), S::cie_from_offset).ok()
    }

    /// What the entries of a section are for, sorted; up to the first that is broken.
    fn ranges<S: UnwindSection<SectionReader<'a>>>(&self, section: &S) -> Vec<Range> {
        let mut ranges = Vec::new();
        let mut entries = section.entries(&self.bases);
        while let Ok(Some(entry)) = entries.next() {
            let gimli::CieOrFde::Fde(entry) = entry else { continue };
            let Ok(entry) = entry.parse(S::cie_from_offset) else { break };
            ranges.push((entry.initial_address(), entry.end_address(), entry.offset()));
            if ranges.len() >= MAX_ENTRIES {
                break;
            }
        }
        ranges.sort_unstable();
        ranges
    }

    fn row<S: UnwindSection<SectionReader<'a>>>(
        &self,
        section: &S,
        entry: &FrameDescriptionEntry<SectionReader<'a>>,
        addr: FileAddr,
        frames: Frames,
    ) -> Option<Rules> {
        let context = self.context.get_or_init(|| RefCell::new(UnwindContext::new()));
        let mut context = context.borrow_mut();
        let mut rows = entry.rows(section, &self.bases, &mut context).ok()?;
        for _ in 0..MAX_ROWS {
            let row = rows.next_row().ok()??;
            if row.contains(addr.0) {
                return Some(Rules {
                    function: FileAddr(entry.initial_address()),
                    cfa: row.cfa().clone(),
                    registers: row.registers().cloned().collect(),
                    return_address: entry.cie().return_address_register(),
                    signal: entry.is_signal_trampoline(),
                    section: frames,
                });
            }
        }
        None
    }

    /// The expression that a rule refers to.
    pub fn expression(
        &self,
        rules: &Rules,
        expression: &gimli::UnwindExpression<usize>,
    ) -> Option<gimli::Expression<SectionReader<'a>>> {
        match rules.section {
            Frames::Eh => expression.get(self.eh.as_ref()?).ok(),
            Frames::Debug => expression.get(self.debug.as_ref()?).ok(),
        }
    }
}
