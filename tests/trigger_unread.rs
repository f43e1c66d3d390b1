//! What `guru trigger` says and does where it may not read the memory of the process, as Yama has it
//! for all but children: the kernel is made to refuse it to guru, and nothing else.

use crate::support::sink::Kind;
use crate::support::trigger::{assert_free, assert_same};
use crate::support::{GURU, Service, skip};
use std::fs;
use std::process::{Command, Output, Stdio};

/// `guru trigger`, which may not read the memory of anybody.
fn refused(args: &[&str]) -> Option<Output> {
    let mut strace = Command::new("strace");
    // What cannot be read by the first call is read from a file, where it is sought by the second.
    let (trace, inject) = ("trace=process_vm_readv,lseek", "process_vm_readv,lseek:error=EPERM");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", trace, "-e", &format!("inject={inject}")]);
    strace.args([GURU, "trigger"]).args(args);
    match strace.stdin(Stdio::null()).output() {
        Ok(output) => Some(output),
        Err(_) => {
            skip("strace is not installed");
            None
        }
    }
}

/// The small app with these options of oslo.reports in its file, and how it is named to guru.
fn mini(stderr: Kind, options: &str) -> Option<(Service, String)> {
    let text = format!("[oslo_reports]\n{options}");
    let service = Service::start_into(stderr, "mini", &[], &text)?;
    let pid = service.pid().to_string();
    Some((service, pid))
}

fn is_told(output: &Output, begins: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(output.stdout.is_empty());
    let reason = format!("{begins} is not known: guru may not read its memory: ");
    assert!(said.contains(&reason), "{said}");
}

#[test]
fn that_memory_is_refused_is_the_reason_and_not_that_there_is_no_python() {
    let Some((service, pid)) = mini(Kind::File, "") else { return };
    let Some(output) = refused(&[&pid]) else { return };
    is_told(&output, "catches SIGUSR2, but whether for a Guru Meditation Report");
    assert!(service.sink.arrived().is_empty());
    assert_free(service.pid());
}

#[test]
fn the_file_that_is_to_be_watched_is_known_by_the_configuration_files() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("watched");
    let reports = directory.path().join("reports");
    fs::write(&file, "").unwrap();
    fs::create_dir(&reports).unwrap();
    let watched = format!("file_event_handler = {}\n", file.display());
    let Some((service, pid)) = mini(Kind::File, &watched) else { return };
    let Some(output) = refused(&[&pid]) else { return };
    let begins = format!("is to watch {} by its configuration, but whether any", file.display());
    is_told(&output, &format!("{begins} thread does"));
    assert!(service.sink.arrived().is_empty());

    // Who knows it gets the report, and from where it goes by the same files.
    let output = refused(&["--force", &pid]).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = output.stdout;
    assert_same(&printed, &service.sink.arrived_after(0, printed.len()), "forced");
    assert_free(service.pid());
    let dumped = format!("{watched}log_dir = {}\n", reports.display());
    let Some((service, pid)) = mini(Kind::Null, &dumped) else { return };
    let output = refused(&["--force", &pid]).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let written = fs::read_dir(&reports).unwrap().flatten().next().unwrap();
    assert_same(&output.stdout, &fs::read(written.path()).unwrap(), "forced, log_dir");
    assert_free(service.pid());
}
