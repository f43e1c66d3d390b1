//! Where the standard error of a process leads, on real processes with every kind of it.

use crate::support::{DEADLINE, Target, await_some, python, skip_impossible};
use guru::target::live::LiveProcess;
use guru::target::live::dump_dir::DumpDir;
use guru::target::live::stderr::stderr;
use guru::target::live::tail::{Follows, Tail};
use guru::target::live::touch::{TouchError, touch};
use guru::target::live::turn::Turn;
use guru::target::stderr::{PipeState, Stderr, StderrKind};
use guru::text::Text;
use guru::trigger::sink::describe;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// A process that runs each line that it is sent.
const SCRIPT: &str = "import os, sys\nprint('ready', os.getpid(), flush=True)\n\
                      for line in sys.stdin:\n    exec(line)\n    print('done', flush=True)";

/// Starts the process with a standard error and says where guru finds that it leads.
struct Writer {
    target: Target,
    process: LiveProcess,
}

impl Writer {
    fn start(stderr: impl Into<Stdio>) -> Option<Writer> {
        Writer::start_with(stderr, |_| {})
    }

    fn start_with(stderr: impl Into<Stdio>, more: impl FnOnce(&mut Command)) -> Option<Writer> {
        let Some(python) = python() else {
            skip_impossible("no Python 3.11");
            return None;
        };
        let mut command = Command::new(python);
        command.args(["-S", "-c", SCRIPT]).stderr(stderr);
        more(&mut command);
        let target = Target::start(command);
        let process = LiveProcess::open(target.started()).unwrap().0;
        Some(Writer { target, process })
    }

    /// Starts it with the given directory for its root.
    fn start_below(root: &Path, directory: &str) -> Option<Writer> {
        if !rustix::process::geteuid().is_root() {
            skip_impossible("only root may change the root directory");
            return None;
        }
        let mut writer = Writer::start(Stdio::null())?;
        let enter = format!("os.chroot({:?}); os.chdir({directory:?})", root.to_str().unwrap());
        writer.run(&enter);
        Some(writer)
    }

    fn run(&mut self, line: &str) {
        assert_eq!(self.target.ask(line), "done", "{line}");
    }

    fn kind(&self) -> StderrKind {
        self.stderr().kind
    }

    fn stderr(&self) -> Stderr {
        stderr(&self.process)
    }

