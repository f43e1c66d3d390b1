//! A report that is under way: being made, or being written to what takes no more.

use super::thread::{Doing, place};
use super::{Attempt, Look, Why, interpreter};
use crate::render::sanitize::line;
use crate::report::Execution;
use crate::stack::{Frame, Language};
use crate::target::stderr::StderrKind;
use crate::text::Text;

/// The package that makes reports, and its function that is called for one.
const PACKAGE: &str = "/oslo_reports/";
const HANDLER: &str = "handle_signal";

/// The descriptor of standard error.
const STDERR: i32 = 2;

/// It writes, and whoever is to read does not.
pub fn written(attempt: &Attempt<'_>, look: &Look<'_>) -> Option<Why> {
    let thread = interpreter::asked(attempt, look)?;
    let waits = thread.waits.as_ref().filter(|_| thread.state.as_deref() != Some("running"))?;
    let call = waits.call.as_deref()?;
    if !matches!(call, "write" | "writev" | "sendto" | "sendmsg") {
        return None;
    }
    let argument = waits.argument.as_ref().map_or("", Text::raw);
    // `fd 2: pipe …`, as waits name their descriptors.
    let to_stderr = argument
        .strip_prefix("fd 2")
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    let reports = frames(thread).any(is_handler);
    if !to_stderr && !reports {
        return None;
    }
    let sink = match to_stderr {
        true => format!("standard error is {}", sink(&attempt.stderr.kind)),
        false => "what it writes the report to takes no more".to_owned(),
    };
    let blocked = attempt.tapped.and_then(|tapped| tapped.blocked_write);
    let bytes = blocked.filter(|(fd, _)| *fd == STDERR || !to_stderr);
    let bytes = bytes.map_or(String::new(), |(_, bytes)| format!(" of {bytes} bytes"));
    let what = if reports { "with the report, " } else { "" };
    let who = Doing::of(thread, look).who();
    let argument = line(argument);
    Some(Why::new(format!("{sink}: {who} stands {what}in {call}({argument}){bytes}")).with(thread))
}

fn sink(kind: &StderrKind) -> String {
    match kind {
        StderrKind::Pipe { readers, state, .. } => {
            let full = if state.is_some_and(|state| state.full) {
                "a pipe that is full"
            } else {
                "a pipe"
            };
            match readers.first() {
                Some((pid, name)) => {
                    let more = match readers.len() {
                        1 => String::new(),
                        all => format!(" and {} more have", all - 1),
                    };
                    let name = line(name.raw());
                    format!("{full}, which {name} (process {pid}){more} open and does not read")
                }
                None => format!("{full} and that nobody reads"),
            }
        }
        StderrKind::Socket { peer, .. } => {
            format!("a socket ({}) that takes no more", line(peer.raw()))
        }
        StderrKind::Terminal(name) => {
            format!("a terminal ({}) that takes no more (Ctrl-S?)", line(name.raw()))
        }
        StderrKind::File { path, .. } => format!("the file {}", line(path.raw())),
        StderrKind::Closed | StderrKind::Null | StderrKind::Other(_) | StderrKind::Hidden(_) => {
            "something that takes no more".to_owned()
        }
    }
}

/// It is being made.
pub fn made(attempt: &Attempt<'_>, look: &Look<'_>) -> Option<Why> {
    let thread = interpreter::asked(attempt, look)?;
    let handlers = frames(thread).filter(|frame| is_handler(frame)).count();
    if handlers == 0 {
        return None;
    }
    let frames: Vec<&Frame> = frames(thread).collect();
    let last = frames.iter().rposition(|frame| of_package(frame))?;
    let maker = frames.get(last)?;
    let doing = Doing::of(thread, look);
    let does = if doing.is_running() { "runs" } else { "waits" };
    // What `report.py` calls and is not of the package was registered by the program.
    let own = frames.get(last + 1).filter(|_| is_file(maker, "report.py"));
    let step = match own {
        Some(section) => {
            format!("in the section {} that the program registered", title(section, look))
        }
        None => format!("in {}", place(maker)),
    };
    let mut text = format!(
        "the report is still being made: {} is {step}, and {does} {}",
        doing.who(),
        doing.words()
    );
    if handlers > 1 {
        text.push_str(&format!("; {handlers} reports are under way, one inside the other"));
    }
    if !look.green.is_empty() {
        text.push_str(&format!("; the process has {} green threads", look.green.len()));
    }
    Some(Why::new(text).with(thread))
}

/// The title of the section that this function makes, else where it is. The generator is registered
/// by its name with its module, of which a frame has the last part.
fn title(section: &Frame, look: &Look<'_>) -> String {
    let name = section.function.as_ref().map_or("", Text::raw);
    let mut made = look
        .registered
        .iter()
        .filter(|registered| registered.generator.raw().rsplit('.').next() == Some(name));
    match (made.next(), made.next()) {
        (Some(only), None) => format!("\"{}\" ({})", line(only.title.raw()), place(section)),
        _ => place(section),
    }
}

fn frames(thread: &Execution) -> impl Iterator<Item = &Frame> {
    thread.stack.frames.iter().filter(|frame| frame.language == Language::Python)
}

fn of_package(frame: &Frame) -> bool {
    frame.file.as_ref().is_some_and(|file| file.raw().contains(PACKAGE))
}

fn is_file(frame: &Frame, name: &str) -> bool {
    let path = frame.file.as_ref().map_or("", Text::raw);
    path.rsplit('/').next() == Some(name)
}

fn is_handler(frame: &Frame) -> bool {
    of_package(frame) && frame.function.as_ref().is_some_and(|name| name.raw() == HANDLER)
}

/// Whether a thread is one that waits for a file to be touched.
pub fn is_watcher(thread: &Execution) -> bool {
    frames(thread).any(|frame| {
        of_package(frame) && frame.function.as_ref().is_some_and(|name| name.raw() == "_handler")
    })
}
