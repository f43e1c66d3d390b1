//! Python: the tables of lines that code objects have.

use crate::{campaign, parsers};

#[test]
fn tables_of_lines() {
    // As CPython 3.9, 3.10 and 3.11 write them, for a function of three lines.
    let seeds: [&[u8]; 3] = [
        &[0, 1, 8, 1, 4, 255, 250, 127, 6, 128],
        &[2, 1, 8, 255, 4, 128, 250, 127, 254, 0],
        &[0x80, 0, 0xd8, 4, 8, 0xf0, 1, 2, 0x83, 0xe8, 0x7f, 0x7f, 0xe0, 1, 2],
    ];
    campaign::texts("tables of lines", &seeds, &[], parsers::lines);
}