    fn pipe(&self) -> (Vec<i32>, PipeState) {
        match self.kind() {
            StderrKind::Pipe { readers, state: Some(state), .. } => {
                (readers.into_iter().map(|(pid, _)| pid).collect(), state)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Waits until nobody reads its pipe: a process that another test is about to start may have
    /// inherited the reading end for a moment.
    fn await_abandoned(&self) {
        await_some("nobody reads the pipe", || {
            let (readers, state) = self.pipe();
            (state.abandoned && readers.is_empty()).then_some(())
        });
    }

    fn pid(&self) -> i32 {
        self.process.pid
    }
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

fn appending(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// Makes a FIFO and opens its reading end.
fn fifo(path: &Path) -> File {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap()
}

/// Reads everything that is in a pipe now.
fn drained(mut reader: &PipeReader) -> usize {
    let mut bytes = vec![0; 1 << 20];
    reader.read(&mut bytes).unwrap()
}

#[test]
fn a_file_is_known_by_its_path_also_when_that_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let Some(mut writer) = Writer::start(appending(&path)) else { return };
    let file = |deleted| StderrKind::File { path: path.to_str().unwrap().into(), deleted };
    assert_eq!(writer.kind(), file(false));
    let meta = path.metadata().unwrap();
    assert_eq!(writer.stderr().identity, Some((meta.dev(), meta.ino())));
    let moved = directory.path().join("log.1");
    fs::rename(&path, &moved).unwrap();
    let renamed = StderrKind::File { path: moved.to_str().unwrap().into(), deleted: false };
    assert_eq!(writer.kind(), renamed);
    fs::remove_file(&moved).unwrap();
    let gone = StderrKind::File { path: moved.to_str().unwrap().into(), deleted: true };
    assert_eq!(writer.kind(), gone);
    // The name of a file, not the mark of the kernel.
    let odd = directory.path().join("log (deleted)");
    writer.run(&format!("os.dup2(os.open({odd:?}, os.O_WRONLY | os.O_CREAT), 2)"));
    let there = StderrKind::File { path: odd.to_str().unwrap().into(), deleted: false };
    assert_eq!(writer.kind(), there);
    writer.run("os.close(2)");
    assert_eq!(writer.kind(), StderrKind::Closed);
    assert_eq!(writer.stderr().identity, None);
}

#[test]
fn a_pipe_tells_who_reads_it_and_how_much_room_it_has() {
    let (reader, pipe) = io::pipe().unwrap();
    let Some(mut writer) = Writer::start(pipe) else { return };
    let mut cat = Command::new("cat").stdin(reader).stdout(Stdio::null()).spawn().unwrap();
    let (readers, state) = writer.pipe();
    assert!(readers.contains(&cat.id().cast_signed()), "{readers:?}");
    assert!(!state.abandoned && !state.full && state.capacity >= 4096, "{state:?}");
    let said = describe(&writer.stderr());
    assert!(said.contains(&format!("cat (pid {})", cat.id())), "{said}");
    // The look leaves no writer behind: the reader gets its end when the process ends.
    writer.run("os.close(2)");
    assert!(await_some("cat ends", || cat.try_wait().unwrap()).success());
}

#[test]
fn a_full_pipe_and_an_abandoned_one_are_told() {
    let (reader, pipe) = io::pipe().unwrap();
    let Some(mut writer) = Writer::start(pipe) else { return };
    let (readers, state) = writer.pipe();
    assert!(readers.contains(&own_pid()), "{readers:?}");
    assert_eq!(state.room(), (state.capacity, state.capacity));
    writer.run("os.write(2, b'x' * 100)");
    assert_eq!(writer.pipe().1.unread, 100);
    assert_eq!(writer.pipe().1.room().0, 4096);
    writer.run("os.set_blocking(2, False)");
    writer.run(
        r"exec('while True:\n try: os.write(2, bytes(4096))\n except BlockingIOError: break')",
    );
    let (_, state) = writer.pipe();
    assert!(state.full && !state.abandoned && state.room() == (0, 0), "{state:?}");
    assert!(describe(&writer.stderr()).contains("a full pipe"));
    // Nothing was taken out of it, and nothing put in.
    assert_eq!(drained(&reader) as u64, state.unread);
    drop(reader);
    writer.await_abandoned();
    assert!(describe(&writer.stderr()).contains("nobody reads"));
}

#[test]
fn a_fifo_is_a_pipe_and_is_not_opened_for_reading() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    let reader = fifo(&path);
    let Some(writer) = Writer::start(OpenOptions::new().write(true).open(&path).unwrap()) else {
        return;
    };
    let (readers, state) = writer.pipe();
    assert!(readers.contains(&own_pid()) && !state.abandoned, "{readers:?} {state:?}");
    drop(reader);
    writer.await_abandoned();
}

#[test]
fn devices_are_known_by_their_numbers() {
    let Some(mut writer) = Writer::start(Stdio::null()) else { return };
    assert_eq!(writer.kind(), StderrKind::Null);
    writer.run("os.dup2(os.open('/dev/zero', os.O_WRONLY), 2)");
    assert_eq!(writer.kind(), StderrKind::Other("/dev/zero".into()));
    writer.run("import pty; master, slave = pty.openpty(); name = os.ttyname(slave)");
    writer.run("os.dup2(slave, 2); os.close(slave)");
    let StderrKind::Terminal(name) = writer.kind() else { panic!("{:?}", writer.kind()) };
    assert!(name.raw().starts_with("/dev/pts/"), "{name:?}");
    writer.run("os.dup2(os.eventfd(0), 2)");
    assert!(matches!(writer.kind(), StderrKind::Other(_)), "{:?}", writer.kind());
    if rustix::process::geteuid().is_root() {
        // It is the number that counts, not the name.
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sink");
        writer.run(&format!("os.mknod({path:?}, 0o20666, os.makedev(1, 3))"));
        // A file system that is mounted without devices.
        if OpenOptions::new().write(true).open(&path).is_ok() {
            writer.run(&format!("os.dup2(os.open({path:?}, os.O_WRONLY), 2)"));
            assert_eq!(writer.kind(), StderrKind::Null);
        }
    }
}

#[test]
fn the_journal_is_known_by_the_stream_that_systemd_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stdout");
    let listener = UnixListener::bind(&path).unwrap();
    let start = |off_by: u64| {
        let stream = OwnedFd::from(UnixStream::connect(&path).unwrap());
        let meta = File::from(stream.try_clone().unwrap()).metadata().unwrap();
        let told = format!("{}:{}", meta.dev(), meta.ino() + off_by);
        Writer::start_with(stream, |command| {
            command.env("JOURNAL_STREAM", told);
        })
    };
    let (Some(journal), Some(other)) = (start(0), start(1)) else { return };
    assert_eq!(describe(&journal.stderr()), "the journal");
    let StderrKind::Socket { journal: false, peer } = other.kind() else {
        panic!("{:?}", other.kind())
    };
    assert!(peer.raw().starts_with("socket unix"), "{peer:?}");
    drop(listener);
}

/// What was appended until it ends so.
fn read_until(tail: &mut Tail, end: &[u8]) -> Vec<u8> {
    let until = Instant::now() + DEADLINE;
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.extend(tail.wait(until).unwrap());
        assert!(Instant::now() < until, "{:?}", String::from_utf8_lossy(&bytes));
    }
    bytes
}

#[test]
fn a_file_is_read_from_where_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, "before\n").unwrap();
    let Some(mut writer) = Writer::start(appending(&path)) else { return };
    let mut tail = Tail::open(&writer.process).unwrap();
    assert_eq!(tail.read().unwrap(), b"");
    // More than one read gives.
    writer.run("data = bytes(range(256)) * 40_000; os.write(2, data); os.write(2, b'end\\n')");
    let read = read_until(&mut tail, b"end\n");
    let expected: Vec<u8> = (0..=255).cycle().take(256 * 40_000).chain(*b"end\n").collect();
    assert!(read == expected, "{} bytes", read.len());
    assert_eq!(tail.wait(Instant::now()).unwrap(), b"");
    assert_eq!(tail.follows(), Follows::Stderr);
}

