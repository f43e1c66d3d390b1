//! Which line an instruction belongs to: the three formats in which code objects told it.
//!
//! They are described in CPython's `Objects/lnotab_notes.txt` (to 3.10) and
//! `Objects/locations.md` (from 3.11 on). Each is a sequence of entries for runs of instructions,
//! with the line as a difference to the one before. Columns and end lines are skipped.

use super::layout::LineFormat;

/// The lines of one code object: runs of instructions, in order.
#[derive(Debug)]
pub struct Lines {
    /// The line of the `def` or `class` itself.
    first: Option<u32>,
    runs: Vec<Run>,
}

/// Instructions of one line.
#[derive(Debug)]
struct Run {
    /// The offset after its last instruction, in bytes.
    end: u64,
    /// The line; absent for instructions that the compiler made up.
    line: Option<u32>,
}

/// The entry codes of `_PyCodeLocationInfoKind` (`Include/cpython/code.h`).
const ONE_LINE_0: u8 = 10;
const ONE_LINE_2: u8 = 12;
const NO_COLUMNS: u8 = 13;
const LONG: u8 = 14;
const NONE: u8 = 15;

/// The size of a code unit, in bytes.
const UNIT: u64 = 2;

impl Lines {
    /// Decodes a table. It ends where the bytes stop making sense: what lies after is unknown.
    pub fn parse(format: LineFormat, table: &[u8], first_line: i32) -> Lines {
        match format {
            LineFormat::Lnotab => Lines::lnotab(table, first_line),
            LineFormat::Pairs => Lines::pairs(table, first_line),
            LineFormat::Locations => Lines::locations(table, first_line),
        }
    }

    /// To 3.9: how far the address goes on, then how far the line does, which may be back.
    fn lnotab(table: &[u8], first_line: i32) -> Lines {
        let mut lines = Lines { first: shown(i64::from(first_line)), runs: Vec::new() };
        let mut line = i64::from(first_line);
        let mut end = 0;
        for [bytes, difference] in table.as_chunks().0 {
            if *bytes > 0 {
                end += u64::from(*bytes);
                lines.push(end, shown(line));
            }
            line += i64::from(difference.cast_signed());
        }
        // The last line goes on to the end of the code.
        lines.push(u64::MAX, shown(line));
        lines
    }

    /// 3.10: how long the run is, and how its line differs from the one before, if it has one.
    fn pairs(table: &[u8], first_line: i32) -> Lines {
        const NO_LINE: i8 = -128;
        let mut lines = Lines { first: shown(i64::from(first_line)), runs: Vec::new() };
        let mut line = i64::from(first_line);
        let mut end = 0;
        for [bytes, difference] in table.as_chunks().0 {
            let difference = difference.cast_signed();
            end += u64::from(*bytes);
            if difference != NO_LINE {
                line += i64::from(difference);
            }
            lines.push(end, if difference == NO_LINE { None } else { shown(line) });
        }
        lines
    }

    fn locations(table: &[u8], first_line: i32) -> Lines {
        let mut bytes = table.iter().copied();
        let mut lines = Lines { first: shown(i64::from(first_line)), runs: Vec::new() };
        let mut line = i64::from(first_line);
        let mut end = 0;
        while let Some((units, difference)) = entry(&mut bytes) {
            end += units * UNIT;
            line = line.saturating_add(difference.unwrap_or(0));
            lines.push(end, difference.and_then(|_| shown(line)));
        }
        lines.runs.shrink_to_fit();
        lines
    }

    fn push(&mut self, end: u64, line: Option<u32>) {
        match self.runs.last_mut() {
            Some(last) if last.line == line => last.end = end,
            _ => self.runs.push(Run { end, line }),
        }
    }

    /// The line of the instruction at `offset` bytes; `None` is before the first, where CPython
    /// names the function's own line (`PyCode_Addr2Line`).
    pub fn at(&self, offset: Option<u64>) -> Option<u32> {
        let Some(offset) = offset else { return self.first };
        self.runs.get(self.runs.partition_point(|run| run.end <= offset))?.line
    }
}

/// A line number as it may be shown: from 1.
fn shown(line: i64) -> Option<u32> {
    u32::try_from(line).ok().filter(|line| *line > 0)
}

/// One entry: how many code units it covers, and the difference of its line to the one before,
/// if it has a line. `None` at the end, and where the table is cut or is none.
fn entry(bytes: &mut impl Iterator<Item = u8>) -> Option<(u64, Option<i64>)> {
    let head = bytes.next()?;
    if head & 0x80 == 0 {
        return None;
    }
    let units = u64::from(head & 7) + 1;
    let difference = match head >> 3 & 15 {
        NONE => None,
        LONG => {
            let difference = signed(bytes)?;
            // End line, column, end column.
            unsigned(bytes)?;
            unsigned(bytes)?;
            unsigned(bytes)?;
            Some(difference)
        }
        NO_COLUMNS => Some(signed(bytes)?),
        kind @ ONE_LINE_0..=ONE_LINE_2 => {
            bytes.next()?;
            bytes.next()?;
            Some(i64::from(kind - ONE_LINE_0))
        }
        _ => {
            bytes.next()?;
            Some(0)
        }
    };
    Some((units, difference))
}

