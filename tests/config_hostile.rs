//! Configuration that would hang, flood or mislead whoever reads it: each trouble is a note, all else
//! is shown, and nothing outside of the target's root is opened.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use guru::report::Report;

use crate::support::configuration::{configuration, notes};
use crate::support::{
    DEADLINE, GURU, Target, can_make_namespaces, guru, guru_with_peak, run, skip, skip_impossible,
    stdout_of,
};

/// The most memory that guru may need, in KiB.
const MAX_PEAK: u64 = 256 << 10;

/// Puts a program that goes by the name of redis, and looks at nothing, into a directory.
fn redis(directory: &Path) -> Option<PathBuf> {
    let program = directory.join("redis-server");
    fs::copy(Target::program("stacks-static")?, &program).unwrap();
    Some(program)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn hostile_files_that_are_included_are_noted_and_all_else_is_shown() {
    let place = tempfile::tempdir().unwrap();
    let Some(program) = redis(place.path()) else { return };
    let path = |name: &str| place.path().join(name);
    File::create(path("sparse.conf")).unwrap().set_len(1 << 30).unwrap();
    assert!(Command::new("mkfifo").arg(path("fifo.conf")).status().unwrap().success());
    symlink("/dev/zero", path("device.conf")).unwrap();
    symlink(path("loop.conf"), path("loop.conf")).unwrap();
    fs::create_dir(path("directory.conf")).unwrap();
    let noise: Vec<u8> = (0..=255).rev().cycle().take(3000).collect();
    fs::write(path("binary.conf"), noise).unwrap();
    fs::write(path("latin1.conf"), b"pidfile /gr\xfcn\n").unwrap();
    let mut keys = BufWriter::new(File::create(path("keys.conf")).unwrap());
    (0..10_000_000).for_each(|key| writeln!(keys, "k{key} 1").unwrap());
    drop(keys);
    let many: String = (0..60_000).map(|key| format!("k{key} 1\n")).collect();
    write(&path("many.conf"), &many);
    let troubles = [
        ("sparse.conf", "larger than 1048576 bytes"),
        ("fifo.conf", "not a regular file"),
        ("device.conf", "not a regular file"),
        ("loop.conf", "its path has a loop or leaves the target's root"),
        ("directory.conf", "not a regular file"),
        ("binary.conf", "not a text file"),
        ("keys.conf", "larger than 1048576 bytes"),
        ("gone.conf", "no such file"),
        ("latin1.conf", "what is not UTF-8 in it is shown as \u{fffd}"),
    ];
    let here = place.path().display().to_string();
    let mut main = String::new();
    for (name, _) in troubles {
        main.push_str(&format!("include {here}/{name}\n"));
    }
    main.push_str(&format!(
        "include {here}/redis.conf\ninclude {here}/deep/0\nport 6379\ninclude {here}/many.conf\n"
    ));
    write(&path("redis.conf"), &main);
    for depth in 0..1000 {
        write(&path(&format!("deep/{depth}")), &format!("include {here}/deep/{}\n", depth + 1));
    }
    let mut command = Command::new(program);
    command.env_clear().arg(path("redis.conf"));
    let target = Target::start(command);
    let begun = Instant::now();
    let pid = target.pid().to_string();
    let Some((output, peak)) = guru_with_peak(&["report", "--format", "json", &pid]) else {
        return;
    };
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    assert!(peak <= MAX_PEAK, "{peak} KiB");
    assert_eq!(output.status.code(), Some(1));
    let report: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
    let notes = notes(&report);
    for (name, what) in troubles {
        let about = path(name);
        assert!(notes.contains(&(about.to_str().unwrap(), what)), "{name}: {notes:?}");
    }
    let noted = |name: &str, what: &str| {
        let about = path(name);
        let about = about.to_str().unwrap();
        notes.iter().any(|(known, note)| known.starts_with(about) && note.contains(what))
    };
    assert!(noted("redis.conf:10", "it includes itself"), "{notes:?}");
    assert!(noted("deep/14:1", "too deeply"), "{notes:?}");
    assert!(noted("many.conf", "too many options"), "{notes:?}");
    let text = stdout_of(&guru(&["report", &pid]));
    assert!(text.contains("port = 6379    (redis.conf:12)"), "{text}");
    assert!(target.end());
}

#[test]
fn nothing_outside_of_the_root_is_opened() {
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root can start a process in another root");
    }
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("strace is not installed: tests/run does that");
    }
    let outside = tempfile::tempdir().unwrap();
    write(&outside.path().join("shadow"), "leak outside\n");
    write(&outside.path().join("d/a.conf"), "leak outside\n");
    let inside = tempfile::tempdir().unwrap();
    let root = inside.path();
    let shadow = outside.path().join("shadow");
    let up = PathBuf::from("../".repeat(20));
    fs::create_dir_all(root.join("etc")).unwrap();
    symlink(&shadow, root.join("etc/absolute")).unwrap();
    symlink(up.join(shadow.strip_prefix("/").unwrap()), root.join("etc/relative")).unwrap();
    symlink("/etc/shadow", root.join("etc/passwords")).unwrap();
    symlink(outside.path().join("d"), root.join("etc/directory")).unwrap();
    symlink("/proc/1/root/etc", root.join("etc/magic")).unwrap();
    let main = format!(
        "include /etc/absolute\ninclude /etc/relative\ninclude /etc/passwords\n\
         include /etc/directory/*.conf\ninclude /etc/magic/hostname\ninclude {}\n\
         include /../../../../{0}\nport 1\n",
        shadow.display()
    );
    write(&root.join("etc/redis/redis.conf"), &main);
    let Some(_) = redis(root) else { return };
    if !can_make_namespaces() {
        return;
    }
    fs::create_dir(root.join("proc")).unwrap();
    let mut command = Command::new("unshare");
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").args(["-m", "sh", "-c"]);
    command.arg("mount -t proc proc \"$0/proc\" && exec chroot \"$0\" /redis-server $1");
    command.arg(root).arg("/etc/redis/redis.conf");
    let target = Target::start(command);

    let trace = outside.path().join("trace");
    let mut command = Command::new("strace");
    // With the path of what each call has opened.
    command.args(["-f", "-y", "-qq", "-e", "trace=open,openat,openat2,creat", "-o"]).arg(&trace);
    command.args([GURU, "report", "--format", "json", &target.pid().to_string()]);
    let output = run(command);
    if !trace.exists() || fs::metadata(&trace).unwrap().len() == 0 {
        return skip_impossible("strace cannot trace here");
    }
    let json = stdout_of(&output);
    let report: Report = serde_json::from_str(&json).unwrap();
    let shown = configuration(&report);
    let shown: Vec<_> = shown.iter().flat_map(|(files, _)| *files).collect();
    assert!(
        shown
            .iter()
            .any(|file| file.path.raw() == "/etc/redis/redis.conf" && file.unread.is_none())
    );
    let unread = shown.iter().filter(|file| file.unread.is_some()).count();
    assert_eq!(unread, 5, "{shown:?}");
    assert!(!json.contains("leak outside") && !json.contains("root:x:"), "{json}");

    let trace = fs::read_to_string(&trace).unwrap();
    let opened: Vec<&str> = trace
        .lines()
        .filter_map(|line| line.rsplit_once(" = ")?.1.split_once('<')?.1.strip_suffix('>'))
        .collect();
    assert!(opened.iter().any(|path| path.ends_with("/etc/redis/redis.conf")), "{trace}");
    let outside = outside.path().to_str().unwrap();
    for path in opened {
        assert!(!path.starts_with(outside), "{path}");
        assert!(!matches!(path, "/etc/shadow" | "/etc/hostname" | "/etc/passwd"), "{path}");
    }
}

