//! A report that is under way: being made, or being written to what takes no more.

use super::thread::{Doing, place};
use super::{Attempt, Picture, Why, interpreter};
use crate::render::name;
use crate::render::sanitize::line;
use crate::report::Execution;
use crate::runtime::python::oslo_reports;
use crate::stack::{Frame, Language};
use crate::target::stderr::StderrKind;
use crate::text::Text;
use crate::trigger::look::is_making;
use crate::trigger::sink::pipe;

/// The descriptor of standard error.
const STDERR: i32 = 2;

/// It writes, and whoever is to read does not.
pub fn written(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let thread = interpreter::asked(attempt, picture)?;
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
    let reports = frames(thread).any(is_making);
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
    let who = Doing::of(thread, picture).who();
    let argument = line(argument);
    Some(Why::new(format!("{sink}: {who} stands {what}in {call}({argument}){bytes}")).with(thread))
}

fn sink(kind: &StderrKind) -> String {
    match kind {
        StderrKind::Pipe { readers, unseen, state } => pipe(readers, *unseen, *state),
        StderrKind::Socket { peer, .. } => {
            format!("a socket ({}) that takes no more", line(peer.raw()))
        }
        StderrKind::Terminal(name) => {
            format!("a terminal ({}) that takes no more (Ctrl-S?)", name::name(name.raw()))
        }
        StderrKind::File { path, .. } => format!("the file {}", name::name(path.raw())),
        StderrKind::Closed | StderrKind::Null | StderrKind::Other(_) | StderrKind::Hidden(_) => {
            "something that takes no more".to_owned()
        }
    }
}

/// It is being made.
pub fn made(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Option<Why> {
    let thread = interpreter::asked(attempt, picture)?;
    let handlers = frames(thread).filter(|frame| is_making(frame)).count();
    if handlers == 0 {
        return None;
    }
    let frames: Vec<&Frame> = frames(thread).collect();
    let package = package(thread)?;
    let of_package =
        |frame: &&Frame| frame.file.as_ref().is_some_and(|file| file.raw().starts_with(package));
    let last = frames.iter().rposition(of_package)?;
    let maker = frames.get(last)?;
    let doing = Doing::of(thread, picture);
    // What `report.py` calls and is not of the package was registered by the program.
    let own = frames.get(last + 1).filter(|_| is_file(maker, "report.py"));
    let step = match own {
        Some(section) => {
            format!("the section {} that the program registered", title(section, picture))
        }
        None => place(maker),
    };
    let does = match frames.last().filter(|innermost| innermost != &maker) {
        _ if !doing.is_running() => format!("waits {}", doing.words()),
        Some(innermost) => format!("runs {}", place(innermost)),
        None => "runs".to_owned(),
    };
    let who = doing.who();
    let mut text = format!("the report is still being made: {who} is in {step}, and {does}");
    if let Some(holder) = interpreter::lock_holder(thread, picture) {
        text.push_str(&format!(
            "; it waits for the GIL, which {} holds",
            Doing::of(holder, picture).who()
        ));
    }
    if handlers > 1 {
        text.push_str(&format!("; {handlers} reports are under way, one inside the other"));
    }
    if !picture.green.is_empty() {
        text.push_str(&format!("; the process has {} green threads", picture.green.len()));
    }
    Some(Why::new(text).with(thread))
}

/// The title of the section that this function makes, else where it is. The generator is registered
/// by its name with its module, of which a frame has the last part.
fn title(section: &Frame, picture: &Picture<'_>) -> String {
    let name = section.function.as_ref().map_or("", Text::raw);
    let mut made = picture
        .registered
        .iter()
        .filter(|registered| registered.generator.raw().rsplit('.').next() == Some(name));
    match (made.next(), made.next()) {
        (Some(only), None) => format!("{} ({})", name::quoted(only.title.raw()), place(section)),
        _ => place(section),
    }
}

fn frames(thread: &Execution) -> impl Iterator<Item = &Frame> {
    thread.stack.frames.iter().filter(|frame| frame.language == Language::Python)
}

/// The directory of the package that makes the report, by the innermost function that does.
fn package(thread: &Execution) -> Option<&str> {
    let making = frames(thread).filter(|frame| is_making(frame)).last()?;
    oslo_reports::package(making.file.as_ref()?.raw())
}

fn is_file(frame: &Frame, name: &str) -> bool {
    let path = frame.file.as_ref().map_or("", Text::raw);
    path.rsplit('/').next() == Some(name)
}

/// Whether a thread is one that waits for a file to be touched.
pub fn is_watcher(thread: &Execution) -> bool {
    frames(thread).any(|frame| {
        let (Some(function), Some(file)) = (&frame.function, &frame.file) else { return false };
        oslo_reports::is_watching(function.raw(), file.raw())
    })
}