#[test]
fn a_file_is_followed_when_it_is_renamed_deleted_and_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, "before\n").unwrap();
    let Some(mut writer) = Writer::start(appending(&path)) else { return };
    let mut tail = Tail::open(&writer.process).unwrap();
    fs::rename(&path, directory.path().join("log.1")).unwrap();
    fs::write(&path, "another\n").unwrap();
    writer.run("os.write(2, b'renamed\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"renamed\n");
    fs::remove_file(directory.path().join("log.1")).unwrap();
    writer.run("os.write(2, b'deleted\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"deleted\n");
    // copytruncate
    writer.run("os.ftruncate(2, 0); os.write(2, b'cut\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"cut\n");
    // Also where nobody looked while it was shorter.
    writer.run("os.ftruncate(2, 0); os.write(2, b'longer than before\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"longer than before\n");
    writer.run("os.write(2, b'more\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"more\n");
}

#[test]
fn a_descriptor_that_does_not_append_is_read_where_it_writes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, "0123456789 and more").unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let Some(mut writer) = Writer::start(file) else { return };
    let mut tail = Tail::open(&writer.process).unwrap();
    writer.run("os.write(2, b'abc\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"abc\n");
    assert_eq!(fs::read(&path).unwrap(), b"abc\n456789 and more");
    // Cut, it goes on where it was, behind a hole.
    writer.run("os.write(2, b'lost\\n'); os.ftruncate(2, 0)");
    assert_eq!(tail.read().unwrap(), b"");
    writer.run("os.write(2, b'def\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"def\n");
    assert_eq!(fs::read(&path).unwrap(), b"\0\0\0\0\0\0\0\0\0def\n");
}

#[test]
fn another_file_is_followed_and_what_is_none_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("old"), "before\n").unwrap();
    let Some(mut writer) = Writer::start(appending(&path("log"))) else { return };
    let mut tail = Tail::open(&writer.process).unwrap();
    let open = |path: &Path| {
        let flags = "os.O_WRONLY | os.O_CREAT | os.O_APPEND";
        format!("fd = os.open({path:?}, {flags}); os.dup2(fd, 2); os.close(fd)")
    };
    // A new file is the process's answer from its start on, and what came before is not lost.
    writer.run(&format!("os.write(2, b'first\\n'); {}", open(&path("new"))));
    writer.run("os.write(2, b'second\\n')");
    assert_eq!(read_until(&mut tail, b"second\n"), b"first\nsecond\n");
    // What an older one held is not, and it is followed from this look on.
    writer.run(&open(&path("old")));
    assert_eq!(tail.read().unwrap(), b"");
    writer.run("os.write(2, b'third\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"third\n");
    writer.run("os.dup2(os.open('/dev/null', os.O_WRONLY), 2)");
    assert_eq!(tail.read().unwrap(), b"");
    assert_eq!(tail.follows(), Follows::Lost);
    writer.run("os.close(2)");
    assert_eq!(tail.read().unwrap(), b"");
    assert_eq!(tail.follows(), Follows::Closed);
}

#[test]
fn what_a_process_wrote_before_it_ended_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let Some(mut writer) = Writer::start(appending(&path)) else { return };
    let mut tail = Tail::open(&writer.process).unwrap();
    writer.run("os.write(2, b'last words\\n')");
    assert!(writer.target.end());
    assert_eq!(read_until(&mut tail, b"\n"), b"last words\n");
    assert_eq!(tail.read().unwrap(), b"");
    assert_eq!(tail.follows(), Follows::Closed);
}

#[test]
fn only_a_regular_file_is_opened_for_reading() {
    let (reader, pipe) = io::pipe().unwrap();
    let Some(writer) = Writer::start(pipe) else { return };
    let error = Tail::open(&writer.process).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    drop(reader);
    writer.await_abandoned();
}

/// Waits for the next report in a directory.
fn dumped(watched: &mut DumpDir) -> (String, Vec<u8>) {
    let dumped = watched.next(Instant::now() + DEADLINE).unwrap().unwrap();
    (dumped.name.raw().to_owned(), dumped.bytes.unwrap())
}

/// Both ways to watch a directory.
fn both_ways(writer: &Writer, path: &str, service: Option<&str>) -> [DumpDir; 2] {
    let (path, service) = (Text::from(path), service.map(Text::from));
    let told = DumpDir::watch(&writer.process, &path, service.as_ref()).unwrap();
    assert!(told.is_told());
    [told, DumpDir::listed(&writer.process, &path, service.as_ref()).unwrap()]
}

#[test]
fn reports_in_a_directory_are_found_when_they_are_whole() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mut writer) = Writer::start(Stdio::null()) else { return };
    writer.run(&format!("os.chdir({:?})", directory.path()));
    writer.run("f = open('a_gurumeditation_0', 'w'); f.write('before'); f.close()");
    let mut ways = both_ways(&writer, directory.path().to_str().unwrap(), None);
    for watched in &mut ways {
        assert!(watched.next(Instant::now()).unwrap().is_none());
    }
    writer.run("open('a.log', 'w').write('no report'); os.mkdir('b_gurumeditation_0')");
    writer.run("f = open('a_gurumeditation_1', 'w'); f.flush()");
    for watched in &mut ways {
        let none = watched.next(Instant::now() + Duration::from_millis(20)).unwrap();
        assert!(none.is_none(), "{none:?}");
    }
    writer.run("f.write('one'); f.close()");
    for watched in &mut ways {
        assert_eq!(dumped(watched), ("a_gurumeditation_1".to_owned(), b"one".to_vec()));
    }
    // The same file once more: in the same second the name is the same.
    writer.run("f = open('a_gurumeditation_1', 'w'); f.write('two'); f.close()");
    for watched in &mut ways {
        assert_eq!(dumped(watched), ("a_gurumeditation_1".to_owned(), b"two".to_vec()));
    }
    writer.run("f = open('x', 'w'); f.write('three'); f.close()");
    writer.run("os.rename('x', 'a_gurumeditation_0')");
    for watched in &mut ways {
        assert_eq!(dumped(watched), ("a_gurumeditation_0".to_owned(), b"three".to_vec()));
        assert!(watched.next(Instant::now()).unwrap().is_none());
    }
}

