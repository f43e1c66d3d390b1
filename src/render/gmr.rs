//! `--format gmr`: what the process itself would have printed, for a comparison line by line
//! with a report of oslo.reports, and for eyes that know it. What guru knows beyond that (notes,
//! facts of threads, files) is left to the other formats.

use std::collections::BTreeMap;
use std::io;

use super::keyvalue::{self, Order};
use super::page::{Line, Page};
use super::stack::{self, Piece};
use super::{Frames, Renderer, layout};
use crate::report::{
    Block, ConfigObject, Execution, ExecutionKind, Field, Hold, OptionGroup, ProcessNode, Report,
    SectionReport,
};
use crate::stack::{Frame, Language};
use crate::text::Text;

/// What a GMR shows the configuration of.
const OSLO_CONFIG: &str = "oslo.config";

/// The section of what a process wrote that is no report: no report of its own has it.
const WRITTEN: &str = "written";

/// The format `gmr`.
#[derive(Debug)]
pub struct Gmr;

impl Renderer for Gmr {
    fn name(&self) -> &'static str {
        "gmr"
    }

    fn render(&self, report: &Report, frames: Frames, out: &mut dyn io::Write) -> io::Result<()> {
        let language = language(report);
        let mut text = layout::first_lines(report).as_str().to_owned();
        let itself = report.taken.hold == Hold::Itself;
        text.push_str(&format!("{}\n{}\n\n", layout::heading(layout::TITLE), layout::title_bar()));
        for section in report.sections.iter().filter(|section| itself || in_gmr(section)) {
            let body: Vec<String> = match section.id.as_str() {
                WRITTEN => blocks(section).map(written).collect(),
                _ => blocks(section).map(|block| self::block(block, language, frames)).collect(),
            };
            let heading = layout::heading_of(section);
            text.push_str(&format!("\n{heading}\n{}", body.join("\n")));
        }
        writeln!(out, "{}", text.trim_end_matches('\n'))
    }
}

/// Whether a GMR has such a section: others, as those of one's own, were asked for beyond it.
fn in_gmr(section: &SectionReport) -> bool {
    let has = |block: &Block| match block {
        Block::Fields { fields } => fields.iter().any(|field| field.in_gmr),
        Block::Objects { .. } | Block::Text { .. } => false,
        _ => true,
    };
    section.blocks.is_empty() || section.blocks.iter().any(has)
}

/// The blocks that a GMR would have: of several objects of oslo.config, the first.
fn blocks(section: &SectionReport) -> impl Iterator<Item = &Block> {
    let oslo = |block: &Block| match block {
        Block::Options { object: Some(object), .. } => object.make == OSLO_CONFIG,
        _ => false,
    };
    let first = section.blocks.iter().position(oslo);
    let wanted = move |nth: &usize| first.is_none_or(|first| first == *nth);
    let blocks = section.blocks.iter().enumerate();
    blocks.filter(move |(nth, _)| wanted(nth)).map(|(_, block)| block)
}

/// The language whose frames are shown: a GMR knows those of Python only.
fn language(report: &Report) -> Language {
    let mut runtimes = report.process.runtimes.iter();
    let python = report.taken.hold == Hold::Itself || runtimes.any(|one| one.name == "python");
    if python { Language::Python } else { Language::Native }
}

fn block(block: &Block, language: Language, frames: Frames) -> String {
    match block {
        Block::Fields { fields } => self::fields(fields),
        Block::Executions { executions } => self::executions(executions, language, frames),
        Block::Processes { root } => self::processes(root),
        Block::Options { object, files: _, groups, drift: _ } => {
            self::groups(object.as_ref(), groups)
        }
        Block::Objects { objects: _ } => String::new(),
        // That of others was asked for beyond a GMR. What a process wrote in its own is that.
        Block::Text { file: None, command: None, text, left } => self::text(text, *left),
        Block::Text { file: _, command: _, text: _, left: _ } => String::new(),
        Block::NotLookedFor { why: _ } => "(not looked for)".into(),
    }
}

