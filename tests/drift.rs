//! Where a process of oslo.config and its files differ, on a real one: its files are changed under
//! it in every way that an operator changes them.

use crate::support::truth::assert_whole;
use crate::support::{Target, guru, report, stdout_of, venv};
use guru::data::Data;
use guru::note::Weight;
use guru::report::{Block, Drift, DriftKind, OptionGroup, OptionValue, Report, SetBy};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A program with options of every source.
const PROGRAM: &str = r#"
import os, sys
from oslo_config import cfg
conf = cfg.ConfigOpts()
conf.register_cli_opts([cfg.BoolOpt("debug", default=False), cfg.StrOpt("listen")])
conf.register_opts([
    cfg.IntOpt("workers", default=1, max=64), cfg.StrOpt("host"), cfg.StrOpt("state-path", default="/s"),
    cfg.StrOpt("lock_path", default="$state_path/lock"), cfg.ListOpt("hosts", default=[]),
    cfg.StrOpt("password", secret=True), cfg.StrOpt("url"), cfg.IntOpt("token_ttl", default=600),
    cfg.StrOpt("overridden"), cfg.StrOpt("set_default"), cfg.StrOpt("by_variable"),
])
conf.register_opts([
    cfg.StrOpt("connection", deprecated_name="sql_connection", deprecated_group="DEFAULT"),
    cfg.IntOpt("max_retries", default=10)], group="database")
other = cfg.ConfigOpts()
other.register_opts([cfg.StrOpt("auth_type"), cfg.StrOpt("key", secret=True)], group="auth")
conf(sys.argv[1:], project="drifter", default_config_files=[], default_config_dirs=[])
conf.set_override("overridden", "o")
conf.set_default("set_default", "d")
print("ready", os.getpid(), flush=True)
sys.stdin.read()
"#;

/// The program with its files.
struct Drifter {
    target: Target,
    directory: TempDir,
}

impl Drifter {
    /// Starts it with these files in its directory, all older than itself, and these arguments, in
    /// which `@` is that directory.
    fn start(files: &[(&str, &str)], args: &[&str]) -> Option<Drifter> {
        Self::prepared(files, args, |_| ())
    }

    fn prepared(files: &[(&str, &str)], args: &[&str], prepare: impl Fn(&Path)) -> Option<Drifter> {
        Self::running(PROGRAM, files, args, prepare)
    }

    fn running(
        program: &str,
        files: &[(&str, &str)],
        args: &[&str],
        prepare: impl Fn(&Path),
    ) -> Option<Drifter> {
        let interpreter = venv("mini")?;
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::write(root.join("drifter.py"), program).unwrap();
        for (name, text) in files {
            write_old(&root.join(name), text);
        }
        prepare(root);
        let mut command = Command::new(interpreter);
        command.arg(root.join("drifter.py"));
        command.args(args.iter().map(|arg| arg.replace('@', root.to_str().unwrap())));
        command.env("OS_DEFAULT__BY_VARIABLE", "v");
        Some(Drifter { target: Target::start(command), directory })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        write_at(&self.path(name), text, SystemTime::now() + HOUR);
    }

    fn report(&self) -> Report {
        report(self.target.pid())
    }

    /// The lines of a report that tell a difference, without the directory.
    fn lines(&self) -> Vec<String> {
        let text = self.text();
        let lines = text.lines().filter_map(|line| line.strip_prefix("drift: "));
        lines.map(str::to_owned).collect()
    }

    fn text(&self) -> String {
        let text = stdout_of(&guru(&["report", &self.target.pid().to_string()]));
        text.replace(self.directory.path().to_str().unwrap(), "@")
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn write_old(path: &Path, text: &str) {
    write_at(path, text, SystemTime::now() - HOUR);
}

fn write_at(path: &Path, text: &str, time: SystemTime) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

/// The object that was started: its differences and its groups.
fn started(report: &Report) -> (&[Drift], &[OptionGroup]) {
    let section = report.sections.iter().find(|section| section.id == "configuration").unwrap();
    let Some(Block::Options { object: Some(object), groups, drift, .. }) = section.blocks.first()
    else {
        panic!("{section:?}")
    };
    assert!(object.started, "{object:?}");
    (drift, groups)
}

fn option<'a>(groups: &'a [OptionGroup], group: &str, name: &str) -> &'a OptionValue {
    let group = groups.iter().find(|known| known.name.raw() == group).unwrap();
    group.options.iter().find(|option| option.name.raw() == name).unwrap()
}

