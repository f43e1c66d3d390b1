//! Threads of real Python processes, read while they run, against what the interpreter itself
//! tells of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use guru::asked::Asked;
use guru::evidence::files::Files;
use guru::module::Modules;
use guru::note::Note;
use guru::report::{Execution, Report};
use guru::runtime::python::layout::{self, Layout};
use guru::runtime::python::{Python, Version};
use guru::runtime::{LanguageThread, Part, Preview, Roster, Runtime as _, Visit, Visitor};
use guru::stack::{Frame, Language};
use guru::target::Tid;
use guru::target::live::maps;
use guru::target::live::memory::LiveMemory;
use guru::target::live::open::LiveOpener;
use guru::target::live::tasks::Tasks;
use guru::target::memory::Memory;
use guru::target::search::Search;

use crate::support::truth::{Place, ThreadTruth};
use crate::support::{Target, guru, skip, skip_impossible, stdout_of, threads as threads_of};

/// File, line, function.
type Line = (String, Option<u32>, String);

/// Starts a Python with these arguments, which prints `ready PID`.
fn start(python: &Path, arguments: &[&str]) -> Target {
    let mut command = Command::new(python);
    command.args(arguments);
    Target::start(command)
}

/// A line of Python that says so, in every version.
const READY: &str =
    "import os, sys; sys.stdout.write('ready %d\\n' % os.getpid()); sys.stdout.flush()";

/// Looks for Python in a process and hands what was found to `then`.
fn detect<T>(
    pid: i32,
    tids: &[(Tid, Tid)],
    then: impl FnOnce(Option<Box<dyn Visitor>>, &[Note], &Modules<'_>) -> T,
) -> T {
    let mappings = maps::parse(&fs::read(format!("/proc/{pid}/maps")).unwrap(), &|path| path);
    let files = Files::live(Box::new(LiveOpener::new(pid, mappings.clone())));
    let modules = Modules::new(&files, &mappings);
    let memory = &LiveMemory::new(pid);
    let listed: Vec<(Tid, Tid)> =
        Tasks::open(pid).unwrap().list().into_iter().map(|tid| (tid, tid)).collect();
    let tids = if tids.is_empty() { &listed } else { tids };
    let process = Preview { mappings: &mappings, modules: &modules, memory, tids, first: 0 };
    let mut notes = Vec::new();
    let visitor = Python.detect(&process, &mut notes);
    then(visitor, &notes, &modules)
}

/// The Pythons of this machine whose version begins like this: Debian's and those of pyenv.
fn pythons(version: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from(format!("/usr/bin/python{version}"))];
    let root = Command::new("pyenv").arg("root").output().map(|output| output.stdout);
    let root = String::from_utf8(root.unwrap_or_default()).unwrap();
    for entry in fs::read_dir(Path::new(root.trim()).join("versions")).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with(&format!("{version}.")) {
            found.push(path.join(format!("bin/python{version}")));
        }
    }
    found.retain(|path| path.exists());
    found
}

fn threads(
    visitor: &dyn Visitor,
    roster: &Roster,
    wanted: &dyn Fn(Tid) -> bool,
    memory: &dyn Memory,
) -> Vec<LanguageThread> {
    let wanted = &|part| matches!(part, Part::Thread(tid) if wanted(tid));
    let (asked, search) = (&Asked::default(), &Search::default());
    visitor.visit(&Visit { roster, wanted, asked, search, pages_only: false }, memory).threads
}

fn lines(thread: &LanguageThread) -> Vec<Line> {
    let shown = thread.frames.iter().filter(|frame| !frame.hidden);
    shown
        .map(|frame| (frame.file.raw().to_owned(), frame.line, frame.function.raw().to_owned()))
        .collect()
}

/// A file's name as guru reads it: no more than 4096 characters.
fn as_read(Place { file, line, name: function, .. }: Place) -> Line {
    match file.char_indices().nth(4096) {
        Some((end, _)) => (format!("{}…", &file[..end]), line, function),
        None => (file, line, function),
    }
}

#[test]
fn blocked_threads_of_python_3_11_are_as_the_interpreter_tells_them() {
    let pythons = pythons("3.11");
    assert!(!pythons.is_empty(), "no Python 3.11 on this machine");
    for python in pythons {
        let target = Target::python(&python, "python_threads.py", &[] as &[&str]);
        let truth: Vec<ThreadTruth> = serde_json::from_str(&target.line()).unwrap();
        assert!(truth.len() > 14, "{truth:?}");
        detect(target.pid(), &[], |visitor, notes, modules| {
            assert_eq!(notes, []);
            let visitor = visitor.unwrap();
            assert!(visitor.summary().version.starts_with("3.11."));
            assert!(modules.find(visitor.interpreter()).unwrap().path().raw().contains("python"));
            let roster = visitor.roster(&LiveMemory::new(target.pid())).unwrap();
            assert_eq!(roster.cut, None);
            assert_eq!(roster, visitor.roster(&LiveMemory::new(target.pid())).unwrap());
            let threads = threads(&*visitor, &roster, &|_| true, &LiveMemory::new(target.pid()));
            for ThreadTruth { tid, frames, .. } in truth {
                let thread = threads.iter().find(|thread| thread.tid == tid).unwrap();
                let expected: Vec<Line> = frames.into_iter().map(as_read).collect();
                assert_eq!(lines(thread), expected, "{}", python.display());
                assert_eq!(thread.broken, None);
                assert!(thread.frames.last().unwrap().entry);
                assert_ne!(thread.ident, 0);
            }
        });
    }
}

