//! Threads for eyes: what each is doing in one line, then its stack.

use super::note;
use crate::render::gmr::label;
use crate::render::layout;
use crate::render::sanitize::line;
use crate::render::stack::{self, Piece};
use crate::report::{Execution, Wait};
use crate::stack::Stack;

/// The threads in the order given.
pub fn executions(executions: &[Execution]) -> String {
    if executions.is_empty() {
        return "(none)".into();
    }
    let mut out: Vec<String> = executions.iter().map(execution).collect();
    let stacks = executions.iter().flat_map(|e| [Some(&e.stack), e.native_stack.as_ref()]);
    let hidden: usize = stacks.flatten().map(internal_frames).sum();
    if hidden > 0 {
        out.push(format!(
            "(frames of the interpreter itself are not shown: {hidden} in all; --format json has them)"
        ));
    }
    out.join("\n")
}

fn internal_frames(stack: &Stack) -> usize {
    stack.frames.iter().filter(|frame| frame.internal).count()
}

fn execution(execution: &Execution) -> String {
    let mut out = format!("{}\n", layout::bar(&label(execution)));
    let facts = facts(execution);
    if !facts.is_empty() {
        out.push_str(&format!("{facts}\n"));
    }
    push_stack(&mut out, &execution.stack);
    if let Some(native) = &execution.native_stack {
        out.push_str("\nNative stack, not merged with the one above:\n");
        push_stack(&mut out, native);
    }
    if !execution.notes.is_empty() {
        out.push('\n');
        out.extend(execution.notes.iter().map(note));
    }
    out
}

/// `tid 4711 "worker-1" · sleeping in poll(fd 5: …) · held by thread 4712 · wchan …`
fn facts(execution: &Execution) -> String {
    let name = execution.name.as_ref().map(|name| format!("\"{}\"", line(name.raw())));
    let tid = execution.tid.map(|tid| format!("tid {tid}"));
    let who: Vec<String> = tid.into_iter().chain(name).collect();
    let mut facts = vec![who.join(" ")];

    let waits = execution.waits.as_ref();
    let state = execution.state.as_deref().map(line);
    let call = waits.and_then(call).map(|call| format!("in {call}"));
    let doing: Vec<String> = state.into_iter().chain(call).collect();
    facts.push(doing.join(" "));

    if let Some(waits) = waits {
        facts.extend(waits.owner.map(|owner| format!("held by thread {owner}")));
        facts.extend(waits.wchan.as_deref().map(|wchan| format!("wchan {}", line(wchan))));
    }
    facts.retain(|fact| !fact.is_empty());
    facts.join(" · ")
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
fn push_stack(out: &mut String, stack: &Stack) {
    let mut items: Vec<(String, Option<String>)> =
        stack::end(&stack.end).map(|end| (end, None)).into_iter().collect();
    items.extend(stack::pieces(stack).filter_map(|piece| match piece {
        Piece::Frame(frame) if frame.internal => None,
        Piece::Frame(frame) => Some((stack::location(frame), stack::source(frame))),
        Piece::Gap(frames) => Some((stack::gap(frames), None)),
    }));
    if items.is_empty() {
        let only_hidden = !stack.frames.is_empty();
        let none = if only_hidden { "(only frames inside a runtime)" } else { "No Traceback!" };
        items.push((none.into(), None));
    }
    let mut apart = true;
    for (first, second) in items {
        if apart || second.is_some() {
            out.push('\n');
        }
        apart = second.is_some();
        out.push_str(&format!("{first}\n"));
        if let Some(second) = second {
            out.push_str(&format!("{second}\n"));
        }
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
        assert!(execution(&thread).ends_with("------\n\nNo Traceback!\n"));
        thread.stack.end = StackEnd::Unread("the thread exited".into());
        assert!(execution(&thread).ends_with("------\n\n(stack not read: the thread exited)\n"));
    }
}
