//! Mapped ELF files: where they lie, what they are, their sections and symbols.
//!
//! A module is opened through the mapping itself, so that a replaced or deleted file is still the
//! right one. Nothing here unwinds or reads debug information.

mod section;
mod symbols;

use std::cell::OnceCell;

use object::Endianness;
use object::elf;
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};

pub use self::section::{Section, SectionBytes};
pub use self::symbols::Symbol;
use crate::addr::{Addr, FileAddr};
use crate::evidence::files::{Files, OpenFile};
use crate::evidence::inflate::{Compressed, Compression};
use crate::target::Mapping;
use crate::target::files::{FileError, FileRequest};
use crate::text::Text;

type Header = elf::FileHeader64<Endianness>;

/// The most program headers, sections or mappings of one module that are looked at.
pub const MAX_HEADERS: usize = 4096;

/// The largest segment of notes that is looked into, in bytes: a build id takes 36.
const MAX_NOTES: u64 = 64 << 10;

/// The largest section after decompression, in bytes.
pub const MAX_INFLATED: u64 = 256 << 20;

/// How much larger a compressed section may become: debug information shrinks to a tenth or so.
const MAX_RATIO: u64 = 256;

/// All that was mapped with code in it, sorted by address.
#[derive(Debug)]
pub struct Modules<'a> {
    modules: Vec<Module<'a>>,
}

impl<'a> Modules<'a> {
    /// The modules among these mappings. Files are opened when they are asked about.
    pub fn new(files: &'a Files, mappings: &'a [Mapping]) -> Modules<'a> {
        let mut modules: Vec<Module<'a>> = Vec::new();
        for mapping in mappings {
            if !mapping.is_file() && mapping.path.raw() != "[vdso]" {
                continue;
            }
            let identity = (mapping.device, mapping.inode);
            match modules.iter_mut().rev().take(MAX_NEIGHBOURS).find(|module| {
                module.identity() == identity
                    && module.first().offset < mapping.offset
                    && module.mappings.len() < MAX_HEADERS
            }) {
                Some(module) => module.mappings.push(mapping),
                None => modules.push(Module::new(files, mapping)),
            }
        }
        modules.retain(|module| module.mappings.iter().any(|mapping| mapping.executable));
        Modules { modules }
    }

    /// The module that holds `addr`.
    pub fn find(&self, addr: Addr) -> Option<&Module<'a>> {
        let after = self.modules.partition_point(|module| module.first().start <= addr);
        self.modules[..after]
            .iter()
            .rev()
            .take(MAX_NEIGHBOURS)
            .find(|module| module.mappings.iter().any(|mapping| mapping.contains(addr)))
    }

    /// All of them, by address.
    pub fn iter(&self) -> impl Iterator<Item = &Module<'a>> {
        self.modules.iter()
    }
}

/// Mappings of one module can be interleaved with others' (anonymous memory, another file mapped
/// into a gap); this many modules back are looked at.
const MAX_NEIGHBOURS: usize = 8;

/// One mapped ELF file.
#[derive(Debug)]
pub struct Module<'a> {
    files: &'a Files,
    mappings: Vec<&'a Mapping>,
    image: OnceCell<Result<Image<'a>, FileError>>,
}

impl<'a> Module<'a> {
    fn new(files: &'a Files, first: &'a Mapping) -> Module<'a> {
        Module { files, mappings: vec![first], image: OnceCell::new() }
    }

    fn first(&self) -> &'a Mapping {
        self.mappings[0]
    }

    fn identity(&self) -> ((u32, u32), u64) {
        (self.first().device, self.first().inode)
    }

    /// Its path as the kernel shows it, or `[vdso]`.
    pub fn path(&self) -> &'a Text {
        &self.first().path
    }

    /// Whether it is the kernel's own, with no file behind it.
    pub fn is_vdso(&self) -> bool {
        !self.first().is_file()
    }

    /// Its mappings, by address.
    pub fn mappings(&self) -> &[&'a Mapping] {
        &self.mappings
    }

    /// The request that opens its file.
    pub fn request(&self) -> FileRequest {
        FileRequest::Mapped { start: self.first().start, end: self.first().end }
    }

    /// Its ELF file, parsed as far as needed to find the rest.
    pub fn image(&self) -> Result<&Image<'a>, FileError> {
        let image = self.image.get_or_init(|| {
            let file = self.files.open(&self.request())?;
            Image::parse(file).map_err(|error| FileError::Other(error.to_string()))
        });
        image.as_ref().map_err(Clone::clone)
    }

    /// What turns an address of its ELF file into one of the process. It follows from the first
    /// mapping alone: the segment that begins at its file offset.
    pub fn bias(&self) -> Option<u64> {
        self.image().ok()?.bias(self.first())
    }

    /// Where in its ELF file an address of the process lies.
    pub fn file_addr(&self, addr: Addr) -> Option<FileAddr> {
        Some(FileAddr(addr.0.wrapping_sub(self.bias()?)))
    }

    /// The memory that it has beyond what its file fills, which is zeros when it is loaded (`.bss`):
    /// where each piece begins, and its length.
    pub fn zeroed(&self) -> Vec<(Addr, u64)> {
        let (Ok(image), Some(bias)) = (self.image(), self.bias()) else { return Vec::new() };
        let piece = |(start, len): (FileAddr, u64)| (Addr(start.0.wrapping_add(bias)), len);
        image.zeroed().map(piece).collect()
    }

    /// The address of a symbol that the module defines, by its exact name.
    pub fn symbol(&self, name: &str) -> Option<Addr> {
        let value = self.image().ok()?.symbol(name)?;
        Some(Addr(value.0.wrapping_add(self.bias()?)))
    }
}

