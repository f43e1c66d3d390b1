//! A program: its headers, sections, symbols and notes.
#![no_main]

use guru_fuzz::parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    parsers::elf(bytes);
});
