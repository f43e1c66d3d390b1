//! The tables of lines of Python's code objects.
#![no_main]

use guru_fuzz::parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    parsers::lines(bytes);
});