/// An ELF file, parsed lazily.
#[derive(Debug)]
pub struct Image<'a> {
    file: &'a OpenFile,
    endian: Endianness,
    header: &'a Header,
    sections: object::read::elf::SectionTable<'a, Header, &'a OpenFile>,
}

impl<'a> Image<'a> {
    /// Parses the headers of an ELF file.
    pub fn parse(file: &'a OpenFile) -> object::Result<Image<'a>> {
        let header = Header::parse(file)?;
        let endian = header.endian()?;
        // A file without section headers (sstrip) still has its segments.
        let sections = header.sections(endian, file).unwrap_or_default();
        Ok(Image { file, endian, header, sections })
    }

    /// The file it is read from.
    pub fn file(&self) -> &'a OpenFile {
        self.file
    }

    /// Its `e_machine`.
    pub fn machine(&self) -> u16 {
        self.header.e_machine.get(self.endian).0
    }

    fn segments(&self) -> &'a [elf::ProgramHeader64<Endianness>] {
        let segments = self.header.program_headers(self.endian, self.file).unwrap_or_default();
        &segments[..segments.len().min(MAX_HEADERS)]
    }

    fn bias(&self, first: &Mapping) -> Option<u64> {
        let segment = PAGE_SIZES.iter().find_map(|page| self.mapped_from(first.offset, *page))?;
        let at = segment
            .p_vaddr(self.endian)
            .wrapping_add(first.offset)
            .wrapping_sub(segment.p_offset(self.endian));
        Some(first.start.0.wrapping_sub(at))
    }

    /// The segment that a mapping of the file from `offset` on belongs to. The kernel maps whole
    /// pages, whatever alignment the segment asks for: its offset is rounded down to a page.
    fn mapped_from(&self, offset: u64, page: u64) -> Option<&'a elf::ProgramHeader64<Endianness>> {
        self.segments().iter().find(|segment| {
            let begin = segment.p_offset(self.endian);
            let start = begin / page * page;
            let end = begin.saturating_add(segment.p_filesz(self.endian));
            segment.p_type(self.endian) == elf::PT_LOAD
                && (start..end.max(start + 1)).contains(&offset)
        })
    }

    /// What its writable segments have in memory beyond what they have in the file.
    fn zeroed(&self) -> impl Iterator<Item = (FileAddr, u64)> {
        let writable = self.segments().iter().filter(|segment| {
            segment.p_type(self.endian) == elf::PT_LOAD
                && segment.p_flags(self.endian).0 & elf::PF_W.0 != 0
        });
        writable.filter_map(|segment| {
            let filled = segment.p_filesz(self.endian);
            let len = segment.p_memsz(self.endian).checked_sub(filled)?;
            let start = segment.p_vaddr(self.endian).checked_add(filled)?;
            (len > 0).then_some((FileAddr(start), len))
        })
    }

    /// The bytes of a section, wherever they lie, inflated if they are stored compressed.
    pub fn section(&self, name: &str) -> Option<Section<'a>> {
        let (_, section) = self.sections.section_by_name(self.endian, name.as_bytes())?;
        if section.sh_type(self.endian) == elf::SHT_NOBITS {
            return None;
        }
        let addr = FileAddr(section.sh_addr(self.endian));
        let offset = section.sh_offset(self.endian);
        let compressed = section.compression(self.endian, self.file).ok()?;
        let bytes = match compressed {
            None => {
                SectionBytes::File { file: self.file, offset, len: section.sh_size(self.endian) }
            }
            Some((header, start, len)) => {
                let size = header.ch_size.get(self.endian);
                if size > MAX_INFLATED.min(len.saturating_mul(MAX_RATIO)) {
                    return None;
                }
                let compression = match header.ch_type.get(self.endian) {
                    elf::ELFCOMPRESS_ZLIB => Compression::Zlib,
                    elf::ELFCOMPRESS_ZSTD => Compression::Zstandard,
                    _ => return None,
                };
                let stored = Compressed { compression, start, len, size };
                let inflated = self.file.inflated(stored);
                SectionBytes::Inflated { file: self.file, inflated }
            }
        };
        Some(Section { addr, bytes })
    }

    /// The build id, if the linker left one.
    pub fn build_id(&self) -> Option<&'a [u8]> {
        self.segments().iter().find_map(|segment| {
            if segment.p_filesz(self.endian) > MAX_NOTES {
                return None;
            }
            let mut notes = segment.notes(self.endian, self.file).ok()??;
            while let Ok(Some(note)) = notes.next() {
                if note.name() == elf::ELF_NOTE_GNU
                    && note.n_type(self.endian) == elf::NT_GNU_BUILD_ID
                {
                    return Some(note.desc());
                }
            }
            None
        })
    }

    /// The file name and checksum of separate debug information.
    pub fn debug_link(&self) -> Option<(Text, u32)> {
        let section = self.section(".gnu_debuglink")?.to_bytes(4096)?;
        let end = section.iter().position(|byte| *byte == 0)?;
        let crc = section.get((end + 4) & !3..)?.first_chunk::<4>()?;
        Some((Text::from_bytes(&section[..end]), u32::from_le_bytes(*crc)))
    }
}

/// The sizes of a page, the usual one first; arm64 kernels may have the others.
const PAGE_SIZES: [u64; 3] = [4 << 10, 16 << 10, 64 << 10];
