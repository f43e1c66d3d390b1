//! What cannot be inspected gets its exit status and one line that says why and what to do.

use crate::support::{
    GURU, Target, await_some, full, functions, guru, report, run, skip_impossible, stdout_of,
    thread_named, thread_states,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const NONE: &[&str] = &[];

/// The user and group without rights: `nobody`.
const NOBODY: u32 = 65534;

/// What guru says on stderr, after its exit status and an empty stdout were checked.
fn refusal(output: &Output, status: i32) -> String {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(status), "{errors}{printed}");
    assert!(output.stdout.is_empty(), "{printed}");
    errors
}

fn report_on(pid: i32) -> Output {
    guru(&["report", &pid.to_string()])
}

#[test]
fn what_is_no_process_id_is_status_2() {
    for typed in ["abc", "", "0", "-1", "-1000", "4194305", "1e30", "1 2", "\u{1b}[31m", "0x10"] {
        let errors = refusal(&guru(&["report", typed]), 2);
        assert!(errors.contains("PID must be a number 1…4194304, got `"), "{typed}: {errors}");
        assert!(!errors.contains('\u{1b}'), "{errors:?}");
    }
    refusal(&guru(&["report"]), 2);
    refusal(&guru(&["report", "1", "2"]), 2);
    refusal(&guru(&["report", "--format", "yaml", "1"]), 2);
}

#[test]
fn a_missing_process_is_status_3_and_one_line() {
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let pid = ended.id().cast_signed();
    assert_eq!(refusal(&report_on(pid), 3), format!("guru: no process {pid}\n"));
}

#[test]
fn a_zombie_is_status_3_and_names_its_parent() {
    let Some(target) = Target::spawn("zombie", NONE) else { return };
    let (parent, zombie) = (target.ready[0], target.ready[1]);
    let expected =
        format!("guru: {zombie} (zombie) has exited; its parent {parent} has not collected it\n");
    assert_eq!(refusal(&report_on(zombie), 3), expected);
}

#[test]
fn a_kernel_thread_is_status_3() {
    if !fs::read("/proc/2/comm").is_ok_and(|name| name == b"kthreadd\n") {
        return skip_impossible("no kernel thread is visible: a container");
    }
    let expected = "guru: 2 (kthreadd) is a kernel thread: it has no user stack\n";
    assert_eq!(refusal(&report_on(2), 3), expected);
}

#[test]
fn guru_does_not_inspect_itself() {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"exec "$0" report $$"#, GURU]);
    assert_eq!(refusal(&run(shell), 3), "guru: guru cannot inspect itself\n");
}

#[test]
fn the_shell_that_runs_guru_can_be_inspected() {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#""$0" report --format json $$; status=$?; exit $status"#, GURU]);
    assert!(stdout_of(&run(shell)).contains("\"name\": \"sh\""));
}

#[test]
fn a_thread_leads_to_its_process() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let pid = target.pid();
    let tid = thread_states(pid).into_keys().find(|tid| *tid != pid).unwrap();
    let report = report(tid);
    assert_eq!(report.process.pid, pid);
    let remark = format!("{tid} is a thread of {pid}; reporting {pid}");
    assert!(report.all_notes().any(|note| note.message.raw() == remark), "{:?}", report.notes);
    assert!(target.end());
}

#[test]
fn a_traced_process_is_reported_without_a_stop() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let Some(tracer) = Target::spawn("tracer", &[target.pid().to_string()]) else { return };
    let traced = format!("traced by tracer (pid {})", tracer.pid());
    // All of its threads sleep: nobody has to be stopped, so that it lacks nothing.
    for (stop, code) in [("running", 0), ("none", 0), ("all", 1)] {
        let pid = target.pid().to_string();
        let output = guru(&["report", "--stop", stop, "--format", "json", &pid]);
        assert_eq!(output.status.code(), Some(code), "{stop}: {output:?}");
        let report: guru::report::Report = serde_json::from_str(&stdout_of(&output)).unwrap();
        let told = report.all_notes().any(|note| note.message.raw().contains(&traced));
        assert_eq!(told, stop == "all", "{:?}", report.notes);
        for (name, function) in
            [("mutex", "want_the_mutex"), ("pipe", "read_pipe"), ("sleep", "sleep_long")]
        {
            let thread = thread_named(&report, name);
            assert!(functions(thread).contains(&function), "{thread:?}");
        }
    }
    assert!(thread_states(target.pid()).values().all(|thread| thread.tracer == tracer.pid()));
    assert!(tracer.end());
    assert!(target.end());
}

