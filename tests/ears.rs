//! What a process writes to a file or into a directory is read, whatever becomes of these meanwhile.

use crate::support::DEADLINE;
use crate::support::writer::{Writer, appending};
use guru::target::live::dump_dir::DumpDir;
use guru::target::live::tail::{Follows, Tail};
use guru::text::Text;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What was appended until it ends so.
fn read_until(tail: &mut Tail, end: &[u8]) -> Vec<u8> {
    let until = Instant::now() + DEADLINE;
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.extend(tail.wait(until).unwrap());
        assert!(Instant::now() < until, "{:?}", String::from_utf8_lossy(&bytes));
    }
    bytes
}

#[test]
fn a_file_is_read_from_where_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, "before\n").unwrap();
    let Some(mut writer) = Writer::start(appending(&path)) else { return };
    let mut tail = Tail::open(&writer.process).unwrap();
    assert_eq!(tail.read().unwrap(), b"");
    // More than one read gives.
    writer.run("data = bytes(range(256)) * 40_000; os.write(2, data); os.write(2, b'end\\n')");
    let read = read_until(&mut tail, b"end\n");
    let expected: Vec<u8> = (0..=255).cycle().take(256 * 40_000).chain(*b"end\n").collect();
    assert!(read == expected, "{} bytes", read.len());
    assert_eq!(tail.wait(Instant::now()).unwrap(), b"");
    assert_eq!(tail.follows(), Follows::Stderr);
}

#[test]
fn a_file_is_followed_when_it_is_renamed_deleted_and_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, "before\n").unwrap();
    let Some(mut writer) = Writer::start(appending(&path)) else { return };
    let mut tail = Tail::open(&writer.process).unwrap();
    fs::rename(&path, directory.path().join("log.1")).unwrap();
    fs::write(&path, "another\n").unwrap();
    writer.run("os.write(2, b'renamed\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"renamed\n");
    fs::remove_file(directory.path().join("log.1")).unwrap();
    writer.run("os.write(2, b'deleted\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"deleted\n");
    // copytruncate
    writer.run("os.ftruncate(2, 0); os.write(2, b'cut\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"cut\n");
    // Also where nobody looked while it was shorter.
    writer.run("os.ftruncate(2, 0); os.write(2, b'longer than before\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"longer than before\n");
    writer.run("os.write(2, b'more\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"more\n");
}

#[test]
fn a_descriptor_that_does_not_append_is_read_where_it_writes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, "0123456789 and more").unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let Some(mut writer) = Writer::start(file) else { return };
    let mut tail = Tail::open(&writer.process).unwrap();
    writer.run("os.write(2, b'abc\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"abc\n");
    assert_eq!(fs::read(&path).unwrap(), b"abc\n456789 and more");
    // Cut, it goes on where it was, behind a hole.
    writer.run("os.write(2, b'lost\\n'); os.ftruncate(2, 0)");
    assert_eq!(tail.read().unwrap(), b"");
    writer.run("os.write(2, b'def\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"def\n");
    assert_eq!(fs::read(&path).unwrap(), b"\0\0\0\0\0\0\0\0\0def\n");
}

#[test]
fn another_file_is_followed_and_what_is_none_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("old"), "before\n").unwrap();
    let Some(mut writer) = Writer::start(appending(&path("log"))) else { return };
    let mut tail = Tail::open(&writer.process).unwrap();
    let open = |path: &Path| {
        let flags = "os.O_WRONLY | os.O_CREAT | os.O_APPEND";
        format!("fd = os.open({path:?}, {flags}); os.dup2(fd, 2); os.close(fd)")
    };
    // A new file is the process's answer from its start on, and what came before is not lost.
    writer.run(&format!("os.write(2, b'first\\n'); {}", open(&path("new"))));
    writer.run("os.write(2, b'second\\n')");
    assert_eq!(read_until(&mut tail, b"second\n"), b"first\nsecond\n");
    // What an older one held is not, and it is followed from this look on.
    writer.run(&open(&path("old")));
    assert_eq!(tail.read().unwrap(), b"");
    writer.run("os.write(2, b'third\\n')");
    assert_eq!(read_until(&mut tail, b"\n"), b"third\n");
    writer.run("os.dup2(os.open('/dev/null', os.O_WRONLY), 2)");
    assert_eq!(tail.read().unwrap(), b"");
    assert_eq!(tail.follows(), Follows::Lost);
    writer.run("os.close(2)");
    assert_eq!(tail.read().unwrap(), b"");
    assert_eq!(tail.follows(), Follows::Closed);
}

#[test]
fn what_a_process_wrote_before_it_ended_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let Some(mut writer) = Writer::start(appending(&path)) else { return };
    let mut tail = Tail::open(&writer.process).unwrap();
    writer.run("os.write(2, b'last words\\n')");
    assert!(writer.end());
    assert_eq!(read_until(&mut tail, b"\n"), b"last words\n");
    assert_eq!(tail.read().unwrap(), b"");
    assert_eq!(tail.follows(), Follows::Closed);
}

#[test]
fn only_a_regular_file_is_opened_for_reading() {
    let (reader, pipe) = io::pipe().unwrap();
    let Some(writer) = Writer::start(pipe) else { return };
    let error = Tail::open(&writer.process).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    drop(reader);
    writer.await_abandoned();
}

/// Waits for the next report in a directory.
fn dumped(watched: &mut DumpDir) -> (String, Vec<u8>) {
    let dumped = watched.next(Instant::now() + DEADLINE).unwrap().unwrap();
    (dumped.name.raw().to_owned(), dumped.bytes.unwrap())
}

/// Both ways to watch a directory.
fn both_ways(writer: &Writer, path: &str, service: Option<&str>) -> [DumpDir; 2] {
    let (path, service) = (Text::from(path), service.map(Text::from));
    let told = DumpDir::watch(&writer.process, &path, service.as_ref()).unwrap();
    assert!(told.is_told());
    [told, DumpDir::listed(&writer.process, &path, service.as_ref()).unwrap()]
}

#[test]
fn reports_in_a_directory_are_found_when_they_are_whole() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mut writer) = Writer::start(Stdio::null()) else { return };
    writer.run(&format!("os.chdir({:?})", directory.path()));
    writer.run("f = open('a_gurumeditation_0', 'w'); f.write('before'); f.close()");
    let mut ways = both_ways(&writer, directory.path().to_str().unwrap(), None);
    for watched in &mut ways {
        assert!(watched.next(Instant::now()).unwrap().is_none());
    }
    writer.run("open('a.log', 'w').write('no report'); os.mkdir('b_gurumeditation_0')");
    writer.run("f = open('a_gurumeditation_1', 'w'); f.flush()");
    for watched in &mut ways {
        let none = watched.next(Instant::now() + Duration::from_millis(20)).unwrap();
        assert!(none.is_none(), "{none:?}");
    }
    writer.run("f.write('one'); f.close()");
    for watched in &mut ways {
        assert_eq!(dumped(watched), ("a_gurumeditation_1".to_owned(), b"one".to_vec()));
    }
    // The same file once more: in the same second the name is the same.
    writer.run("f = open('a_gurumeditation_1', 'w'); f.write('two'); f.close()");
    for watched in &mut ways {
        assert_eq!(dumped(watched), ("a_gurumeditation_1".to_owned(), b"two".to_vec()));
    }
    writer.run("f = open('x', 'w'); f.write('three'); f.close()");
    writer.run("os.rename('x', 'a_gurumeditation_0')");
    for watched in &mut ways {
        assert_eq!(dumped(watched), ("a_gurumeditation_0".to_owned(), b"three".to_vec()));
        assert!(watched.next(Instant::now()).unwrap().is_none());
    }
}

