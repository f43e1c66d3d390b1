//! Where the program's words go: the report to standard output or a file, complaints to standard
//! error, the manual to a directory.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use clap::CommandFactory as _;
use guru::error::{Error, Status};
use guru::new_file::NewFile;
use guru::render::{Frames, RENDERERS, Renderer};
use guru::report::Report;

use crate::cli;

/// One line on standard error.
pub fn complain(text: &str) {
    // A closed standard error leaves nobody to complain to.
    let _ = writeln!(io::stderr(), "guru: {text}");
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

/// Ends the program, because nothing else lets the inspected process go.
pub fn give_up(error: &Error) -> ! {
    complain(&error.to_string());
    std::process::exit(error.status() as i32)
}

/// What standard output is called in a message. One that was closed before the start cannot be
/// told from one that leads to `/dev/null` on purpose: Rust opens that in its place.
const STDOUT: &str = "standard output";

/// Where a report goes, and how it is printed.
pub struct Sink {
    renderer: &'static dyn Renderer,
    frames: Frames,
    file: Option<(NewFile, String)>,
}

impl Sink {
    /// Opens it, before any work is done.
    pub fn open(options: &cli::Output) -> Result<Sink, Error> {
        let chosen = RENDERERS.iter().find(|renderer| renderer.name() == options.format);
        let file = options.output.as_deref().map(|path| {
            let to = path.display().to_string();
            let failed = |error: io::Error| Error::Output { to: to.clone(), why: reason(&error) };
            NewFile::create(path).map_err(failed).map(|file| (file, to.clone()))
        });
        Ok(Sink {
            renderer: *chosen.unwrap_or(&RENDERERS[0]),
            frames: options.frames(),
            file: file.transpose()?,
        })
    }

    /// Prints a report.
    pub fn print(self, report: &Report) -> Result<(), Error> {
        let (to, done) = match self.file {
            Some((file, to)) => {
                (to, file.fill(|file| write(self.renderer, report, self.frames, file)))
            }
            None => {
                let out = io::stdout().lock();
                (STDOUT.to_owned(), write(self.renderer, report, self.frames, out))
            }
        };
        done.map_err(|error| Error::Output { to, why: reason(&error) })
    }
}

fn write(
    renderer: &dyn Renderer,
    report: &Report,
    frames: Frames,
    out: impl io::Write,
) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    renderer.render(report, frames, &mut out)?;
    out.flush()
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
