//! Threads, green threads and objects as the report shows them.

use crate::addr::Addr;
use crate::asked::{Asked, Native};
use crate::mask::Secrets;
use crate::merge;
use crate::module::Modules;
use crate::note::Note;
use crate::report::{Awaited, Execution, ExecutionKind, NamedObject, Seen};
use crate::runtime::{GreenThread, LanguageThread, Visitor};
use crate::stack::{Language, Omitted, Stack, StackEnd};
use crate::symbol::source::Sources;
use crate::target::{Consistency, Thread};
use crate::text::Text;
use crate::value::Value;

/// A thread: `native` is its stack, or its own part of it, which lies on what is `beneath`.
pub fn thread(
    thread: &Thread,
    native: Stack,
    beneath: Option<Stack>,
    language: Option<&(LanguageThread, &dyn Visitor)>,
    asked: &Asked,
    modules: &Modules<'_>,
    sources: &Sources<'_>,
) -> Execution {
    let facts = &thread.facts;
    let mut notes = Vec::new();
    if thread.seen == Consistency::Torn {
        let text = "it moved while it was looked at: its stack may be a mixture";
        notes.push(Note::missing(format!("thread {}", facts.tid), text));
    }
    let mut ident = thread.registers.as_ref().and_then(|registers| registers.thread_pointer);
    let (mut stack, mut native_stack) = (native, None);
    let mut runtime_name = None;
    if let Some((language, visitor)) = language {
        runtime_name = language.name.as_ref().map(|name| masked(name, asked.secrets));
        ident = Some(Addr(language.ident));
        let interpreter = modules.find(visitor.interpreter()).map(|module| module.path());
        let runtime = merge::Runtime {
            language: Language::Python,
            name: "Python",
            runs_frames: &|function| visitor.runs_frames(function),
            interpreter,
        };
        let merged = match asked.native {
            Native::None => merge::alone(stack, language, &runtime),
            _ => merge::merge(stack, language, &runtime),
        };
        stack = merged.stack;
        native_stack = merged.native_stack;
        notes.extend(merged.notes);
    }
    if let Some(beneath) = beneath {
        let count = beneath.frames.len();
        let text = format!("it runs a greenlet: {count} native frames further out are not its own");
        notes.push(Note::remark(format!("thread {}", facts.tid), text));
        stack = on(beneath, stack);
    }
    for stack in std::iter::once(&mut stack).chain(native_stack.as_mut()) {
        add_sources(stack, sources);
    }
    Execution {
        kind: ExecutionKind::Thread,
        runtime_name,
        tid: Some(facts.tid),
        ident: ident.filter(|ident| !ident.is_null()).map(|ident| ident.0),
        name: Some(masked(&facts.name, asked.secrets)),
        seen: Some(match thread.seen {
            Consistency::Stopped => Seen::Stopped,
            Consistency::Unchanged => Seen::Asleep,
            Consistency::Torn => Seen::Moved,
        }),
        state: Some(state_name(facts.state).to_owned()),
        waits: facts.wait.clone(),
        stack,
        native_stack,
        notes,
        ..Execution::default()
    }
}

/// A stack on top of what does not belong to it: what greenlets that wait left there. That need not
/// be whole: they take with them what another is to have the place of.
fn on(beneath: Stack, stack: Stack) -> Stack {
    let count = beneath.frames.len();
    let mut frames = beneath.frames;
    frames.iter_mut().for_each(|frame| frame.internal = true);
    frames.extend(stack.frames);
    let omitted = stack.omitted.map(|gap| Omitted { after: gap.after + count, ..gap });
    Stack { frames, omitted: beneath.omitted.or(omitted), end: stack.end }
}

/// A name that the program made up: it may have a URL or a token in it.
fn masked(name: &Text, secrets: Secrets) -> Text {
    secrets.mask_text(name.raw()).as_ref().into()
}

/// A green thread for the report.
pub fn green_thread(green: GreenThread, secrets: Secrets, sources: &Sources<'_>) -> Execution {
    let frames = green.frames.iter().rev().filter(|frame| !frame.hidden);
    let frames = frames.map(|frame| merge::frame(frame, Language::Python)).collect();
    let end = green.broken.map_or(StackEnd::Root, StackEnd::Broken);
    let mut stack = Stack { frames, omitted: None, end };
    add_sources(&mut stack, sources);
    let awaited = |awaited: Awaited| Awaited { what: masked(&awaited.what, secrets), ..awaited };
    Execution {
        kind: green.kind,
        address: Some(green.address),
        tid: green.owner,
        name: green.name.as_ref().map(|name| masked(name, secrets)),
        type_name: Some(green.type_name),
        role: green.role,
        state: Some(green.state.to_owned()),
        awaits: green.awaits.into_iter().map(awaited).collect(),
        stack,
        ..Execution::default()
    }
}

/// An object that was asked for.
pub fn named(path: &str, object: Result<Value, Text>) -> NamedObject {
    let (value, missing) = match object {
        Ok(value) => (Some(value), None),
        Err(why) => (None, Some(why)),
    };
    NamedObject { path: path.to_owned(), value, missing }
}

fn add_sources(stack: &mut Stack, sources: &Sources<'_>) {
    for frame in &mut stack.frames {
        if let (Some(file), Some(line)) = (&frame.file, frame.line) {
            frame.source = sources.line(file, line);
        }
    }
}

/// The kernel's letter for a state, as a word (`task_state_array` of the kernel's
/// `fs/proc/array.c`).
pub fn state_name(letter: char) -> &'static str {
    match letter {
        'R' => "running",
        'S' => "sleeping",
        'D' => "disk sleep",
        'T' => "stopped",
        't' => "tracing stop",
        'Z' => "zombie",
        'X' | 'x' => "dead",
        'I' => "idle",
        'P' => "parked",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_program_made_up_is_shown_without_its_secrets() {
        let masked = |name: &str| masked(&name.into(), Secrets::Masked);
        let shown = masked("poll https://me:hunter2@example.org/");
        assert_eq!(shown.raw(), "poll https://me:***@example.org/");
        assert_eq!(masked("worker-1").raw(), "worker-1");
    }
}
