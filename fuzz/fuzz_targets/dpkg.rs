//! The database of dpkg.
#![no_main]

use guru_fuzz::parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    parsers::dpkg(bytes);
});