#[test]
fn reports_of_other_services_and_links_are_not_taken() {
    let directory = tempfile::tempdir().unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "secret").unwrap();
    let Some(mut writer) = Writer::start(Stdio::null()) else { return };
    writer.run(&format!("os.chdir({:?})", directory.path()));
    // The directory is where the process is.
    let mut ways = both_ways(&writer, ".", Some("nova"));
    symlink(secret.path(), directory.path().join("x")).unwrap();
    writer.run("os.rename('x', 'nova_gurumeditation_0')");
    writer.run("f = open('glance_gurumeditation_1', 'w'); f.write('other'); f.close()");
    writer.run("f = open('nova_gurumeditation_2', 'w'); f.write('one'); f.close()");
    for watched in &mut ways {
        assert_eq!(dumped(watched), ("nova_gurumeditation_2".to_owned(), b"one".to_vec()));
        let none = watched.next(Instant::now() + Duration::from_millis(200)).unwrap();
        assert!(none.is_none(), "{none:?}");
    }
}

#[test]
fn a_directory_is_found_inside_the_root_of_the_process_only() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("var/log")).unwrap();
    symlink(outside.path(), root.path().join("escape")).unwrap();
    symlink("/var/log", root.path().join("inside")).unwrap();
    let up = format!("{}{}", "../".repeat(20), outside.path().to_str().unwrap());
    symlink(&up, root.path().join("up")).unwrap();
    let Some(mut writer) = Writer::start_below(root.path(), "/var") else { return };
    for path in ["/escape", "/up", &up, "/none", "/proc/self/root"] {
        let watched = DumpDir::watch(&writer.process, &path.into(), None);
        assert!(watched.is_err(), "{path}");
    }
    for path in ["/inside", "/var/log", "log", "./../../../var/log"] {
        let mut watched = DumpDir::watch(&writer.process, &path.into(), None).unwrap();
        writer.run("f = open('/var/log/a_gurumeditation_1', 'w'); f.write('one'); f.close()");
        assert_eq!(dumped(&mut watched).1, b"one", "{path}");
    }
}

