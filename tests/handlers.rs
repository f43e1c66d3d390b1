//! Who handles the signals of a process, and which files it watches, in every CPython that can be run
//! here and in services, against what `signal.getsignal` tells.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use guru::analysis::analyse;
use guru::asked::Stop;
use guru::inspect::{Options, inspect};
use guru::report::{Block, Report};
use guru::runtime::{Handler, OwnReport, ReportWatcher, SignalHandler};
use serde::Deserialize;

use crate::support::pythons::{each, pythons};
use crate::support::{
    Service, Target, await_asleep, await_some, guru, report, root, stdout_of, venv,
};

/// A handler as `python_handlers.py` tells it: the signal, the kind, then name, file and line of a
/// function, or class, directory and service of a report.
#[derive(Debug, Deserialize)]
struct Told(i32, String, String, Option<String>, serde_json::Value);

/// A watcher as it tells it: file, interval, thread, class, directory, service.
#[derive(Debug, Deserialize)]
struct Watched(String, f64, i32, String, Option<String>, Option<String>);

impl Told {
    fn expected(self) -> SignalHandler {
        let Told(signal, kind, name, file, last) = self;
        let handler = match kind.as_str() {
            "function" => Handler::Function {
                name: name.into(),
                file: file.map(Into::into),
                line: last.as_u64().map(|line| u32::try_from(line).unwrap()),
            },
            "report" => Handler::Report(own(&name, file.as_deref(), last.as_str())),
            other => panic!("{other}"),
        };
        SignalHandler { signal, handler }
    }
}

impl Watched {
    fn expected(self) -> ReportWatcher {
        let Watched(file, interval, tid, class, log_dir, service) = self;
        let report = own(&class, log_dir.as_deref(), service.as_deref());
        let (interval, thread) = (Some(interval), Some(tid));
        ReportWatcher { file: file.into(), interval, thread, green: false, report }
    }
}

fn own(class: &str, log_dir: Option<&str>, service: Option<&str>) -> OwnReport {
    let text = |text: Option<&str>| text.map(Into::into);
    OwnReport { class: class.into(), log_dir: text(log_dir), service: text(service) }
}

/// The handlers and watchers of a process, which are the same whether it is stopped or not.
fn look(pid: i32) -> (Vec<SignalHandler>, Vec<ReportWatcher>) {
    let looks = [Stop::Running, Stop::All, Stop::None].map(|stop| {
        let options = Options { stop, ..Options::default() };
        let evidence = inspect(pid, options).unwrap();
        let analysis = analyse(&evidence);
        let handlers = analysis.handlers.unwrap();
        (handlers, analysis.watchers)
    });
    let [running, all, none] = looks;
    assert_eq!((&running, &running), (&all, &none));
    running
}

/// Those that are Python's own.
fn of_python(mut handlers: Vec<SignalHandler>) -> Vec<SignalHandler> {
    handlers.retain(|known| known.handler != Handler::Native);
    handlers
}

fn check(mode: &str, test: impl Fn(Vec<SignalHandler>, Vec<ReportWatcher>)) {
    each(pythons(), |python| {
        if !python.is_read() {
            return;
        }
        let target = python.start("python_handlers.py", &[mode]);
        let (told, watched): (Vec<Told>, Vec<Watched>) =
            serde_json::from_str(&target.line()).unwrap();
        await_asleep(&target);
        let (handlers, mut watchers) = look(target.pid());
        let expected: Vec<_> = told.into_iter().map(Told::expected).collect();
        assert_eq!(handlers, expected);
        watchers.sort_by_key(|watcher| watcher.thread);
        let expected: Vec<_> = watched.into_iter().map(Watched::expected).collect();
        assert_eq!(watchers, expected);
        test(handlers, watchers);
        assert!(target.end());
    });
}

#[test]
fn handlers_of_every_kind_are_named_and_those_that_were_taken_back_are_not() {
    check("plain", |handlers, _| assert!(handlers.len() == 9));
}

#[test]
fn the_table_is_found_where_a_program_catches_all_that_can_be_caught() {
    check("all", |handlers, _| assert!(handlers.len() == 60));
}

