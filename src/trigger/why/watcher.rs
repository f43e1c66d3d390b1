//! Those who watch a file, and why they do not see that it was touched.

use super::thread::Doing;
use super::{Attempt, Picture, Sent, Why, under_way};
use crate::render::name;
use crate::runtime::ReportWatcher;

/// The file is gone: that ends whoever watches it.
pub fn file_is_gone(attempt: &Attempt<'_>, _: &Picture<'_>) -> Option<Why> {
    let watcher = watcher(attempt)?;
    let Sent::File { exists: false, .. } = attempt.sent else { return None };
    let text = format!(
        "the watched file {} is gone: its watcher ends with an error, and a new file of that name is \
         not seen until the process starts anew",
        name::name(watcher.file.raw())
    );
    Some(Why::new(text))
}

/// Whoever watched it has ended.
pub fn has_ended(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let watcher = watcher(attempt)?;
    let tid = watcher.thread?;
    let all = picture.threads.iter().chain(picture.green);
    let mut of_thread = all.filter(|one| one.tid == Some(tid));
    // Where no green thread was found, they could not be read: that is not their end.
    if watcher.green && picture.green.is_empty() || of_thread.any(under_way::is_watcher) {
        return None;
    }
    let (who, inside) = match watcher.green {
        true => ("a green thread".to_owned(), format!(", in thread {tid},")),
        false => (format!("thread {tid}"), ",".to_owned()),
    };
    let text = format!(
        "{who}, which watched the file {}{inside} has ended, as it does when it can not read \
         the file; nobody watches it until the process starts anew",
        name::name(watcher.file.raw())
    );
    Some(Why::new(text))
}

/// A green thread watches, and its thread runs others.
pub fn gets_no_turn(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let watcher = watcher(attempt).filter(|watcher| watcher.green)?;
    let thread = picture.thread(watcher.thread.unwrap_or(picture.pid))?;
    let doing = Doing::of(thread, picture);
    // The hub waits with the interpreter's own calls, and then a timer is due before long.
    if !doing.is_running() && doing.is_own_wait() && doing.green().is_empty() {
        return None;
    }
    let file = name::name(watcher.file.raw());
    let lock = doing.lock().map_or(String::new(), |lock| format!("; {lock}"));
    let text = format!(
        "a green thread watches the file {file} and gets no turn: {}{lock}",
        doing.sentence()
    );
    Some(Why::new(text).with(thread))
}

/// It looks at the file only now and then.
pub fn looks_seldom(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    /// A watcher that looks this often would have looked; the default is a second.
    const OFTEN: f64 = 5.0;
    let watcher = watcher(attempt)?;
    let interval = watcher.interval.filter(|interval| *interval > OFTEN)?;
    let file = name::name(watcher.file.raw());
    let why = Why::new(format!("the file {file} is looked at only every {interval} s"));
    let thread = watcher.thread.and_then(|tid| picture.thread(tid));
    Some(thread.map_or(why.clone(), |thread| why.with(thread)))
}

fn watcher<'a>(attempt: &Attempt<'a>) -> Option<&'a ReportWatcher> {
    match attempt.sent {
        Sent::File { watcher, .. } => Some(watcher),
        Sent::Signal(_) => None,
    }
}
