use super::*;
use crate::addr::Addr;
use crate::render::sample::{native, python, thread};
use crate::report::{ExecutionKind, GilUse, Role, Wait};
use crate::runtime::OwnReport;
use crate::stack::{Frame, StackEnd};
use crate::target::signals::SignalSet;
use crate::target::stderr::{PipeState, StderrKind};

const USR2: SignalSet = SignalSet(1 << 11);
const NONE: SignalSet = SignalSet(0);

/// The id of the process and of its main thread.
const PID: i32 = 7;

/// A process with a main thread that has these frames, in this state and call.
struct Process {
    threads: Vec<Execution>,
    green: Vec<Execution>,
    interpreter: Text,
    registered: Vec<RegisteredSection>,
    stderr: Stderr,
    before: SignalState,
    now: SignalState,
    tapped: Option<Tapped>,
}

fn process(state: &str, wait: Option<Wait>, frames: Vec<Frame>) -> Process {
    let signals = SignalState { caught: USR2, state: 'S', threads: 1, ..SignalState::default() };
    let main = Execution {
        tid: Some(PID),
        state: Some(state.into()),
        waits: wait,
        ..thread(0x7000, frames)
    };
    Process {
        threads: vec![main],
        green: Vec::new(),
        interpreter: "/usr/bin/python3.11".into(),
        registered: Vec::new(),
        stderr: Stderr { kind: StderrKind::Null, identity: None },
        before: signals,
        now: signals,
        tapped: None,
    }
}

impl Process {
    fn why_of(&self, sent: Sent<'_>) -> Why {
        let name = "gdb".into();
        let attempt = Attempt {
            sent,
            before: self.before,
            now: self.now,
            tracer: Some((9, &name)),
            tapped: self.tapped,
            stderr: &self.stderr,
        };
        let picture = Picture {
            pid: PID,
            threads: &self.threads,
            green: &self.green,
            interpreters: vec![&self.interpreter],
            knows_gil: true,
            registered: &self.registered,
        };
        why(&attempt, &picture)
    }

    fn reason(&self) -> String {
        self.why_of(Sent::Signal(12)).reason
    }
}

fn call(name: &str, argument: &str) -> Option<Wait> {
    Some(Wait { call: Some(name.into()), argument: Some(argument.into()), ..Wait::default() })
}

fn caller() -> Frame {
    python("/srv/app.py", 12, "work", None)
}

/// `work` called a function of a library by way of ctypes.
fn in_library() -> Vec<Frame> {
    vec![
        caller(),
        native("vectorcall", "/usr/bin/python3.11", 1),
        native("_ctypes_callproc", "/usr/lib/python3.11/lib-dynload/_ctypes.cpython-311.so", 2),
        native("ffi_call", "/usr/lib/libffi.so.8", 3),
        native("wait_long", "/opt/libslow.so", 4),
        native("pause", "/lib/libc.so.6", 5),
    ]
}

/// `work` waits by a call of Python's own.
fn in_own_wait() -> Vec<Frame> {
    vec![
        caller(),
        native("time_sleep", "/usr/bin/python3.11", 1),
        native("clock_nanosleep", "/lib/libc.so.6", 2),
    ]
}

fn report_frames(maker: Frame) -> Vec<Frame> {
    let package = "/site-packages/oslo_reports/";
    let handler = format!("{package}guru_meditation_report.py");
    vec![caller(), python(&handler, 265, "handle_signal", None), maker]
}

#[test]
fn native_code_is_told_with_who_called_it_and_what_it_waits_in() {
    let mut process = process("sleeping", call("pause", ""), in_library());
    assert_eq!(
        process.reason(),
        "the main thread is blocked in C: in wait_long of libslow.so, in pause(), called from work at \
         /srv/app.py:12; it has released the GIL; Python runs handlers only in the main thread, \
         between its own instructions"
    );
    process.threads[0].gil = Some(GilUse::Holds);
    process.threads[0].state = Some("running".into());
    let reason = process.reason();
    assert!(reason.starts_with("the main thread runs native code and does not return"), "{reason}");
    // A call is over when the thread runs.
    assert!(
        reason.contains("libslow.so, called") && reason.contains("it holds the GIL"),
        "{reason}"
    );
}

#[test]
fn a_wait_of_python_itself_is_no_reason() {
    let process = process("sleeping", call("clock_nanosleep", "another 3.000 s"), in_own_wait());
    assert_eq!(
        process.reason(),
        "no reason can be seen: the main thread waits in clock_nanosleep of libc.so.6, in \
         clock_nanosleep(another 3.000 s), called from work at /srv/app.py:12; as a rule such a wait \
         of Python's own ends for a handler"
    );
}

#[test]
fn python_that_runs_is_no_reason() {
    let process = process("running", None, vec![caller()]);
    assert_eq!(
        process.reason(),
        "no reason can be seen: the main thread runs in work at /srv/app.py:12"
    );
}

