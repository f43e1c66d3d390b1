//! Memory that another program serves, and does not: the report lacks it, says so, and nobody is left
//! behind: not the process, and not guru.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use guru::report::Report;

use crate::support::{
    DEADLINE, GURU, Target, await_some, report, run, skip_impossible, stdout_of, thread_named,
    thread_states, threads,
};

/// The opcode of FUSE that is never answered: READ.
const READ: &str = "15";

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A file that never answers, and who serves it in a mount namespace of its own.
struct Silent {
    server: Target,
    file: PathBuf,
    _directory: tempfile::TempDir,
}

impl Silent {
    fn serve() -> Option<Silent> {
        if !is_root() {
            skip_impossible("only root may mount");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("f.conf");
        let (path, named) = (directory.path().to_str().unwrap(), file.to_str().unwrap());
        let server = Target::spawn_running("served", &[READ, path, "--config", named])?;
        Some(Silent { server, file, _directory: directory })
    }

    /// A process that has the file in its memory.
    fn user(&self, how: &str) -> Option<Target> {
        let program = Target::program("served_memory")?;
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.server.pid().to_string()).arg("--mount");
        Some(Target::start(with(command, &program, how, &self.file)))
    }
}

fn with(mut command: Command, program: &Path, how: &str, file: &Path) -> Command {
    command.arg(program).arg(how).arg(file);
    command
}

/// Looks at a process, and what is left when guru has ended.
fn looked_at(pid: i32, more: &[&str]) -> Report {
    let begun = Instant::now();
    let mut command = Command::new(GURU);
    command.args(["report", "--format", "json", "--timeout", "20"]).args(more).arg(pid.to_string());
    let output = run(command);
    let report = serde_json::from_str(&stdout_of(&output)).unwrap();
    assert!(begun.elapsed() < DEADLINE);
    await_some("its threads are let go", || {
        let all = thread_states(pid);
        all.values().all(|thread| thread.tracer == 0 && thread.state != 't').then_some(())
    });
    report
}

fn notes(report: &Report) -> Vec<String> {
    let all = report.notes.iter();
    all.map(|note| format!("{}: {}", note.about.raw(), note.message.raw())).collect()
}

#[test]
fn a_stack_whose_pages_nobody_serves_any_more_ends_where_they_do() {
    let target = Target::start(match Target::program("served_memory") {
        Some(program) => with(Command::new("env"), &program, "uffd", Path::new("-")),
        None => return,
    });
    let report = looked_at(target.pid(), &[]);
    let served = thread_named(&report, "served");
    assert!(!served.stack.frames.is_empty(), "{served:?}");
    assert!(
        notes(&report).iter().any(|note| note.starts_with("memory: some is another program's"))
    );
    let first = &threads(&report)[0];
    assert!(!first.stack.frames.is_empty(), "{first:?}");
    assert!(target.end());
}

#[test]
fn a_stack_in_a_file_that_never_answers_harms_nobody() {
    let Some(silent) = Silent::serve() else { return };
    let Some(target) = silent.user("stack") else { return };
    let report = looked_at(target.pid(), &["--no-sections"]);
    assert!(!threads(&report).is_empty());
    assert!(notes(&report).iter().any(|note| note.contains("another program's")), "{report:?}");
    assert_eq!(thread_states(target.pid()).values().next().map(|thread| thread.state), Some('S'));
}

/// Whoever looks at the mappings first and reads then waits for the file at times: so often that some
/// of these looks do.
#[test]
fn memory_that_turns_into_a_file_that_never_answers_costs_itself_only() {
    let Some(silent) = Silent::serve() else { return };
    let Some(target) = silent.user("flip") else { return };
    for _ in 0..4 {
        let report = looked_at(target.pid(), &[]);
        assert!(!threads(&report).is_empty());
    }
}

#[test]
fn others_are_reported_beside_it() {
    let Some(silent) = Silent::serve() else { return };
    let Some(_target) = silent.user("stack") else { return };
    let report = report(std::process::id().cast_signed());
    assert!(report.sections.iter().any(|section| section.id == "processes"));
}