/// When a file was modified.
fn modified(path: &Path) -> SystemTime {
    path.metadata().unwrap().modified().unwrap()
}

#[test]
fn a_file_is_touched_and_its_time_always_moves_forward() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trigger");
    fs::write(&path, "content").unwrap();
    let Some(mut writer) = Writer::start(Stdio::null()) else { return };
    let text = Text::from(path.to_str().unwrap());
    let past = SystemTime::now() - Duration::from_secs(1000);
    File::options().write(true).open(&path).unwrap().set_modified(past).unwrap();
    touch(&writer.process, &text).unwrap();
    assert!(modified(&path) > past + Duration::from_secs(900));
    // Again and again, within the same tick of the clock.
    for _ in 0..20 {
        let before = modified(&path);
        touch(&writer.process, &text).unwrap();
        assert!(modified(&path) > before);
    }
    let future = SystemTime::now() + Duration::from_secs(1000);
    File::options().write(true).open(&path).unwrap().set_modified(future).unwrap();
    touch(&writer.process, &text).unwrap();
    assert!(modified(&path) > future);
    assert_eq!(fs::read(&path).unwrap(), b"content");
    // Named from where the process is.
    writer.run(&format!("os.chdir({:?})", directory.path()));
    assert!(touch(&writer.process, &"trigger".into()).is_ok());
}

#[test]
fn what_can_not_be_touched_is_told_and_nothing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let Some(writer) = Writer::start(Stdio::null()) else { return };
    let path = |name: &str| Text::from(directory.path().join(name).to_str().unwrap());
    assert_eq!(touch(&writer.process, &path("none")), Err(TouchError::Gone));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    assert_eq!(touch(&writer.process, &path("")), Err(TouchError::NotAFile));
    let reader = fifo(&directory.path().join("fifo"));
    assert_eq!(touch(&writer.process, &path("fifo")), Err(TouchError::NotAFile));
    assert_eq!(touch(&writer.process, &"/dev/null".into()), Err(TouchError::NotAFile));
    drop(reader);
}

#[test]
fn a_file_outside_of_the_root_of_the_process_is_not_touched() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let past = SystemTime::now() - Duration::from_secs(1000);
    outside.as_file().set_modified(past).unwrap();
    symlink(outside.path(), root.path().join("escape")).unwrap();
    let up = format!("{}{}", "../".repeat(20), outside.path().to_str().unwrap());
    symlink(&up, root.path().join("up")).unwrap();
    fs::write(root.path().join("trigger"), "").unwrap();
    symlink("/trigger", root.path().join("inside")).unwrap();
    let Some(writer) = Writer::start_below(root.path(), "/") else { return };
    for path in ["/escape", "/up", &up] {
        assert_eq!(touch(&writer.process, &path.into()), Err(TouchError::Gone), "{path}");
    }
    assert_eq!(modified(outside.path()), past);
    for path in ["/trigger", "/inside", "trigger", "/../trigger"] {
        assert!(touch(&writer.process, &path.into()).is_ok(), "{path}");
    }
}

#[test]
fn another_program_has_the_turn_until_it_is_killed() {
    let Some(mut other) = Writer::start(Stdio::null()) else { return };
    let Some(writer) = Writer::start(Stdio::null()) else { return };
    let environ = format!("/proc/{}/environ", writer.pid());
    other.run(&format!("import fcntl; f = open({environ:?}); fcntl.flock(f, fcntl.LOCK_EX)"));
    assert!(Turn::take(writer.pid()).unwrap().is_none());
    drop(other);
    let taken = await_some("the lock is free", || Turn::take(writer.pid()).unwrap());
    assert!(Turn::take(writer.pid()).unwrap().is_none());
    drop(taken);
}