/// A line of a file, by its number.
type Line = fn(usize) -> String;

/// Lines that are dear to mask and to parse.
const DEAR: [(&str, Line); 3] = [
    ("sections", |nth| format!("[s{nth}]\nk=v\n")),
    ("names", |nth| format!("a.b{nth}.c=1\n")),
    ("continued", |_| "a\\\n".to_owned()),
];

#[test]
fn of_many_large_files_those_that_were_named_first_are_read() {
    for (kind, line) in DEAR {
        let place = tempfile::tempdir().unwrap();
        let Some(program) = Target::program("stacks-static") else { return };
        let server = place.path().join("server");
        fs::copy(program, &server).unwrap();
        let mut text: String = (0..).map(line).take((1 << 20) / line(0).len()).collect();
        text.truncate(1 << 20);
        let files: Vec<PathBuf> =
            (0..16).map(|nth| place.path().join(format!("f{nth:02}.conf"))).collect();
        files.iter().for_each(|file| write(file, &text));
        let mut command = Command::new(server);
        command.env_clear().args(&files);
        let target = Target::start(command);
        let pid = target.pid().to_string();
        let Some((output, peak)) = guru_with_peak(&["report", "--format", "json", &pid]) else {
            return;
        };
        assert!(peak <= MAX_PEAK, "{kind}: {peak} KiB");
        let report: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
        let notes = notes(&report);
        let unread = |file: &PathBuf| {
            let about = file.to_str().unwrap();
            notes.iter().any(|(known, what)| *known == about && what.starts_with("not read: more"))
        };
        let read = files.iter().take_while(|file| !unread(file)).count();
        assert!((3..6).contains(&read), "{kind}: {read} of {}", files.len());
        assert!(files[read..].iter().all(unread), "{kind}: {notes:?}");
        assert!(target.end());
    }
}
