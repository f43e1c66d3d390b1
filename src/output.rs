//! Where the program's words go: the report to standard output or a file, complaints to standard
//! error, the manual to a directory.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use clap::CommandFactory as _;
use guru::error::{Error, Status};
use guru::new_file::NewFile;
use guru::render::sanitize::line;
use guru::render::{Frames, RENDERERS, Renderer};
use guru::report::Report;

use crate::cli;

/// One line on standard error, whatever its text has in it.
pub fn complain(text: &str) {
    // A closed standard error leaves nobody to complain to.
    let _ = writeln!(io::stderr(), "guru: {}", line(text));
}

/// An error, and what to do about it.
pub fn complain_of(error: &Error) {
    complain(&error.to_string());
    if let Some(hint) = error.hint() {
        complain(&format!("to do: {hint}"));
    }
}

/// Ends the program if it still runs after this time: a file on a dead server can be waited for
/// for ever. The kernel then lets go of what may be held.
pub fn deadline(time: Duration) {
    std::thread::spawn(move || {
        // A signal that the hold keeps back must not be taken here in its stead. Blocking it can
        // fail for no reason that exists.
        let _ = nix::sys::signal::SigSet::all().thread_block();
        std::thread::sleep(time);
        complain(&format!("no report within {} s", time.as_secs()));
        std::process::exit(Status::Timeout as i32);
    });
}

/// What a worker complains: a line that begins as those of [`complain`] do.
pub fn relay(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Ends the program by the signal that a worker was ended by.
pub fn end_by(signal: i32) -> ! {
    let own = rustix::process::getpid();
    if let Some(signal) = rustix::process::Signal::from_named_raw(signal) {
        let _ = rustix::process::kill_process(own, signal);
    }
    // A signal that is ignored does nothing.
    std::process::exit(Status::CannotInspect as i32)
}

/// What standard output is called in a message. One that was closed before the start cannot be
/// told from one that leads to `/dev/null` on purpose: Rust opens that in its place.
const STDOUT: &str = "standard output";

/// Where reports go. What is written to a file stays if it was written whole.
pub struct Sink {
    to: To,
    written: bool,
}

enum To {
    /// Whether it leads to a terminal is asked before a worker has another one in its place.
    Stdout { terminal: bool },
    /// A new file, and what the user called it.
    New(NewFile, String),
    /// The file in memory that a worker prints into, and whether that is passed on to a terminal.
    Memory { file: File, terminal: bool },
}

impl Sink {
    /// Opens it, before any work is done: a new file, or standard output.
    pub fn open(path: Option<&Path>) -> Result<Sink, Error> {
        let file = path.map(|path| {
            let to = path.display().to_string();
            let failed = |error: io::Error| Error::Output { to: to.clone(), why: reason(&error) };
            NewFile::create(path).map_err(failed).map(|file| (file, to.clone()))
        });
        let stdout = || To::Stdout { terminal: io::stdout().is_terminal() };
        let to = file.transpose()?.map_or_else(stdout, |(file, name)| To::New(file, name));
        Ok(Sink { to, written: false })
    }

    /// Into what a worker prints, which is passed on to this one.
    pub fn of_worker(&self, file: &File) -> Result<Sink, Error> {
        let failed = |error| Error::Output { to: "memory".to_owned(), why: reason(&error) };
        let (file, terminal) = (file.try_clone().map_err(failed)?, self.is_terminal());
        Ok(Sink { to: To::Memory { file, terminal }, written: false })
    }

    /// Writes what a worker has printed.
    pub fn pass_on(&mut self, printed: &File) -> Result<(), Error> {
        if printed.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            return Ok(());
        }
        self.write(|out| {
            let mut buffer = vec![0; 64 << 10];
            let mut offset = 0;
            loop {
                let read = printed.read_at(&mut buffer, offset)?;
                if read == 0 {
                    return Ok(());
                }
                out.write_all(buffer.get(..read).unwrap_or_default())?;
                offset += read as u64;
            }
        })
    }

    /// Whether it leads to a terminal.
    pub fn is_terminal(&self) -> bool {
        match &self.to {
            To::Stdout { terminal } | To::Memory { terminal, .. } => *terminal,
            To::New(..) => false,
        }
    }

    /// Writes behind what was written before.
    pub fn write(
        &mut self,
        write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        let buffered = |out: &mut dyn io::Write| {
            let mut out = io::BufWriter::new(out);
            write(&mut out)?;
            out.flush()
        };
        let (to, done) = match &mut self.to {
            To::New(file, to) => (to.as_str(), buffered(&mut file.writer())),
            To::Stdout { .. } => (STDOUT, buffered(&mut io::stdout().lock())),
            To::Memory { file, .. } => ("memory", buffered(file)),
        };
        self.written = done.is_ok();
        done.map_err(|error| Error::Output { to: to.to_owned(), why: reason(&error) })
    }

    /// Ends it. A file into which nothing was written is removed.
    pub fn close(self) {
        if let To::New(file, _) = self.to
            && self.written
        {
            file.keep();
        }
    }
}

/// How reports are printed.
#[derive(Clone, Copy)]
pub struct Printer {
    /// The format.
    pub renderer: &'static dyn Renderer,
    /// Which frames are shown.
    pub frames: Frames,
}

impl Printer {
    /// As the user wants it.
    pub fn of(options: &cli::Output) -> Printer {
        Printer::new(&options.format, options.frames())
    }

    /// By the name of a format.
    pub fn new(format: &str, frames: Frames) -> Printer {
        let chosen = RENDERERS.iter().find(|renderer| renderer.name() == format);
        Printer { renderer: *chosen.unwrap_or(&RENDERERS[0]), frames }
    }

    /// Prints a report.
    pub fn print(self, report: &Report, sink: &mut Sink) -> Result<(), Error> {
        sink.write(|out| self.renderer.render(report, self.frames, out))
    }
}

/// The system's words without the error's number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// The manual page that no command line tells: its own source.
const SECTIONS_PAGE: (&str, &str) = ("guru-sections.5", include_str!("../man/guru-sections.5"));

/// Writes a manual page for the program, one for each of its commands, and that of the files.
pub fn manual(directory: &Path) -> Result<Status, Error> {
    let failed = |error: io::Error| Error::Output {
        to: directory.display().to_string(),
        why: reason(&error),
    };
    clap_mangen::generate_to(cli::Cli::command(), directory).map_err(failed)?;
    let (name, text) = SECTIONS_PAGE;
    std::fs::write(directory.join(name), text).map_err(failed)?;
    Ok(Status::Complete)
}
