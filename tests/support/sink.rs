//! Where the standard error of a process leads, and what arrived there, collected without guru.

use super::await_some;
use nix::pty::openpty;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use tempfile::TempDir;

/// What a standard error is, and what became of it once the process ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file that is appended to.
    File,
    /// A file that was given another name, as logrotate does.
    Renamed,
    /// A file that was deleted.
    Deleted,
    /// A file that was emptied, as logrotate does with `copytruncate`.
    Emptied,
    /// A pipe that somebody reads.
    Pipe,
    /// A pipe that nobody reads; a report has room in it.
    Undrained,
    /// A pipe that nobody reads, and that is full.
    Full,
    /// A pipe whose reader is gone.
    Abandoned,
    /// `/dev/null`.
    Null,
    /// A terminal, which puts a carriage return before each line feed.
    Terminal,
    /// A stream socket of the file system, as the journal's.
    Socket,
    /// None: the descriptor is closed.
    Closed,
}

/// One of them.
pub struct Sink {
    kind: Kind,
    directory: TempDir,
    /// What somebody read.
    arrived: Arc<Mutex<Vec<u8>>>,
    /// The file, whatever became of its name.
    file: Option<File>,
    /// The end of a pipe that nobody reads from.
    unread: Option<PipeReader>,
    /// Another descriptor of the pipe's other end, to fill it by.
    filler: Option<PipeWriter>,
    filled: usize,
}

impl Sink {
    /// One of this kind, and what is to become descriptor 2 of a process.
    pub fn new(kind: Kind) -> (Self, Stdio) {
        let directory = tempfile::tempdir().unwrap();
        let arrived = Arc::default();
        let mut sink =
            Self { kind, directory, arrived, file: None, unread: None, filler: None, filled: 0 };
        let stdio = match kind {
            Kind::File | Kind::Renamed | Kind::Deleted | Kind::Emptied => sink.file(),
            Kind::Pipe => {
                let (reader, writer) = io::pipe().unwrap();
                sink.collect(reader);
                writer.into()
            }
            Kind::Undrained | Kind::Full | Kind::Abandoned => {
                let (reader, writer) = io::pipe().unwrap();
                set_nonblocking(&reader, true);
                sink.unread = Some(reader);
                sink.filler = (kind == Kind::Full).then(|| writer.try_clone().unwrap());
                writer.into()
            }
            Kind::Null | Kind::Closed => Stdio::null(),
            Kind::Terminal => {
                let pair = openpty(None, None).unwrap();
                for end in [&pair.master, &pair.slave] {
                    fcntl_setfd(end, FdFlags::CLOEXEC).unwrap();
                }
                sink.collect(File::from(pair.master));
                pair.slave.into()
            }
            Kind::Socket => sink.socket(),
        };
        (sink, stdio)
    }

    /// A command that runs a program with a standard error of this kind.
    pub fn command(kind: Kind, program: impl AsRef<OsStr>) -> (Self, Command) {
        let (sink, stdio) = Self::new(kind);
        let mut command = if kind == Kind::Closed {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", r#"exec "$0" "$@" 2>&-"#]).arg(program);
            shell
        } else {
            Command::new(program)
        };
        command.stderr(stdio);
        (sink, command)
    }

    /// The process runs: what the kind says happens now.
    pub fn settle(&mut self) {
        match self.kind {
            Kind::Renamed => fs::rename(self.path(), self.path().with_extension("1")).unwrap(),
            Kind::Deleted => fs::remove_file(self.path()).unwrap(),
            Kind::Emptied => {
                fs::copy(self.path(), self.path().with_extension("1")).unwrap();
                OpenOptions::new().write(true).truncate(true).open(self.path()).unwrap();
            }
            Kind::Full => {
                let mut filler = self.filler.take().unwrap();
                // The descriptor's flags are those of the process, too: they are put back.
                set_nonblocking(&filler, true);
                while let Ok(count) = filler.write(&[b'\n'; 4096]) {
                    self.filled += count;
                }
                set_nonblocking(&filler, false);
            }
            Kind::Abandoned => self.unread = None,
            _ => {}
        }
    }

    /// The path of the file, as it was when the process began.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("stderr")
    }

    /// All that arrived since the process began, but for what a file lost when it was emptied.
    pub fn arrived(&self) -> Vec<u8> {
        if let Some(file) = &self.file {
            let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
            file.read_exact_at(&mut bytes, 0).unwrap();
            return bytes;
        }
        let mut arrived = self.arrived.lock().unwrap();
        if let Some(mut unread) = self.unread.as_ref() {
            // Ends when nothing is left, with WouldBlock.
            let _ = unread.read_to_end(&mut arrived);
        }
        match self.kind {
            Kind::Terminal => without_returns(&arrived),
            _ => arrived.clone(),
        }
    }

    /// How much a full pipe holds.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// What arrived after so many bytes, once it is at least as long as what is expected there.
    pub fn arrived_after(&self, before: usize, expected: usize) -> Vec<u8> {
        await_some("what the process wrote arrives", || {
            let arrived = self.arrived();
            (arrived.len() >= before + expected).then(|| arrived[before..].to_vec())
        })
    }

    fn file(&mut self) -> Stdio {
        let open = || OpenOptions::new().read(true).append(true).create(true).open(self.path());
        let (ours, theirs) = (open().unwrap(), open().unwrap());
        self.file = Some(ours);
        theirs.into()
    }

    fn socket(&mut self) -> Stdio {
        let path = self.directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let stream = UnixStream::connect(&path).unwrap();
        self.collect(listener.accept().unwrap().0);
        OwnedFd::from(stream).into()
    }

    /// Read all that comes, on a thread that ends with the last writer.
    fn collect(&mut self, mut from: impl Read + Send + 'static) {
        let arrived = Arc::clone(&self.arrived);
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                arrived.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
    }
}

fn set_nonblocking(descriptor: impl AsFd, on: bool) {
    let mut flags = fcntl_getfl(&descriptor).unwrap();
    flags.set(OFlags::NONBLOCK, on);
    fcntl_setfl(&descriptor, flags).unwrap();
}

/// What was written to a terminal that added the carriage returns.
fn without_returns(bytes: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
            written.push(*byte);
        }
    }
    written
}
