//! One stack of two: puts the frames of a language where the native stack ran them.
//!
//! The function that runs frames appears in the native stack once for each time that native code
//! entered the language; the frames of one such *entry* take its place. Where the two stacks do
//! not fit, both are kept, side by side, and a note says so: no frame is ever lost or guessed
//! into place. Nothing here reads memory or files; source lines are filled in elsewhere.

use std::cmp::Ordering;

use crate::addr::Addr;
use crate::note::Note;
use crate::runtime::{LanguageFrame, LanguageThread};
use crate::stack::{Frame, Language, Omitted, Stack, StackEnd, Trust};
use crate::text::Text;

/// What the merging must know of the runtime.
#[derive(Clone, Copy)]
pub struct Runtime<'a> {
    /// Its language.
    pub language: Language,
    /// What notes call it: `Python`.
    pub name: &'a str,
    /// Whether a native function is the one that runs frames of the language.
    pub runs_frames: &'a dyn Fn(&str) -> bool,
    /// The module that holds the interpreter's machine code, as frames name it.
    pub interpreter: Option<&'a Text>,
}

/// A merged stack, or two that did not fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The stack, with all frames of the language.
    pub stack: Stack,
    /// The native stack, where it could not be merged.
    pub native_stack: Option<Stack>,
    /// What a reader should know of it.
    pub notes: Vec<Note>,
}

/// The stack of a thread in the language, where native stacks are not looked at; where it has none,
/// what there is to say of the native one.
pub fn alone(native: Stack, thread: &LanguageThread, runtime: &Runtime<'_>) -> Merged {
    let groups = groups(&thread.frames);
    let stack = if groups.is_empty() { native } else { in_language(thread, &groups, runtime) };
    Merged { stack, native_stack: None, notes: ends_early(thread, runtime).into_iter().collect() }
}

/// That the stack in the language has no outer end, if so.
fn ends_early(thread: &LanguageThread, runtime: &Runtime<'_>) -> Option<Note> {
    let why = thread.broken.as_ref()?;
    let why = format!("its {} stack ends early: {}", runtime.name, why.raw());
    Some(Note::missing(format!("thread {}", thread.tid), why))
}

fn in_language(
    thread: &LanguageThread,
    groups: &[&[LanguageFrame]],
    runtime: &Runtime<'_>,
) -> Stack {
    let frames = groups.iter().rev().flat_map(|group| shown(group, runtime)).collect();
    let end = thread.broken.clone().map_or(StackEnd::Root, StackEnd::Broken);
    Stack { frames, omitted: None, end }
}

/// Merges the native stack of a thread with its stack in the language.
pub fn merge(native: Stack, thread: &LanguageThread, runtime: &Runtime<'_>) -> Merged {
    let about = format!("thread {}", thread.tid);
    let mut notes: Vec<Note> = ends_early(thread, runtime).into_iter().collect();
    let groups = groups(&thread.frames);
    if groups.is_empty() {
        return Merged { stack: native, native_stack: None, notes };
    }
    let activations =
        by_address(&native.frames, &groups).unwrap_or_else(|| activations(&native.frames, runtime));
    match Fit::of(&native, &activations, groups.len(), thread.broken.is_some()) {
        Ok(fit) => {
            if fit.left(groups.len()) > 0 {
                let message = format!(
                    "its native stack is not whole: {} frames of the missing part are put into \
                     the gap, without the native ones between them",
                    runtime.name
                );
                notes.push(Note::remark(about.as_str(), message));
            }
            let stack = interleave(native, &activations, &groups, &fit, thread, runtime);
            Merged { stack, native_stack: None, notes }
        }
        Err(why) => {
            let message = format!("its native and {} stacks stand apart: {why}", runtime.name);
            notes.push(Note::remark(about.as_str(), message));
            let stack = in_language(thread, &groups, runtime);
            Merged { stack, native_stack: Some(native), notes }
        }
    }
}

/// The frames of each entry, the innermost entry first. A group may have nothing to show.
fn groups(frames: &[LanguageFrame]) -> Vec<&[LanguageFrame]> {
    frames.split_inclusive(|frame| frame.entry).collect()
}

/// One activation of the function that runs frames: its place among the native frames, with the
/// functions that the compiler dissolved into it, which lie inwards.
#[derive(Clone, Copy, Debug)]
struct Activation {
    first: usize,
    after: usize,
}

