//! Sections of one's own: files, commands and objects, asked for on the command line or defined by
//! files of the machine or the user; and those that a service has registered for its own report.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use guru::report::{Block, CommandRun, Field, NamedObject, Report, SectionReport};

use crate::support::own::{Config, guru_with, missing};
use crate::support::pythons::{each, pythons};
use crate::support::{
    DEADLINE, GURU, Service, Target, await_some, guru, reads_stdin, skip_impossible, stdout_of,
};

const NONE: &[&str] = &[];

/// The JSON report on a process with these sections of one's own, without those of any file.
fn report_with(pid: i32, sections: &[&str]) -> (Report, String) {
    let pid = pid.to_string();
    let mut args = vec!["report", "--format", "json", "--no-sections", &pid];
    args.extend(sections.iter().flat_map(|section| ["--section", section]));
    let text = stdout_of(&guru(&args));
    (serde_json::from_str(&text).unwrap(), text)
}

fn titled<'a>(report: &'a Report, title: &str) -> Option<&'a SectionReport> {
    report.sections.iter().find(|section| section.title == title)
}

fn section<'a>(report: &'a Report, title: &str) -> &'a SectionReport {
    titled(report, title).unwrap_or_else(|| panic!("no {title} in {:?}", report.sections))
}

/// What a section's command wrote and how that went; and how much was left out.
fn ran<'a>(report: &'a Report, title: &str) -> (&'a str, &'a CommandRun, u64) {
    match section(report, title).blocks.as_slice() {
        [Block::Text { command: Some(run), text, left, .. }] => (text.raw(), run, *left),
        other => panic!("{other:?}"),
    }
}

/// The text of a section's file, or why there is none.
fn file_text<'a>(report: &'a Report, title: &str) -> Result<&'a str, &'a str> {
    match section(report, title).blocks.as_slice() {
        [Block::Text { file: Some(file), text, .. }] => match &file.unread {
            Some(why) => Err(why.raw()),
            None => Ok(text.raw()),
        },
        other => panic!("{other:?}"),
    }
}

fn object<'a>(report: &'a Report, title: &str) -> &'a NamedObject {
    match section(report, title).blocks.as_slice() {
        [Block::Objects { objects }] => &objects[0],
        other => panic!("{other:?}"),
    }
}

fn target() -> Option<Target> {
    Target::spawn("stacks-O2", NONE)
}

/// The processes whose environment has this word.
fn processes_with(word: &str) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let has = |process: &PathBuf| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == word.as_bytes())
    };
    processes.filter(has).collect()
}

#[test]
fn a_file_is_shown_with_its_secrets_masked() {
    let Some(target) = target() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("cells"), "cell = one\npassword = hunter2\n\n====  Threads  ====\n").unwrap();
    fs::write(path("binary"), b"a\0b").unwrap();
    fs::File::create(path("large")).unwrap().set_len((1 << 20) + 1).unwrap();
    let typed = ["cells", "binary", "large", "gone"].map(|name| format!("{name}={}", path(name)));
    let (report, text) = report_with(target.pid(), &typed.each_ref().map(String::as_str));
    let expected = "cell = one\npassword = ***\n\n====  Threads  ====\n";
    assert_eq!(file_text(&report, "cells"), Ok(expected));
    assert_eq!(file_text(&report, "binary"), Err("not a text file"));
    assert_eq!(file_text(&report, "large"), Err("larger than 1048576 bytes"));
    assert_eq!(file_text(&report, "gone"), Err("no such file"));
    assert_eq!(missing(&report).len(), 3, "{:?}", missing(&report));
    assert!(!text.contains("hunter2"));
    assert!(target.end());
}

#[test]
fn a_command_runs_outside_the_process_and_a_failure_is_told() {
    let Some(target) = target() else { return };
    let status = "Status=!echo $GURU_PID; echo 'mysql://u:hunter2@h/' >&2; cat; exit 3";
    let (report, text) = report_with(target.pid(), &[status]);
    let (written, run, left) = ran(&report, "Status");
    assert_eq!((written, left), (format!("{}\n", target.pid()).as_str(), 0));
    assert_eq!((run.status, run.errors.raw()), (Some(3), "mysql://u:***@h/\n"));
    // It said what there was to say.
    assert_eq!(missing(&report), [""; 0]);
    assert!(!text.contains("hunter2"));
    assert!(target.end());
}

