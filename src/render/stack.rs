//! Frames and the ends of stacks in words, for `text` and `gmr`.

use super::sanitize::{at_line_start, line};
use crate::stack::{Frame, Language, Stack, StackEnd, Trust};

/// What a stack is shown as, outermost first.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// A frame.
    Frame(&'a Frame),
    /// This many frames were left out here.
    Gap(usize),
}

/// The frames of a stack with the gap in its place.
pub fn pieces(stack: &Stack) -> impl Iterator<Item = Piece<'_>> {
    let count = stack.frames.len();
    let after = stack.omitted.map_or(count, |omitted| omitted.after.min(count));
    let (outer, inner) = stack.frames.split_at(after);
    let gap = stack.omitted.map(|omitted| Piece::Gap(omitted.frames));
    outer.iter().map(Piece::Frame).chain(gap).chain(inner.iter().map(Piece::Frame))
}

/// The line that stands for frames left out.
pub fn gap(frames: usize) -> String {
    format!("({frames} frames left out)")
}

/// `PLACE in NAME`, and what is special about a native frame.
pub fn location(frame: &Frame) -> String {
    let name = frame.function.as_ref().map_or("??".into(), |name| line(name.raw()));
    format!("{} in {name}{}", place(frame), marks(frame))
}

/// `FILE:LINE`, else `MODULE+ADDRESS` (what `addr2line -e` takes), else the address.
fn place(frame: &Frame) -> String {
    if let Some(file) = &frame.file {
        let number = frame.line.map_or("?".into(), |number| number.to_string());
        return format!("{}:{number}", at_line_start(file.raw()));
    }
    let module = frame.module.as_ref().map(|module| at_line_start(module.raw()));
    match (module, frame.module_address, frame.address) {
        (Some(module), Some(address), _) => format!("{module}+{address}"),
        (Some(module), None, Some(address)) => format!("{address} ({module})"),
        (Some(module), None, None) => module,
        (None, _, Some(address)) => address.to_string(),
        (None, _, None) => "??".into(),
    }
}

fn marks(frame: &Frame) -> String {
    let mut marks = String::new();
    if frame.language == Language::Native && frame.inlined {
        marks.push_str(" (inlined)");
    }
    if frame.trust == Trust::FramePointer {
        marks.push_str(" (guessed: frame pointer)");
    }
    marks
}

/// The line under a frame: its source in backticks, or, for a frame of a language that has it
/// at run time, that it was not found.
pub fn source(frame: &Frame) -> Option<String> {
    match (&frame.source, frame.language) {
        (Some(source), _) => Some(format!("    `{}`", line(source.raw()))),
        (None, Language::Python) => Some(SOURCE_NOT_FOUND.to_owned()),
        (None, Language::Native) => None,
    }
}

/// What stands for the source line of a frame without one.
pub const SOURCE_NOT_FOUND: &str = "    (source not found)";

/// Why there are no further frames outwards; nothing where the thread begins.
pub fn end(end: &StackEnd) -> Option<String> {
    match end {
        StackEnd::Root => None,
        StackEnd::Limit(why) => Some(format!("(the stack goes on: {})", line(why.raw()))),
        StackEnd::Broken(why) => Some(format!("(stack ends here: {})", line(why.raw()))),
        StackEnd::Unread(why) => Some(format!("(stack not read: {})", line(why.raw()))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::addr::Addr;
    use crate::stack::Omitted;

    #[test]
    fn a_frame_without_a_file_is_named_by_its_module_or_address() {
        let mut frame = sample::native("poll", "/lib/libc.so.6", 0x10f54f);
        assert_eq!(location(&frame), "/lib/libc.so.6+0x10f54f in poll");
        frame.module_address = None;
        frame.address = Some(Addr(0x7f00_1234));
        assert_eq!(location(&frame), "0x7f001234 (/lib/libc.so.6) in poll");
        frame.module = None;
        frame.function = None;
        assert_eq!(location(&frame), "0x7f001234 in ??");
        frame.address = None;
        assert_eq!(location(&frame), "?? in ??");
    }

    #[test]
    fn guesses_and_inlined_functions_are_marked() {
        let mut frame = sample::native("f", "/bin/x", 0x10);
        frame.inlined = true;
        frame.trust = Trust::FramePointer;
        assert_eq!(location(&frame), "/bin/x+0x10 in f (inlined) (guessed: frame pointer)");
    }

    #[test]
    fn the_gap_stands_where_the_frames_are_missing() {
        let frames = vec![sample::native("a", "/x", 1), sample::native("b", "/x", 2)];
        for (after, place) in [(0, 0), (1, 1), (2, 2), (99, 2)] {
            let omitted = Some(Omitted { after, frames: 5 });
            let stack = Stack { frames: frames.clone(), omitted, end: StackEnd::Root };
            let gaps: Vec<usize> = pieces(&stack)
                .enumerate()
                .filter(|(_, piece)| matches!(piece, Piece::Gap(5)))
                .map(|(index, _)| index)
                .collect();
            assert_eq!(gaps, [place]);
        }
    }
}