#[test]
fn a_stack_that_was_not_read_is_no_program_without_python() {
    let mut process = process("sleeping", None, Vec::new());
    process.threads[0].stack.end = StackEnd::Unread("it moved".into());
    let reason = process.reason();
    assert!(reason.starts_with("no reason can be seen: "), "{reason}");
    assert!(reason.ends_with("; its stack could not be read: it moved"), "{reason}");
}

#[test]
fn what_keeps_the_whole_process_comes_first() {
    let mut process = process("sleeping", call("pause", ""), in_library());
    process.now = SignalState { pending: USR2, blocked_by_all: USR2, ..process.now };
    for (state, expected) in [
        ('S', "the signal is blocked by the mask of its only thread (SigBlk) and stays pending"),
        ('T', "it is stopped (SIGSTOP, or job control)"),
        ('t', "gdb (process 9) traces it and keeps it stopped"),
        ('Z', "it has ended"),
    ] {
        process.now.state = state;
        let reason = process.reason();
        assert!(reason.starts_with(expected), "{state}: {reason}");
    }
    process.now.state = 'S';
    for wchan in ["do_freezer_trap", "__refrigerator"] {
        process.threads[0].waits = Some(Wait { wchan: Some(wchan.into()), ..Wait::default() });
        assert!(process.reason().starts_with("its control group is frozen"));
    }
}

#[test]
fn a_signal_that_is_pending_is_told_with_its_reason() {
    let mut process = process("disk sleep", call("read", "fd 3: /mnt/x"), in_library());
    if let Some(waits) = &mut process.threads[0].waits {
        waits.wchan = Some("nfs_wait".into());
    }
    process.now.pending = USR2;
    let expected = "the signal is still pending: the main thread is in a wait that no handler \
                    interrupts (nfs_wait), in wait_long of libslow.so, in read(fd 3: /mnt/x)";
    assert!(process.reason().starts_with(expected), "{}", process.reason());
    process.threads[0].state = Some("sleeping".into());
    process.now.blocked_by_first = USR2;
    let reason = process.reason();
    assert!(reason.contains("the mask of the main thread blocks it"), "{reason}");
}

#[test]
fn a_signal_that_was_kept_back_and_is_gone_was_taken_without_a_handler() {
    let mut process = process("sleeping", call("pause", ""), in_library());
    process.before.blocked_by_all = USR2;
    process.now.blocked_by_all = USR2;
    assert!(process.reason().contains("yet no longer pending"), "{}", process.reason());
    // Delivered: it was unblocked in between.
    process.tapped = Some(Tapped { delivered: true, blocked_write: None });
    assert!(process.reason().starts_with("the main thread is blocked in C"));
}

#[test]
fn handlers_that_are_gone_are_told() {
    let mut process = process("sleeping", None, in_own_wait());
    process.now.caught = NONE;
    assert!(process.reason().starts_with("it has no handler for the signal any more"));
    process.now.ignored = USR2;
    assert!(process.reason().starts_with("it ignores the signal now"));
    let frames = vec![native("Py_FinalizeEx", "/usr/bin/python3.11", 1)];
    process.threads[0].stack.frames = frames;
    assert!(process.reason().starts_with("the interpreter ends, and has no handler"));
}

#[test]
fn who_holds_the_lock_is_told_with_what_it_does() {
    let mut process = process("sleeping", call("futex", "0x10"), in_own_wait());
    process.threads[0].gil = Some(GilUse::Waits);
    assert!(process.reason().ends_with("the GIL, which no thread was seen to hold"));
    let mut holder =
        Execution { tid: Some(8), state: Some("running".into()), ..thread(8, in_library()) };
    holder.runtime_name = Some("busy".into());
    holder.gil = Some(GilUse::Holds);
    process.threads.push(holder);
    let why = process.why_of(Sent::Signal(12));
    assert_eq!(
        why.reason,
        "the main thread waits for the GIL, which thread 8 \"busy\" holds: that runs in wait_long of \
         libslow.so, called from work at /srv/app.py:12"
    );
    let shown: Vec<_> = why.threads.iter().map(|thread| thread.tid).collect();
    assert_eq!(shown, [Some(8), Some(PID)]);
}

#[test]
fn a_report_that_is_being_made_is_told_with_where_it_is() {
    let generator =
        python("/site-packages/oslo_reports/generators/threading.py", 63, "__call__", None);
    let mut process = process("running", None, report_frames(generator));
    process.green = vec![Execution::default(); 3000];
    assert_eq!(
        process.reason(),
        "the report is still being made: the main thread is in __call__ at \
         /site-packages/oslo_reports/generators/threading.py:63, and runs; the process has 3000 green threads"
    );
    let section = python("/site-packages/oslo_reports/report.py", 97, "newgen", None);
    let mut frames = report_frames(section);
    frames.push(python("/srv/app.py", 40, "queues", None));
    process.threads[0].stack.frames = frames;
    assert!(
        process.reason().contains("is in the section queues at /srv/app.py:40 that the program")
    );
    process.registered =
        vec![RegisteredSection { title: "Queues".into(), generator: "app.queues".into() }];
    assert!(process.reason().contains("in the section \"Queues\" (queues at /srv/app.py:40) that"));
}