/// Programs where everybody may run them, and a way to run them as nobody. `None` unless root asks.
struct Unprivileged {
    directory: TempDir,
}

impl Unprivileged {
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip_impossible("only root can run guru as another user");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Some(Self { directory })
    }

    fn command(&self, program: &Path) -> Command {
        let copy = self.directory.path().join(program.file_name().unwrap());
        fs::copy(program, &copy).unwrap();
        let mut command = Command::new(copy);
        // The other groups of root are dropped with the user.
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
        command
    }

    fn report(&self, pid: i32) -> Output {
        let mut guru = self.command(Path::new(GURU));
        guru.args(["report", &pid.to_string()]);
        run(guru)
    }
}

/// How guru gets more rights: on a host, in a container, in a pod.
const MORE_RIGHTS: [&str; 3] = [
    "run guru as root (sudo guru …)",
    "run it in a container that was started with --cap-add SYS_PTRACE, or on the host as root",
    "kubectl debug --profile=sysadmin --target=CONTAINER POD, and run guru there",
];

#[test]
fn a_process_of_another_user_is_refused_with_the_true_cause() {
    let Some(nobody) = Unprivileged::new() else { return };
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let pid = target.pid();
    let expected =
        format!("guru: not permitted to inspect {pid}: it runs as user 0, guru as user {NOBODY}\n");
    let errors = refusal(&nobody.report(pid), 3);
    let ways =
        MORE_RIGHTS.map(|way| format!("{expected}guru: to do: {way}, or run guru as user 0\n"));
    assert!(ways.contains(&errors), "{errors}");
    assert!(target.end());
}

#[test]
fn an_own_process_that_forbids_it_is_refused_with_the_true_cause() {
    let Some(nobody) = Unprivileged::new() else { return };
    let Some(program) = Target::program("undumpable") else { return };
    let target = Target::start(nobody.command(&program));
    let pid = target.pid();
    let errors = refusal(&nobody.report(pid), 3);
    let cause = format!("guru: not permitted to inspect {pid}: it has made itself undumpable");
    assert!(errors.starts_with(&cause), "{errors}");
    let ends = |way: &&str| errors.ends_with(&format!("\nguru: to do: {way}\n"));
    assert!(MORE_RIGHTS.iter().any(ends), "{errors}");
    // To root it is open.
    assert!(stdout_of(&report_on(pid)).contains("in main"));
    assert!(target.end());
}

#[test]
fn an_own_process_needs_no_root() {
    let Some(nobody) = Unprivileged::new() else { return };
    let Some(program) = Target::program("stacks-O2") else { return };
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let target = Target::start(nobody.command(&program));
    let output = nobody.report(target.pid());
    if scope.trim().parse().unwrap_or(0) > 1 {
        let errors = refusal(&output, 3);
        assert!(errors.contains("kernel.yama.ptrace_scope is "), "{errors}");
    } else {
        let text = stdout_of(&output);
        assert!(text.contains("stacks.c:") && text.contains(" in want_the_mutex"), "{text}");
    }
    assert!(target.end());
}

#[test]
fn a_process_that_ends_meanwhile_is_status_5_or_3() {
    for nth in 0..if full() { 200 } else { 20 } {
        let Some(target) = Target::spawn("many", &["20"]) else { return };
        let pid = target.pid();
        let mut guru = Command::new(GURU);
        guru.args(["report", &pid.to_string()]).stdin(Stdio::null());
        let mut guru = guru.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if nth % 2 == 0 {
            await_some("guru takes hold, or ends", || {
                let traced = thread_states(pid).values().any(|thread| thread.tracer != 0);
                (traced || guru.try_wait().unwrap().is_some()).then_some(())
            });
        }
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        let output = guru.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            // It had seen enough.
            Some(0 | 1) => assert!(errors.is_empty(), "{errors}"),
            Some(3) => assert!(
                errors == format!("guru: no process {pid}\n") || errors.contains("has exited"),
                "{errors}"
            ),
            Some(5) => {
                assert_eq!(errors, format!("guru: {pid} exited while it was looked at\n"));
            }
            other => panic!("{other:?}: {errors}"),
        }
    }
}

