//! A report that a process made of itself.
#![no_main]

use guru_fuzz::parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    parsers::report(bytes);
});