#[test]
fn ids_of_python_threads_are_translated_from_their_namespace() {
    for python in pythons("3.11") {
        let target = start(&python, &["-c", &format!("{READY}; input()")]);
        detect(target.pid(), &[(target.pid(), 4711)], |visitor, _, _| {
            let visitor = visitor.unwrap();
            let roster = visitor.roster(&LiveMemory::new(target.pid())).unwrap();
            assert_eq!(roster.threads.iter().map(|(tid, _)| *tid).collect::<Vec<_>>(), [4711]);
        });
    }
}

#[test]
fn a_running_thread_read_a_thousand_times_is_always_a_bounded_answer() {
    let busy = format!("def f(n): return n and f(n - 1)\n{READY}\nwhile 1: f(50)");
    for python in pythons("3.11") {
        let target = start(&python, &["-c", &busy]);
        detect(target.pid(), &[], |visitor, notes, _| {
            assert_eq!(notes, []);
            let visitor = visitor.unwrap();
            for _ in 0..1000 {
                let roster = visitor.roster(&LiveMemory::new(target.pid())).unwrap();
                let threads =
                    threads(&*visitor, &roster, &|_| true, &LiveMemory::new(target.pid()));
                assert_eq!(threads.len(), 1);
                assert!(threads[0].frames.len() < 1000);
            }
        });
    }
}

#[test]
fn of_two_mapped_pythons_the_living_one_is_read() {
    let Some(library) = pythons("3.11").into_iter().find_map(|python| {
        let library = python.parent()?.parent()?.join("lib/libpython3.11.so.1.0");
        library.exists().then_some(library)
    }) else {
        return skip_impossible("no libpython3.11.so.1.0 on this machine");
    };
    let load = format!(
        "import ctypes; ctypes.CDLL({:?}); {READY}; input()",
        library.display().to_string()
    );
    for python in pythons("3.11") {
        let target = start(&python, &["-c", &load]);
        detect(target.pid(), &[], |visitor, notes, _| {
            assert_eq!(notes, []);
            let visitor = visitor.unwrap();
            let roster = visitor.roster(&LiveMemory::new(target.pid())).unwrap();
            assert_eq!(roster.threads.len(), 1);
        });
    }
}

