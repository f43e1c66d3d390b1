//! `guru trigger`: asks processes for the reports that they make of themselves, one after the other.

use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use guru::assemble;
use guru::error::{Error, Status};
use guru::evidence::Evidence;
use guru::inspect::{Options, inspect};
use guru::part::{Kind, Parts};
use guru::render::name::name;
use guru::render::sanitize::for_terminal;
use guru::report::Report;
use guru::section::SECTIONS;
use guru::target::MAX_OWN_REPORT;
use guru::target::live::proc::table;
use guru::trigger::{self, Answer, End, Wanted};
use guru::worker::{Failure, Outcome, Time, supervise};

use crate::cli;
use crate::output::{self, Printer, Sink, complain, complain_of};

/// The name of the format that is no format: the bytes of the process.
pub const RAW: &str = "raw";

/// How long guru may take for a process besides what the user waits.
const BESIDES: Duration = Duration::from_secs(60);

/// Asks all processes.
pub fn run(options: &cli::Trigger) -> Result<Status, Error> {
    let mut sink = Sink::open(options.output.as_deref())?;
    let patience = Duration::from_secs(options.timeout);
    let mut worst = Status::Complete;
    let targets = targets(options);
    for (nth, target) in targets.iter().enumerate() {
        let asked = ask(options, patience, target, &mut sink)?;
        // Most descendants have no report, and nobody asked for theirs.
        if asked.asked || !target.descends {
            worst = worst.max(asked.status);
        }
        if asked.dumped && nth + 1 < targets.len() {
            until_next_second();
        }
    }
    sink.close();
    Ok(worst)
}

/// Asks one process, by a worker.
fn ask(
    options: &cli::Trigger,
    patience: Duration,
    target: &Target,
    sink: &mut Sink,
) -> Result<Asked, Error> {
    let (pid, descends) = (target.pid, target.descends);
    // The worker is another process, and would ask this one.
    if pid == std::process::id().cast_signed() {
        let error = Error::Senseless { id: pid, why: "is guru itself".to_owned() };
        complain_of(&error);
        return Ok(Asked { status: error.status(), asked: false, dumped: false });
    }
    let work = |parts: &Parts, printed: &File| {
        let asker = Asker { options, patience, pid, descends, parts };
        let asked = sink.of_worker(printed).and_then(|mut sink| asker.ask(&mut sink));
        let asked = asked.unwrap_or_else(|error| {
            complain_of(&error);
            Asked { status: error.status(), asked: false, dumped: false }
        });
        asked.to_code()
    };
    // What it says before it is asked, it says again if it has to be looked at again.
    let mut said = Vec::new();
    let mut say = |line: &str| {
        if !said.iter().any(|known| known == line) {
            said.push(line.to_owned());
            output::relay(line);
        }
    };
    let failure = match supervise(Time::from_now(patience + BESIDES), &mut say, &work) {
        Outcome::Done(code, printed) => {
            sink.pass_on(&printed)?;
            return Ok(Asked::of_code(code));
        }
        Outcome::Failed(Failure::Interrupted(signal)) => output::end_by(signal),
        Outcome::Failed(failure) => failure,
    };
    complain(&format!("{pid}: {failure}"));
    let (status, asked) = match failure {
        Failure::TimedOut => (Status::Timeout, false),
        // It was asked, and guru failed to bring what it answered.
        Failure::Died { committed: true, .. } => (Status::Timeout, true),
        _ => (Status::CannotInspect, false),
    };
    Ok(Asked { status, asked, dumped: false })
}

struct Target {
    pid: i32,
    /// Whether it was not named, but descends from one that was.
    descends: bool,
}

/// The processes that are asked, each once.
fn targets(options: &cli::Trigger) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for pid in &options.pids {
        let mut add = |pid, descends| {
            if targets.iter().all(|known| known.pid != pid) {
                targets.push(Target { pid, descends });
            }
        };
        add(*pid, false);
        if options.tree {
            let own = std::process::id().cast_signed();
            let found = table::descendants(*pid).into_iter().map(|(_, stat)| stat.pid);
            found.filter(|pid| *pid != own).for_each(|pid| add(pid, true));
        }
    }
    targets
}

