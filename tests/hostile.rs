//! Processes that would deceive, flood or hang whoever looks at them.

use crate::support::{
    DEADLINE, Target, await_some, can_make_namespaces, functions, guru, guru_with_peak,
    reads_stdin, report, skip_impossible, stdout_of, thread_named, thread_states, threads,
};
use guru::report::{Execution, Report};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const NONE: &[&str] = &[];

/// The most memory that guru may need, in KiB.
const MAX_PEAK: u64 = 256 << 10;

/// The headings that a report may have.
const HEADINGS: [&str; 6] =
    ["Guru Meditation", "Package", "Threads", "Green Threads", "Processes", "Configuration"];

#[test]
fn names_reach_no_terminal_with_control_characters() {
    let directory = tempfile::tempdir().unwrap();
    let Some(target) = Target::spawn("hostile_name", &[directory.path()]) else { return };
    for format in ["text", "gmr", "json"] {
        let text = stdout_of(&guru(&["report", "--format", format, &target.pid().to_string()]));
        let steering = |c: &char| {
            (c.is_control() && *c != '\n')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert_eq!(text.chars().find(steering), None, "{format}: {text:?}");
        // Each heading stands between two rules, and is one of ours.
        let headings = text.lines().filter_map(|line| {
            Some(line.strip_prefix("====")?.strip_suffix("====")?.trim())
                .filter(|title| !title.chars().all(|c| c == '='))
        });
        headings.for_each(|title| assert!(HEADINGS.contains(&title), "{format}: {title:?}"));
        assert!(!text.contains("s3cr3t"), "{format}");
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{format}");
    }
    let report = report(target.pid());
    let names: Vec<_> =
        threads(&report).iter().filter_map(|thread| Some(thread.name.as_ref()?.raw())).collect();
    for name in ["\u{1b}[31mred\n", "c1\u{9b}2J", "bad\\xff\\xfeutf8", ") R 1 (", "rtl\u{202e}gpj"]
    {
        assert!(names.contains(&name), "{name:?} of {names:?}");
    }
    assert!(threads(&report).iter().all(|thread| functions(thread).len() > 2));
    assert!(target.end());
}

/// All frames of a stack, those left out as well.
fn depth(thread: &Execution) -> usize {
    thread.stack.frames.len() + thread.stack.omitted.map_or(0, |gap| gap.frames)
}

fn deep_report(frames: usize) -> Option<(Report, u64)> {
    let target = Target::spawn("deep", &[frames.to_string()])?;
    let (output, peak) =
        guru_with_peak(&["report", "--format", "json", &target.pid().to_string()])?;
    let report = serde_json::from_str(&stdout_of(&output)).unwrap();
    assert!(target.end());
    Some((report, peak))
}

/// The thread that was made last.
fn last_thread(report: &Report) -> &Execution {
    threads(report).last().unwrap()
}

#[test]
fn a_very_deep_stack_is_counted_whole_in_little_memory() {
    let Some((shallow, _)) = deep_report(10) else { return };
    let Some((deep, peak)) = deep_report(100_000) else { return };
    let (shallow, deep) = (last_thread(&shallow), last_thread(&deep));
    assert_eq!(depth(deep), depth(shallow) + 100_000 - 10);
    assert_eq!(deep.stack.end, shallow.stack.end);
    let gap = deep.stack.omitted.unwrap();
    assert!(gap.after > 100 && gap.after < deep.stack.frames.len() - 100, "{gap:?}");
    assert_eq!(functions(deep)[..3], functions(shallow)[..3]);
    assert_eq!(functions(deep).last(), functions(shallow).last());
    assert!(peak <= MAX_PEAK, "{peak} KiB");
}

#[test]
fn ten_thousand_threads_are_all_listed_in_little_memory() {
    let limit = fs::read_to_string("/proc/sys/kernel/threads-max").unwrap();
    if limit.trim().parse::<u64>().unwrap() < 12_000 {
        return skip_impossible("this kernel allows too few threads");
    }
    let Some(target) = Target::spawn("many", &["10000"]) else { return };
    let begun = Instant::now();
    let Some((output, peak)) = guru_with_peak(&["report", &target.pid().to_string()]) else {
        return;
    };
    assert_eq!(output.status.code(), Some(0));
    let text = stdout_of(&output);
    assert_eq!(text.lines().filter(|line| line.contains("  Thread #")).count(), 10_001);
    assert_eq!(text.lines().filter(|line| line.ends_with(" in block")).count(), 10_000);
    assert!(peak <= MAX_PEAK, "{peak} KiB");
    assert!(begun.elapsed() < DEADLINE);
    assert!(target.end());
}

#[test]
fn a_process_without_its_first_thread_is_reported() {
    let Some(target) = Target::spawn("leader_exit", NONE) else { return };
    let report = report(target.pid());
    assert!(functions(thread_named(&report, "waits")).contains(&"wait_for_ever"));
    assert!(functions(thread_named(&report, "speaks")).contains(&"speak"));
    let leader = threads(&report).iter().find(|thread| thread.tid == Some(target.pid()));
    assert!(leader.is_none_or(|leader| leader.stack.frames.is_empty()), "{leader:?}");
    assert!(target.end());
}

#[test]
fn root_may_look_at_a_process_that_forbids_it() {
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root may trace an undumpable process");
    }
    let Some(target) = Target::spawn("undumpable", NONE) else { return };
    let report = report(target.pid());
    assert!(functions(&threads(&report)[0]).contains(&"main"), "{:?}", threads(&report));
    assert!(target.end());
}

