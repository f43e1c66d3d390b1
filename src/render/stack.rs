//! Frames and the ends of stacks in words, for `text` and `gmr`.

use super::name::{self, name};
use super::page::Line;
use super::sanitize::line;
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
pub fn gap(frames: usize) -> Line {
    Line::words("(").then(format!("{frames} frames left out)"))
}

/// The line that stands for a stack without a frame.
pub fn none() -> Line {
    Line::words("No Traceback!")
}

/// `PLACE in NAME`, and what is special about a native frame.
pub fn location(frame: &Frame) -> Line {
    let function = frame.function.as_ref();
    let function =
        function.map_or(name::NOT_KNOWN.into(), |text| name::function(text.raw(), frame.language));
    place(frame).then(format!(" in {function}{}", marks(frame)))
}

/// `FILE:LINE`, else `MODULE+ADDRESS` (what `addr2line -e` takes), else the address.
fn place(frame: &Frame) -> Line {
    if let Some(file) = &frame.file {
        let number = frame.line.map_or("?".into(), |number| number.to_string());
        return Line::name(file.raw()).then(format!(":{number}"));
    }
    match (&frame.module, frame.module_address, frame.address) {
        (Some(module), Some(address), _) => Line::name(module.raw()).then(format!("+{address}")),
        (Some(module), None, Some(address)) => {
            Line::address(address).then(format!(" ({})", name(module.raw())))
        }
        // Nothing behind it tells it from a word of guru's.
        (Some(module), None, None) => Line::quoted(module.raw()),
        (None, _, Some(address)) => Line::address(address),
        (None, _, None) => Line::words(name::NOT_KNOWN),
    }
}

fn marks(frame: &Frame) -> String {
    let inlined = frame.language == Language::Native && frame.inlined;
    let guessed = match frame.trust {
        Trust::FramePointer => name::GUESSED,
        Trust::Scan => name::SCANNED,
        Trust::Registers | Trust::Cfi | Trust::Runtime => "",
    };
    format!("{}{guessed}", if inlined { name::INLINED } else { "" })
}

/// The line under a frame: its source in backticks, or, for a frame of a language that has it
/// at run time, that it was not found.
pub fn source(frame: &Frame) -> Option<Line> {
    match (&frame.source, frame.language) {
        (Some(source), _) => Some(Line::below(4, &format!("`{}`", line(source.raw())))),
        (None, Language::Python) => Some(source_not_found()),
        (None, Language::Native) => None,
    }
}

/// What stands for the source line of a frame without one.
pub fn source_not_found() -> Line {
    Line::words("    (source not found)")
}

/// Why there are no further frames outwards; nothing where the thread begins.
pub fn end(end: &StackEnd) -> Option<Line> {
    let (words, why) = match end {
        StackEnd::Root => return None,
        StackEnd::Limit(why) => ("(the stack goes on: ", why),
        StackEnd::Broken(why) => ("(stack ends here: ", why),
        StackEnd::Unread(why) => ("(stack not read: ", why),
    };
    Some(Line::words(words).then(line(why.raw())).then(")"))
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
        assert_eq!(location(&frame).as_str(), "/lib/libc.so.6+0x10f54f in poll");
        frame.module_address = None;
        frame.address = Some(Addr(0x7f00_1234));
        assert_eq!(location(&frame).as_str(), "0x7f001234 (/lib/libc.so.6) in poll");
        frame.module = None;
        frame.function = None;
        assert_eq!(location(&frame).as_str(), "0x7f001234 in ??");
        frame.address = None;
        assert_eq!(location(&frame).as_str(), "?? in ??");
    }

    #[test]
    fn no_file_and_no_function_looks_like_another_line() {
        let shown = |file: &str, function: &str| {
            location(&sample::python(file, 5, function, None)).as_str().to_owned()
        };
        assert_eq!(shown("note: threads: x", "x"), "\"note: threads: x\":5 in x");
        assert_eq!(shown("/a b.py", "??"), "\"/a b.py\":5 in \"??\"");
        assert_eq!(shown("(stack ends here", "f)"), "\"(stack ends here\":5 in f)");
        let mut module = sample::native("f", "note:", 1);
        (module.address, module.module_address) = (None, None);
        assert_eq!(location(&module).as_str(), "\"note:\" in f");
    }

    #[test]
    fn guesses_and_inlined_functions_are_marked() {
        let mut frame = sample::native("f", "/bin/x", 0x10);
        frame.inlined = true;
        frame.trust = Trust::FramePointer;
        assert_eq!(
            location(&frame).as_str(),
            "/bin/x+0x10 in f (inlined) (guessed: frame pointer)"
        );
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