/// Reports in a directory are named by the second: the next one must not overwrite this.
fn until_next_second() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    std::thread::sleep(Duration::from_nanos(1_000_000_000 - u64::from(now.subsec_nanos())));
}

/// What came of one process.
struct Asked {
    status: Status,
    /// Whether it was asked at all.
    asked: bool,
    /// Whether it wrote a new file.
    dumped: bool,
}

impl Asked {
    /// The same as the exit status of a worker.
    fn to_code(&self) -> u8 {
        self.status as u8 | u8::from(self.asked) << 3 | u8::from(self.dumped) << 4
    }

    fn of_code(code: u8) -> Asked {
        let status = Status::of(code & 7).unwrap_or(Status::CannotInspect);
        Asked { status, asked: code & 1 << 3 != 0, dumped: code & 1 << 4 != 0 }
    }
}

/// Asks one process.
struct Asker<'a> {
    options: &'a cli::Trigger,
    patience: Duration,
    pid: i32,
    descends: bool,
    parts: &'a Parts,
}

impl Asker<'_> {
    fn ask(&self, sink: &mut Sink) -> Result<Asked, Error> {
        let options = trigger::Options {
            wanted: Wanted {
                signal: self.options.signal.0,
                force: self.options.force,
                patience: self.patience,
            },
            via: self.options.via,
        };
        let mut warn = |text: &str| self.say(text);
        match trigger::trigger(self.pid, &options, &mut warn, self.parts) {
            Ok(answer) => self.answered(&answer, sink),
            Err(error) => {
                let status = self.not_asked(error, sink)?;
                Ok(Asked { status, asked: false, dumped: false })
            }
        }
    }

    /// Says why the process was not asked.
    fn not_asked(&self, error: Error, sink: &mut Sink) -> Result<Status, Error> {
        let status = error.status();
        let told = matches!(error, Error::Refused { .. } | Error::NotPermitted { .. });
        if self.descends && !told {
            // It has ended meanwhile, or is guru's own; nobody asked for it.
            return Ok(status);
        }
        if !self.options.or_report || status != Status::CannotInspect || !told {
            complain_of(&error);
            return Ok(status);
        }
        complain(&error.to_string());
        let why = match error {
            Error::Refused { why, .. } => why,
            other => other.to_string(),
        };
        self.report_if_wanted(why, status, sink)
    }

    fn answered(&self, answer: &Answer, sink: &mut Sink) -> Result<Asked, Error> {
        let heard = &answer.heard;
        if let Some(file) = &heard.file {
            self.say(&format!("it wrote its report to {}", name(file)));
        }
        if let Some(other) = heard.of_other {
            self.say(&format!("by its own words, the report is that of process {other}"));
        }
        let status = match heard.end {
            End::Whole => self.print(answer, sink)?,
            End::Silent => {
                self.say("its end could only be told by a second of silence");
                self.print(answer, sink)?
            }
            End::TooLong => {
                self.say(&format!(
                    "its report is longer than {MAX_OWN_REPORT} bytes: the rest was not kept"
                ));
                self.print(answer, sink)?.max(Status::Partial)
            }
            End::Failed => {
                self.print_part(answer, sink)?;
                let why = answer.failure(self.options.secrets());
                self.say(&why);
                self.report_if_wanted(why, Status::Partial, sink)?
            }
            End::Unheard => {
                let why = answer.where_it_went();
                self.say(&why);
                self.report_if_wanted(why, Status::Partial, sink)?
            }
            End::TimedOut | End::Ended => {
                self.print_part(answer, sink)?;
                self.unanswered(answer, sink)?
            }
        };
        let status = if heard.of_other.is_some() { status.max(Status::Partial) } else { status };
        Ok(Asked { status, asked: true, dumped: heard.file.is_some() })
    }

    /// Prints a whole report.
    fn print(&self, answer: &Answer, sink: &mut Sink) -> Result<Status, Error> {
        let bytes = &answer.heard.captured.bytes;
        if self.options.format == RAW {
            self.write(bytes, sink)?;
            return Ok(Status::Complete);
        }
        let reading = self.parts.begin(Kind::OwnReport, "");
        let (report, unread) = answer.report(self.options.secrets());
        drop(reading);
        if let Some(why) = unread {
            self.say(&format!("its report cannot be read: {why}: what it wrote is shown as text"));
        }
        self.printer().print(&report, sink)?;
        Ok(if report.is_partial() { Status::Partial } else { Status::Complete })
    }

    /// Prints what came of a report that is not whole: as it came, or not at all.
    fn print_part(&self, answer: &Answer, sink: &mut Sink) -> Result<(), Error> {
        let bytes = &answer.heard.captured.bytes;
        if self.options.format == RAW && !self.options.or_report {
            return self.write(bytes, sink);
        }
        if !bytes.is_empty() {
            let text = "bytes came, which are no whole report: --format raw prints them";
            self.say(&format!("{} {text}", bytes.len()));
        }
        Ok(())
    }

    /// Says why no report came.
    fn unanswered(&self, answer: &Answer, sink: &mut Sink) -> Result<Status, Error> {
        let none = match answer.heard.end {
            End::TimedOut => format!("no whole report within {} s", self.options.timeout),
            _ => "no whole report".to_owned(),
        };
        if answer.heard.moved {
            self.say("its standard error leads elsewhere by now: what it wrote there was not read");
        }
        let evidence = match self.look() {
            Ok(evidence) => evidence,
            Err(Error::NoProcess(_) | Error::Zombie { .. } | Error::Changed { .. }) => {
                let to = trigger::sink::describe(&answer.stderr);
                self.say(&format!("{none}: it ended after it was asked; it writes to {to}"));
                return Ok(Status::TargetChanged);
            }
            Err(error) => {
                self.say(&none);
                complain_of(&error);
                return Ok(Status::Timeout);
            }
        };
        let why = answer.why(&evidence);
        self.say(&format!("{none}: {}", why.reason));
        for line in why.stacks().trim_end().lines() {
            complain(&format!("  {line}"));
        }
        if self.options.or_report {
            return self.report_from_outside(&evidence, why.reason, sink);
        }
        complain("to do: `guru report`, or --or-report, looks at it from outside");
        Ok(Status::Timeout)
    }

    fn report_if_wanted(
        &self,
        why: String,
        status: Status,
        sink: &mut Sink,
    ) -> Result<Status, Error> {
        if !self.options.or_report {
            return Ok(status);
        }
        match self.look() {
            Ok(evidence) => self.report_from_outside(&evidence, why, sink),
            Err(error) => {
                complain_of(&error);
                Ok(error.status())
            }
        }
    }

    fn look(&self) -> Result<Evidence, Error> {
        let asked =
            guru::asked::Asked { secrets: self.options.secrets(), ..guru::asked::Asked::default() };
        let parts = self.parts.clone();
        inspect(self.pid, Options { asked, parts, ..Options::default() })
    }

    /// Prints the report from outside, and first why it is not the process's own.
    fn report_from_outside(
        &self,
        evidence: &Evidence,
        why: String,
        sink: &mut Sink,
    ) -> Result<Status, Error> {
        let report = assemble::report(evidence, SECTIONS);
        let report = Report { no_own_report: Some(why.into()), ..report };
        self.printer().print(&report, sink)?;
        Ok(if report.is_partial() { Status::Partial } else { Status::Complete })
    }

    /// As the user wants it; the bytes of the process are no format for anything else.
    fn printer(&self) -> Printer {
        let format = if self.options.format == RAW { "text" } else { &self.options.format };
        Printer::new(format, guru::render::Frames::Merged)
    }

    /// The very bytes; to a terminal without what would steer it, as `ls` and `git` have it: who
    /// asks by hand has not asked for that.
    fn write(&self, bytes: &[u8], sink: &mut Sink) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        if !sink.is_terminal() {
            return sink.write(|out| out.write_all(bytes));
        }
        let shown = for_terminal(bytes);
        sink.write(|out| out.write_all(shown.as_bytes()))?;
        if shown.as_bytes() != bytes {
            self.say("what would steer the terminal was escaped: into a file it goes as it is");
        }
        Ok(())
    }

    fn say(&self, text: &str) {
        complain(&format!("{}: {text}", self.pid));
    }
}