const PLAIN: &str = "[DEFAULT]\nworkers = 4\nhost = a\npassword = hunter2\n[database]\n\
                     connection = mysql://u:hunter2@h/d\n";

const ARGS: &[&str] = &["--config-file", "@/a.conf"];

#[test]
fn each_value_says_what_set_it() {
    let text = "[DEFAULT]\nworkers = 4\nstate_path = /x\nhosts = b, a\noverridden = f\ndebug = 1\n\
                listen = f\nby_variable = f\nurl = http://u:hunter2@h/\npassword = hunter2\n";
    let more = "[DEFAULT]\nhosts = c\n[database]\nconnection = sqlite://\n";
    let args = ["--config-file", "@/a.conf", "--config-dir", "@/d", "--listen", "c"];
    let Some(drifter) = Drifter::start(&[("a.conf", text), ("d/b.conf", more)], &args) else {
        return;
    };
    let report = drifter.report();
    let (_, groups) = started(&report);
    let path = |name: &str| drifter.path(name).to_str().unwrap().to_owned();
    let text = Data::text;
    let list = |items: &[&str]| Data::List(items.iter().copied().map(Data::text).collect());
    let file = |name: &str, line| (SetBy::File, Some((path(name), line)));
    for (group, name, value, (set_by, origin)) in [
        ("default", "workers", Data::Int(4), file("a.conf", 2)),
        ("default", "state-path", text("/x"), file("a.conf", 3)),
        ("default", "lock_path", text("/x/lock"), (SetBy::Default, None)),
        // oslo.config itself names the last file that has the section.
        ("default", "debug", Data::Bool(true), file("a.conf", 6)),
        ("default", "hosts", list(&["c"]), file("d/b.conf", 2)),
        ("default", "host", Data::None, (SetBy::Default, None)),
        ("default", "token_ttl", Data::Int(600), (SetBy::Default, None)),
        ("default", "overridden", text("o"), (SetBy::Override, None)),
        ("default", "set_default", text("d"), (SetBy::SetDefault, None)),
        ("default", "listen", text("c"), (SetBy::CommandLine, None)),
        ("default", "by_variable", text("v"), (SetBy::Environment, None)),
        ("default", "password", text("***"), file("a.conf", 10)),
        ("default", "url", text("http://u:***@h/"), file("a.conf", 9)),
        ("database", "connection", text("sqlite://"), file("d/b.conf", 4)),
    ] {
        let option = option(groups, group, name);
        let place =
            option.origin.as_ref().map(|origin| (origin.file.raw().to_owned(), origin.line));
        assert_eq!((&option.value, option.set_by, place), (&value, Some(set_by), origin), "{name}");
    }
    let variable = option(groups, "default", "by_variable").variable.as_ref().unwrap();
    assert_eq!(variable.raw(), "OS_DEFAULT__BY_VARIABLE");
    let shown = drifter.text();
    for line in [
        "  workers = 4    (a.conf:2)",
        "  by_variable = v    (environment OS_DEFAULT__BY_VARIABLE)",
        "  listen = c    (command line)",
        "  overridden = o    (set by the program)",
        "  token_ttl = 600    (default)",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    assert!(!shown.contains("hunter2"));
    assert_eq!(drifter.lines(), [""; 0]);
}

#[test]
fn an_edit_after_the_start_is_told_with_its_line() {
    let Some(drifter) = Drifter::start(&[("a.conf", PLAIN)], ARGS) else { return };
    assert_eq!(drifter.lines(), [""; 0]);
    let new = "[DEFAULT]\n\nhost = a\nworkers = 8\ndebug = true\npassword = hunter3\n[database]\n\
               connection = mysql://u:hunter3@h/d\n";
    drifter.write("a.conf", new);
    assert_eq!(
        drifter.lines(),
        [
            "[DEFAULT] debug (a.conf:5): False now, True after a restart",
            "[DEFAULT] workers (a.conf:4): 4 now, 8 after a restart",
            "@/a.conf: changed since the process read it",
        ]
    );
    let report = drifter.report();
    let (drift, groups) = started(&report);
    assert_eq!(drift[0].kind, DriftKind::ChangesOnRestart);
    assert_eq!((&drift[1].now, &drift[1].then), (&Some(Data::Int(4)), &Some(Data::Int(8))));
    // The process holds 4, and no line says so any more.
    assert_eq!(option(groups, "default", "workers").origin.as_ref().unwrap().line, 0);
    assert_eq!(option(groups, "default", "host").origin.as_ref().unwrap().line, 3);
    // Whether a password was changed cannot be told, and that is.
    let text = drifter.text();
    assert!(text.contains(": 2 of its values hold secrets, "), "{text}");
    assert!(!text.contains("hunter"));
    // Nothing is missing for that.
    assert_whole(&report);
}

#[test]
fn a_file_that_was_written_again_with_the_same_in_it_is_no_alarm() {
    let Some(drifter) = Drifter::start(&[("a.conf", PLAIN)], ARGS) else { return };
    drifter.write("a.conf", PLAIN);
    let expected = "@/a.conf: changed since the process read it · the same stands in it, as far as \
                    it is not secret";
    assert_eq!(drifter.lines(), [expected]);
}

#[test]
fn what_no_option_reads_is_told_with_what_was_meant() {
    let text = "[DEFAULT]\nworker = 4\nmax_retries = 3\nstate-path = /x\nlater = 1\n[database]\n\
                conection = sqlite://\n[auth]\nauth_type = password\nkey = hunter2\n[databse]\n\
                max_retries = 1\n";
    let Some(drifter) = Drifter::start(&[("a.conf", text)], ARGS) else { return };
    let lines = drifter.lines();
    let expected = [
        "[DEFAULT] worker (a.conf:2): read by no option of this object · did you mean workers?",
        "[DEFAULT] max_retries (a.conf:3): read by no option of this object · an option of this \
         name is in [database]",
        "[DEFAULT] state-path (a.conf:4): read by no option of this object · did you mean \
         state_path?",
        "[DEFAULT] later (a.conf:5): read by no option of this object",
        "[database] conection (a.conf:7): read by no option of this object · did you mean \
         connection?",
    ];
    assert_eq!(lines[..5], expected);
    assert!(lines[5].starts_with("[auth] (a.conf:9): read by no option of this object · the "));
    let end = "has such options, but has not read this file: its auth_type is None";
    assert!(lines[5].ends_with(end), "{}", lines[5]);
    let section = "[databse] (a.conf:12): read by no option of this object · did you mean \
                   [database]?";
    assert_eq!(lines[6..], [section]);
}

#[test]
fn a_file_that_is_gone_is_told_and_nothing_of_the_report_is_missing() {
    let Some(drifter) = Drifter::start(&[("a.conf", PLAIN)], ARGS) else { return };
    fs::remove_file(drifter.path("a.conf")).unwrap();
    let expected = "@/a.conf: gone since the process read it · the command line names it: the \
                    program would not start";
    assert_eq!(drifter.lines(), [expected]);
    let report = drifter.report();
    let (_, groups) = started(&report);
    let workers = option(groups, "default", "workers");
    assert_eq!(workers.value, Data::Int(4));
    let origin = workers.origin.as_ref().unwrap();
    assert_eq!((origin.file.raw(), origin.line), (drifter.path("a.conf").to_str().unwrap(), 0));
    assert_whole(&report);
}

#[test]
fn a_link_that_leads_to_another_file_is_a_change_whatever_its_time() {
    let other = PLAIN.replace("workers = 4", "workers = 5");
    let link = |root: &Path| symlink(root.join("one.conf"), root.join("a.conf")).unwrap();
    let files = [("one.conf", PLAIN), ("two.conf", other.as_str())];
    let Some(drifter) = Drifter::prepared(&files, ARGS, link) else { return };
    assert_eq!(drifter.lines(), [""; 0]);
    fs::remove_file(drifter.path("a.conf")).unwrap();
    symlink(drifter.path("two.conf"), drifter.path("a.conf")).unwrap();
    assert_eq!(
        drifter.lines(),
        [
            "[DEFAULT] workers (a.conf:2): 4 now, 5 after a restart",
            "@/a.conf: changed since the process read it",
        ]
    );
}

#[test]
fn a_directory_in_which_files_come_and_go_is_told() {
    let files = [
        ("a.conf", PLAIN),
        ("d/10.conf", "[DEFAULT]\nhost = b\n"),
        ("d/20.conf", "[DEFAULT]\nhost = c\n"),
        ("d/30.conf", "[DEFAULT]\nurl = d\n"),
    ];
    let args = ["--config-file", "@/a.conf", "--config-dir", "@/d"];
    let Some(drifter) = Drifter::start(&files, &args) else { return };
    assert_eq!(drifter.lines(), [""; 0]);
    fs::remove_file(drifter.path("d/20.conf")).unwrap();
    drifter.write("d/40.conf", "[DEFAULT]\ntoken_ttl = 5\n");
    drifter.write("d/ignored.txt", "[DEFAULT]\ntoken_ttl = 6\n");
    let lines = drifter.lines();
    assert_eq!(
        lines[..2],
        [
            "[DEFAULT] host (10.conf:2): 'c' now, 'b' after a restart",
            "[DEFAULT] token_ttl (40.conf:2): 600 now, 5 after a restart",
        ]
    );
    assert!(lines[2].contains("gone since the process read it"), "{lines:?}");
    let new = "@/d/40.conf: not read yet, but would be after a restart";
    assert_eq!(lines[3..], [new]);

    // Nobody says now which file the host was in.
    let report = drifter.report();
    let (_, groups) = started(&report);
    let host = option(groups, "default", "host");
    assert_eq!(
        (&host.value, host.set_by, &host.origin),
        (&Data::text("c"), Some(SetBy::File), &None)
    );
}

#[test]
fn an_old_name_in_a_file_is_told_with_the_new_one() {
    let text = "[DEFAULT]\nsql_connection = sqlite://\n";
    let Some(drifter) = Drifter::start(&[("a.conf", text)], ARGS) else { return };
    let expected = "[DEFAULT] sql_connection (a.conf:2): a deprecated name · now it is called \
                    [database] connection";
    assert_eq!(drifter.lines(), [expected]);
    let report = drifter.report();
    let (_, groups) = started(&report);
    assert_eq!(option(groups, "database", "connection").value, Data::text("sqlite://"));
}

#[test]
fn a_value_that_the_program_cannot_use_is_shown_and_told() {
    let bad = PLAIN.replace("workers = 4", "workers = abc");
    let Some(drifter) = Drifter::start(&[("a.conf", bad.as_str())], ARGS) else { return };
    let report = drifter.report();
    let (drift, groups) = started(&report);
    assert_eq!(drift, []);
    let workers = option(groups, "default", "workers");
    assert_eq!((&workers.value, workers.unconverted), (&Data::text("abc"), true));
    assert_eq!(option(groups, "default", "host").value, Data::text("a"));
    let text = drifter.text();
    assert!(text.contains("note: [DEFAULT] workers: the process has no value for it: "), "{text}");
    assert_whole(&report);

    drifter.write("a.conf", PLAIN);
    let line = "[DEFAULT] workers (a.conf:2): 'abc' now, 4 after a restart";
    assert_eq!(drifter.lines()[0], line);
}

#[test]
fn a_bad_value_that_was_written_later_would_not_be_used() {
    let Some(drifter) = Drifter::start(&[("a.conf", PLAIN)], ARGS) else { return };
    drifter.write("a.conf", &PLAIN.replace("workers = 4", "workers = abc"));
    let lines = drifter.lines();
    let start = "[DEFAULT] workers (a.conf:2): 4 now, 'abc' after a restart · it could not be used";
    assert!(lines[0].starts_with(start), "{lines:?}");
}

#[test]
fn a_file_that_can_no_longer_be_read_is_missing_and_what_is_held_is_shown() {
    let Some(drifter) = Drifter::start(&[("a.conf", PLAIN)], ARGS) else { return };
    fs::remove_file(drifter.path("a.conf")).unwrap();
    fs::create_dir(drifter.path("a.conf")).unwrap();
    let output = guru(&["report", "--format", "json", &drifter.target.pid().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let report: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
    let (drift, groups) = started(&report);
    assert_eq!(drift, []);
    assert_eq!(option(groups, "default", "workers").value, Data::Int(4));
    let missing: Vec<&str> = report
        .all_notes()
        .filter(|note| note.weight == Weight::Missing)
        .map(|note| note.message.raw())
        .collect();
    assert_eq!(missing, ["not a regular file"]);
    assert!(drifter.text().contains("what a restart would change is not known"));
}

#[test]
fn a_value_that_its_type_refuses_is_shown_and_told() {
    let bad = PLAIN.replace("workers = 4", "workers = 65");
    let Some(drifter) = Drifter::start(&[("a.conf", bad.as_str())], ARGS) else { return };
    let report = drifter.report();
    let (drift, groups) = started(&report);
    assert_eq!(drift, []);
    let workers = option(groups, "default", "workers");
    assert_eq!((&workers.value, workers.unconverted), (&Data::text("65"), true));
    let text = drifter.text();
    let note = "note: [DEFAULT] workers: the process has no value for it: it is more than its \
                greatest value";
    assert!(text.contains(note), "{text}");
    assert_whole(&report);

    let Some(drifter) = Drifter::start(&[("a.conf", PLAIN)], ARGS) else { return };
    drifter.write("a.conf", &bad);
    let start = "[DEFAULT] workers (a.conf:2): 4 now, '65' after a restart · it could not be used: \
                 it is more than its greatest value";
    assert_eq!(drifter.lines()[0], start);
}

#[test]
fn a_value_that_changes_by_what_it_refers_to_is_told_so() {
    let text = "[DEFAULT]\nstate_path = /x\nhost = h\n";
    let Some(drifter) = Drifter::start(&[("a.conf", text)], ARGS) else { return };
    drifter.write("a.conf", "[DEFAULT]\nstate_path = /y\n");
    assert_eq!(
        drifter.lines(),
        [
            "[DEFAULT] host: 'h' now, None after a restart · no file sets it any more",
            "[DEFAULT] state_path (a.conf:2): '/x' now, '/y' after a restart",
            "[DEFAULT] lock_path: '/x/lock' now, '/y/lock' after a restart · refers to state_path, \
             which changed",
            "@/a.conf: changed since the process read it",
        ]
    );
    // What is written otherwise changes by itself.
    drifter.write("a.conf", "[DEFAULT]\nstate_path = /y\nhost = h\nlock_path = $state_path/l\n");
    let lines = drifter.lines();
    let line = "[DEFAULT] lock_path (a.conf:4): '/x/lock' now, '/y/l' after a restart";
    assert_eq!(lines[1], line);
}

#[test]
fn a_drop_in_that_came_for_another_is_not_said_to_have_changed_only() {
    let files = [
        ("a.conf", PLAIN),
        ("d/10.conf", "[DEFAULT]\nhost = b\n"),
        ("d/20.conf", "[DEFAULT]\nurl = c\n"),
    ];
    let args = ["--config-file", "@/a.conf", "--config-dir", "@/d"];
    let Some(drifter) = Drifter::start(&files, &args) else { return };
    fs::remove_file(drifter.path("d/10.conf")).unwrap();
    drifter.write("d/05.conf", "[DEFAULT]\nhost = e\n");
    let lines = drifter.lines();
    let line = "[DEFAULT] host (05.conf:2): 'b' now, 'e' after a restart";
    let file = "@/d/05.conf: changed since the process read it · or it is new and the one read in \
                its place is gone: the process does not tell";
    assert_eq!(lines, [line, file]);

    // Of the last file that has a section the process knows the name.
    write_old(&drifter.path("d/05.conf"), "[DEFAULT]\nhost = b\n");
    fs::remove_file(drifter.path("d/20.conf")).unwrap();
    drifter.write("d/30.conf", "[DEFAULT]\nurl = d\n");
    assert_eq!(
        drifter.lines(),
        [
            "[DEFAULT] url (30.conf:2): 'c' now, 'd' after a restart",
            "@/d/20.conf: gone since the process read it",
            "@/d/30.conf: not read yet, but would be after a restart",
        ]
    );
}

/// A program that changes its own environment, before and after it asks for an option.
const CHANGER: &str = r#"
import os, sys
os.environ["OS_DEFAULT__WORKERS"] = "9"
os.environ["OS_DEFAULT__PASSWORD"] = "-".join(["made", "up", "word"])
os.environ["OS_DEFAULT__URL"] = "-".join(["http://u:made", "up", "pass@h/"])
os.environ.pop("OS_DEFAULT__BY_VARIABLE")
from oslo_config import cfg
conf = cfg.ConfigOpts()
conf.register_opts([cfg.IntOpt("workers", default=1), cfg.StrOpt("by_variable", default="d"),
    cfg.StrOpt("asked"), cfg.StrOpt("same"), cfg.StrOpt("password", secret=True), cfg.StrOpt("url")])
conf(sys.argv[1:], project="changer", default_config_files=[], default_config_dirs=[])
conf.asked, conf.same
os.environ["OS_DEFAULT__ASKED"] = "later"
print("ready", os.getpid(), flush=True)
sys.stdin.read()
"#;

#[test]
fn variables_count_as_the_program_has_set_them() {
    let file = "[DEFAULT]\nworkers = 5\nasked = before\nsame = s\n";
    let Some(drifter) = Drifter::running(CHANGER, &[("a.conf", file)], ARGS, |_| ()) else {
        return;
    };
    let report = drifter.report();
    let (drift, groups) = started(&report);
    assert_eq!(drift, []);
    let of = |name| {
        let option = option(groups, "default", name);
        (option.value.clone(), option.set_by)
    };
    assert_eq!(of("workers"), (Data::Int(9), Some(SetBy::Environment)));
    assert_eq!(of("by_variable"), (Data::text("d"), Some(SetBy::Default)));
    assert_eq!(of("password"), (Data::text("***"), Some(SetBy::Environment)));
    assert_eq!(of("url"), (Data::text("http://u:***@h/"), Some(SetBy::Environment)));
    assert_eq!(of("same"), (Data::text("s"), Some(SetBy::File)));
    // The process was told before, and now a variable would set it.
    assert_eq!(of("asked"), (Data::text("before"), None));
    let text = drifter.text();
    let note = "note: [DEFAULT] asked: the process remembers this value, and what sets it now \
                gives another one";
    assert!(text.contains(note), "{text}");
    assert!(text.contains("  workers = 9    (environment OS_DEFAULT__WORKERS)"), "{text}");

    let recording = drifter.path("recording");
    let pid = drifter.target.pid().to_string();
    let output = guru(&["report", "--record", recording.to_str().unwrap(), &pid]);
    assert!(output.status.success(), "{output:?}");
    let evidence = guru::evidence::store::load(&recording).unwrap();
    let analysis = guru::analysis::analyse(&evidence);
    let known = analysis.registries[0].environment.as_ref().unwrap();
    let value = |name: &str| known.get(&name.into()).map(|value| value.raw().to_owned());
    assert_eq!(value("OS_DEFAULT__WORKERS").as_deref(), Some("9"));
    assert_eq!(value("OS_DEFAULT__PASSWORD").as_deref(), Some("************"));
    assert_eq!(value("OS_DEFAULT__URL").as_deref(), Some("http://u:************@h/"));
}
