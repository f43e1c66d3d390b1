//! The flows of control that watch a file for a report: `_setup_file_watcher` of oslo.reports starts
//! a thread with a function of its own, which eventlet makes a green one where it patches threads.

use std::collections::HashSet;

use super::report;
use crate::addr::Addr;
use crate::report::{ExecutionKind, Role};
use crate::runtime::python::frames::Walker;
use crate::runtime::python::objects::Objects;
use crate::runtime::python::oslo_reports;
use crate::runtime::python::variable::Variables;
use crate::runtime::{GreenThread, LanguageFrame, LanguageThread, ReportWatcher};
use crate::target::Tid;
use crate::target::memory::MemoryExt as _;

/// The watchers among these.
pub fn watchers(
    walker: &Walker<'_>,
    threads: &[LanguageThread],
    green: &[GreenThread],
) -> Vec<ReportWatcher> {
    let variables = Variables::new(walker.objects);
    // A green thread that runs has the frames of its thread.
    let mut seen = HashSet::new();
    let of_threads = threads.iter().flat_map(|thread| {
        thread.frames.iter().map(|frame| (frame, Some(thread.tid), thread.base.is_some()))
    });
    let greenlets = green.iter().filter(|green| green.kind == ExecutionKind::Greenlet);
    let of_green = greenlets.flat_map(|green| {
        // The one that stands for its thread is called green by nobody.
        let is_green = green.role != Some(Role::Main);
        green.frames.iter().map(move |frame| (frame, green.owner, is_green))
    });
    let frames = of_threads.chain(of_green).filter(|(frame, ..)| is_watching(frame));
    frames
        .filter(|(frame, ..)| seen.insert(frame.address))
        .filter_map(|(frame, thread, green)| watcher(walker, &variables, frame, thread, green))
        .collect()
}

fn is_watching(frame: &LanguageFrame) -> bool {
    oslo_reports::is_watching(frame.function.raw(), frame.file.raw())
}

fn watcher(
    walker: &Walker<'_>,
    variables: &Variables<'_>,
    frame: &LanguageFrame,
    thread: Option<Tid>,
    green: bool,
) -> Option<ReportWatcher> {
    let objects = &walker.objects;
    let raw = walker.raw(frame.address).ok()??;
    let variable = |name| variables.get(&raw, name);
    Some(ReportWatcher {
        file: objects.text(variable("filepath")?)?,
        interval: variable("interval")
            .and_then(|interval| number(objects, interval))
            .filter(|interval| oslo_reports::INTERVALS.contains(interval)),
        thread,
        green,
        report: report::read(objects, variable)?,
    })
}

/// An `int` or `float`.
fn number(objects: &Objects<'_>, object: Addr) -> Option<f64> {
    if objects.is_exactly(object, "float") {
        let bits = objects.memory.u64(object.checked_add(objects.layout.float)?).ok()?;
        return Some(f64::from_bits(bits));
    }
    // As seconds, those that fit are whole numbers all.
    objects.small_int(object).map(|number| number as f64)
}
