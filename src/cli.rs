//! The command line: what was typed, as plain data. Nothing else knows clap.

use std::iter;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use guru::asked::own::{MAX_SECTIONS, OwnSection};
use guru::asked::{Native, Stop};
use guru::mask::Secrets;
use guru::render::{Frames, RENDERERS};
use guru::trigger::{self, Via};

use crate::ask;

/// The largest process id that Linux gives: `PID_MAX_LIMIT` on 64-bit machines.
const MAX_PID: i32 = 4_194_304;

/// How much of the time that guru has the commands of sections may take, and all before them.
const SHARE_OF_COMMANDS: f32 = 0.75;

/// A Guru Meditation Report of any running process, assembled from outside.
///
/// guru looks at a process for a moment, without its help and without harm, and prints what it
/// is, what its threads are doing, and what it was configured with.
#[derive(Debug, Parser)]
#[command(name = "guru", version, max_term_width = 100, subcommand_required = true)]
#[command(after_help = EXIT_STATUS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  the report is complete
  1  the report is partial: its notes say what is missing
  2  the command line made no sense
  3  the process cannot be inspected, or the report cannot be written
  4  a deadline passed
  5  the process ended, or became another program, meanwhile";

const EXIT_STATUS_OF_TRIGGER: &str = "\
Exit status (of several processes, the highest):
  0  the report is whole
  1  the process failed to make its report, or guru could not read it along
  2  the command line made no sense
  3  refused: to ask would do harm, or nothing; or the process may not be inspected
  4  no whole report came in time; what came is printed, and why no more did is told
  5  the process ended, or became another program, meanwhile";

const EXIT_STATUS_OF_DOCTOR: &str = "\
Exit status:
  0  nothing is missing
  1  something is, or is had in another way
  2  the command line made no sense
  3  the process cannot be inspected";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Report on a running process, or on a recording of one
    #[command(after_help = EXIT_STATUS)]
    Report(Report),
    /// Make processes print the report that they make of themselves, and bring it to you
    #[command(after_help = EXIT_STATUS_OF_TRIGGER)]
    Trigger(Trigger),
    /// Say why guru can or can not see a process, how well, and what to do
    #[command(after_help = EXIT_STATUS_OF_DOCTOR)]
    Doctor(Doctor),
    /// Start a small service and report on it: the first command to try
    Demo(Demo),
    /// Be the small service that `demo` starts
    #[command(hide = true)]
    DemoService(DemoService),
    /// Write the manual pages into a directory
    #[command(hide = true)]
    Man {
        /// The directory.
        directory: PathBuf,
    },
}

/// Say why guru can or can not see a process, how well, and what to do.
///
/// It looks at rights, namespaces, security modules and the kernel, and touches no process.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The process, by its id; none for the host
    #[arg(value_parser = pid, allow_negative_numbers = true)]
    pub pid: Option<i32>,
}

