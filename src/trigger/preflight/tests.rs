#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::target::signals::SignalSet;

/// What a test sees of a process; by default it catches SIGUSR2 by a report.
struct Case {
    signals: SignalState,
    handlers: Result<Vec<SignalHandler>, &'static str>,
    watchers: Result<Vec<ReportWatcher>, &'static str>,
    configured: Option<ReportWatcher>,
    watched_by_parent: Option<i32>,
    green_threads: usize,
    in_uwsgi: bool,
    tracer: Option<&'static str>,
    reporting: bool,
    stderr: StderrKind,
    unwritable: Option<&'static str>,
}

fn case() -> Case {
    let report = OwnReport { class: "TextGuruMeditation".into(), ..OwnReport::default() };
    Case {
        signals: SignalState { caught: set(&[USR2]), state: 'S', ..SignalState::default() },
        handlers: Ok(vec![SignalHandler { signal: USR2, handler: Handler::Report(report) }]),
        watchers: Ok(Vec::new()),
        configured: None,
        watched_by_parent: None,
        green_threads: 0,
        in_uwsgi: false,
        tracer: None,
        reporting: false,
        stderr: StderrKind::Null,
        unwritable: None,
    }
}

fn set(signals: &[i32]) -> SignalSet {
    SignalSet(signals.iter().map(|signal| 1 << (signal - 1)).sum())
}

const AUTO: Wanted = Wanted { signal: None, force: false, patience: Duration::from_secs(10) };
const FORCED: Wanted = Wanted { force: true, ..AUTO };

impl Case {
    fn plan(&self, wanted: &Wanted) -> Result<Plan, Refusal> {
        let stderr = Stderr { kind: self.stderr.clone(), identity: None };
        let seen = Seen {
            pid: 42,
            signals: self.signals,
            handlers: self.handlers.as_deref().map_err(|why| *why),
            watchers: self.watchers.as_deref().map_err(|why| *why),
            configured: self.configured.as_ref(),
            watched_by_parent: self.watched_by_parent,
            green_threads: self.green_threads,
            in_uwsgi: self.in_uwsgi,
            tracer: self.tracer,
            reporting: self.reporting,
            stderr: &stderr,
            unwritable: self.unwritable,
        };
        plan(&seen, wanted)
    }

    fn refusal(&self, wanted: &Wanted) -> String {
        self.plan(wanted).unwrap_err().why
    }

    fn request(&self, wanted: &Wanted) -> Request {
        self.plan(wanted).unwrap().request
    }
}

fn other(signal: i32) -> SignalHandler {
    let (file, line) = (Some("/srv/app.py".into()), Some(7));
    SignalHandler { signal, handler: Handler::Function { name: "app.reopen".into(), file, line } }
}

fn watcher() -> ReportWatcher {
    ReportWatcher {
        file: "/run/gmr".into(),
        interval: Some(1.0),
        thread: Some(43),
        green: false,
        report: OwnReport::default(),
    }
}

#[test]
fn a_report_that_is_armed_is_asked_for_by_its_signal() {
    assert_eq!(case().request(&AUTO), Request::Signal(USR2));
    let mut old = case();
    old.signals.caught = set(&[USR1]);
    old.handlers.as_mut().unwrap()[0].signal = USR1;
    assert_eq!(old.request(&AUTO), Request::Signal(USR1));
    // `signum` of setup_autorun.
    let mut chosen = case();
    chosen.signals.caught = set(&[USR1, USR2, 34]);
    *chosen.handlers.as_mut().unwrap() = vec![other(USR1), other(USR2)];
    chosen.handlers.as_mut().unwrap().extend(case().handlers.unwrap());
    chosen.handlers.as_mut().unwrap()[2].signal = 34;
    assert_eq!(chosen.request(&AUTO), Request::Signal(34));
}

#[test]
fn what_nobody_catches_is_never_sent() {
    let mut case = case();
    case.signals.caught = set(&[]);
    // Python's table alone is no proof: a native library may have taken the signal away.
    assert_eq!(
        case.refusal(&FORCED),
        "has no Guru Meditation Report: it catches neither SIGUSR2 nor SIGUSR1, and either would \
         kill it"
    );
    let chosen = Wanted { signal: Some(USR2), ..FORCED };
    assert_eq!(case.refusal(&chosen), "does not catch SIGUSR2; sending it would kill it");
    case.signals.ignored = set(&[USR2]);
    assert!(case.refusal(&chosen).starts_with("ignores SIGUSR2"));
}

#[test]
fn where_uwsgi_may_have_the_signal_that_is_said() {
    let mut case = case();
    case.in_uwsgi = true;
    assert!(case.plan(&AUTO).unwrap().warnings[0].starts_with("runs in uWSGI"));
    case.signals.caught = set(&[USR2, 34]);
    case.handlers.as_mut().unwrap()[0].signal = 34;
    assert!(case.plan(&AUTO).unwrap().warnings.is_empty());
}

#[test]
fn a_signal_of_a_fault_is_never_sent() {
    let mut case = case();
    case.signals.caught = set(&[11]);
    let chosen = Wanted { signal: Some(11), ..FORCED };
    assert!(case.refusal(&chosen).starts_with("is not sent SIGSEGV"));
}

#[test]
fn another_handler_needs_force() {
    let mut case = case();
    *case.handlers.as_mut().unwrap() = vec![other(USR2)];
    assert_eq!(
        case.refusal(&AUTO),
        "handles SIGUSR2 by app.reopen (/srv/app.py:7), which is no Guru Meditation Report"
    );
    assert_eq!(case.request(&FORCED), Request::Signal(USR2));
    case.handlers.as_mut().unwrap().clear();
    assert!(case.refusal(&AUTO).starts_with("handles SIGUSR2 in native code"));
    case.handlers = Err("it runs no Python that guru knows");
    assert!(case.refusal(&AUTO).ends_with("is not known: it runs no Python that guru knows"));
    assert_eq!(case.request(&FORCED), Request::Signal(USR2));
}