#[test]
fn a_32_bit_process_is_status_3() {
    if !cfg!(target_arch = "x86_64") {
        return skip_impossible("no 32-bit programs on this architecture");
    }
    let Some(target) = Target::spawn_running("narrow", NONE) else { return };
    let pid = target.pid();
    let expected = format!("guru: {pid} is a 32-bit process, which this guru cannot read\n");
    assert_eq!(refusal(&report_on(pid), 3), expected);
    assert!(target.end());
}

#[test]
fn a_stdout_whose_reader_is_gone_is_status_3_and_one_line() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let mut gone = Command::new(GURU);
    gone.args(["report", &target.pid().to_string()]).stdin(Stdio::null());
    let mut gone = gone.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(gone.stdout.take());
    let expected = "guru: cannot write the report to standard output: broken pipe\n";
    assert_eq!(refusal(&gone.wait_with_output().unwrap(), 3), expected);
    assert!(target.end());
}

#[test]
fn a_full_disk_is_status_3_and_one_line() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"exec "$0" report "$1" >/dev/full"#, GURU, &target.pid().to_string()]);
    let errors = refusal(&run(shell), 3);
    assert!(errors.starts_with("guru: cannot write the report to standard output: "), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(target.end());
}

#[test]
fn an_output_file_is_new_and_private() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let directory = tempfile::tempdir().unwrap();
    let pid = target.pid().to_string();
    for option in ["-o", "--record"] {
        let path = |name: &str| -> String {
            let name = format!("{name}{option}");
            directory.path().join(name).to_str().unwrap().to_owned()
        };
        let write = |path: &str| guru(&["report", option, path, &pid]);

        let new = path("new");
        stdout_of(&write(&new));
        let meta = fs::metadata(&new).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{option}");
        assert!(meta.len() > 0, "{option}");

        let existing = path("existing");
        fs::write(&existing, "precious").unwrap();
        let errors = refusal(&write(&existing), 3);
        assert!(errors.contains(&existing), "{option}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{option}: {errors}");
        assert_eq!(fs::read_to_string(&existing).unwrap(), "precious", "{option}");

        let (link, elsewhere) = (path("link"), path("elsewhere"));
        symlink(&elsewhere, &link).unwrap();
        refusal(&write(&link), 3);
        assert!(!Path::new(&elsewhere).exists(), "{option}");

        refusal(&write(&path("missing/file")), 3);
    }
    assert!(target.end());
}

#[test]
fn what_is_no_whole_recording_is_status_3_and_one_line() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole");
    let args = ["report", &target.pid().to_string(), "--record", whole.to_str().unwrap()];
    stdout_of(&guru(&args));
    let bytes = fs::read(&whole).unwrap();

    let mut broken: Vec<(String, Vec<u8>)> = vec![
        ("empty".into(), Vec::new()),
        ("text".into(), b"not a recording\n".repeat(100)),
        ("other version".into(), [b"guru evidence 9\n", &bytes[16..]].concat()),
        ("only the head".into(), bytes[..16].to_vec()),
    ];
    let lengths = [17, 30, bytes.len() / 2, bytes.len() - 9, bytes.len() - 1];
    for length in lengths {
        broken.push((format!("first {length} bytes"), bytes[..length].to_vec()));
    }
    // Beyond the head of the gzip, whose time of day matters to nobody.
    for at in (26..bytes.len()).step_by(bytes.len() / 20) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        broken.push((format!("byte {at}"), damaged));
    }
    for (what, bytes) in broken {
        let path: PathBuf = directory.path().join("broken");
        fs::write(&path, bytes).unwrap();
        let errors = refusal(&guru(&["report", "--from", path.to_str().unwrap()]), 3);
        assert!(errors.starts_with("guru: recording "), "{what}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{what}: {errors}");
    }
    for path in ["/nowhere/at/all", "/", "/dev/null"] {
        refusal(&guru(&["report", "--from", path]), 3);
    }
    assert!(target.end());
}
