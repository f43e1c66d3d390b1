//! Threads and green threads for eyes: what each is doing in one line, then its stack.

use std::collections::HashMap;

use super::{note, objects};
use crate::render::gmr::label;
use crate::render::sanitize::line;
use crate::render::stack::{self, Piece};
use crate::render::{Frames, layout};
use crate::report::{Execution, ExecutionKind, GilUse, Role, Wait};
use crate::stack::Stack;
use crate::value::Local;

/// How many of those that are alike are named.
const MAX_NAMED: usize = 8;

/// The threads in the order given; green threads that are alike together.
pub fn executions(executions: &[Execution], frames: Frames) -> String {
    if executions.is_empty() {
        return "(none)".into();
    }
    let groups = alike(executions);
    let mut out: Vec<String> = groups.iter().map(|group| self::group(group, frames)).collect();
    let stacks = executions.iter().flat_map(|e| [Some(&e.stack), e.native_stack.as_ref()]);
    let hidden: usize = stacks.flatten().map(|stack| hidden_frames(stack, frames)).sum();
    if hidden > 0 {
        let which = match frames {
            Frames::Language => "native frames",
            _ => "frames of the interpreter itself",
        };
        out.push(format!("({which} are not shown: {hidden} in all; --native shows them)"));
    }
    out.join("\n")
}

