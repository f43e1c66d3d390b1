//! What the Package and Processes sections say of real processes, read by the library itself.

use crate::support::{Service, Target, await_some, evidence, skip, skip_impossible, thread_states};
use guru::evidence::Evidence;
use guru::module::Modules;
use guru::package::{Interpreter, package};
use guru::processes::tree;
use guru::report::Field;
use guru::text::Text;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const NONE: &[&str] = &[];

/// The fields and notes of the section; `version` is that of the Python in the process.
fn section(pid: i32, version: Option<&str>) -> (Vec<Field>, Vec<String>) {
    let Evidence { snapshot, files, .. } = evidence(pid);
    let modules = Modules::new(&files, &snapshot.mappings);
    let path = snapshot.target.executable.clone().unwrap();
    let interpreter = version.map(|version| Interpreter { version, path: &path, loaded: &[] });
    let (fields, notes) = package(&snapshot, &files, &modules, interpreter);
    (fields, notes.iter().map(|note| note.message.raw().to_owned()).collect())
}

fn value<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    fields.iter().find(|field| field.name == name)?.value.as_ref().map(Text::raw)
}

/// A child that does not outlive its test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a tool prints; nothing if there is no such tool or it fails.
fn output(command: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(command).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn a_program_of_the_distribution_is_its_package_as_dpkg_says() {
    let program = Path::new("/bin/sleep").canonicalize().unwrap();
    let program = program.to_str().unwrap();
    let packed = ["/bin/sleep", program].iter().find_map(|path| output("dpkg", &["-S", path]));
    let Some(package) = packed.as_deref().and_then(|line| line.split(':').next()) else {
        skip_impossible("this distribution does not use dpkg");
        return;
    };
    let version = output("dpkg-query", &["-W", "-f", "${Version}", package]);
    let sleep = Killed(Command::new(program).arg("1000").stdout(Stdio::null()).spawn().unwrap());
    let pid = sleep.0.id().cast_signed();
    // Its path is there before the kernel has made its memory; what it waits for, after.
    await_some("sleep sleeps", || {
        let call = thread_states(pid).get(&pid)?.call;
        (call == Some(libc::SYS_clock_nanosleep)).then_some(())
    });
    let (fields, notes) = section(pid, None);
    assert_eq!(value(&fields, "product"), Some(package), "{fields:?} {notes:?}");
    assert_eq!(value(&fields, "version"), version.as_deref());
    assert!(value(&fields, "vendor").is_some());
    assert_eq!(value(&fields, "executable"), Some(program));
    assert_eq!(value(&fields, "executable on disk"), Some("the running one"));
    assert_eq!(notes, Vec::<String>::new());
}

#[test]
fn a_program_of_ones_own_has_its_name_and_no_package() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let (fields, notes) = section(target.pid(), None);
    assert_eq!(value(&fields, "product"), Some("stacks-O2"));
    assert_eq!(value(&fields, "version"), None);
    assert_eq!(value(&fields, "build id").map(str::len), Some(40));
    assert_eq!(notes.len(), 1, "{notes:?}");
}

#[test]
fn a_replaced_or_deleted_executable_is_told_from_the_running_one() {
    let Some(built) = Target::spawn("stacks-O2", NONE) else { return };
    let built = std::fs::read_link(format!("/proc/{}/exe", built.pid())).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("copy (deleted)");
    std::fs::copy(&built, &path).unwrap();
    let target = Target::start(Command::new(&path));
    let state = || {
        let (fields, _) = section(target.pid(), None);
        assert_eq!(value(&fields, "executable"), path.to_str(), "{fields:?}");
        value(&fields, "executable on disk").unwrap().to_owned()
    };
    assert_eq!(state(), "the running one");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(state(), "deleted");
    std::fs::copy(&built, &path).unwrap();
    assert_eq!(state(), "replaced since the start");
}

#[test]
fn panko_is_the_distribution_that_owns_its_script() {
    let Some(service) = Service::start("panko") else { return };
    let (fields, notes) = section(service.pid(), Some("3.11.7"));
    let gmr = ["product", "vendor", "version"].map(|name| value(&fields, name));
    assert_eq!(gmr, [Some("panko"), Some("OpenStack"), Some("10.0.0")], "{fields:?} {notes:?}");
    assert!(value(&fields, "script").unwrap().ends_with("/bin/panko-api"));
    assert!(value(&fields, "distribution").unwrap().ends_with("/panko-10.0.0.dist-info"));
    assert!(!notes.iter().any(|note| note.contains("no distribution owns")), "{notes:?}");
}

#[test]
fn a_script_of_ones_own_belongs_to_no_distribution() {
    let Some(target) = Target::spawn("threads.py", NONE) else { return };
    let (fields, notes) = section(target.pid(), Some("3.11.7"));
    assert_eq!(value(&fields, "product"), None);
    let script = value(&fields, "script").unwrap();
    assert!(script.ends_with("/threads.py"));
    assert!(notes.contains(&format!("no distribution owns {script}")), "{notes:?}");
}

#[test]
fn children_stand_below_the_process_with_their_secrets_masked() {
    let Some(shell) = output("which", &["sh"]) else {
        skip("there is no shell");
        return;
    };
    let mut command = Command::new(shell);
    let script = "sh -c 'echo ready $PPID; read x; exit' child --password hunter2; exit";
    command.args(["-c", script]);
    let target = Target::start(command);
    let Evidence { snapshot, files, .. } = evidence(target.pid());
    let (root, notes) = tree(&snapshot, &files);
    assert_eq!((root.pid, notes), (target.pid(), vec![]));
    assert_eq!(root.children.len(), 1);
    assert_eq!(root.children[0].ppid, target.pid());
    let words: Vec<&str> = root.children[0].command.iter().map(Text::raw).collect();
    assert!(words.ends_with(&["child", "--password", "***"]), "{words:?}");
}
