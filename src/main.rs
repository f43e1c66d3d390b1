//! Arguments in, exit status out.

mod ask;
mod cli;
mod demo;
mod doctor;
mod output;

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use cli::{Cli, Command};
use guru::analysis::analyse;
use guru::asked::{Asked, Native};
use guru::error::{Error, Status};
use guru::evidence::{Evidence, store};
use guru::inspect::{Options, inspect};
use guru::part::{Kind, Parts};
use guru::section::SECTIONS;
use guru::worker::{Failure, Outcome, Time, supervise};
use guru::{assemble, own, report};
use output::{Printer, Sink, complain, complain_of};

fn main() -> ExitCode {
    let status = run(Cli::parse().command).unwrap_or_else(|error| {
        complain_of(&error);
        error.status()
    });
    ExitCode::from(status as u8)
}

fn run(command: Command) -> Result<Status, Error> {
    if rustix::process::getuid() != rustix::process::geteuid()
        || rustix::process::getgid() != rustix::process::getegid()
    {
        return Err(Error::Privileged);
    }
    match command {
        Command::Report(options) => report(options),
        Command::Trigger(options) => ask::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::DemoService(options) => demo::serve(&options),
        Command::Man { directory } => output::manual(&directory),
    }
}

fn report(options: cli::Report) -> Result<Status, Error> {
    // Before any work is done, and before anything is printed.
    options.check();
    // The worker is another process, and would look at this one.
    if options.pid == Some(std::process::id().cast_signed()) {
        return Err(Error::Itself);
    }
    let mut sink = Sink::open(options.output.output.as_deref())?;
    let recording = options.record.as_deref().map(store::RecordingFile::create).transpose()?;
    let time = Time::from_now(Duration::from_secs(options.timeout));
    let work = |parts: &Parts, printed: &File| {
        let done = sink
            .of_worker(printed)
            .and_then(|mut sink| examine(&options, parts, &mut sink, recording.as_ref()));
        done.unwrap_or_else(|error| {
            complain_of(&error);
            error.status()
        }) as u8
    };
    match supervise(time, &mut output::relay, &work) {
        Outcome::Done(status, printed) => {
            sink.pass_on(&printed)?;
            sink.close();
            let status = Status::of(status).unwrap_or(Status::CannotInspect);
            if let (Some(recording), Status::Complete | Status::Partial) = (recording, status) {
                recording.keep();
            }
            Ok(status)
        }
        Outcome::Failed(failure) => {
            drop((sink, recording));
            Ok(failed(&failure, options.timeout))
        }
    }
}

/// Says why there is no report.
fn failed(failure: &Failure, seconds: u64) -> Status {
    match failure {
        Failure::TimedOut => {
            complain(&format!("no report within {seconds} s"));
            Status::Timeout
        }
        Failure::Interrupted(signal) => output::end_by(*signal),
        Failure::Died { .. } | Failure::NoWorker(_) => {
            complain(&failure.to_string());
            Status::CannotInspect
        }
    }
}

/// What the worker does: takes the evidence, prints the report and saves the recording.
fn examine(
    options: &cli::Report,
    parts: &Parts,
    sink: &mut Sink,
    recording: Option<&store::RecordingFile>,
) -> Result<Status, Error> {
    let printer = Printer::of(&options.output);
    let until = options.commands_until();
    let asked = Asked {
        locals: options.locals,
        objects: options.objects.clone(),
        native: options.output.native_stacks(),
        sections: options.sections.clone(),
        secrets: options.secrets(),
    };
    let parts = parts.clone();
    let evidence = match (&options.from, options.pid) {
        (Some(path), _) => replay(path, asked, options.no_sections, parts)?,
        (None, pid) => {
            let mut notes = Vec::new();
            let definitions = match options.no_sections {
                true => Vec::new(),
                false => own::live::definitions(&mut notes),
            };
            let commands_until = Some(until);
            let stop = options.stop;
            let options =
                Options { asked, stop, definitions, commands_until, parts, ..Options::default() };
            let mut evidence = inspect(pid.unwrap_or_default(), options)?;
            evidence.snapshot.notes.extend(notes);
            evidence
        }
    };
    if let Some(nice) = options.nice {
        // Who may not be nicer is so already.
        let _ = rustix::process::setpriority_process(None, nice);
    }
    let report = print(&evidence, printer, sink)?;
    let status = if report.is_partial() { Status::Partial } else { Status::Complete };
    match recording {
        Some(recording) => recording.write(answering_more(evidence))?,
        // The program ends: the kernel frees a hundred thousand pieces of memory at once.
        None => std::mem::forget((evidence, report)),
    }
    Ok(status)
}

/// Evidence that also holds what its report needed no answer to, and a later one may.
fn answering_more(mut evidence: Evidence) -> Evidence {
    let native = &mut evidence.snapshot.asked.native;
    if *native == Native::Names {
        *native = Native::Lines;
        // What this asks of the files is kept with them.
        drop(analyse(&evidence));
    }
    evidence
}

/// The evidence of a recording, narrowed to what is asked for.
fn replay(path: &Path, asked: Asked, no_sections: bool, parts: Parts) -> Result<Evidence, Error> {
    let asked = Asked { sections: own::masked(asked.sections, asked.secrets), ..asked };
    let mut evidence = Evidence { parts, ..store::load(path)? };
    let held = &mut evidence.snapshot.asked;
    if no_sections {
        held.sections.retain(|section| section.defined_in.is_none());
    }
    evidence.select(&asked);
    Ok(evidence)
}

/// Makes the report and prints it.
fn print(evidence: &Evidence, printer: Printer, sink: &mut Sink) -> Result<report::Report, Error> {
    let report = assemble::report(evidence, SECTIONS);
    let _output = evidence.parts.begin(Kind::Output, "");
    printer.print(&report, sink)?;
    Ok(report)
}