#[test]
fn reports_and_watchers_of_oslo_reports_are_told_from_other_functions() {
    check("reports", |handlers, watchers| {
        assert!(watchers.len() == 2);
        let is_report = |known: &&SignalHandler| matches!(known.handler, Handler::Report(_));
        assert!(handlers.iter().filter(is_report).count() == 2);
    });
}

/// Compares what a process of a service answers to with what it says itself.
fn assert_as_told(pid: i32, directory: &Path) {
    fs::write(directory.join("ask"), "").unwrap();
    let told = await_some("the service tells its handlers", || {
        fs::read_to_string(directory.join(pid.to_string())).ok()
    });
    let told: Vec<Told> = serde_json::from_str(&told).unwrap();
    let expected: Vec<_> = told.into_iter().map(Told::expected).collect();
    let (handlers, watchers) = look(pid);
    assert_eq!(of_python(handlers.clone()), expected);
    assert_eq!(watchers, []);
    let report = Handler::Report(own("TextGuruMeditation", None, None));
    assert!(handlers.contains(&SignalHandler { signal: libc::SIGUSR2, handler: report }));
}

#[test]
fn handlers_of_services_are_as_python_tells_them() {
    for name in ["mini", "mini-threads", "panko", "nova-conductor", "nova-scheduler"] {
        let directory = tempfile::tempdir().unwrap();
        let path = root("fixtures/services/handlers");
        let variables = [("PYTHONPATH", path), ("HANDLERS", directory.path().to_owned())];
        let Some(service) = Service::start_with(name, &variables) else { continue };
        if name == "nova-scheduler" {
            assert_as_told(service.worker(), directory.path());
        }
        assert_as_told(service.pid(), directory.path());
    }
}

/// Starts a program with the Python of a venv.
fn start(venv_name: &str, program: &str, args: &[&str]) -> Option<Target> {
    let mut command = Command::new(venv(venv_name)?.with_file_name(program));
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONWARNINGS", "ignore");
    command.env("MINI_EVENTLET", "0").args(args).stderr(Stdio::null());
    Some(Target::start(command))
}

/// Sets up oslo.reports as a service does that has a file to watch, with eventlet's threads.
const WATCHES_GREEN: &str = "
import eventlet, os, sys
eventlet.monkey_patch()
from oslo_config import cfg
from oslo_reports import guru_meditation_report as gmr, opts
CONF = cfg.ConfigOpts()
opts.set_defaults(CONF)
CONF(sys.argv[1:])
gmr.TextGuruMeditation.setup_autorun(None, service_name='green', conf=CONF)
eventlet.sleep(0)
print('ready', os.getpid(), flush=True)
eventlet.sleep(3600)
";

#[test]
fn a_file_that_oslo_reports_watches_is_found_in_a_thread_and_in_a_green_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name| directory.path().join(name).to_str().unwrap().to_owned();
    let (watched, config) = (path("watched"), path("watch.conf"));
    fs::write(&watched, "").unwrap();
    let options = "file_event_handler_interval = 500\nlog_dir = /var/log/watch\n";
    let text = format!("[oslo_reports]\nfile_event_handler = {watched}\n{options}");
    fs::write(&config, text).unwrap();
    let app = root("fixtures/services/mini-app.py");
    let plain: &[&str] = &[app.to_str().unwrap(), "--config-file", &config];
    let green: &[&str] = &["-c", WATCHES_GREEN, "--config-file", &config];
    for (args, is_green, service) in [(plain, false, None), (green, true, Some("green"))] {
        let Some(target) = start("mini", "python", args) else { return };
        await_asleep(&target);
        let (handlers, watchers) = look(target.pid());
        assert!(!handlers.iter().any(|known| matches!(known.handler, Handler::Report(_))));
        let [watcher] = watchers.as_slice() else { panic!("{watchers:?}") };
        let report = own("TextGuruMeditation", Some("/var/log/watch"), service);
        assert_eq!(watcher.report, report);
        assert_eq!((watcher.file.raw(), watcher.interval), (&*watched, Some(500.0)));
        assert_eq!(watcher.green, is_green);
        assert_eq!(watcher.thread == Some(target.pid()), is_green, "{watcher:?}");
        let answers = answers(target.pid());
        let expected = format!("writes to {watched} (TextGuruMeditation into /var/log/watch)");
        assert_eq!(answers, [expected]);
        assert_eq!(recorded_answers(target.pid()), answers);
    }
}