/// A number in groups of six bits, the lowest first; bit 6 says that more follow.
fn unsigned(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(6) {
        let byte = bytes.next()?;
        value |= u64::from(byte & 63) << shift;
        if byte & 64 == 0 {
            return Some(value);
        }
    }
    None
}

/// The same with the sign in the lowest bit.
fn signed(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let value = unsigned(bytes)?;
    let magnitude = (value >> 1).cast_signed();
    Some(if value & 1 == 0 { magnitude } else { -magnitude })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A table in hexadecimal digits.
    fn table(digits: &str) -> Vec<u8> {
        let pairs = digits.as_bytes().chunks(2);
        pairs
            .map(|pair| {
                pair.iter().fold(0, |byte, digit| {
                    byte << 4 | char::from(*digit).to_digit(16).unwrap_or(0) as u8
                })
            })
            .collect()
    }

    /// Where the line changes, as CPython's own `co_lines()` tells, against the decoder's answer
    /// for every code unit of the function.
    fn assert_lines(lines: &Lines, changes: &[(u64, Option<u32>)], len: u64) {
        for offset in (0..len).step_by(2) {
            let (_, expected) = changes.iter().rev().find(|(start, _)| *start <= offset).unwrap();
            assert_eq!(lines.at(Some(offset)), *expected, "at {offset}");
        }
        assert_eq!(lines.at(Some(len)), None, "after the last instruction");
    }

    // The tables are `co_linetable.hex()`, the expected lines `co_lines()`, of Python 3.11.2.

    #[test]
    fn a_generator_with_a_finally_has_lines_and_gaps_as_co_lines_tells() {
        // def f(a):
        //     try:
        //         for x in a:
        //             yield (x,
        //                    g(
        //                      x))
        //     finally:
        //         h(
        //             1)
        let table = table(
            "e800e8008000f00207050fd81112f000030919f0000309198841d81314dd1314d81516f103011418f400\
             011418f003021319f000020d19f000020d19f000020d19f000020d19f003030919f50a00090ad80c0df1\
             0301090ff40001090ff00001090ff00001090ff00001090ff88d01d80c0df10301090ff40001090ff000\
             01090ff00001090ff8f8f8",
        );
        let changes = [
            (0, 1),
            (6, 2),
            (8, 3),
            (16, 4),
            (18, 5),
            (30, 6),
            (32, 5),
            (46, 4),
            (56, 3),
            (58, 8),
            (70, 9),
            (72, 8),
            (92, 0),
            (94, 8),
            (106, 9),
            (108, 8),
            (126, 0),
        ];
        let changes = changes.map(|(at, line)| (at, Some(line).filter(|line| *line != 0)));
        assert_lines(&Lines::parse(LineFormat::Locations, &table, 1), &changes, 132);
    }

    #[test]
    fn lines_far_apart_and_backwards_are_decoded() {
        // x = 1 in line 2; then, 300 lines on, y = (undefined + 1) over 200 lines; return (x, y)
        // over two lines. The steps need numbers of several groups, and negative ones.
        let table = table(
            "8000d808098041f56c0f00030cf000007a047b04f10000037b04f05306000506f05406000d0ed80102f00\
             3010c04f000010504",
        );
        let changes = [(0, 1), (2, 2), (6, 504), (24, 303), (26, 505), (28, 506), (30, 505)];
        let changes = changes.map(|(at, line)| (at, Some(line)));
        assert_lines(&Lines::parse(LineFormat::Locations, &table, 1), &changes, 34);
    }

    #[test]
    fn before_the_first_instruction_the_function_itself_is_named() {
        assert_eq!(Lines::parse(LineFormat::Locations, &[], 7).at(None), Some(7));
        assert_eq!(Lines::parse(LineFormat::Locations, &[], -1).at(None), None);
    }

    #[test]
    fn a_table_that_is_cut_or_none_at_all_ends_quietly() {
        for table in [&b"\xf0"[..], b"\xf0\x40\x40", b"text", &[0xff; 40], &[0xf0, 0x7f]] {
            assert_eq!(Lines::parse(LineFormat::Locations, table, 1).at(Some(1000)), None);
        }
        let endless = vec![0x7f; 4096];
        let table: Vec<u8> = [0xf7].into_iter().chain(endless).collect();
        assert_eq!(Lines::parse(LineFormat::Locations, &table, 1).at(Some(0)), None);
    }

    #[test]
    fn lines_at_the_end_of_the_numbers_do_not_overflow() {
        // Twice the largest step there is, from the largest first line.
        let step = [0xe8, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x0f];
        let lines = Lines::parse(LineFormat::Locations, &[step, step].concat(), i32::MAX);
        assert_eq!(lines.at(Some(0)), None);
    }
}
