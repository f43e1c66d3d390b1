//! Threads of real Python processes, read while they run, against what the interpreter itself
//! tells of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use guru::addr::Addr;
use guru::evidence::files::{FileError, FileMeta, FileRequest, Files, Opener, Source};
use guru::module::Modules;
use guru::note::{Note, Weight};
use guru::runtime::python::Python;
use guru::runtime::{LanguageThread, Preview, Runtime as _, Visitor};
use guru::target::memory::{Fault, FaultKind, Memory};
use guru::target::{Mapping, Tid};
use guru::text::Text;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

/// File, line, function.
type Line = (String, Option<u32>, String);

/// A Python that runs until this is dropped.
struct Target {
    child: Child,
    /// It ends when this is closed.
    _input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Target {
    fn start(python: &Path, arguments: &[&str]) -> Target {
        let mut child = Command::new(python)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let _input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Target { child, _input, output }
    }

    /// The line with which it says that it is ready.
    fn says(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    fn mappings(&self) -> Vec<Mapping> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.pid())).unwrap();
        maps.lines().map(mapping).collect()
    }

    /// Looks for Python in it and hands what was found to `then`.
    fn detect<T>(
        &self,
        inner_tids: &[(Tid, Tid)],
        then: impl FnOnce(Option<Box<dyn Visitor>>, &[Note], &Modules<'_>) -> T,
    ) -> T {
        let mappings = self.mappings();
        let files = Files::live(Box::new(Mapped(mappings.clone())));
        let modules = Modules::new(&files, &mappings);
        let memory = self;
        let process = Preview { mappings: &mappings, modules: &modules, memory, inner_tids };
        let mut notes = Vec::new();
        let visitor = Python.detect(&process, &mut notes);
        then(visitor, &notes, &modules)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Memory for Target {
    fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        let remote = [RemoteIoVec { base: addr.0 as usize, len: buf.len() }];
        let wanted = buf.len();
        let pid = Pid::from_raw(self.pid());
        match process_vm_readv(pid, &mut [IoSliceMut::new(buf)], &remote) {
            Ok(read) if read == wanted => Ok(()),
            _ => Err(Fault { addr, kind: FaultKind::Unmapped }),
        }
    }
}

/// A line of `/proc/PID/maps`.
fn mapping(line: &str) -> Mapping {
    let mut words = line.splitn(6, ' ');
    let mut word = || words.next().unwrap();
    let hex = |digits| u64::from_str_radix(digits, 16).unwrap();
    let (start, end) = word().split_once('-').unwrap();
    let rights = word();
    let offset = hex(word());
    let (major, minor) = word().split_once(':').unwrap();
    Mapping {
        start: Addr(hex(start)),
        end: Addr(hex(end)),
        readable: rights.contains('r'),
        writable: rights.contains('w'),
        executable: rights.contains('x'),
        offset,
        device: (hex(major) as u32, hex(minor) as u32),
        inode: word().parse().unwrap(),
        path: words.next().unwrap_or_default().trim().into(),
    }
}

/// Opens mapped files by their paths.
struct Mapped(Vec<Mapping>);

impl Opener for Mapped {
    fn open(&self, request: &FileRequest) -> Result<(Box<dyn Source>, FileMeta), FileError> {
        let FileRequest::Mapped { start, .. } = request else { return Err(FileError::Absent) };
        let mapping = self.0.iter().find(|mapping| mapping.start == *start).unwrap();
        let file = fs::File::open(mapping.path.raw()).map_err(|_| FileError::Absent)?;
        let len = file.metadata().unwrap().len();
        Ok((Box::new(Disk(file)), FileMeta { len, modified: 0, identity: (0, mapping.inode) }))
    }

    fn list(&self, _: &Text) -> Result<Vec<Text>, FileError> {
        Err(FileError::Absent)
    }
}

struct Disk(fs::File);

impl Source for Disk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        self.0.read_at(buf, offset).map_err(|error| FileError::Other(error.to_string()))
    }
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

/// Says that a part of a test did not run.
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

fn script() -> String {
    format!("{}/fixtures/targets/python_threads.py", env!("CARGO_MANIFEST_DIR"))
}

fn lines(thread: &LanguageThread) -> Vec<Line> {
    let shown = thread.frames.iter().filter(|frame| !frame.hidden);
    shown
        .map(|frame| (frame.file.raw().to_owned(), frame.line, frame.function.raw().to_owned()))
        .collect()
}

