//! Unwind rules of a module: from an address to the rules that find its caller.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use gimli::{
    BaseAddresses, CfaRule, DebugFrame, EhFrame, EhFrameHdr, FrameDescriptionEntry,
    ParsedEhFrameHdr, Register, RegisterRule, UnwindContext, UnwindSection,
};

use crate::addr::FileAddr;
use crate::module::Image;
use crate::symbol::reader::SectionReader;

/// The rules for one address.
#[derive(Debug)]
pub struct Rules {
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
    known: RefCell<HashMap<FileAddr, Option<Rc<Rules>>>>,
    context: OnceCell<RefCell<UnwindContext<usize>>>,
}

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
            header.parse(&bases, ADDRESS_SIZE).ok()
        });
        let eh = eh.map(|section| EhFrame::from(SectionReader::new(section)));
        let debug = image.section(".debug_frame").map(|section| {
            let mut frames = DebugFrame::from(SectionReader::new(section));
            frames.set_address_size(ADDRESS_SIZE);
            frames
        });
        let (known, context) = (RefCell::default(), OnceCell::new());
        Cfi { bases, eh, index, debug, known, context }
    }

    /// The rules for an address, if there are any.
    pub fn rules(&self, addr: FileAddr) -> Option<Rc<Rules>> {
        if let Some(known) = self.known.borrow().get(&addr) {
            return known.clone();
        }
        let found = self.find(addr).map(Rc::new);
        self.known.borrow_mut().insert(addr, found.clone());
        found
    }

    fn find(&self, addr: FileAddr) -> Option<Rules> {
        if let Some(eh) = &self.eh {
            let entry = match self.index.as_ref().and_then(ParsedEhFrameHdr::table) {
                Some(table) => {
                    table.fde_for_address(eh, &self.bases, addr.0, EhFrame::cie_from_offset)
                }
                None => eh.fde_for_address(&self.bases, addr.0, EhFrame::cie_from_offset),
            };
            if let Ok(entry) = entry {
                return self.row(eh, &entry, addr, Frames::Eh);
            }
        }
        let debug = self.debug.as_ref()?;
        let entry = debug.fde_for_address(&self.bases, addr.0, DebugFrame::cie_from_offset).ok()?;
        self.row(debug, &entry, addr, Frames::Debug)
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
        let row = entry.unwind_info_for_address(section, &self.bases, &mut context, addr.0).ok()?;
        Some(Rules {
            cfa: row.cfa().clone(),
            registers: row.registers().cloned().collect(),
            return_address: entry.cie().return_address_register(),
            signal: entry.is_signal_trampoline(),
            section: frames,
        })
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
