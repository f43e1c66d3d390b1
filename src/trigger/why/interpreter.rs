//! The main thread of Python, and why it does not come to look for handlers to run.

use super::thread::Doing;
use super::{Attempt, Picture, Sent, Why};
use crate::render::sanitize::line;
use crate::report::{Execution, GilUse};
use crate::stack::StackEnd;
use crate::text::Text;

/// Why a main thread that does not return to Python runs no handler.
const ONLY_BETWEEN: &str =
    "Python runs handlers only in the main thread, between its own instructions";

/// The functions that end the interpreter (CPython's `pylifecycle.c`). They take its handlers away
/// soon.
const ENDS: &[&str] = &["Py_FinalizeEx", "Py_Finalize", "_Py_Finalize"];

/// There is no interpreter to run a handler.
pub fn not_there(_: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    if !picture.interpreters.is_empty() {
        return None;
    }
    let main = picture.main()?;
    let text = format!("no interpreter was found in it; {}", Doing::of(main, picture).sentence());
    Some(Why::new(text).with(main))
}

/// The main thread wants the lock of the interpreter, and another thread has it.
pub fn waits_for_lock(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let waiting = asked(attempt, picture).filter(|thread| thread.gil == Some(GilUse::Waits))?;
    let who = Doing::of(waiting, picture).who();
    let Some(holder) = lock_holder(waiting, picture) else {
        let text = format!("{who} waits for the GIL, which no thread was seen to hold");
        return Some(Why::new(text).with(waiting));
    };
    let doing = Doing::of(holder, picture);
    let collects = if holder.collecting { ", and collects garbage" } else { "" };
    let does = if doing.is_running() { "runs" } else { "waits" };
    let text = format!(
        "{who} waits for the GIL, which {} holds: that {does} {}{collects}",
        doing.who(),
        doing.words()
    );
    Some(Why::new(text).with(holder).with(waiting))
}

/// Who holds the lock of the interpreter that a thread waits for, if it does.
pub fn lock_holder<'a>(waiting: &Execution, picture: &'a Picture<'_>) -> Option<&'a Execution> {
    let mut threads = picture.threads.iter();
    let holder = threads.find(|thread| thread.gil == Some(GilUse::Holds));
    holder.filter(|_| waiting.gil == Some(GilUse::Waits))
}

/// The main thread, if it ends the interpreter.
pub fn ends<'a>(picture: &'a Picture<'_>) -> Option<&'a Execution> {
    let main = picture.main()?;
    let stacks = [Some(&main.stack), main.native_stack.as_ref()];
    let mut frames = stacks.into_iter().flatten().flat_map(|stack| &stack.frames);
    let ends = |function: &Text| ENDS.contains(&function.raw());
    frames.any(|frame| frame.function.as_ref().is_some_and(ends)).then_some(main)
}

/// The main thread runs no Python at all: it has not entered the interpreter, or has left it.
pub fn no_frames(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let main = handling(attempt, picture)?;
    let doing = Doing::of(main, picture);
    if doing.python.is_some() || main.stack.frames.is_empty() {
        return None;
    }
    let text = "the main thread runs no Python, and handlers run only there";
    Some(Why::new(format!("{text}; {}", doing.sentence())).with(main))
}

/// The main thread was left for native code, and does not return from it.
pub fn in_native_code(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let main = handling(attempt, picture)?;
    let doing = Doing::of(main, picture);
    doing.python?;
    if doing.is_running() {
        doing.left_for()?;
        return Some(native(
            main,
            &doing,
            "the main thread runs native code and does not return to Python",
        ));
    }
    if doing.native.is_empty() && main.waits.is_none() {
        return None;
    }
    if doing.is_own_wait() {
        return None;
    }
    Some(native(main, &doing, "the main thread is blocked in C"))
}

fn native(main: &Execution, doing: &Doing<'_>, what: &str) -> Why {
    let lock = doing.lock().map_or(String::new(), |lock| format!("; {lock}"));
    let text = format!("{what}: {}{}{lock}; {ONLY_BETWEEN}", doing.words(), doing.green());
    Why::new(text).with(main)
}

/// What the thread does that was to make the report, where nothing explains why there is no report.
pub fn what_it_does(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Why {
    let Some(thread) = asked(attempt, picture) else {
        return Why::new(
            "no reason can be seen: the thread that was to make the report was not found",
        );
    };
    let unread = match &thread.stack.end {
        StackEnd::Unread(why) => format!("; its stack could not be read: {}", line(why.raw())),
        _ => String::new(),
    };
    let doing = Doing::of(thread, picture);
    let text = match doing.is_own_wait() && !doing.is_running() {
        // The interpreter's own locks do not: so nothing is said of whether it ran.
        true => format!(
            "no reason can be seen: {}; as a rule such a wait of Python's own ends for a handler",
            doing.sentence()
        ),
        false => format!("no reason can be seen: {}{unread}", doing.sentence()),
    };
    Why::new(text).with(thread)
}

/// The thread that is to make the report: the main one, or the one that watches the file.
pub fn asked<'a>(attempt: &Attempt<'_>, picture: &'a Picture<'_>) -> Option<&'a Execution> {
    match attempt.sent {
        Sent::Signal(_) => picture.main(),
        Sent::File { watcher, .. } => picture.thread(watcher.thread?),
    }
}

/// The main thread, where that is to run a handler.
fn handling<'a>(attempt: &Attempt<'_>, picture: &'a Picture<'_>) -> Option<&'a Execution> {
    matches!(attempt.sent, Sent::Signal(_)).then(|| picture.main()).flatten()
}