#[test]
fn who_cannot_answer_is_not_asked() {
    let mut stopped = case();
    stopped.signals.state = 'T';
    assert_eq!(stopped.refusal(&FORCED), "is stopped: it cannot answer");
    let mut held = case();
    held.tracer = Some("gdb (pid 99)");
    assert_eq!(
        held.plan(&AUTO).unwrap().warnings,
        ["is traced by gdb (pid 99), to which the signal goes first"]
    );
    held.signals.state = 't';
    assert_eq!(held.refusal(&FORCED), "is held by its tracer, gdb (pid 99): it cannot answer");
    let mut headless = case();
    headless.signals.state = 'Z';
    assert!(headless.refusal(&FORCED).starts_with("has lost its first thread"));
    let mut busy = case();
    busy.reporting = true;
    assert_eq!(busy.refusal(&FORCED), "is making a report at this moment");
    let mut asked = case();
    asked.signals.pending = set(&[USR2]);
    assert!(asked.refusal(&FORCED).starts_with("has a SIGUSR2 pending"));
    let mut deaf = case();
    deaf.signals.blocked_by_all = set(&[USR2]);
    assert!(deaf.refusal(&AUTO).starts_with("blocks SIGUSR2 in every thread"));
    assert_eq!(deaf.request(&FORCED), Request::Signal(USR2));
}

#[test]
fn a_file_that_is_watched_is_touched_instead() {
    let mut case = case();
    case.signals.caught = set(&[]);
    case.handlers.as_mut().unwrap().clear();
    case.configured = Some(watcher());
    assert!(case.refusal(&AUTO).starts_with("should watch /run/gmr, but no thread does"));
    case.watched_by_parent = Some(41);
    assert!(case.refusal(&AUTO).contains("is watched by its master, process 41"));
    case.watchers = Ok(vec![watcher()]);
    let plan = case.plan(&AUTO).unwrap();
    assert_eq!((plan.writer(42), plan.warnings.len()), (43, 1));
    assert!(plan.warnings[0].starts_with("is asked by /run/gmr"));
    assert_eq!(plan.request, Request::Touch(watcher()));
    case.watchers = Ok(vec![ReportWatcher { green: true, ..watcher() }]);
    assert!(case.plan(&AUTO).unwrap().warnings[1].starts_with("a green thread looks at the file"));
    case.watchers = Ok(vec![ReportWatcher { interval: Some(60.0), ..watcher() }]);
    assert!(case.plan(&AUTO).unwrap().warnings[1].starts_with("looks at its file every 60 s only"));
}

#[test]
fn a_file_of_which_it_is_not_known_whether_it_is_watched_needs_force() {
    let mut case = case();
    case.handlers = Err("guru may not read its memory");
    case.watchers = Err("guru may not read its memory");
    let unconfigured = case.refusal(&AUTO);
    assert!(unconfigured.ends_with("is not known: guru may not read its memory"), "{unconfigured}");
    case.configured = Some(ReportWatcher { thread: None, ..watcher() });
    let why = case.refusal(&AUTO);
    let expected = "is to watch /run/gmr by its configuration, but whether any thread does is not \
                    known: guru may not read its memory";
    assert_eq!(why, expected);
    let plan = case.plan(&FORCED).unwrap();
    assert_eq!((plan.writer(42), plan.report.is_some()), (42, true));
    assert!(matches!(plan.request, Request::Touch(_)));
    let signal = Wanted { signal: Some(USR2), ..FORCED };
    assert_eq!(case.request(&signal), Request::Signal(USR2));
}

#[test]
fn a_report_that_would_do_harm_needs_force() {
    let mut case = case();
    let state = PipeState { abandoned: true, full: false, unread: 0, capacity: 65536 };
    let pipe = |state| StderrKind::Pipe { readers: Vec::new(), unseen: false, state: Some(state) };
    case.stderr = pipe(state);
    assert!(case.refusal(&AUTO).contains("that would end the process"));
    case.stderr = pipe(PipeState { abandoned: false, full: true, ..state });
    assert!(case.refusal(&AUTO).starts_with("has a full pipe for its standard error"));
    assert!(case.plan(&FORCED).is_ok());
    case.stderr = pipe(PipeState { abandoned: false, unread: 60_000, ..state });
    assert!(
        case.plan(&AUTO).unwrap().warnings[0].starts_with("writes to a pipe with 60000 unread")
    );
    case.stderr = StderrKind::Null;
    case.unwritable = Some("is /dev/full");
    assert_eq!(
        case.refusal(&AUTO),
        "has a standard error that is /dev/full: a report that cannot be written ends the process"
    );
    assert!(case.plan(&FORCED).is_ok());
    // Nothing is written there where a directory for reports is set.
    let Handler::Report(report) = &mut case.handlers.as_mut().unwrap()[0].handler else { return };
    report.log_dir = Some("/var/log/mini".into());
    assert!(case.plan(&AUTO).is_ok());

    case.green_threads = 3000;
    assert_eq!(
        case.plan(&AUTO).unwrap().warnings,
        ["has 3000 green threads: a report of its own makes it stand still for some 6.3 s"]
    );
    case.green_threads = 10_000;
    assert!(case.refusal(&AUTO).contains("21.0 s"));
    assert!(case.plan(&FORCED).is_ok());
}
