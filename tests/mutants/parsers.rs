//! The parsers of what a process controls, each as a function of bytes that must not panic. Mutated inputs
//! are fed to them here, and inputs that coverage guides in `fuzz/`.

use std::collections::BTreeMap;

use guru::addr::{Addr, FileAddr};
use guru::arch::{Arch, Registers};
use guru::assemble;
use guru::config::{generic, oslo};
use guru::evidence::store;
use guru::gmr;
use guru::mask::{Secrets, mask_argv, mask_file, mask_list, mask_text, mask_value};
use guru::module::Modules;
use guru::native::Unwinder;
use guru::package::build::Build;
use guru::package::system::{note_of_image, owners};
use guru::part::Parts;
use guru::runtime::python::layout::LineFormat;
use guru::runtime::python::lines::Lines;
use guru::section::SECTIONS;
use guru::symbol::{self, Detail, structures};
use guru::target::memory::{Fault, Memory};

use super::files::{BASE, PROGRAM, Root, mapping};

/// Memory that has some number everywhere.
struct Anything;

impl Memory for Anything {
    fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        let number = (BASE + 0x1000 + addr.0 % 0x1000).to_le_bytes();
        buf.iter_mut().zip(number.iter().cycle()).for_each(|(byte, number)| *byte = *number);
        Ok(())
    }
}

/// A program: its headers, sections, symbols and notes.
pub fn elf(bytes: &[u8]) {
    let files = Root::of(&[(PROGRAM, bytes)]);
    let mappings = [mapping(bytes.len())];
    let modules = Modules::new(&files, &mappings);
    let Some(module) = modules.find(Addr(BASE)) else { return };
    module.symbol("main");
    module.symbol("no_such_symbol");
    module.zeroed();
    let Ok(image) = module.image() else { return };
    image.symbols_at(&[FileAddr(0x1000), FileAddr(0x1200), FileAddr(u64::MAX)]);
    image.build_id();
    image.debug_link();
    note_of_image(image);
    Build::of(image);
    if let Some(section) = image.section(".text") {
        section.to_bytes(1 << 20);
    }
}

/// A program: its rules of unwinding, and their expressions.
pub fn cfi(bytes: &[u8]) {
    let files = Root::of(&[(PROGRAM, bytes)]);
    let mappings = [mapping(bytes.len())];
    let modules = Modules::new(&files, &mappings);
    let unwinder = Unwinder::new(&modules, &mappings, &Anything);
    for pc in [0x1030, 0x1209, 0x13f7] {
        let mut registers = Registers::new(Arch::X86_64, Addr(BASE + pc));
        (0..17).for_each(|n| registers.set(n, Some(0x7fff_0000 + u64::from(n) * 8)));
        // One that never ends goes on for 250,000 frames, which takes half a second.
        assert!(!unwinder.unwind(&registers).frames.is_empty());
    }
}

/// A program: its debug information.
pub fn dwarf(bytes: &[u8]) {
    let places: BTreeMap<Addr, Detail> =
        (0x1000..0x1800).step_by(0x51).map(|at| (Addr(BASE + at), Detail::Lines)).collect();
    let files = Root::of(&[(PROGRAM, bytes)]);
    let mappings = [mapping(bytes.len())];
    let modules = Modules::new(&files, &mappings);
    symbol::resolve(&places, &modules, &files, &Parts::default(), &mut Vec::new());
    let image = modules.find(Addr(BASE)).and_then(|module| module.image().ok());
    let wanted = [("timespec", "tv_nsec"), ("_IO_FILE", ""), ("a", "b.c")];
    image.map(|image| structures::members(image, &[FileAddr(0x1200)], &wanted));
}

/// The tables of lines that the code objects of Python have.
pub fn lines(bytes: &[u8]) {
    for format in [LineFormat::Lnotab, LineFormat::Pairs, LineFormat::Locations] {
        for first in [1, i32::MAX, i32::MIN] {
            let lines = Lines::parse(format, bytes, first);
            for offset in [None, Some(0), Some(7), Some(u64::MAX)] {
                lines.at(offset);
            }
        }
    }
}

/// A recording; whether it could be read, and has become a report.
pub fn recording(bytes: &[u8]) -> bool {
    let evidence = store::read(bytes);
    evidence.is_ok_and(|evidence| !assemble::report(&evidence, SECTIONS).sections.is_empty())
}

/// A configuration file; its name tells its form.
pub fn configuration(path: &str, bytes: &[u8]) {
    generic::parse(path, &String::from_utf8_lossy(bytes), 0);
}

/// A configuration file of oslo.config.
pub fn oslo_configuration(bytes: &[u8]) {
    oslo::parse::parse(&String::from_utf8_lossy(bytes), 0);
}

/// The names of files that are masked by their forms.
const MASKED: [&str; 9] =
    ["", "a.yaml", "a.json", "a.xml", "a.toml", "a.env", "nginx.conf", "a.config", "a.properties"];

/// A file whose secrets are masked: lines stay lines.
pub fn masked_file(bytes: &[u8]) {
    let path = MASKED[bytes.len() % MASKED.len()];
    let masked = mask_file(path, bytes);
    let lines = |text: &str| text.matches('\n').count();
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(lines(&text), lines(&String::from_utf8_lossy(&masked)), "{path}: {text:?}");
}

/// Text, a value and a command line whose secrets are masked.
pub fn masked_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    mask_text(&text);
    let third = (0..=text.len() / 3).rfind(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (name, value) = text.split_at(third);
    mask_value(name, value);
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    assert_eq!(mask_argv(&words).len(), words.len());
    mask_list(words.iter().map(String::as_str));
}

/// A report that a process made of itself.
pub fn report(bytes: &[u8]) {
    if let Ok(parsed) = gmr::parse(bytes, Secrets::Masked) {
        assert!(parsed.sections.len() <= bytes.len());
    }
    gmr::process_of(bytes);
}

/// The files whose owners are looked for, and whether each is a program.
pub const OWNED: [(&str, bool); 3] =
    [("/usr/bin/tool", true), ("/usr/lib/libx.so.1", false), ("/bin/sh", true)];

/// The database of rpm, in SQLite.
pub fn rpm(bytes: &[u8]) {
    owners(&Root::of(&[("/var/lib/rpm/rpmdb.sqlite", bytes)]), &OWNED);
}

/// The database of dpkg: states, and lists of files.
pub fn dpkg(bytes: &[u8]) {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    for (status, list) in [(bytes, DPKG_LIST), (DPKG_STATUS, bytes), (one, other)] {
        let files = Root::of(&[
            ("/var/lib/dpkg/status", status),
            ("/var/lib/dpkg/info/tool.list", list),
            ("/var/lib/dpkg/info/libx1:amd64.list", list),
            ("/var/lib/dpkg/status.d/tool", status),
        ]);
        owners(&files, &OWNED);
    }
}

/// States of packages, as dpkg writes them.
pub const DPKG_STATUS: &[u8] =
    b"Package: tool\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\n\
    Version: 1.2-3\nDepends: libx1 (>= 2), a | b:any\n\nPackage: libx1\nVersion: 2\nDescription: x\n y\n";

/// The files of a package, as dpkg lists them.
pub const DPKG_LIST: &[u8] = b"/.\n/usr\n/usr/bin/tool\n/usr/lib/libx.so.1\n";

/// The database of apk.
pub fn apk(bytes: &[u8]) {
    owners(&Root::of(&[("/lib/apk/db/installed", bytes)]), &OWNED);
}
