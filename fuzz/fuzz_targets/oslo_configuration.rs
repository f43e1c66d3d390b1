//! A configuration file of oslo.config.
#![no_main]

use guru_fuzz::parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    parsers::oslo_configuration(bytes);
});