#[test]
fn reports_of_other_services_and_links_are_not_taken() {
    let directory = tempfile::tempdir().unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "secret").unwrap();
    let Some(mut writer) = Writer::start(Stdio::null()) else { return };
    writer.run(&format!("os.chdir({:?})", directory.path()));
    // The directory is where the process is.
    let mut ways = both_ways(&writer, ".", Some("nova"));
    symlink(secret.path(), directory.path().join("x")).unwrap();
    writer.run("os.rename('x', 'nova_gurumeditation_0')");
    writer.run("f = open('glance_gurumeditation_1', 'w'); f.write('other'); f.close()");
    writer.run("f = open('nova_gurumeditation_2', 'w'); f.write('one'); f.close()");
    for watched in &mut ways {
        assert_eq!(dumped(watched), ("nova_gurumeditation_2".to_owned(), b"one".to_vec()));
        let none = watched.next(Instant::now() + Duration::from_millis(200)).unwrap();
        assert!(none.is_none(), "{none:?}");
    }
}

#[test]
fn a_directory_is_found_inside_the_root_of_the_process_only() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("var/log")).unwrap();
    symlink(outside.path(), root.path().join("escape")).unwrap();
    symlink("/var/log", root.path().join("inside")).unwrap();
    let up = format!("{}{}", "../".repeat(20), outside.path().to_str().unwrap());
    symlink(&up, root.path().join("up")).unwrap();
    let Some(mut writer) = Writer::start_below(root.path(), "/var") else { return };
    for path in ["/escape", "/up", &up, "/none", "/proc/self/root"] {
        let watched = DumpDir::watch(&writer.process, &path.into(), None);
        assert!(watched.is_err(), "{path}");
    }
    for path in ["/inside", "/var/log", "log", "./../../../var/log"] {
        let mut watched = DumpDir::watch(&writer.process, &path.into(), None).unwrap();
        writer.run("f = open('/var/log/a_gurumeditation_1', 'w'); f.write('one'); f.close()");
        assert_eq!(dumped(&mut watched).1, b"one", "{path}");
    }
}