/// A file's name as guru reads it: no more than 4096 characters.
fn as_read((file, line, function): Line) -> Line {
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
        let mut target = Target::start(&python, &[&script()]);
        let truth: BTreeMap<Tid, Vec<Line>> = serde_json::from_str(&target.says()).unwrap();
        assert!(truth.len() > 14, "{truth:?}");
        target.detect(&[], |visitor, notes, modules| {
            assert_eq!(notes, []);
            let visitor = visitor.unwrap();
            assert!(visitor.summary().version.starts_with("3.11."));
            assert!(modules.find(visitor.interpreter()).unwrap().path().raw().contains("python"));
            let roster = visitor.roster(&target).unwrap();
            assert_eq!(roster.cut, None);
            assert_eq!(roster, visitor.roster(&target).unwrap());
            let threads = visitor.visit(&roster, &|_| true, &target);
            for (tid, expected) in truth {
                let thread = threads.iter().find(|thread| thread.tid == tid).unwrap();
                let expected: Vec<Line> = expected.into_iter().map(as_read).collect();
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
        let mut target = Target::start(&python, &["-c", "print('ready', flush=True); input()"]);
        target.says();
        target.detect(&[(target.pid(), 4711)], |visitor, _, _| {
            let visitor = visitor.unwrap();
            let roster = visitor.roster(&target).unwrap();
            assert_eq!(roster.threads.iter().map(|(tid, _)| *tid).collect::<Vec<_>>(), [4711]);
        });
    }
}

#[test]
fn a_running_thread_read_a_thousand_times_is_always_a_bounded_answer() {
    let busy = "def f(n): return n and f(n - 1)\nprint('ready', flush=True)\nwhile 1: f(50)";
    for python in pythons("3.11") {
        let mut target = Target::start(&python, &["-c", busy]);
        target.says();
        target.detect(&[], |visitor, notes, _| {
            assert_eq!(notes, []);
            let visitor = visitor.unwrap();
            for _ in 0..1000 {
                let roster = visitor.roster(&target).unwrap();
                let threads = visitor.visit(&roster, &|_| true, &target);
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
        return skipped("no libpython3.11.so.1.0 on this machine");
    };
    let load = format!(
        "import ctypes; ctypes.CDLL({:?}); print('ready', flush=True); input()",
        library.display().to_string()
    );
    for python in pythons("3.11") {
        let mut target = Target::start(&python, &["-c", &load]);
        target.says();
        target.detect(&[], |visitor, notes, _| {
            assert_eq!(notes, []);
            let visitor = visitor.unwrap();
            let roster = visitor.roster(&target).unwrap();
            assert_eq!(roster.threads.len(), 1);
        });
    }
}

#[test]
fn a_python_inside_another_program_is_found() {
    let library = "/usr/lib/python3.11/config-3.11-x86_64-linux-gnu/libpython3.11.a";
    if !Path::new(library).exists() || !Path::new("/usr/include/python3.11/Python.h").exists() {
        return skipped("no static libpython3.11 with headers on this machine");
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("service");
    let source = folder.path().join("service.c");
    let script = "def embedded(): print('ready', flush=True); input()\\nembedded()";
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
    let mut target = Target::start(&program, &[]);
    target.says();
    target.detect(&[], |visitor, notes, modules| {
        assert_eq!(notes, []);
        let visitor = visitor.unwrap();
        let module = modules.find(visitor.interpreter()).unwrap();
        assert!(module.path().raw().ends_with("/service"));
        let roster = visitor.roster(&target).unwrap();
        let threads = visitor.visit(&roster, &|_| true, &target);
        assert!(lines(&threads[0]).iter().any(|(_, _, function)| function == "embedded"));
    });
}

#[test]
fn a_python_that_is_ending_is_not_read() {
    let ending = "import os\nclass Last:\n  def __del__(self, os=os): os.write(1, b'ready\\n'); \
                  os.read(0, 1)\nlast = Last()";
    for python in pythons("3.11") {
        let mut target = Target::start(&python, &["-c", ending]);
        target.says();
        target.detect(&[], |visitor, notes, _| {
            assert!(visitor.is_none());
            assert!(notes[0].message.raw().contains("it is ending"), "{notes:?}");
        });
    }
}

#[test]
fn other_pythons_are_named_and_not_guessed_at() {
    let expected = [
        ("2.7", "older than 3.11"),
        ("3.6", "older than 3.11"),
        ("3.8", "older than 3.11"),
        ("3.9", "older than 3.11"),
        ("3.10", "older than 3.11"),
        ("3.12", "Python 3.12."),
        ("3.13", "Python 3.13."),
        ("3.14", "Python 3.14."),
    ];
    for (version, message) in expected {
        let pythons = pythons(version);
        if pythons.is_empty() {
            skipped(&format!("no Python {version} on this machine"));
        }
        for python in pythons {
            let ready = "import sys; sys.stdout.write('ready\\n'); sys.stdout.flush(); \
                         sys.stdin.read()";
            let mut target = Target::start(&python, &["-c", ready]);
            target.says();
            target.detect(&[], |visitor, notes, _| {
                assert!(visitor.is_none());
                let [note] = notes else { panic!("{}: {notes:?}", python.display()) };
                assert_eq!(note.weight, Weight::Missing);
                assert!(note.message.raw().contains(message), "{note:?}");
                assert!(note.message.raw().ends_with("native stacks only"), "{note:?}");
            });
        }
    }
}

#[test]
fn a_program_without_python_has_none_and_no_note() {
    let target = Target::start(Path::new("/bin/cat"), &[]);
    target.detect(&[], |visitor, notes, _| {
        assert!(visitor.is_none());
        assert_eq!(notes, []);
    });
}
