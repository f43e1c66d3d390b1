//! A program: its debug information.
#![no_main]

use guru_fuzz::parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    parsers::dwarf(bytes);
});
