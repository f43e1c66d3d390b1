//! A recording shows what the live report showed, byte for byte, without the process and anywhere,
//! and does not hold the secrets of a command line.

use crate::support::{
    GURU, Target, await_some, guru, run, skip_impossible, stdout_of, thread_states,
};
use flate2::read::GzDecoder;
use guru::render::{Frames, RENDERERS};
use guru::report::Report;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const NONE: &[&str] = &[];
const FORMATS: [&str; 3] = ["text", "gmr", "json"];

/// The user and group without rights: `nobody`.
const NOBODY: u32 = 65534;

#[test]
fn a_native_process_is_replayed() {
    let Some(target) = Target::spawn("stacks-O2", &["spin"]) else { return };
    replay(target);
}

#[test]
fn a_python_process_is_replayed() {
    let Some(target) = Target::spawn("threads.py", NONE) else { return };
    replay(target);
}

#[test]
fn an_everyday_program_is_replayed() {
    let mut sleep = Command::new("sh");
    sleep.args(["-c", "echo ready $$; exec sleep 1000"]);
    let sleep = Target::start(sleep);
    await_some("sleep sleeps", || {
        let call = thread_states(sleep.pid()).get(&sleep.pid())?.call;
        (call == Some(libc::SYS_clock_nanosleep)).then_some(())
    });
    replay(sleep);
}

/// Record a process in each format, let it end, and compare what is printed from the recordings.
fn replay(target: Target) {
    let directory = tempfile::tempdir().unwrap();
    let live: Vec<(&str, String, String)> = FORMATS
        .iter()
        .map(|format| {
            let path = directory.path().join(format).to_str().unwrap().to_owned();
            let pid = target.pid().to_string();
            let output = guru(&["report", "--format", format, "--record", &path, &pid]);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            (*format, path, stdout_of(&output))
        })
        .collect();
    drop(target);
    for (format, path, printed) in &live {
        let replayed = guru(&["report", "--format", format, "--from", path]);
        assert_eq!(&stdout_of(&replayed), printed, "{format}");

        let mut elsewhere = Command::new(GURU);
        elsewhere.args(["report", "--format", format, "--from", path]);
        elsewhere.current_dir("/").env_clear().env("TZ", "Asia/Tokyo").env("LANG", "C");
        assert_eq!(&stdout_of(&run(elsewhere)), printed, "{format}, elsewhere");
    }
    // One recording renders in every format, whatever it was made with: JSON says everything.
    let json = live.iter().find(|(format, ..)| *format == "json");
    let (_, path, printed) = json.unwrap();
    let report: Report = serde_json::from_str(printed).unwrap();
    for renderer in RENDERERS {
        let mut expected = Vec::new();
        renderer.render(&report, Frames::Native, &mut expected).unwrap();
        let replayed = guru(&["report", "--native", "--format", renderer.name(), "--from", path]);
        assert_eq!(
            stdout_of(&replayed),
            String::from_utf8(expected).unwrap(),
            "{}",
            renderer.name()
        );
    }
    replay_as_nobody(directory.path(), &live);
}

fn replay_as_nobody(directory: &Path, live: &[(&str, String, String)]) {
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root can run guru as another user");
    }
    let guru = directory.join("guru");
    fs::copy(GURU, &guru).unwrap();
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    for (format, path, printed) in live {
        fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        let mut nobody = Command::new(&guru);
        nobody.uid(NOBODY).gid(NOBODY).current_dir("/");
        nobody.args(["report", "--format", format, "--from", path]);
        assert_eq!(&stdout_of(&run(nobody)), printed, "{format}, as nobody");
    }
}

#[test]
fn the_secrets_of_a_command_line_are_not_recorded() {
    const SECRET: &str = "hunter2hunter2";
    // The words are masked in what is shown, where they lie in memory is not read, and what the
    // program has left of them on its stack is overwritten.
    let arguments = ["--password", SECRET];
    let Some(target) = Target::spawn("stacks-O2", &arguments) else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("recording");
    let pid = target.pid().to_string();
    for format in FORMATS {
        let printed = stdout_of(&guru(&["report", "--format", format, &pid]));
        assert!(!printed.contains(SECRET), "{format}");
    }
    let args = ["report", "--record", path.to_str().unwrap(), &pid];
    stdout_of(&guru(&args));
    let held = unpacked(&path);
    let contains = |text: &str| held.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(contains("want_the_mutex") && contains("--password"));
    assert!(!contains(SECRET));
    assert!(target.end());
}

/// What a recording holds, decompressed.
fn unpacked(path: &Path) -> Vec<u8> {
    let file = fs::read(path).unwrap();
    let head = file.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut bytes = Vec::new();
    GzDecoder::new(&file[head..]).read_to_end(&mut bytes).unwrap();
    bytes
}
