//! Why a process gives no report, on real ones: each is brought to where it can not, asked, and
//! looked at.

use crate::support::{DEADLINE, Target, await_some, evidence, root, thread_states, venv};
use guru::analysis::analyse;
use guru::report::GilUse;
use guru::runtime::{OwnReport, ReportWatcher};
use guru::target::live::{LiveProcess, signals, stderr};
use guru::target::signals::SignalState;
use guru::text::Text;
use guru::trigger::why::{Attempt, Picture, Sent, Why, why};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{PipeReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

const USR2: i32 = libc::SIGUSR2;

/// A program that has a report of its own and is kept from giving it.
pub struct Hung {
    target: Target,
    directory: TempDir,
}

impl Hung {
    /// `hang.py` in one of its modes, with standard error in a file.
    pub fn start(mode: &str) -> Option<Hung> {
        Hung::start_with(mode, None)
    }

    pub fn start_with(mode: &str, pipe: Option<Stdio>) -> Option<Hung> {
        let library = Target::program("libhang.so")?;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stderr");
        let watched = directory.path().join("watched");
        fs::write(&watched, "").unwrap();
        let mut command = Command::new(venv("mini")?);
        command.arg(root("fixtures/targets/hang.py")).arg(mode);
        command.arg(if mode.starts_with("watcher") { watched } else { library });
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONWARNINGS", "ignore");
        command.stderr(pipe.unwrap_or_else(|| File::create(&path).unwrap().into()));
        Some(Hung { target: Target::start(command), directory })
    }

    pub fn pid(&self) -> i32 {
        self.target.pid()
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(self.directory.path().join("stderr")).unwrap()
    }

    fn watched(&self) -> PathBuf {
        self.directory.path().join("watched")
    }

    /// Waits until the main thread waits in this call for good.
    pub fn await_call(&self, call: i64) {
        await_some("the main thread is where it stays", || {
            let main = thread_states(self.pid()).remove(&self.pid())?;
            (main.state != 'R' && main.call == Some(call)).then_some(())
        });
    }

    fn send(&self) {
        kill(Pid::from_raw(self.pid()), Signal::SIGUSR2).unwrap();
    }

    /// Sends the signal, and waits until the reason is this one.
    fn reason(&self, expected: &str) -> Why {
        let before = signals(self.pid());
        self.send();
        self.reason_of(Sent::Signal(USR2), before, expected)
    }

    /// Waits until the reason is the one that begins so.
    fn reason_of(&self, sent: Sent<'_>, before: SignalState, expected: &str) -> Why {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let found = self.why(sent, before);
            if found.reason.starts_with(expected) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "not {expected}: {}\n{}",
                found.reason,
                found.stacks()
            );
        }
    }

    fn why(&self, sent: Sent<'_>, before: SignalState) -> Why {
        let evidence = evidence(self.pid());
        let analysis = analyse(&evidence);
        let stderr = &stderr::stderr(&LiveProcess::open(self.pid()).unwrap().0);
        let now = signals(self.pid());
        let attempt = Attempt { sent, before, now, tracer: None, tapped: None, stderr };
        why(&attempt, &Picture::from(&analysis))
    }

    /// A line of the script, counted from 1, that has this text.
    fn line(&self, text: &str) -> usize {
        let script = fs::read_to_string(root("fixtures/targets/hang.py")).unwrap();
        let mut lines = script.lines();
        lines.position(|line| line.contains(text)).unwrap() + 1
    }
}

/// What the kernel says of the signals of a process.
fn signals(pid: i32) -> SignalState {
    signals::state(pid).unwrap()
}

/// Whether the reason has all of these, in this order.
fn says(why: &Why, parts: &[&str]) {
    let mut rest = why.reason.as_str();
    for part in parts {
        let at = rest.find(part);
        rest = &rest[at.unwrap_or_else(|| panic!("no `{part}` in {}", why.reason))..];
    }
}

#[test]
fn a_main_thread_in_a_mutex_of_c_is_named_with_who_holds_it() {
    for (mode, lock, call) in [
        ("mutex_released", "it has released the GIL", "    libc.pthread_mutex_lock(mutex)"),
        ("mutex_held", "it holds the GIL", "    held_libc.pthread_mutex_lock(mutex)"),
    ] {
        let Some(hung) = Hung::start(mode) else { return };
        hung.await_call(libc::SYS_futex);
        let why = hung.reason("the main thread is blocked in C: ");
        let line = match mode {
            "mutex_released" => hung.line("def mutex_released") + 3,
            _ => hung.line(call),
        };
        let called = format!("called from {mode} at ");
        let place = format!("hang.py:{line}; {lock}");
        says(
            &why,
            &[
                "pthread_mutex_lock of libc",
                "in futex(0x",
                "for what thread ",
                "\"holder\" holds",
                &called,
                &place,
            ],
        );
        assert!(why.stacks().contains("pthread_mutex_lock"), "{}", why.stacks());
        assert!(hung.stderr().is_empty());
    }
}

