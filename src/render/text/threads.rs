//! Threads and green threads for eyes: what each is doing in one line, then its stack.

use std::collections::HashMap;

use super::{note, objects};
use crate::render::Frames;
use crate::render::gmr::label;
use crate::render::name::name;
use crate::render::page::{Line, Page};
use crate::render::sanitize::line;
use crate::render::stack::{self, Piece};
use crate::report::{Execution, ExecutionKind, GilUse, Role, Wait};
use crate::stack::Stack;
use crate::text::Text;
use crate::value::Local;

/// How many of those that are alike are named.
const MAX_NAMED: usize = 8;

/// The threads in the order given; green threads that are alike together.
pub fn executions(executions: &[Execution], frames: Frames) -> Page {
    if executions.is_empty() {
        return Line::words("(none)").into();
    }
    let groups = alike(executions);
    let mut pages: Vec<Page> = groups.iter().map(|group| self::group(group, frames)).collect();
    let stacks = executions.iter().flat_map(|e| [Some(&e.stack), e.native_stack.as_ref()]);
    let hidden: usize = stacks.flatten().map(|stack| hidden_frames(stack, frames)).sum();
    if hidden > 0 {
        let which = match frames {
            Frames::Language => "(native frames",
            _ => "(frames of the interpreter itself",
        };
        let count = format!(" are not shown: {hidden} in all; --native shows them)");
        pages.push(Line::words(which).then(count).into());
    }
    Page::apart(pages)
}

/// One thread, without what a list of threads has below it.
pub fn thread(execution: &Execution) -> Page {
    group(&[execution], Frames::Merged)
}

fn hidden_frames(stack: &Stack, frames: Frames) -> usize {
    stack.frames.iter().filter(|frame| !frames.shows(frame)).count()
}

/// Green threads that differ in their address or name only, and each thread for itself.
fn alike(executions: &[Execution]) -> Vec<Vec<&Execution>> {
    let mut groups: Vec<Vec<&Execution>> = Vec::new();
    // By what tells apart at a glance: ten thousand are not each compared with each.
    let mut known: HashMap<_, Vec<usize>> = HashMap::new();
    for execution in executions {
        if execution.kind == ExecutionKind::Thread {
            groups.push(vec![execution]);
            continue;
        }
        let frames = &execution.stack.frames;
        let places: Vec<_> = frames.iter().map(|frame| (&frame.file, frame.line)).collect();
        let of_key = known.entry((execution.kind, execution.state.as_deref(), places)).or_default();
        match of_key.iter().copied().find(|nth| is_alike(groups[*nth][0], execution)) {
            Some(nth) => groups[nth].push(execution),
            None => {
                of_key.push(groups.len());
                groups.push(vec![execution]);
            }
        }
    }
    groups
}

fn is_alike(a: &Execution, b: &Execution) -> bool {
    let what = |e: &'_ Execution| (e.kind, e.role, e.tid, e.type_name.clone(), e.state.clone());
    let awaits = a.awaits.iter().map(|awaited| &awaited.what);
    what(a) == what(b)
        && awaits.eq(b.awaits.iter().map(|awaited| &awaited.what))
        && a.stack == b.stack
        && a.notes == b.notes
}

fn group(group: &[&Execution], frames: Frames) -> Page {
    let execution = group[0];
    let label = match group.len() {
        1 => label(execution),
        count => format!("{count} {}s alike", label(execution)),
    };
    let mut page = Page::default();
    page.bar(&label);
    let facts = match execution.kind {
        ExecutionKind::Thread => facts(execution),
        ExecutionKind::Greenlet | ExecutionKind::Task => green_facts(group),
    };
    page.extend(facts);
    push_stack(&mut page, &execution.stack, frames);
    if let Some(native) = execution.native_stack.as_ref().filter(|_| frames != Frames::Language) {
        page.blank();
        page.push(Line::words("Native stack, not merged with the one above:"));
        push_stack(&mut page, native, frames);
    }
    if !execution.notes.is_empty() {
        page.blank();
        page.extend(execution.notes.iter().map(note));
    }
    page
}

/// `tid 4711 "worker-1" · sleeping in poll(fd 5: …) · held by thread 4712 · wchan …`
fn facts(execution: &Execution) -> Option<Line> {
    let quoted = |name: &Text| Line::quoted(name.raw());
    let named = execution.name.as_ref().map(quoted);
    let tid = execution.tid.map(|tid| Line::words("tid ").then(tid.to_string()));
    let who = match (tid, named) {
        (Some(tid), Some(named)) => Some(tid.then(" ").then(named.as_str())),
        (tid, named) => tid.or(named),
    };
    let mut facts: Vec<Line> = who.into_iter().collect();
    let runtime_name = execution.runtime_name.as_ref();
    facts.extend(runtime_name.map(|name| Line::words("named ").then(quoted(name).as_str())));

    let waits = execution.waits.as_ref();
    let call = waits.and_then(call);
    facts.extend(match (execution.state.as_deref().map(Line::plain), call) {
        (Some(state), Some(call)) => Some(state.then(format!(" in {call}"))),
        (None, Some(call)) => Some(Line::words("in ").then(call)),
        (state, None) => state,
    });
    facts.extend(execution.gil.map(|gil| match gil {
        GilUse::Holds => Line::words("holds the GIL"),
        GilUse::Waits => Line::words("waits for the GIL"),
    }));
    facts.extend(execution.collecting.then(|| Line::words("collects garbage")));
    if let Some(waits) = waits {
        let owner = waits.owner.map(|owner| Line::words("held by thread ").then(owner.to_string()));
        facts.extend(owner);
        facts.extend(waits.wchan.as_deref().map(|wchan| Line::words("wchan ").then(name(wchan))));
    }
    joined(facts)
}