/// The activations of the groups by where they lie on the machine's stack, outermost first: this
/// needs no names, and tells apart those that greenlets left there. `None` if that is not known of
/// all, or contradicts the stack.
fn by_address(frames: &[Frame], groups: &[&[LanguageFrame]]) -> Option<Vec<Activation>> {
    // The stack pointers of frames that are no function's dissolved into another, outermost first.
    let bases: Vec<(usize, Addr)> = frames
        .iter()
        .enumerate()
        .filter(|(_, frame)| !frame.inlined)
        .filter_map(|(index, frame)| Some((index, frame.sp?)))
        .collect();
    // Not so where a signal is handled on a stack of its own.
    if !bases.is_sorted_by(|(_, a), (_, b)| a > b) {
        return None;
    }
    let mut found = Vec::new();
    for group in groups.iter().rev() {
        let at = group.last()?.activation?;
        let place = bases.partition_point(|(_, sp)| *sp > at);
        let (first, _) = *bases.get(place).filter(|_| place > 0)?;
        found.push(Activation { first, after: after(frames, first) });
    }
    found.is_sorted_by(|a, b| a.first < b.first).then_some(found)
}

/// The first frame inwards of `first` that was not dissolved into it.
fn after(frames: &[Frame], first: usize) -> usize {
    let inwards = frames.get(first + 1..).unwrap_or_default();
    first + 1 + inwards.iter().take_while(|frame| frame.inlined).count()
}

/// The activations in a native stack by the name of the function, outermost first.
fn activations(frames: &[Frame], runtime: &Runtime<'_>) -> Vec<Activation> {
    let runs = |frame: &Frame| {
        let function = frame.function.as_ref();
        !frame.inlined && function.is_some_and(|name| (runtime.runs_frames)(name.raw()))
    };
    let at = |first: usize| Activation { first, after: after(frames, first) };
    (0..frames.len()).filter(|index| runs(&frames[*index])).map(at).collect()
}

/// Which activations belong to which groups.
#[derive(Debug, PartialEq, Eq)]
struct Fit {
    /// So many of the outermost activations run the outermost groups.
    outer: usize,
    /// So many of the innermost activations run the innermost groups …
    inner: usize,
    /// … but for the innermost of all, which runs no frame yet, or no more.
    bare: bool,
    /// Where groups without an activation go: before this native frame.
    gap: usize,
}

impl Fit {
    /// Fits the innermost to the innermost; outwards of a gap also the outermost to the
    /// outermost.
    fn of(
        native: &Stack,
        activations: &[Activation],
        groups: usize,
        broken: bool,
    ) -> Result<Fit, String> {
        let count = activations.len();
        let rooted = native.end == StackEnd::Root;
        let gap = match native.omitted {
            Some(omitted) => Some(omitted.after.min(native.frames.len())),
            None if rooted => None,
            None => Some(0),
        };
        let counts = || {
            let shared = if has_greenlets(native) { ", as greenlets share it" } else { "" };
            Err(format!("the native one enters it {count} times, the other {groups}{shared}"))
        };
        let Some(gap) = gap else {
            let fit = Fit { outer: 0, inner: groups, bare: false, gap: 0 };
            return match count.cmp(&groups) {
                Ordering::Equal => Ok(fit),
                Ordering::Less => counts(),
                // The missing frames are the outermost.
                Ordering::Greater if broken => Ok(fit),
                // A thread that runs can be at the begin or the end of the function itself.
                Ordering::Greater if count == groups + 1 && is_leaf(native, activations) => {
                    Ok(Fit { bare: true, ..fit })
                }
                Ordering::Greater => counts(),
            };
        };
        let inner = activations.iter().filter(|activation| activation.first >= gap).count();
        let outer = count - inner;
        if broken {
            Err("neither is whole".to_owned())
        } else if count > groups {
            counts()
        } else if outer > 0 && !rooted {
            Err("the native one is cut twice".to_owned())
        } else if guessed(native, activations, gap) {
            Err("the native one is not whole, and guessed in part".to_owned())
        } else {
            Ok(Fit { outer, inner, bare: false, gap })
        }
    }

    /// How many of the groups have no activation.
    fn left(&self, groups: usize) -> usize {
        groups.saturating_sub(self.outer + self.inner)
    }
}

/// Whether the thread stands in the function that runs frames itself, in none that it called, and
/// no greenlet is about: those leave activations of others on the native stack.
fn is_leaf(native: &Stack, activations: &[Activation]) -> bool {
    let leaf = activations.last().is_some_and(|last| last.after == native.frames.len());
    leaf && !has_greenlets(native)
}

/// Whether code of the greenlet module is on the stack.
fn has_greenlets(native: &Stack) -> bool {
    let greenlet = |frame: &Frame| library(frame).is_some_and(|name| name.contains("greenlet"));
    native.frames.iter().any(greenlet)
}

/// Whether a frame inwards of the outermost activation that counts was guessed: then one may be
/// missing.
fn guessed(native: &Stack, activations: &[Activation], gap: usize) -> bool {
    let from = activations.iter().map(|activation| activation.first).find(|first| *first >= gap);
    let inwards = from.and_then(|from| native.frames.get(from..)).unwrap_or_default();
    inwards.iter().any(|frame| frame.trust.is_guess())
}