#[test]
fn a_green_thread_in_a_mutex_of_c_is_named() {
    let Some(hung) = Hung::start("green_mutex") else { return };
    hung.await_call(libc::SYS_futex);
    let why = hung.reason("the main thread is blocked in C: ");
    says(
        &why,
        &[
            "pthread_mutex_lock of libc",
            "called from green_mutex.<locals>.worker at ",
            "it runs the green thread 0x",
        ],
    );
}

#[test]
fn a_signal_that_every_mask_keeps_back_is_pending() {
    let Some(hung) = Hung::start("masked") else { return };
    hung.await_call(libc::SYS_clock_nanosleep);
    hung.reason("the signal is blocked by the mask of its only thread (SigBlk)");
}

#[test]
fn a_signal_that_another_thread_took_does_not_wake_the_main_thread() {
    let Some(hung) = Hung::start("masked_in_main") else { return };
    hung.await_call(libc::SYS_clock_nanosleep);
    let why =
        hung.reason("the signal is blocked by the mask of the main thread (SigBlk), and another");
    says(&why, &["the main thread waits in", "clock_nanosleep(another ", "called from idle at "]);
}

#[test]
fn a_signal_that_the_program_takes_itself_runs_no_handler() {
    let Some(hung) = Hung::start("sigwait") else { return };
    hung.await_call(libc::SYS_clock_nanosleep);
    let before = signals(hung.pid());
    hung.reason("the signal is blocked by the mask of the main thread (SigBlk), and another");
    // It has taken the signal, and needs a moment to wait for the next.
    await_some("the taker waits again", || {
        let why = hung.why(Sent::Signal(USR2), before);
        why.reason.contains("\"taker\" waits for signals in sigwait").then_some(why)
    });
}

#[test]
fn a_handler_that_is_gone_is_told() {
    let Some(mut hung) = Hung::start("unhandled") else { return };
    let before = signals(hung.pid());
    assert_eq!(hung.target.ask("now"), "done");
    hung.send();
    hung.reason_of(Sent::Signal(USR2), before, "it ignores the signal now; it had one");
}

#[test]
fn a_main_thread_that_runs_native_code_is_named_with_the_lock() {
    for (mode, lock) in
        [("spin_held", "it holds the GIL"), ("spin_released", "it has released the GIL")]
    {
        let Some(hung) = Hung::start(mode) else { return };
        let why = hung.reason("the main thread runs native code and does not return to Python: ");
        says(&why, &["in spin of libhang.so", &format!("called from {mode} at "), lock]);
    }
}

#[test]
fn a_thread_that_keeps_the_lock_is_named_with_what_it_does() {
    let Some(hung) = Hung::start("mutex_in_thread") else { return };
    hung.await_call(libc::SYS_futex);
    let why = hung.reason("the main thread waits for the GIL, which thread ");
    says(
        &why,
        &["\"keeper\" holds: that waits in ", "pthread_mutex_lock of libc", "hold_lock at "],
    );
    assert_eq!(why.threads[0].gil, Some(GilUse::Holds));
    assert_eq!(why.threads[1].tid, Some(hung.pid()));
}

#[test]
fn a_wait_that_no_signal_interrupts_keeps_it_pending() {
    let Some(hung) = Hung::start("vfork") else { return };
    await_some("it is in vfork", || (signals(hung.pid()).state == 'D').then_some(()));
    let why = hung.reason(
        "the signal is still pending: the main thread is in a wait that no handler interrupts",
    );
    says(&why, &["vfork", "called from vfork at "]);
}

#[test]
fn a_process_that_another_one_traces_and_stops_says_so() {
    let Some(hung) = Hung::start("idle") else { return };
    let pid = Pid::from_raw(hung.pid());
    let before = signals(hung.pid());
    nix::sys::ptrace::attach(pid).unwrap();
    await_some("it is stopped", || (signals(hung.pid()).state == 't').then_some(()));
    hung.send();
    hung.reason_of(Sent::Signal(USR2), before, "another program traces it and keeps it stopped");
    nix::sys::ptrace::detach(pid, None).unwrap();
    await_some("the report", || hung.stderr().contains("Guru Meditation").then_some(()));
}

#[test]
fn a_stopped_process_says_so() {
    let Some(hung) = Hung::start("idle") else { return };
    let before = signals(hung.pid());
    kill(Pid::from_raw(hung.pid()), Signal::SIGSTOP).unwrap();
    await_some("it is stopped", || (signals(hung.pid()).state == 'T').then_some(()));
    hung.send();
    hung.reason_of(Sent::Signal(USR2), before, "it is stopped (SIGSTOP, or job control)");
    kill(Pid::from_raw(hung.pid()), Signal::SIGCONT).unwrap();
    await_some("the report", || hung.stderr().contains("Guru Meditation").then_some(()));
}