/// The facts on one line; nothing if there is none.
fn joined(facts: Vec<Line>) -> Option<Line> {
    facts.into_iter().reduce(|line, fact| line.fact(fact.as_str()))
}

/// `worker · eventlet.greenthread.GreenThread 0x7f… · suspended · in thread 4711 · awaits …`
fn green_facts(group: &[&Execution]) -> Option<Line> {
    let execution = group[0];
    let role = execution.role.map(|role| match role {
        Role::Main => Line::words("main"),
        Role::Hub => Line::words("hub"),
        Role::Worker => Line::words("worker"),
    });
    let mut facts: Vec<Line> = role.into_iter().collect();
    let mut named = group.iter().take(MAX_NAMED).filter_map(|one| self::named(one));
    let first = match &execution.type_name {
        Some(kind) => {
            let kind = Line::name(kind.raw());
            Some(named.next().into_iter().fold(kind, |kind, one| kind.then(" ").then(one.as_str())))
        }
        None => named.next(),
    };
    let all = first.map(|first| named.fold(first, |line, one| line.then(", ").then(one.as_str())));
    let more = if group.len() > MAX_NAMED { ", …" } else { "" };
    facts.extend(all.map(|all| all.then(more)));
    facts.extend(execution.state.as_deref().map(Line::plain));
    facts.extend(execution.tid.map(|tid| Line::words("in thread ").then(tid.to_string())));
    let awaits: Vec<String> =
        execution.awaits.iter().map(|awaited| line(awaited.what.raw())).collect();
    if !awaits.is_empty() {
        facts.push(Line::words("awaits ").then(awaits.join(", ")));
    }
    joined(facts)
}

/// A green thread by its name, else by its address.
fn named(execution: &Execution) -> Option<Line> {
    match (&execution.name, execution.address) {
        (Some(name), _) => Some(Line::quoted(name.raw())),
        (None, address) => address.map(Line::address),
    }
}

/// The system call with what is known of its first argument.
fn call(waits: &Wait) -> Option<String> {
    let call = name(waits.call.as_deref()?);
    let argument = match (&waits.argument, waits.futex) {
        (Some(argument), _) => Some(line(argument.raw())),
        (None, Some(futex)) => Some(futex.to_string()),
        (None, None) => None,
    };
    Some(argument.map_or_else(|| call.clone(), |argument| format!("{call}({argument})")))
}

/// The frames, outermost first. A frame with its source has an empty line around it, as in
/// every GMR; frames of one line stand together.
fn push_stack(page: &mut Page, stack: &Stack, frames: Frames) {
    let alone = |line: Line| (line, None, &[][..]);
    let mut items: Vec<(Line, Option<Line>, &[Local])> =
        stack::end(&stack.end).map(alone).into_iter().collect();
    items.extend(stack::pieces(stack).filter_map(|piece| match piece {
        Piece::Frame(frame) if !frames.shows(frame) => None,
        Piece::Frame(frame) => {
            Some((stack::location(frame), stack::source(frame), &frame.locals[..]))
        }
        Piece::Gap(frames) => Some(alone(stack::gap(frames))),
    }));
    if items.is_empty() {
        items.push(alone(match stack.frames.is_empty() {
            true => stack::none(),
            false => Line::words("(only frames that are not shown)"),
        }));
    }
    let mut apart = true;
    for (first, second, locals) in items {
        if apart || second.is_some() {
            page.blank();
        }
        apart = second.is_some();
        page.push(first);
        page.extend(second);
        objects::locals(page, locals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use crate::report::Wait;
    use crate::stack::StackEnd;

    fn shown(thread: &Execution) -> String {
        facts(thread).map(|line| line.as_str().to_owned()).unwrap_or_default()
    }

    #[test]
    fn no_name_of_a_thread_is_two_facts() {
        let mut thread = sample::thread(1, Vec::new());
        thread.name = Some("a\" · holds the GIL · named \"b".into());
        thread.state = Some("note: x".into());
        let expected = r#""a\" \u{b7} holds the GIL \u{b7} named \"b" · "note: x""#;
        assert_eq!(shown(&thread), expected);
    }

    #[test]
    fn an_argument_that_was_resolved_is_shown_in_place_of_its_number() {
        let mut thread = sample::thread(1, Vec::new());
        thread.state = Some("sleeping".into());
        thread.waits = Some(Wait {
            call: Some("read".into()),
            argument: Some("fd 3: pipe".into()),
            ..Wait::default()
        });
        assert_eq!(shown(&thread), "sleeping in read(fd 3: pipe)");
        thread.state = None;
        thread.waits = None;
        assert_eq!(facts(&thread), None);
    }

    #[test]
    fn a_stack_that_was_not_read_is_not_an_empty_one() {
        let mut thread = sample::thread(1, Vec::new());
        assert!(group(&[&thread], Frames::Merged).as_str().ends_with("------\n\nNo Traceback!\n"));
        thread.stack.end = StackEnd::Unread("the thread exited".into());
        assert!(
            group(&[&thread], Frames::Merged)
                .as_str()
                .ends_with("------\n\n(stack not read: the thread exited)\n")
        );
    }
}