/// Puts the groups in the place of their activations.
fn interleave(
    native: Stack,
    activations: &[Activation],
    groups: &[&[LanguageFrame]],
    fit: &Fit,
    thread: &LanguageThread,
    runtime: &Runtime<'_>,
) -> Stack {
    let (from_outside, rest) = activations.split_at(fit.outer);
    let (_, from_inside) =
        rest.split_at(rest.len().saturating_sub(fit.inner + usize::from(fit.bare)));
    // Groups come innermost first, activations outermost first.
    let outermost = from_outside.iter().zip(groups.iter().rev());
    let innermost = from_inside.iter().zip(groups.iter().take(fit.inner).rev());
    let mut placed = outermost.chain(innermost).peekable();
    let left = fit.inner..groups.len().saturating_sub(fit.outer);
    let mut between = groups.get(left).unwrap_or_default().iter().rev().peekable();

    let mut frames = Vec::new();
    let mut after = native.omitted.map(|omitted| omitted.after);
    let mut skip_to = 0;
    for (index, frame) in native.frames.into_iter().enumerate() {
        if index == fit.gap {
            after = after.map(|_| frames.len());
            frames.extend(between.by_ref().flat_map(|group| shown(group, runtime)));
        }
        if let Some((activation, group)) = placed.next_if(|(place, _)| place.first == index) {
            frames.extend(shown(group, runtime));
            skip_to = activation.after;
        }
        if index >= skip_to {
            frames.push(frame);
        }
    }
    // A gap after the last native frame.
    frames.extend(between.flat_map(|group| shown(group, runtime)));

    mark_internal(&mut frames, runtime);
    let omitted = native.omitted.zip(after).map(|(old, after)| Omitted { after, ..old });
    let end = match &thread.broken {
        Some(why) => StackEnd::Broken(why.clone()),
        None => native.end,
    };
    Stack { frames, omitted, end }
}

/// The frames of a group as the report shows them, outermost first.
fn shown(group: &[LanguageFrame], runtime: &Runtime<'_>) -> impl Iterator<Item = Frame> {
    let language = runtime.language;
    group.iter().rev().filter(|frame| !frame.hidden).map(move |frame| self::frame(frame, language))
}

/// A frame of a language as the report shows it.
pub fn frame(frame: &LanguageFrame, language: Language) -> Frame {
    Frame {
        function: Some(frame.function.clone()),
        file: Some(frame.file.clone()),
        line: frame.line,
        qualified_name: frame.qualified_name.clone(),
        locals: frame.locals.clone(),
        ..Frame::new(language, Trust::Runtime)
    }
}

/// Marks the runtime's own machinery: native frames outwards of a frame of the language, of the
/// interpreter, the C library or the kernel. What lies inwards is what the thread is in; and any
/// other library is somebody's program.
fn mark_internal(frames: &mut [Frame], runtime: &Runtime<'_>) {
    let innermost = frames.iter().rposition(|frame| frame.language == runtime.language);
    let outwards = frames.iter_mut().take(innermost.unwrap_or(0));
    for frame in outwards.filter(|frame| frame.language == Language::Native) {
        let interpreter = frame.module.is_some() && frame.module.as_ref() == runtime.interpreter;
        frame.internal = interpreter || library(frame).is_some_and(is_machinery);
    }
}

/// The name of the file that a frame's code lies in.
fn library(frame: &Frame) -> Option<&str> {
    frame.module.as_ref().map(base_name)
}

/// Whether a mapped file is the C library, or its loader.
pub fn is_of_c_library(path: &Text) -> bool {
    is_c_library(base_name(path))
}

/// The name of a mapped file.
fn base_name(path: &Text) -> &str {
    // The kernel's suffix for a file that was replaced.
    let path = path.raw().strip_suffix(" (deleted)").unwrap_or(path.raw());
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Whether a file of this name is the C library, its loader, the kernel's own code, what a greenlet
/// begins in, or the small `python` program whose only work is to call libpython.
fn is_machinery(name: &str) -> bool {
    let program = name
        .strip_prefix("python")
        .is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    name == "[vdso]" || program || name.starts_with("_greenlet.") || is_c_library(name)
}

/// Whether a file of this name is the C library, or its loader.
fn is_c_library(name: &str) -> bool {
    const FAMILIES: [&str; 8] = [
        "libc.so",
        "libc-2.",
        "libpthread.so",
        "libpthread-2.",
        "ld-linux",
        "ld-2.",
        "ld-musl",
        "libc.musl",
    ];
    FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests;