#[test]
fn a_pipe_that_nobody_reads_is_told() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    // The least that a pipe holds, and it is full before the report comes.
    let size = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    writer.write_all(&vec![b'.'; size.cast_unsigned() as usize]).unwrap();
    let Some(hung) = Hung::start_with("idle", Some(Stdio::from(writer))) else { return };
    hung.await_call(libc::SYS_clock_nanosleep);
    let why = hung.reason(&format!(
        "standard error is a full pipe read by {} (pid {}): ",
        own_name(),
        std::process::id()
    ));
    says(&why, &["the main thread stands with the report, in write(fd 2: pipe"]);
    read_report(&mut reader);
}

/// The name of this thread's process, as the kernel has it.
fn own_name() -> String {
    fs::read_to_string(format!("/proc/{}/comm", std::process::id())).unwrap().trim().to_owned()
}

/// Reads until the report ends: it was made, and only waited for this.
fn read_report(reader: &mut PipeReader) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&text).contains("Configuration") {
        let count = reader.read(&mut buffer).unwrap();
        text.extend_from_slice(&buffer[..count]);
    }
}

#[test]
fn a_report_of_thousands_of_green_threads_is_still_being_made() {
    let Some(hung) = Hung::start("green_crowd") else { return };
    let why = hung.reason("the report is still being made: the main thread is in ");
    says(&why, &["oslo_reports", "green threads"]);
}

#[test]
fn a_section_that_does_not_end_is_named() {
    let Some(hung) = Hung::start("section") else { return };
    let before = signals(hung.pid());
    hung.send();
    hung.await_call(libc::SYS_futex);
    let expected = "the report is still being made: the main thread is in the section \"Endless\" (\
                    section.<locals>.endless at ";
    let why = hung.reason_of(Sent::Signal(USR2), before, expected);
    says(&why, &["that the program registered, and waits in ", "futex("]);
}

#[test]
fn an_interpreter_that_ends_has_no_handlers() {
    let Some(mut hung) = Hung::start("finalizing") else { return };
    let before = signals(hung.pid());
    hung.target.send("");
    hung.await_call(crate::support::PAUSE);
    // The signal would be deadly now.
    let expected = "the interpreter ends, and has no handler for the signal any more; it had one";
    let why = hung.reason_of(Sent::Signal(USR2), before, expected);
    assert!(why.stacks().contains("in wait_on"), "{}", why.stacks());
}

#[test]
fn what_answers_answers() {
    for mode in ["lock", "green_spin", "idle"] {
        let Some(hung) = Hung::start(mode) else { return };
        hung.send();
        await_some("the report", || hung.stderr().contains("Configuration").then_some(()));
        // Long after the report there is none to come, and nothing is made up.
        let why = hung.why(Sent::Signal(USR2), signals(hung.pid()));
        assert!(
            why.reason.starts_with("no reason can be seen: the main thread "),
            "{mode}: {}",
            why.reason
        );
    }
}

/// The watcher of the file, which this thread is or runs.
fn watcher(hung: &Hung, thread: i32, green: bool) -> ReportWatcher {
    let file = Text::from_bytes(hung.watched().as_os_str().as_encoded_bytes());
    let (interval, report) = (Some(1.0), OwnReport::default());
    ReportWatcher { file, interval, thread: Some(thread), green, report }
}

#[test]
fn a_watcher_whose_file_is_gone_is_told_and_then_that_it_ended() {
    let Some(hung) = Hung::start("watcher") else { return };
    let thread = await_some("a thread watches", || {
        thread_states(hung.pid()).into_keys().find(|tid| *tid != hung.pid())
    });
    let watcher = watcher(&hung, thread, false);
    let before = signals(hung.pid());
    fs::remove_file(hung.watched()).unwrap();
    let sent = Sent::File { watcher: &watcher, exists: false };
    hung.reason_of(sent, before, "the watched file ");
    await_some("the thread ends", || (thread_states(hung.pid()).len() == 1).then_some(()));
    // A new file does not bring it back.
    fs::write(hung.watched(), "").unwrap();
    let sent = Sent::File { watcher: &watcher, exists: true };
    let expected = format!("thread {thread}, which watched the file ");
    let why = hung.reason_of(sent, before, &expected);
    says(&why, &["has ended"]);
}

#[test]
fn a_green_watcher_whose_thread_is_blocked_gets_no_turn() {
    let Some(hung) = Hung::start("watcher_green") else { return };
    hung.await_call(crate::support::PAUSE);
    let watcher = watcher(&hung, hung.pid(), true);
    fs::write(hung.watched(), "").unwrap();
    let sent = Sent::File { watcher: &watcher, exists: true };
    let why = hung.reason_of(sent, signals(hung.pid()), "a green thread watches the file ");
    says(
        &why,
        &["gets no turn: the main thread waits in ", "pause", "called from watcher_green at "],
    );
}