/// Report on a running process, or on a recording of one.
#[derive(Debug, Args)]
pub struct Report {
    /// The process, by its id (the id of one of its threads will do)
    #[arg(
        value_parser = pid,
        allow_negative_numbers = true,
        required_unless_present = "from",
        conflicts_with = "from"
    )]
    pub pid: Option<i32>,
    #[command(flatten)]
    pub output: Output,
    /// Which threads stand still while all are read: those that are `running`, since one that sleeps
    /// does not move; `all`; or `none`, and then those that run have no native stacks
    #[arg(long, value_name = "WHICH", default_value = "running", value_parser = stop())]
    pub stop: Stop,
    /// Show the arguments and local variables of every frame of Python, secrets masked
    #[arg(long)]
    pub locals: bool,
    /// Show an object of Python, by its path from a module: `pkg.mod.NAME["key"][0].attribute`.
    /// It is read from memory; no code of the process runs. May be given several times
    #[arg(long = "object", value_name = "PATH", value_parser = object_path)]
    pub objects: Vec<String>,
    /// Add a section of your own: `TITLE=FILE`, a file as the process sees it, secrets masked;
    /// `TITLE=!COMMAND`, what a command of the shell writes that is run as you, outside the process,
    /// with its id in GURU_PID, for 10 seconds at the longest; `TITLE=@PATH`, an object of Python as
    /// with `--object`. May be given several times; `gmr` leaves them out. See guru-sections(5) for
    /// files that define such sections
    #[arg(long = "section", value_name = "TITLE=WHAT", value_parser = OwnSection::parse)]
    pub sections: Vec<OwnSection>,
    /// Look for no files that define sections
    #[arg(long)]
    pub no_sections: bool,
    /// Mask no secrets anywhere: command lines, configuration, local variables, objects. The first
    /// line of the report says so, and a recording keeps them
    #[arg(long)]
    pub show_secrets: bool,
    /// Save the evidence to a new file, mode 0600, that `--from` reads anywhere. It holds memory
    /// of the process: handle it like a core dump
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub record: Option<PathBuf>,
    /// Report on a recording instead of a process
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Leave the host to others once the process has been looked at: with this niceness, as nice(1) has it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..=19))]
    pub nice: Option<i32>,
    /// Give up after so many seconds. A part of the report that would take longer is left out, and a
    /// note says so
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

impl Report {
    /// What becomes of secrets.
    pub fn secrets(&self) -> Secrets {
        if self.show_secrets { Secrets::Shown } else { Secrets::Masked }
    }
}

/// Make processes print the report that they make of themselves, and bring it to you.
///
/// A process that has a Guru Meditation Report (oslo.reports) prints it when it gets a signal, or
/// when a file is written. guru finds out which, sees that it does no harm, and reads the report
/// along wherever it goes.
#[derive(Debug, Args)]
pub struct Trigger {
    /// The processes, by their ids
    #[arg(value_parser = pid, allow_negative_numbers = true, required = true, value_name = "PID")]
    pub pids: Vec<i32>,
    /// The signal: by name (`USR1`, `USR2`, `RTMIN+1`), or `auto`: the one that its report is bound
    /// to. Nothing is ever sent that the process does not catch
    #[arg(long, value_name = "SIGNAL", default_value = "auto", value_parser = signal)]
    pub signal: Signal,
    /// How its report is read: from the `file` that it is written to; by `ptrace`, copied from the
    /// thread that writes it; or `auto`: from the file if it is one
    #[arg(long, default_value = "auto", value_parser = via())]
    pub via: Via,
    /// Wait so many seconds for the report
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// If no report comes, look from outside, as `guru report` does. Why none came is its first
    /// line, and the exit status is that of `guru report`
    #[arg(long)]
    pub or_report: bool,
    /// Send the signal, or write the file, although it is not known to be for a report, or the report
    /// would do harm
    #[arg(long)]
    pub force: bool,
    /// Ask all descendants of the processes, too, one after the other
    #[arg(long)]
    pub tree: bool,
    /// How to print it: `raw`, the very bytes that the process wrote, its secrets with them (on a
    /// terminal, escaped); or, read and printed anew, secrets masked, `text`, `gmr`, `json`
    #[arg(long, default_value = ask::RAW, value_parser = formats_and_raw())]
    pub format: String,
    /// Write it to a new file, mode 0600, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Mask no secrets in `text`, `gmr` and `json`
    #[arg(long)]
    pub show_secrets: bool,
}

/// A signal; `None` where guru finds the one.
#[derive(Clone, Copy, Debug)]
pub struct Signal(pub Option<i32>);

impl Trigger {
    /// What becomes of secrets.
    pub fn secrets(&self) -> Secrets {
        if self.show_secrets { Secrets::Shown } else { Secrets::Masked }
    }
}

/// Start a small service and report on it.
#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    pub output: Output,
}