/// What a report says that a process makes a report of its own for.
fn answers(pid: i32) -> Vec<String> {
    answers_in(&report(pid))
}

/// The same of a recording.
fn recorded_answers(pid: i32) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("recording").to_str().unwrap().to_owned();
    guru(&["report", "--record", &path, &pid.to_string()]);
    let json = stdout_of(&guru(&["report", "--format", "json", "--from", &path]));
    answers_in(&serde_json::from_str(&json).unwrap())
}

fn answers_in(report: &Report) -> Vec<String> {
    let section = report.sections.iter().find(|section| section.id == "registered_sections");
    let section = section.unwrap();
    let Some(Block::Fields { fields }) = section.blocks.first() else { panic!("{section:?}") };
    let answers = fields.iter().filter(|field| field.name == "answers");
    answers.map(|field| field.value.as_ref().unwrap().raw().to_owned()).collect()
}

#[test]
fn a_report_says_how_the_process_is_asked_for_its_own() {
    let Some(service) = Service::start("mini") else { return };
    assert_eq!(answers(service.pid()), ["SIGUSR2 (TextGuruMeditation)"]);
    assert_eq!(recorded_answers(service.pid()), ["SIGUSR2 (TextGuruMeditation)"]);
    let text = stdout_of(&guru(&["report", &service.pid().to_string()]));
    let asked =
        format!("`guru trigger {}` makes the process print a report of its own", service.pid());
    assert!(text.contains(&asked), "{text}");
    let gmr = stdout_of(&guru(&["report", "--format", "gmr", &service.pid().to_string()]));
    assert!(!gmr.contains("answers"), "{gmr}");
}

/// Whether a process catches a signal, and what Python knows of it.
fn is_caught_behind_its_back(pid: i32, signal: i32) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
    let mask = u64::from_str_radix(mask, 16).unwrap();
    assert!(mask >> (signal - 1) & 1 == 1, "{signal} is not caught");
    let (handlers, _) = look(pid);
    let known = handlers.iter().find(|known| known.signal == signal);
    assert!(known.is_none_or(|known| known.handler == Handler::Native), "{known:?}");
}

#[test]
fn signals_that_faulthandler_took_are_not_pythons() {
    each(pythons(), |python| {
        if !python.is_read() {
            return;
        }
        let mut command = python.command();
        let script = "import faulthandler, os, signal, sys; faulthandler.register(signal.SIGUSR2); \
                      faulthandler.enable(); print('ready', os.getpid(), flush=True); \
                      sys.stdin.read()";
        command.args(["-c", script]);
        let target = Target::start(command);
        for signal in [libc::SIGUSR2, libc::SIGSEGV] {
            is_caught_behind_its_back(target.pid(), signal);
        }
    });
}

#[test]
fn signals_of_a_worker_of_uwsgi_are_not_pythons() {
    let options = ["--http-socket", "127.0.0.1:0", "--need-app", "--master"];
    let app = root("fixtures/frameworks/uwsgi_app.py");
    let program = ["--wsgi-file", app.to_str().unwrap()];
    let Some(python) = venv("frameworks") else { return };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec 3>&1; exec \"$0\" \"$@\""]).arg(python.with_file_name("uwsgi"));
    command.env("TRUTH", "3").args(options).args(program).stderr(Stdio::null());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let target = Target::start(command);
    target.line();
    let worker = await_some("there is a worker that catches SIGUSR2", || {
        let tasks =
            fs::read_to_string(format!("/proc/{0}/task/{0}/children", target.pid())).ok()?;
        let worker: i32 = tasks.split_whitespace().next()?.parse().ok()?;
        let status = fs::read_to_string(format!("/proc/{worker}/status")).ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t"))?;
        (u64::from_str_radix(mask, 16).ok()? >> (libc::SIGUSR2 - 1) & 1 == 1).then_some(worker)
    });
    for signal in [libc::SIGUSR1, libc::SIGUSR2] {
        is_caught_behind_its_back(worker, signal);
    }
}
