//! What keeps a signal from a process, or the process from running: stops, masks, waits that no
//! signal ends.

use super::thread::Doing;
use super::{Attempt, Picture, Sent, Why, interpreter};
use crate::render::name;
use crate::report::Execution;

/// The process is dead, and not yet waited for.
pub fn ended(attempt: &Attempt<'_>, _: &Picture<'_>) -> Option<Why> {
    let ended = matches!(attempt.now.state, 'Z' | 'X' | 'x');
    ended.then(|| Why::new("it has ended; its parent has not yet asked how (zombie)"))
}

/// Its control group is frozen: `__refrigerator` is where the first version of control groups keeps
/// a frozen thread, `do_freezer_trap` the second (the kernel's `kernel/freezer.c`,
/// `kernel/signal.c`).
pub fn frozen(_: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let wchan = picture.main()?.waits.as_ref()?.wchan.as_deref()?;
    let frozen = matches!(wchan, "__refrigerator" | "do_freezer_trap");
    frozen.then(|| {
        Why::new(format!(
            "its control group is frozen (wchan {wchan}): it answers when that is thawed"
        ))
    })
}

/// Whoever traces it keeps it stopped.
pub fn traced(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    if attempt.now.state != 't' {
        return None;
    }
    let by = attempt.tracer.map_or("another program".to_owned(), |(pid, name)| {
        format!("{} (process {pid})", name::name(name.raw()))
    });
    let why =
        Why::new(format!("{by} traces it and keeps it stopped: it answers when that goes on"));
    Some(with_main(why, picture))
}

/// It is stopped by a signal.
pub fn stopped(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let text = "it is stopped (SIGSTOP, or job control): it answers when it is continued (SIGCONT)";
    (attempt.now.state == 'T').then(|| with_main(Why::new(text), picture))
}

/// It does not handle the signal any more.
pub fn unhandled(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let Sent::Signal(signal) = attempt.sent else { return None };
    if !attempt.before.caught.contains(signal) || attempt.now.caught.contains(signal) {
        return None;
    }
    let ended = interpreter::ends(picture);
    let now = match attempt.now.ignored.contains(signal) {
        _ if ended.is_some() => "the interpreter ends, and has no handler for the signal any more",
        true => "it ignores the signal now",
        false => "it has no handler for the signal any more",
    };
    let why = Why::new(format!("{now}; it had one when it was asked"));
    Some(ended.map_or(why.clone(), |main| why.with(main)))
}

/// Every thread keeps the signal back.
pub fn blocked_everywhere(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let Sent::Signal(signal) = attempt.sent else { return None };
    let now = &attempt.now;
    if !now.blocked_by_all.contains(signal) {
        return None;
    }
    if now.pending.contains(signal) {
        let who = match now.threads {
            1 => "its only thread".to_owned(),
            threads => format!("each of its {threads} threads"),
        };
        let text = format!(
            "the signal is blocked by the mask of {who} (SigBlk) and stays pending until one unblocks it"
        );
        return Some(with_main(Why::new(text), picture));
    }
    // It was kept back all the time and is there no more: no handler can have run.
    let taken = attempt.before.blocked_by_all.contains(signal);
    let taken = taken && !attempt.tapped.is_some_and(|tapped| tapped.delivered);
    taken.then(|| {
        Why::new(
            "the signal is blocked by the mask of every thread (SigBlk), and yet no longer pending: \
             the program takes signals without a handler (signalfd, sigwait)",
        )
    })
}

/// The signal was sent, and no thread has come to take it.
pub fn pending(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let Sent::Signal(signal) = attempt.sent else { return None };
    let (now, main) = (&attempt.now, picture.main()?);
    if !now.pending.contains(signal) {
        return None;
    }
    let doing = Doing::of(main, picture);
    let reason = if now.state == 'D' || main.state.as_deref() == Some("disk sleep") {
        let wchan = main.waits.as_ref().and_then(|waits| waits.wchan.as_deref());
        let at = wchan.map_or(String::new(), |wchan| format!(" ({})", name::name(wchan)));
        format!(
            "the signal is still pending: the main thread is in a wait that no handler interrupts{at}, {}",
            doing.words()
        )
    } else if now.blocked_by_first.contains(signal) {
        "the signal is still pending: the mask of the main thread blocks it (SigBlk), and no thread \
         that may take it has done so"
            .to_owned()
    } else {
        format!("the signal is still pending: no thread has come to take it; {}", doing.sentence())
    };
    Some(Why::new(reason).with(main))
}

/// Another thread took the signal, because the main thread keeps it back: so nothing ended what the
/// main thread waits in.
pub fn not_woken(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let Sent::Signal(signal) = attempt.sent else { return None };
    let (now, main) = (&attempt.now, picture.main()?);
    let by_other = now.blocked_by_first.contains(signal) && !now.blocked_by_all.contains(signal);
    if !by_other || main.state.as_deref() == Some("running") {
        return None;
    }
    // While a thread waits so, the kernel unblocks in it what it waits for, but runs no handler.
    let waits_itself = |thread: &&Execution| {
        let call = thread.waits.as_ref().and_then(|waits| waits.call.as_deref());
        call == Some("rt_sigtimedwait")
    };
    let taken = match picture.threads.iter().find(waits_itself) {
        Some(taker) => format!(
            "{} waits for signals in sigwait, which runs no handler",
            Doing::of(taker, picture).who()
        ),
        None => "only the main thread runs handlers, and nothing has woken it".to_owned(),
    };
    let text = format!(
        "the signal is blocked by the mask of the main thread (SigBlk), and another thread took it: \
         {taken}; {}",
        Doing::of(main, picture).sentence()
    );
    Some(Why::new(text).with(main))
}

fn with_main(why: Why, picture: &Picture<'_>) -> Why {
    match picture.main() {
        Some(main) => why.with(main),
        None => why,
    }
}