/// How and where to print a report.
#[derive(Debug, Args)]
pub struct Output {
    /// How to print it: `text` for eyes, `gmr` to compare with an in-process report, `json`
    #[arg(long, default_value = "text", value_parser = formats())]
    pub format: String,
    /// Write it to a new file, mode 0600, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show every native frame, those of the interpreter itself, too, with all lines
    #[arg(long, conflicts_with = "python")]
    pub native: bool,
    /// Look at no native stacks: they are neither recorded nor shown, and it is quicker
    #[arg(long)]
    pub python: bool,
}

impl Report {
    /// What the parser of one argument can not know of the others; ends the program where that makes
    /// no sense.
    pub fn check(&self) {
        let mut titles: Vec<&str> = self.sections.iter().map(|own| own.title.as_str()).collect();
        titles.sort_unstable();
        let twice = titles.windows(2).find(|pair| matches!(pair, [a, b] if a == b));
        let wrong = match twice {
            Some(pair) => format!(
                "two sections have the title `{}`",
                pair.first().copied().unwrap_or_default()
            ),
            None if titles.len() > MAX_SECTIONS => format!("more than {MAX_SECTIONS} sections"),
            None => return,
        };
        Cli::command().error(ErrorKind::ValueValidation, wrong).exit()
    }

    /// When the commands of sections must have ended, so that there is still time for the report.
    pub fn commands_until(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.timeout).mul_f32(SHARE_OF_COMMANDS)
    }
}

impl Output {
    /// What of native stacks is looked at.
    pub fn native_stacks(&self) -> Native {
        let chosen = RENDERERS.iter().find(|renderer| renderer.name() == self.format);
        let all = self.native || chosen.is_some_and(|renderer| renderer.is_for_programs());
        match (self.python, all) {
            (true, _) => Native::None,
            (false, true) => Native::Lines,
            (false, false) => Native::Names,
        }
    }

    /// Which frames are shown.
    pub fn frames(&self) -> Frames {
        match (self.native, self.python) {
            (true, _) => Frames::Native,
            (_, true) => Frames::Language,
            _ => Frames::Merged,
        }
    }
}

/// Be the small service that `demo` starts.
#[derive(Debug, Args)]
pub struct DemoService {
    /// Its configuration file.
    #[arg(long)]
    pub config_file: PathBuf,
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(RENDERERS.iter().map(|renderer| renderer.name()))
}

fn formats_and_raw() -> PossibleValuesParser {
    let formats = RENDERERS.iter().map(|renderer| renderer.name());
    PossibleValuesParser::new(iter::once(ask::RAW).chain(formats))
}

fn stop() -> impl TypedValueParser<Value = Stop> {
    PossibleValuesParser::new(["running", "all", "none"]).map(|typed| match typed.as_str() {
        "all" => Stop::All,
        "none" => Stop::None,
        _ => Stop::Running,
    })
}

fn via() -> impl TypedValueParser<Value = Via> {
    PossibleValuesParser::new(["auto", "file", "ptrace"]).map(|typed| match typed.as_str() {
        "file" => Via::File,
        "ptrace" => Via::Ptrace,
        _ => Via::Auto,
    })
}

fn signal(typed: &str) -> Result<Signal, String> {
    match (typed, trigger::signal::by_name(typed)) {
        ("auto", _) => Ok(Signal(None)),
        (_, Some(signal)) => Ok(Signal(Some(signal))),
        _ => Err("SIGNAL must be `auto` or the name of one: `USR2`".to_owned()),
    }
}

fn object_path(typed: &str) -> Result<String, String> {
    guru::asked::steps(typed).map(|_| typed.to_owned())
}

fn pid(typed: &str) -> Result<i32, String> {
    match typed.parse() {
        Ok(pid @ 1..=MAX_PID) => Ok(pid),
        _ => Err(format!("PID must be a number 1…{MAX_PID}, got `{typed}`")),
    }
}