/// A copy of a target program that runs.
fn running_copy(program: &str, directory: &Path) -> Option<(Target, std::path::PathBuf)> {
    let copy = directory.join(program);
    fs::copy(Target::program(program)?, &copy).unwrap();
    let target = Target::start(Command::new(&copy));
    await_some("it waits for stdin", || reads_stdin(target.pid()).then_some(()));
    Some((target, copy))
}

#[test]
fn a_deleted_executable_still_names_its_functions() {
    if !can_open_mapped_files() {
        return skip_impossible("only root (CAP_CHECKPOINT_RESTORE) can open deleted files");
    }
    let directory = tempfile::tempdir().unwrap();
    let Some((target, copy)) = running_copy("stacks-O2", directory.path()) else { return };
    fs::remove_file(&copy).unwrap();
    assert_named(&report(target.pid()));

    // What lies at its path now would keep for ever whoever opened it.
    mkfifo(&copy, Mode::S_IRWXU).unwrap();
    assert_named(&report(target.pid()));

    // Another program at its path is not mistaken for it.
    fs::remove_file(&copy).unwrap();
    fs::copy(Target::program("stacks-cpp-O2").unwrap(), &copy).unwrap();
    assert_named(&report(target.pid()));
    assert!(target.end());
}

fn assert_named(report: &Report) {
    for (name, function) in
        [("mutex", "want_the_mutex"), ("pipe", "read_pipe"), ("inline", "inlined_leaf")]
    {
        let thread = thread_named(report, name);
        assert!(functions(thread).contains(&function), "{thread:?}");
        let frame = thread
            .stack
            .frames
            .iter()
            .find(|frame| frame.function.as_ref().is_some_and(|found| found.raw() == function));
        assert!(frame.is_some_and(|frame| frame.line.is_some()), "{frame:?}");
    }
}

fn can_open_mapped_files() -> bool {
    let entry = fs::read_dir("/proc/self/map_files").into_iter().flatten().flatten().next();
    entry.is_some_and(|entry| fs::File::open(entry.path()).is_ok())
}

#[test]
fn a_process_in_a_container_is_reported_from_outside() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let Some(program) = Target::program("stacks-static") else { return };
    if !can_make_namespaces() {
        return;
    }
    fs::create_dir(root.join("proc")).unwrap();
    fs::copy(program, root.join("program")).unwrap();
    let mut container = Command::new("unshare");
    container.args(["-mpf", "sh", "-c"]);
    container.arg(r#"mount -t proc proc "$0/proc" && exec chroot "$0" /program"#).arg(root);
    let target = Target::start(container);
    // To itself it is the first process.
    assert_eq!(target.ready, [1]);
    let outside = target.started();
    let children = fs::read_to_string(format!("/proc/{outside}/task/{outside}/children")).unwrap();
    let pid: i32 = children.trim().parse().unwrap();
    await_some("it waits for stdin", || reads_stdin(pid).then_some(()));

    let report = report(pid);
    let seen = thread_states(pid);
    let tids: Vec<i32> = threads(&report).iter().filter_map(|thread| thread.tid).collect();
    assert_eq!(tids, seen.keys().copied().collect::<Vec<_>>());
    assert_named(&report);
    let mutex = thread_named(&report, "mutex").waits.clone().unwrap();
    assert_eq!(mutex.owner, thread_named(&report, "holder").tid);
    assert_eq!(report.process.executable.as_ref().map(|path| path.raw()), Some("/program"));
    assert!(target.end());
}