/// What is no report: there is nothing to compare it with, so it is indented.
fn written(block: &Block) -> String {
    let mut page = Page::default();
    if let Block::Text { text, left, .. } = block {
        layout::foreign(&mut page, text.raw());
        page.extend((*left > 0).then(|| layout::left_out(*left)));
    }
    without_last_newline(&page)
}

fn text(text: &Text, left: u64) -> String {
    let mut page: Page = text.raw().split('\n').map(Line::of_its_own).collect();
    if left > 0 {
        page.push(layout::left_out(left));
    }
    without_last_newline(&page)
}

fn fields(fields: &[Field]) -> String {
    let mut shown: Vec<&Field> = fields.iter().filter(|field| field.in_gmr).collect();
    shown.sort_by(|a, b| a.name.cmp(&b.name));
    let mut page = Page::default();
    shown.into_iter().for_each(|field| layout::field(&mut page, field, "None"));
    without_last_newline(&page)
}

/// The threads in the order of their text, as oslo.reports sorts them.
fn executions(executions: &[Execution], language: Language, frames: Frames) -> String {
    let shown = executions.iter().filter_map(|execution| match execution.kind {
        ExecutionKind::Thread => thread(execution, language, frames),
        ExecutionKind::Greenlet => Some(greenlet(execution)),
        // A GMR knows none.
        ExecutionKind::Task => None,
    });
    let mut shown: Vec<String> = shown.collect();
    shown.sort();
    shown.join("\n")
}

/// A thread; of a Python process nothing if it runs no Python.
fn thread(execution: &Execution, language: Language, wanted: Frames) -> Option<String> {
    let is_shown = |frame: &Frame| match wanted {
        Frames::Native => true,
        _ => frame.language == language && !frame.internal,
    };
    let mut page = Page::default();
    let mut frames = 0;
    if language == Language::Native
        && let Some(end) = stack::end(&execution.stack.end)
    {
        push_apart(&mut page, end);
    }
    for piece in stack::pieces(&execution.stack) {
        match piece {
            Piece::Frame(frame) if is_shown(frame) => {
                frames += 1;
                push_frame(&mut page, frame);
            }
            Piece::Frame(_) => {}
            Piece::Gap(frames) => push_apart(&mut page, stack::gap(frames)),
        }
    }
    match (frames, language) {
        (0, Language::Python) => return None,
        (0, Language::Native) => push_apart(&mut page, stack::none()),
        _ => {}
    }
    Some(below_its_bar(execution, &page))
}

/// A green thread. One that runs has its stack among the threads, as in every GMR.
fn greenlet(execution: &Execution) -> String {
    let mut page = Page::default();
    let frames = &execution.stack.frames;
    if frames.is_empty() || execution.state.as_deref() == Some("running") {
        push_apart(&mut page, stack::none());
    } else {
        frames.iter().for_each(|frame| push_frame(&mut page, frame));
    }
    below_its_bar(execution, &page)
}

fn below_its_bar(execution: &Execution, page: &Page) -> String {
    format!("{}\n{}", layout::bar(&label(execution)), page.as_str())
}

fn push_frame(page: &mut Page, frame: &Frame) {
    push_apart(page, stack::location(frame));
    page.push(stack::source(frame).unwrap_or_else(stack::source_not_found));
}

/// A line below an empty one.
fn push_apart(page: &mut Page, line: Line) {
    page.blank();
    page.push(line);
}

/// What a thread is called over its stack: by the number that `pthread_self` gives it.
pub fn label(execution: &Execution) -> String {
    match execution.kind {
        ExecutionKind::Thread => match (execution.ident, execution.tid) {
            (Some(ident), _) => format!("Thread #{ident}"),
            (None, Some(tid)) => format!("Thread #{tid}"),
            (None, None) => "Thread #?".into(),
        },
        ExecutionKind::Greenlet => "Green Thread".into(),
        ExecutionKind::Task => "Task".into(),
    }
}

/// The tree as oslo.reports prints it: whatever lies below the root, however deep, has the same
/// four spaces; states are psutil's words.
fn processes(root: &ProcessNode) -> String {
    let walked = layout::walk(root).into_iter();
    let lines = walked
        .map(|(level, node)| layout::process(node, level.min(1), &node.state.replace(' ', "-")));
    lines.collect::<Page>().as_str().to_owned()
}

