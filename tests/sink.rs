//! Where the standard error of a process leads, on real processes with every kind of it.

use crate::support::await_some;
use crate::support::writer::{Writer, appending, fifo};
use guru::target::stderr::StderrKind;
use guru::trigger::sink::describe;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};

fn own_pid() -> i32 {
    std::process::id().cast_signed()
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