#[test]
fn a_python_inside_another_program_is_found() {
    let library = "/usr/lib/python3.11/config-3.11-x86_64-linux-gnu/libpython3.11.a";
    if !Path::new(library).exists() || !Path::new("/usr/include/python3.11/Python.h").exists() {
        let why = "no static libpython3.11 with headers: Debian has it as libpython3.11-dev";
        let debian = Path::new("/usr/bin/python3.11").exists();
        return if debian { skip(why) } else { skip_impossible(why) };
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("service");
    let source = folder.path().join("service.c");
    let ready = READY.replace('\\', "\\\\");
    let script = format!("def embedded(): {ready}; input()\\nembedded()");
    let text = format!(
        "#include <Python.h>\nint main() {{ Py_Initialize(); PyRun_SimpleString(\"{script}\"); }}"
    );
    fs::write(&source, text).unwrap();
    let built = Command::new("cc")
        .args(["-no-pie", "-I/usr/include/python3.11", "-o"])
        .args([&program, &source])
        .args([library, "-lm", "-lz", "-lexpat"])
        .status();
    assert!(built.unwrap().success());
    let target = Target::start(Command::new(&program));
    detect(target.pid(), &[], |visitor, notes, modules| {
        assert_eq!(notes, []);
        let visitor = visitor.unwrap();
        let module = modules.find(visitor.interpreter()).unwrap();
        assert!(module.path().raw().ends_with("/service"));
        let roster = visitor.roster(&LiveMemory::new(target.pid())).unwrap();
        let threads = threads(&*visitor, &roster, &|_| true, &LiveMemory::new(target.pid()));
        assert!(lines(&threads[0]).iter().any(|(_, _, function)| function == "embedded"));
    });
}

#[test]
fn a_python_that_is_ending_is_not_read() {
    let ending = "import os\nclass Last:\n  def __del__(self, os=os): \
                  os.write(1, b'ready %d\\n' % os.getpid()); os.read(0, 1)\nlast = Last()";
    for python in (8..=15).flat_map(|minor| pythons(&format!("3.{minor}"))) {
        let target = start(&python, &["-c", ending]);
        detect(target.pid(), &[], |visitor, notes, _| {
            assert!(visitor.is_none(), "{}", python.display());
            assert!(notes[0].message.raw().contains("it is ending"), "{notes:?}");
        });
    }
}

#[test]
fn the_table_and_the_debug_information_of_a_build_tell_the_same_layout() {
    let mut compared = 0;
    for minor in 8..=15 {
        for python in pythons(&format!("3.{minor}")) {
            let target = start(&python, &["-c", &format!("{READY}; sys.stdin.read()")]);
            detect(target.pid(), &[], |visitor, notes, modules| {
                assert_eq!(notes, []);
                let module = modules.find(visitor.unwrap().interpreter()).unwrap();
                let told = layout::dwarf::read(module);
                if told.is_empty() {
                    return skip_impossible(&format!("{} has no such", python.display()));
                }
                let version = Version::of_minor(minor);
                let [table, better] = [None, Some(&told)]
                    .map(|told| layout::candidates(version, None, told).swap_remove(0));
                let name = table.name.clone();
                assert_eq!(Layout { name, ..better }, table, "{}", python.display());
                // What is no member of a structure only the table has.
                assert!(told.len() > 80, "{}", told.len());
                compared += 1;
            });
        }
    }
    if compared == 0 {
        skip_impossible("no Python with debug information on this machine");
    }
}

#[test]
fn a_program_without_python_has_none_and_no_note() {
    let target = start(Path::new("/bin/sh"), &["-c", "echo ready $$; exec cat"]);
    detect(target.pid(), &[], |visitor, notes, _| {
        assert!(visitor.is_none());
        assert_eq!(notes, []);
    });
}

/// Whether a frame is one of the C library, and whether it has a line.
fn lines_of_c_library(report: &Report) -> Vec<bool> {
    let threads = threads_of(report).iter().flat_map(|thread| &thread.stack.frames);
    let of_library = threads.filter(|frame| {
        frame.module.as_ref().is_some_and(|module| module.raw().contains("/libc.so"))
    });
    of_library.map(|frame| frame.line.is_some()).collect()
}

#[test]
fn lines_of_the_c_library_are_looked_up_where_they_are_asked_for() {
    let Some(target) = Target::spawn::<&str>("threads.py", &[]) else { return };
    let pid = target.pid().to_string();
    let of = |arguments: &[&str]| {
        let output = guru(&[&["report", pid.as_str()], arguments].concat());
        assert_eq!(output.status.code(), Some(0));
        stdout_of(&output)
    };
    let programs: Report = serde_json::from_str(&of(&["--format", "json"])).unwrap();
    let lines = lines_of_c_library(&programs);
    assert!(!lines.is_empty());
    // Only where its debug information is installed is there a difference.
    let installed = lines.contains(&true);
    assert_eq!(of(&["--native"]).contains("/sysdeps/"), installed);
    assert!(!of(&[]).contains("/sysdeps/"));
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("recording");
    let recording = recording.to_str().unwrap();
    // A recording answers more than what its own report was asked.
    assert!(!of(&["--record", recording]).contains("/sysdeps/"));
    let replayed = |arguments: &[&str]| {
        stdout_of(&guru(&[&["report", "--from", recording], arguments].concat()))
    };
    assert!(!replayed(&[]).contains("/sysdeps/"));
    assert_eq!(replayed(&["--native"]).contains("/sysdeps/"), installed);
}

#[test]
fn without_native_stacks_the_frames_of_python_are_the_same() {
    let Some(target) = Target::spawn::<&str>("threads.py", &[]) else { return };
    let pid = target.pid().to_string();
    let of = |arguments: &[&str]| -> Report {
        let output = guru(&[&["report", "--format", "json", pid.as_str()], arguments].concat());
        assert_eq!(output.status.code(), Some(0));
        serde_json::from_str(&stdout_of(&output)).unwrap()
    };
    let (whole, python) = (of(&[]), of(&["--python"]));
    let frames = |report: &Report| -> Vec<(Option<i32>, Vec<Frame>)> {
        let of = |thread: &Execution| {
            let frames = thread.stack.frames.iter();
            (
                thread.tid,
                frames.filter(|frame| frame.language == Language::Python).cloned().collect(),
            )
        };
        threads_of(report).iter().map(of).collect()
    };
    assert_eq!(frames(&whole), frames(&python));
    let all: Vec<_> = threads_of(&python).iter().flat_map(|thread| &thread.stack.frames).collect();
    assert!(all.len() > 900 && all.iter().all(|frame| frame.language == Language::Python));
}