fn groups(object: Option<&ConfigObject>, groups: &[OptionGroup]) -> String {
    let name = |group: &OptionGroup| layout::group_name(group.name.raw(), object).to_owned();
    let mut sorted: Vec<(String, &OptionGroup)> = match object {
        None => groups.iter().map(|group| (name(group), group)).collect(),
        // A group that is called `default` takes the place of the options without a group.
        Some(_) => {
            let named: BTreeMap<_, _> = groups.iter().map(|group| (name(group), group)).collect();
            named.into_iter().collect()
        }
    };
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut page = Page::default();
    for (name, group) in sorted {
        layout::group(&mut page, &name);
        let mut options: Vec<_> = group.options.iter().collect();
        options.sort_by(|a, b| a.name.cmp(&b.name));
        for option in options {
            if option.name.is_empty() && object.is_none() {
                layout::lines_of_file(&mut page, &option.value);
                continue;
            }
            keyvalue::option(&mut page, Order::Sorted, option.name.raw(), &option.value, "");
        }
    }
    without_last_newline(&page)
}

/// The key and value view of oslo.reports ends without a newline, all others with one.
fn without_last_newline(page: &Page) -> String {
    let text = page.as_str();
    text.strip_suffix('\n').unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::sample::{self, rendered};
    use super::*;

    #[test]
    fn a_python_process_shows_its_python_frames_only() {
        let mut report = sample::report();
        sample::threads(&mut report)[1].ident = None;
        let text = rendered(&Gmr, &report);
        assert_eq!(section(&text, "Threads"), THREADS);
    }

    const THREADS: &str = "\
------                        Thread #4712                        ------

/srv/mini/miniapp.py:35 in c_sleep
    `ctypes.CDLL(None).sleep(100000)`

------                  Thread #140053835671232                   ------

/srv/mini/miniapp.py:37 in py_wait
    `ev.wait()`

/usr/lib/python3.11/threading.py:629 in wait
    (source not found)
";

    #[test]
    fn any_other_process_shows_all_its_threads_with_native_frames() {
        let mut report = sample::report();
        report.process.runtimes.clear();
        let text = rendered(&Gmr, &report);
        let threads = section(&text, "Threads");
        assert_eq!(threads.matches("Thread #").count(), 3);
        assert!(threads.contains("\n/lib/libc.so.6+0x85e96 in pthread_cond_wait\n    (source"));
        assert!(threads.contains("\n(stack ends here: no rules for 0x7f0000001000)\n"));
        assert!(!threads.contains("_PyEval_Vector"));
        assert!(!threads.contains("miniapp.py"));
    }

    #[test]
    fn grandchildren_are_indented_as_children_are() {
        let mut report = sample::report();
        sample::root_process(&mut report).children[0].children =
            vec![sample::process(44, 43, "disk sleep")];
        let text = rendered(&Gmr, &report);
        assert_eq!(
            section(&text, "Processes"),
            "Process 4711 (under 1) [ run by: root (0), state: sleeping ]\n    \
             Process 43 (under 4711) [ run by: 1000 (1000), state: zombie ]\n    \
             Process 44 (under 43) [ run by: 1000 (1000), state: disk-sleep ]\n"
        );
    }

    #[test]
    fn what_is_beyond_a_gmr_is_left_out() {
        let text = rendered(&Gmr, &sample::report());
        assert_eq!(section(&text, "Package"), "product = None\nvendor = V\nversion = 1.2");
        assert_eq!(section(&text, "Green Threads"), "(not looked for)");
        assert!(!text.contains("note:") && !text.contains("mini.conf"));
    }

    #[test]
    fn groups_and_list_values_are_sorted_as_a_gmr_sorts_them() {
        let text = rendered(&Gmr, &sample::report());
        assert_eq!(
            section(&text, "Configuration"),
            "\nApi: \n  port = 80\n\ndefault: \n  connection = ***\n  plug = \n    a\n    b\n"
        );
    }

    fn section<'a>(text: &'a str, title: &str) -> &'a str {
        let heading = format!("{}\n", layout::heading(title));
        let (_, rest) = text.split_once(&heading).unwrap();
        rest.split("\n========").next().unwrap()
    }
}