#[test]
fn a_command_that_hangs_is_ended_with_all_its_children() {
    let Some(target) = target() else { return };
    let Some(config) = Config::new() else { return };
    let mark = format!("GURU_TEST_MARK=hang-{}", std::process::id());
    config.add(
        "hang.toml",
        &format!(
            "[[section]]\ntitle = 'Hang'\ntimeout = 1\n\
             command = '''echo begun; {mark} sleep 1000 & {mark} sh -c \"trap '' TERM HUP; \
             sleep 1000 | sleep 1000\"'''\n"
        ),
    );
    let report = config.report(target.pid());
    let (written, run, _) = ran(&report, "Hang");
    assert_eq!((written, run.killed_after_ms), ("begun\n", Some(1000)));
    assert_eq!(missing(&report), ["section Hang: its command still ran after 1 s and was killed"]);
    await_some("nothing of the command is left", || processes_with(&mark).is_empty().then_some(()));
    assert!(target.end());
}

#[test]
fn a_command_ends_with_guru_when_that_is_interrupted() {
    let Some(target) = target() else { return };
    let mark = format!("GURU_TEST_MARK=interrupt-{}", std::process::id());
    let mut guru = Command::new(GURU);
    guru.args(["report", "--no-sections", "--section"]);
    guru.arg(format!("A=!{mark} sleep 1000 | {mark} sleep 1000")).arg(target.pid().to_string());
    let mut guru = guru.stdout(Stdio::null()).spawn().unwrap();
    await_some("the command runs", || (processes_with(&mark).len() == 2).then_some(()));
    let pid = nix::unistd::Pid::from_raw(guru.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(guru.wait().unwrap().signal(), Some(libc::SIGINT));
    await_some("nothing of the command is left", || processes_with(&mark).is_empty().then_some(()));
    assert!(target.end());
}

#[test]
fn all_commands_together_leave_time_for_the_report() {
    let Some(target) = target() else { return };
    let pid = target.pid().to_string();
    let args = ["report", "--no-sections", "--timeout", "8", &pid];
    let hang = ["--section", "A=!sleep 1000", "--section", "B=!sleep 1000"];
    let output = guru(&[args.as_slice(), &hang].concat());
    let text = stdout_of(&output);
    assert!(text.contains("command sleep 1000 · killed after "), "{text}");
    assert!(text.contains("command sleep 1000 · no time was left for it (--timeout)\n"), "{text}");
    assert!(target.end());
}

#[test]
fn what_a_command_prints_steers_no_terminal_and_forges_no_heading() {
    let Some(target) = target() else { return };
    let script = r"Evil=!printf '\033]0;pwn\007\033[2J\233\n';
        printf '%72s\n====  Threads  ====\n%72s\n' | tr ' ' '='; printf -- '------ x\nnote: a: b\n'";
    let pid = target.pid().to_string();
    for format in ["text", "gmr", "json"] {
        let args = ["report", "--no-sections", "--format", format, "--section", script, &pid];
        let text = stdout_of(&guru(&args));
        assert_eq!(text.chars().find(|c| c.is_control() && *c != '\n'), None, "{format}");
        let headings = text.lines().filter(|line| line.starts_with("====  "));
        let threads = headings.filter(|line| line.contains("  Threads  ")).count();
        assert_eq!(threads, usize::from(format != "json"), "{format}: {text}");
        assert!(!text.contains("\n------ x") && !text.contains("\nnote: a: b"), "{format}");
        // It was asked for beyond what a GMR has.
        assert_eq!(text.contains("note: a: b"), format != "gmr", "{format}");
    }
    assert!(target.end());
}

#[test]
fn a_hundred_megabytes_are_counted_and_not_kept() {
    let Some(target) = target() else { return };
    let begun = Instant::now();
    let flood = "Flood=!head -c 100000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero >&2";
    let (report, _) = report_with(target.pid(), &[flood]);
    let (written, run, left) = ran(&report, "Flood");
    assert_eq!(run.status, Some(0));
    assert!(written.len() <= 1 << 20);
    assert_eq!(written.len() as u64 + left, 100_000_000);
    assert!(run.errors_left > 1_900_000);
    assert_eq!(missing(&report).len(), 1, "{:?}", missing(&report));
    assert!(begun.elapsed() < DEADLINE);
    assert!(target.end());
}

#[test]
fn an_object_is_shown_under_its_title_and_not_among_those_asked_for() {
    let Some(target) = Target::spawn("threads.py", NONE) else { return };
    let (report, _) = report_with(target.pid(), &["Size=@sys.maxsize", "None=@no.such.thing"]);
    let value = object(&report, "Size").value.as_ref().unwrap();
    assert_eq!(value.shown.as_ref().unwrap().raw(), "9223372036854775807");
    assert!(object(&report, "None").missing.is_some());
    assert!(titled(&report, "Objects").is_none());
    let pid = target.pid().to_string();
    let args = ["report", "--format", "json", "--no-sections", "--object", "sys.byteorder"];
    let both = guru(&[args.as_slice(), &["--section", "Size=@sys.maxsize", &pid]].concat());
    let report: Report = serde_json::from_str(&stdout_of(&both)).unwrap();
    assert_eq!(object(&report, "Size").path, "sys.maxsize");
    assert_eq!(object(&report, "Objects").path, "sys.byteorder");
    assert!(target.end());
}

#[test]
fn a_title_twice_makes_no_sense() {
    let output = guru(&["report", "1", "--section", "A=/x", "--section", "A =/y"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("two sections have the title `A`"), "{said}");
}

#[test]
fn a_package_ships_the_sections_of_its_service_only() {
    let Some(conductor) = Service::start("nova-conductor") else { return };
    let Some(panko) = Service::start("panko") else { return };
    let Some(config) = Config::new() else { return };
    config.add(
        "nova.toml",
        "[[section]]\ntitle = 'Workers'\ncommand = 'echo of $GURU_PID'\n\
         match = { executable = '*/python3*', package = 'Nova', command = 'nova-conductor' }\n\
         [[section]]\ntitle = 'Host'\nobject = 'nova.conf.CONF.host'\n\
         match = { package = 'nova' }\n\
         [[section]]\ntitle = 'Scheduler'\nfile = '/etc/hostname'\n\
         match = { package = 'nova', command = 'nova-scheduler' }\n",
    );
    let report = config.report(conductor.pid());
    assert_eq!(ran(&report, "Workers").0, format!("of {}\n", conductor.pid()));
    assert!(object(&report, "Host").value.is_some());
    assert!(titled(&report, "Scheduler").is_none());
    let report = config.report(panko.pid());
    for title in ["Workers", "Host", "Scheduler"] {
        assert!(titled(&report, title).is_none(), "{title}");
    }
}

#[test]
fn the_product_of_a_distribution_package_is_matched_too() {
    let mut sleep = Command::new("sh");
    sleep.args(["-c", "echo ready $$; exec sleep 1000"]);
    let sleep = Target::start(sleep);
    let executable = format!("/proc/{}/exe", sleep.pid());
    await_some("sleep runs", || {
        fs::read_link(&executable).ok().filter(|path| path.ends_with("sleep"))
    });
    if !Path::new("/var/lib/dpkg/info/coreutils.list").exists() {
        return skip_impossible("sleep is of no package that dpkg knows");
    }
    let Some(config) = Config::new() else { return };
    let section = |title: &str, on: &str| {
        format!("[[section]]\ntitle = '{title}'\nfile = '/etc/hostname'\nmatch = {{ {on} }}\n")
    };
    config.add("a.toml", &section("Yes", "package = 'coreutils'"));
    config.add("b.toml", &section("No", "package = 'bash'"));
    config.add("ignored.txt", "this is no TOML");
    let report = config.report(sleep.pid());
    assert!(titled(&report, "Yes").is_some() && titled(&report, "No").is_none());

    // Nothing of it without the files.
    let args = ["report", "--no-sections", "--format", "json", &sleep.pid().to_string()];
    let output = guru_with(config.base(), &args);
    let report: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
    assert!(titled(&report, "Yes").is_none());
}

#[test]
fn a_bad_file_is_a_note_and_the_others_count() {
    let Some(target) = target() else { return };
    let Some(config) = Config::new() else { return };
    let good = "[[section]]\ntitle = 'Good'\nfile = '/etc/hostname'\n";
    config.add("a.toml", &format!("{good}color = 'red'\n"));
    config.add("b.toml", "[[section]\n");
    config.add("c.toml", good);
    let notes = missing(&config.report(target.pid()));
    let [a, b] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(a.contains("a.toml:4: unknown field `color`"), "{a}");
    assert!(b.contains("b.toml:1: "), "{b}");
    assert!(titled(&config.report(target.pid()), "Good").is_some());
    assert!(target.end());
}

#[test]
fn a_recording_holds_what_the_sections_showed() {
    let Some(target) = Target::spawn("threads.py", NONE) else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("file"), "as it was\ntoken = hunter2\n").unwrap();
    let sections = [format!("File={}", path("file")), "Time=!date +%N; echo -p hunter2".to_owned()];
    let own =
        ["--section", &sections[0], "--section", &sections[1], "--section", "Max=@sys.maxsize"];
    let pid = target.pid().to_string();
    let recording = path("recording");
    for format in ["text", "gmr", "json"] {
        let record = ["report", "--no-sections", "--format", format, "--record", &recording, &pid];
        let live = stdout_of(&guru(&[record.as_slice(), &own].concat()));
        fs::remove_file(path("file")).unwrap();
        let replay = ["report", "--format", format, "--from", &recording];
        assert_eq!(stdout_of(&guru(&replay)), live, "{format}");
        // One of them alone; and one that it does not hold.
        let one =
            stdout_of(&guru(&[replay.as_slice(), &["--section", "Max=@sys.maxsize"]].concat()));
        assert_eq!(one.contains("Max"), format != "gmr", "{format}");
        assert!(!one.contains("as it was"), "{format}");
        let other = guru(&[replay.as_slice(), &["--section", "Other=!true"]].concat());
        assert_eq!(other.status.code(), Some(1), "{format}");
        fs::remove_file(&recording).unwrap();
        fs::write(path("file"), "as it was\ntoken = hunter2\n").unwrap();
    }
    assert!(target.end());
}

/// The registered sections: titles and generators.
fn registered(report: &Report) -> Vec<(String, String)> {
    let section = section(report, "Registered Sections");
    // Before it may come how the process is asked for them.
    let Some(Block::Fields { fields }) = section.blocks.last() else { panic!("{section:?}") };
    let value = |field: &Field| field.value.as_ref().unwrap().raw().to_owned();
    fields.iter().map(|field| (field.name.clone(), value(field))).collect()
}

#[test]
fn the_sections_that_a_service_registered_are_listed_by_name() {
    for name in ["mini-threads", "mini"] {
        let Some(service) = Service::start(name) else { return };
        let (report, _) = report_with(service.pid(), &[]);
        let expected = ("Mini Extra".to_owned(), "__main__.extra_section".to_owned());
        assert_eq!(registered(&report), [expected], "{name}");
        let gmr = stdout_of(&guru(&["report", "--format", "gmr", &service.pid().to_string()]));
        assert!(!gmr.contains("Registered Sections"));
    }
}

#[test]
fn registered_sections_of_every_class_and_by_generators_of_every_kind_are_listed() {
    each(pythons(), |python| {
        if !python.is_read() {
            return;
        }
        let target = python.start("python_registered.py", &[]);
        let truth: Vec<(String, String)> = serde_json::from_str(&target.line()).unwrap();
        await_some("it waits for stdin", || reads_stdin(target.pid()).then_some(()));
        let (report, _) = report_with(target.pid(), &[]);
        assert_eq!(registered(&report), truth);
        assert!(target.end());
    });
}
