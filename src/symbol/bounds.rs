//! The border to the libraries that read ELF and DWARF (`gimli`, `addr2line`): how deep they may
//! recurse, how much they may make of what they read, and what becomes of a panic of theirs.
//!
//! They check what they read, but not how much it is: `gimli` keeps every attribute of every
//! abbreviation, `addr2line` every row of a line table. 60 MiB of abbreviations, 600 KB on the disk,
//! became 560 MiB. All that they read comes through [`SectionReader`](super::reader::SectionReader),
//! so that is where it is counted: each read is charged with the memory that it may become, and
//! fails when there is no more.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use gimli::SectionId;

/// How much stack a recursive reader may use, in bytes. `addr2line` recurses for every level of
/// inlined calls; real programs have less than a hundred.
const MAX_STACK: usize = 512 << 10;

/// How much the reading of one module's debug information may become, in bytes by [`Cost`]. What was
/// seen: a libpython 3.13 has 3.4 MB of line programs and 0.3 MB of abbreviations, a Rust program of
/// 4700 units 10.5 MB and 1 MB. Of the former all is read at most, of the latter a few units.
pub const MAX_MADE: u64 = 96 << 20;

thread_local! {
    /// The lowest address that the stack may reach while something is read; 0 for no limit.
    static STACK_FLOOR: Cell<usize> = const { Cell::new(0) };
    /// How many bytes what is read may still become.
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
    /// Whether a panic here is caught, and told by nobody.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What came of a library's reading.
#[derive(Debug)]
pub struct Guarded<T> {
    /// What it found; `None` where it panicked.
    pub found: Option<T>,
    /// What of the budget is left; nothing where what it read became too much.
    pub left: u64,
}

/// Does something with a library's readers, which may make so many bytes of what they read. A panic
/// there is no answer, and nothing else: `gimli` 0.34 subtracts unseen (`cfi.rs:363`), which is a
/// panic where overflows are checked.
pub fn guarded<T>(budget: u64, read: impl FnOnce() -> T) -> Guarded<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                told(panic);
            }
        }));
    });
    let (left, quiet) = (LEFT.replace(budget), QUIET.replace(true));
    let (floor, found) = (STACK_FLOOR.get(), catch_unwind(AssertUnwindSafe(read)).ok());
    STACK_FLOOR.set(floor);
    QUIET.set(quiet);
    Guarded { found, left: LEFT.replace(left) }
}

/// Does something that reads sections recursively. Where it goes deeper than `MAX_STACK`, reading
/// fails, and so the recursion ends: nothing could catch the overflow of the stack.
pub fn with_bounded_stack<T>(read: impl FnOnce() -> T) -> T {
    let outer = STACK_FLOOR.replace(stack_pointer().saturating_sub(MAX_STACK));
    let result = read();
    STACK_FLOOR.set(outer);
    result
}

/// Where the stack has got to, roughly: the address of a local variable.
fn stack_pointer() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

/// Whether there is stack left to read with.
#[inline]
pub fn has_stack() -> bool {
    stack_pointer() >= STACK_FLOOR.get()
}

/// Charges for what is read; `false` if there is not so much left.
#[inline]
pub fn charge(bytes: u64) -> bool {
    let left = LEFT.get().checked_sub(bytes);
    LEFT.set(left.unwrap_or(0));
    left.is_some()
}

/// What the parts of a section may become in memory, in bytes.
#[derive(Debug)]
pub struct Cost {
    /// One number that is read, of whatever size.
    pub number: u64,
    /// One that is a LEB128.
    pub leb: u64,
    /// An address besides.
    pub address: u64,
    /// The length that a unit begins with besides.
    pub unit: u64,
    /// Of a part that a reader is narrowed to, which is a header: its greatest length, and its cost.
    pub header: Option<(u64, &'static Cost)>,
}

/// The longest header of a line program, in bytes: the longest of the 4700 units of a Rust program has
/// 9 KB. `gimli` sets room aside for as many files as it has bytes.
const MAX_LINE_HEADER: u64 = 512 << 10;

impl Cost {
    /// What is read becomes nothing that stays; only the time is counted.
    pub const NOTHING: Cost = Cost { number: 1, leb: 1, address: 0, unit: 0, header: None };

    /// That of a section, by what `gimli` 0.34 and `addr2line` 0.27 make of it.
    pub fn of(section: SectionId) -> &'static Cost {
        const NUMBERS: Cost = Cost { number: 24, leb: 24, address: 24, ..Cost::NOTHING };
        match section {
            // An attribute is two numbers, and sixteen bytes in a vector that grows by doubling; an
            // abbreviation five, and a hundred bytes.
            SectionId::DebugAbbrev => &const { Cost { number: 24, leb: 24, ..Cost::NOTHING } },
            // A unit is a `ResUnit` of a kilobyte and more, a function with an address a
            // `FunctionAddress` and what is made of it later.
            SectionId::DebugInfo => &const { Cost { address: 160, unit: 1536, ..Cost::NOTHING } },
            // A row is an opcode of one byte, and 24 in memory, its operands are LEB128; a file of
            // the header is 200.
            SectionId::DebugLine => {
                const HEADER: Cost = Cost { number: 256, leb: 256, ..Cost::NOTHING };
                const HEADERS: (u64, &Cost) = (MAX_LINE_HEADER, &HEADER);
                &const { Cost { number: 24, header: Some(HEADERS), ..Cost::NOTHING } }
            }
            SectionId::DebugRanges | SectionId::DebugRngLists | SectionId::DebugAddr => &NUMBERS,
            SectionId::DebugAranges => &const { Cost { number: 8, address: 16, ..Cost::NOTHING } },
            _ => &Cost::NOTHING,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::panic, reason = "it is what is tested")]
    fn a_panic_is_no_answer_and_the_bounds_around_stay_as_they_were() {
        let outer = guarded(100, || {
            assert!(charge(10));
            let inner: Guarded<()> = guarded(7, || {
                with_bounded_stack(|| {
                    assert!(charge(7) && !charge(1));
                    panic!("quietly");
                });
            });
            assert!(inner.found.is_none() && inner.left == 0);
            assert_eq!(STACK_FLOOR.get(), 0);
            charge(90) && !charge(1)
        });
        assert_eq!(outer.found, Some(true));
        assert!(outer.left == 0 && !QUIET.get());
        assert!(charge(1 << 40));
    }
}