/// One thread, without what a list of threads has below it.
pub fn thread(execution: &Execution) -> String {
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

fn group(group: &[&Execution], frames: Frames) -> String {
    let execution = group[0];
    let label = match group.len() {
        1 => label(execution),
        count => format!("{count} {}s alike", label(execution)),
    };
    let mut out = format!("{}\n", layout::bar(&label));
    let facts = match execution.kind {
        ExecutionKind::Thread => facts(execution),
        ExecutionKind::Greenlet | ExecutionKind::Task => green_facts(group),
    };
    if !facts.is_empty() {
        out.push_str(&format!("{facts}\n"));
    }
    push_stack(&mut out, &execution.stack, frames);
    if let Some(native) = execution.native_stack.as_ref().filter(|_| frames != Frames::Language) {
        out.push_str("\nNative stack, not merged with the one above:\n");
        push_stack(&mut out, native, frames);
    }
    if !execution.notes.is_empty() {
        out.push('\n');
        out.extend(execution.notes.iter().map(note));
    }
    out
}

/// `tid 4711 "worker-1" · sleeping in poll(fd 5: …) · held by thread 4712 · wchan …`
fn facts(execution: &Execution) -> String {
    let quoted = |name: &crate::text::Text| format!("\"{}\"", line(name.raw()));
    let name = execution.name.as_ref().map(quoted);
    let tid = execution.tid.map(|tid| format!("tid {tid}"));
    let who: Vec<String> = tid.into_iter().chain(name).collect();
    let mut facts = vec![who.join(" ")];
    let runtime_name = execution.runtime_name.as_ref();
    facts.extend(runtime_name.map(|name| format!("named {}", quoted(name))));

    let waits = execution.waits.as_ref();
    let state = execution.state.as_deref().map(line);
    let call = waits.and_then(call).map(|call| format!("in {call}"));
    let doing: Vec<String> = state.into_iter().chain(call).collect();
    facts.push(doing.join(" "));

    facts.extend(execution.gil.map(|gil| match gil {
        GilUse::Holds => "holds the GIL".to_owned(),
        GilUse::Waits => "waits for the GIL".to_owned(),
    }));
    if execution.collecting {
        facts.push("collects garbage".to_owned());
    }
    if let Some(waits) = waits {
        facts.extend(waits.owner.map(|owner| format!("held by thread {owner}")));
        facts.extend(waits.wchan.as_deref().map(|wchan| format!("wchan {}", line(wchan))));
    }
    facts.retain(|fact| !fact.is_empty());
    facts.join(" · ")
}

/// `worker · eventlet.greenthread.GreenThread 0x7f… · suspended · in thread 4711 · awaits …`
fn green_facts(group: &[&Execution]) -> String {
    let execution = group[0];
    let role = execution.role.map(|role| match role {
        Role::Main => "main",
        Role::Hub => "hub",
        Role::Worker => "worker",
    });
    let mut facts: Vec<String> = role.map(str::to_owned).into_iter().collect();
    let mut named: Vec<String> = group.iter().take(MAX_NAMED).map(|one| self::named(one)).collect();
    if group.len() > MAX_NAMED {
        named.push("…".to_owned());
    }
    let kind = execution.type_name.as_ref().map(|name| line(name.raw()));
    let who: Vec<String> = kind.into_iter().chain([named.join(", ")]).collect();
    facts.push(who.join(" "));
    facts.extend(execution.state.as_deref().map(line));
    facts.extend(execution.tid.map(|tid| format!("in thread {tid}")));
    let awaits: Vec<String> =
        execution.awaits.iter().map(|awaited| line(awaited.what.raw())).collect();
    if !awaits.is_empty() {
        facts.push(format!("awaits {}", awaits.join(", ")));
    }
    facts.retain(|fact| !fact.trim().is_empty());
    facts.join(" · ")
}

/// A green thread by its name, else by its address.
fn named(execution: &Execution) -> String {
    match (&execution.name, execution.address) {
        (Some(name), _) => format!("\"{}\"", line(name.raw())),
        (None, Some(address)) => address.to_string(),
        (None, None) => String::new(),
    }
}

/// The system call with what is known of its first argument.
fn call(waits: &Wait) -> Option<String> {
    let call = line(waits.call.as_deref()?);
    let argument = match (&waits.argument, waits.futex) {
        (Some(argument), _) => Some(line(argument.raw())),
        (None, Some(futex)) => Some(futex.to_string()),
        (None, None) => None,
    };
    Some(argument.map_or_else(|| call.clone(), |argument| format!("{call}({argument})")))
}

/// The frames, outermost first. A frame with its source has an empty line around it, as in
/// every GMR; frames of one line stand together.
fn push_stack(out: &mut String, stack: &Stack, frames: Frames) {
    let mut items: Vec<(String, Option<String>, &[Local])> =
        stack::end(&stack.end).map(|end| (end, None, &[][..])).into_iter().collect();
    items.extend(stack::pieces(stack).filter_map(|piece| match piece {
        Piece::Frame(frame) if !frames.shows(frame) => None,
        Piece::Frame(frame) => {
            Some((stack::location(frame), stack::source(frame), &frame.locals[..]))
        }
        Piece::Gap(frames) => Some((stack::gap(frames), None, &[][..])),
    }));
    if items.is_empty() {
        let only_hidden = !stack.frames.is_empty();
        let none = if only_hidden { "(only frames that are not shown)" } else { "No Traceback!" };
        items.push((none.into(), None, &[]));
    }
    let mut apart = true;
    for (first, second, locals) in items {
        if apart || second.is_some() {
            out.push('\n');
        }
        apart = second.is_some();
        out.push_str(&format!("{first}\n"));
        if let Some(second) = second {
            out.push_str(&format!("{second}\n"));
        }
        objects::locals(out, locals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use crate::report::Wait;
    use crate::stack::StackEnd;

    #[test]
    fn an_argument_that_was_resolved_is_shown_in_place_of_its_number() {
        let mut thread = sample::thread(1, Vec::new());
        thread.state = Some("sleeping".into());
        thread.waits = Some(Wait {
            call: Some("read".into()),
            argument: Some("fd 3: pipe".into()),
            ..Wait::default()
        });
        assert_eq!(facts(&thread), "sleeping in read(fd 3: pipe)");
        thread.state = None;
        thread.waits = None;
        assert_eq!(facts(&thread), "");
    }

    #[test]
    fn a_stack_that_was_not_read_is_not_an_empty_one() {
        let mut thread = sample::thread(1, Vec::new());
        assert!(group(&[&thread], Frames::Merged).ends_with("------\n\nNo Traceback!\n"));
        thread.stack.end = StackEnd::Unread("the thread exited".into());
        assert!(
            group(&[&thread], Frames::Merged)
                .ends_with("------\n\n(stack not read: the thread exited)\n")
        );
    }
}
