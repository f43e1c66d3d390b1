//! A configuration file; the first byte chooses its form.
#![no_main]

use guru_fuzz::{CONFIGURATIONS, parsers};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((form, bytes)) = bytes.split_first() {
        let path = CONFIGURATIONS[usize::from(*form) % CONFIGURATIONS.len()];
        parsers::configuration(path, bytes);
    }
});