#[test]
fn a_report_that_nobody_reads_is_told_with_who_is_to() {
    let mut process = process("sleeping", call("write", "fd 2: pipe 77"), report_frames(caller()));
    process.tapped = Some(Tapped { delivered: true, blocked_write: Some((2, 35_020)) });
    let state = Some(PipeState { abandoned: false, full: true, unread: 4096, capacity: 4096 });
    let pipe = |readers: &[(i32, Text)], unseen| StderrKind::Pipe {
        readers: readers.to_vec(),
        unseen,
        state,
    };
    let readers = [(5, "less".into()), (6, "tee".into())];
    for (kind, expected) in [
        (pipe(&[], true), "a full pipe read by a process that guru does not see"),
        (pipe(&readers, false), "a full pipe read by less (pid 5), tee (pid 6)"),
        (
            StderrKind::Terminal("/dev/pts/3".into()),
            "a terminal (/dev/pts/3) that takes no more (Ctrl-S?)",
        ),
    ] {
        process.stderr.kind = kind;
        let expected = format!(
            "standard error is {expected}: the main thread stands with the report, in write(fd 2: pipe \
             77) of 35020 bytes"
        );
        assert_eq!(process.reason(), expected);
    }
    // Another descriptor that begins with 2.
    process.threads[0].waits = call("write", "fd 21: /srv/reports/x");
    assert!(process.reason().starts_with("what it writes the report to takes no more: "));
}

fn watcher(green: bool) -> ReportWatcher {
    ReportWatcher {
        file: "/run/app/report".into(),
        interval: Some(1.0),
        thread: Some(if green { PID } else { 8 }),
        green,
        report: OwnReport::default(),
    }
}

#[test]
fn watchers_are_told_with_what_keeps_them() {
    let process = process("sleeping", call("pause", ""), in_library());
    let thread = watcher(false);
    let reason =
        |process: &Process, watcher, exists| process.why_of(Sent::File { watcher, exists }).reason;
    assert!(
        reason(&process, &thread, false).starts_with("the watched file /run/app/report is gone")
    );
    assert!(reason(&process, &thread, true).starts_with("thread 8, which watched the file"));
    let green = watcher(true);
    let kept = reason(&process, &green, true);
    let expected = "a green thread watches the file /run/app/report and gets no turn: the main thread \
                    waits in wait_long of libslow.so";
    assert!(kept.starts_with(expected), "{kept}");

    let mut process = process;
    let handler = "/site-packages/oslo_reports/guru_meditation_report.py";
    let mut own = in_own_wait();
    own.insert(1, python(handler, 225, "_handler", None));
    let watching =
        Execution { tid: Some(8), state: Some("sleeping".into()), ..self::thread(8, own) };
    process.threads.push(watching);
    let seldom = ReportWatcher { interval: Some(60.0), ..watcher(false) };
    assert!(reason(&process, &seldom, true).ends_with("is looked at only every 60 s"));
    // What the main thread does keeps nobody from it.
    assert!(
        reason(&process, &thread, true).starts_with("no reason can be seen: thread 8 waits in")
    );
}

#[test]
fn the_green_thread_that_runs_is_named() {
    let mut process = process("sleeping", call("pause", ""), in_library());
    process.green = vec![Execution {
        kind: ExecutionKind::Greenlet,
        role: Some(Role::Worker),
        tid: Some(PID),
        state: Some("running".into()),
        address: Some(Addr(0x7f00)),
        ..Execution::default()
    }];
    assert!(
        process.reason().contains("; it runs the green thread 0x7f00;"),
        "{}",
        process.reason()
    );
}

#[test]
fn what_the_process_calls_itself_steers_no_terminal() {
    let mut frames = in_library();
    frames[0] = python("/srv/\x1b[2J\n.py", 1, "a\nguru: all is well", None);
    let process = process("sleeping", call("pause", ""), frames);
    let why = process.why_of(Sent::Signal(12));
    assert!(!why.reason.contains(['\n', '\x1b']), "{}", why.reason);
    assert!(!why.stacks().contains('\x1b'));
}

#[test]
fn a_deep_stack_is_shortened_to_its_innermost_frames() {
    let mut frames = vec![caller(); 500];
    frames.extend(in_library());
    frames[0].internal = true;
    let process = process("sleeping", call("pause", ""), frames);
    let why = process.why_of(Sent::Signal(12));
    let stack = &why.threads[0].stack;
    assert_eq!(stack.frames.len(), MAX_FRAMES);
    assert_eq!(stack.omitted, Some(Omitted { after: 0, frames: 505 - MAX_FRAMES }));
    assert!(why.stacks().contains("(493 frames left out)"), "{}", why.stacks());
}
