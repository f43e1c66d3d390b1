//! A file is touched as a process sees it, and one guru at a time does that.

use crate::support::await_some;
use crate::support::nobody::{NOBODY, chmod};
use crate::support::writer::{Writer, fifo};
use guru::target::live::touch::{TouchError, touch};
use guru::target::live::turn::Turn;
use guru::text::Text;
use std::fs::{self, File};
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

/// When a file was modified.
fn modified(path: &Path) -> SystemTime {
    path.metadata().unwrap().modified().unwrap()
}

#[test]
fn a_file_is_touched_and_its_time_always_moves_forward() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trigger");
    fs::write(&path, "content").unwrap();
    let Some(mut writer) = Writer::start(Stdio::null()) else { return };
    let text = Text::from(path.to_str().unwrap());
    let past = SystemTime::now() - Duration::from_secs(1000);
    File::options().write(true).open(&path).unwrap().set_modified(past).unwrap();
    touch(&writer.process, &text).unwrap();
    assert!(modified(&path) > past + Duration::from_secs(900));
    // Again and again, within the same tick of the clock.
    for _ in 0..20 {
        let before = modified(&path);
        touch(&writer.process, &text).unwrap();
        assert!(modified(&path) > before);
    }
    let future = SystemTime::now() + Duration::from_secs(1000);
    File::options().write(true).open(&path).unwrap().set_modified(future).unwrap();
    touch(&writer.process, &text).unwrap();
    assert!(modified(&path) > future);
    assert_eq!(fs::read(&path).unwrap(), b"content");
    // Named from where the process is.
    writer.run(&format!("os.chdir({:?})", directory.path()));
    assert!(touch(&writer.process, &"trigger".into()).is_ok());
}

#[test]
fn what_can_not_be_touched_is_told_and_nothing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let Some(writer) = Writer::start(Stdio::null()) else { return };
    let path = |name: &str| Text::from(directory.path().join(name).to_str().unwrap());
    assert_eq!(touch(&writer.process, &path("none")), Err(TouchError::Gone));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    assert_eq!(touch(&writer.process, &path("")), Err(TouchError::NotAFile));
    let reader = fifo(&directory.path().join("fifo"));
    assert_eq!(touch(&writer.process, &path("fifo")), Err(TouchError::NotAFile));
    assert_eq!(touch(&writer.process, &"/dev/null".into()), Err(TouchError::NotAFile));
    drop(reader);
}

#[test]
fn a_file_outside_of_the_root_of_the_process_is_not_touched() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let past = SystemTime::now() - Duration::from_secs(1000);
    outside.as_file().set_modified(past).unwrap();
    symlink(outside.path(), root.path().join("escape")).unwrap();
    let up = format!("{}{}", "../".repeat(20), outside.path().to_str().unwrap());
    symlink(&up, root.path().join("up")).unwrap();
    fs::write(root.path().join("trigger"), "").unwrap();
    symlink("/trigger", root.path().join("inside")).unwrap();
    let Some(writer) = Writer::start_below(root.path(), "/") else { return };
    for path in ["/escape", "/up", &up] {
        assert_eq!(touch(&writer.process, &path.into()), Err(TouchError::Gone), "{path}");
    }
    assert_eq!(modified(outside.path()), past);
    for path in ["/trigger", "/inside", "trigger", "/../trigger"] {
        assert!(touch(&writer.process, &path.into()).is_ok(), "{path}");
    }
}

#[test]
fn only_what_the_process_may_write_itself_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    chmod(directory.path(), 0o755);
    let path = |name: &str| directory.path().join(name);
    let past = SystemTime::now() - Duration::from_secs(1000);
    let make = |name: &str, owner: u32, mode: u32| {
        fs::write(path(name), "").unwrap();
        chown(path(name), Some(owner), Some(owner)).unwrap();
        chmod(&path(name), mode);
        File::options().write(true).open(path(name)).unwrap().set_modified(past).unwrap();
        Text::from(path(name).to_str().unwrap())
    };
    let readable = make("readable", 0, 0o644);
    let own = make("own", NOBODY, 0o444);
    let writable = make("writable", 0, 0o666);
    fs::create_dir(path("below")).unwrap();
    let below = make("below/writable", 0, 0o666);
    chmod(&path("below"), 0o700);
    symlink(path("readable"), path("link")).unwrap();
    let link = Text::from(path("link").to_str().unwrap());
    let Some(writer) = Writer::start_as_nobody(Stdio::null()) else { return };
    for refused in [&readable, &below, &link] {
        assert_eq!(touch(&writer.process, refused), Err(TouchError::NotForTarget), "{refused:?}");
        assert_eq!(modified(Path::new(refused.raw())), past);
    }
    for touched in [&own, &writable] {
        assert_eq!(touch(&writer.process, touched), Ok(()), "{touched:?}");
        assert!(modified(Path::new(touched.raw())) > past);
    }
    // Only its owner may set another time than now.
    let future = SystemTime::now() + Duration::from_secs(1000);
    File::options().write(true).open(path("writable")).unwrap().set_modified(future).unwrap();
    assert_eq!(touch(&writer.process, &writable), Err(TouchError::Ahead));
    assert_eq!(modified(&path("writable")), future);
}

#[test]
fn a_link_that_changes_all_the_time_leads_to_no_other_file() {
    let directory = tempfile::tempdir().unwrap();
    chmod(directory.path(), 0o777);
    let (own, other) = (directory.path().join("own"), directory.path().join("other"));
    let past = SystemTime::now() - Duration::from_secs(1000);
    for path in [&own, &other] {
        fs::write(path, "").unwrap();
        File::options().write(true).open(path).unwrap().set_modified(past).unwrap();
    }
    chown(&own, Some(NOBODY), Some(NOBODY)).unwrap();
    let Some(mut writer) = Writer::start_as_nobody(Stdio::null()) else { return };
    let link = Text::from(directory.path().join("link").to_str().unwrap());
    let place = directory.path();
    writer.run(&format!(
        "import threading; os.chdir({place:?}); os.symlink('own', 'link'); over = []"
    ));
    let swap = "while not over: os.symlink('own', 'a'); os.rename('a', 'link'); \
                os.symlink('other', 'a'); os.rename('a', 'link')";
    writer.run(&format!("swap = lambda: exec({swap:?})"));
    writer.run("thread = threading.Thread(target=swap); thread.start()");
    let touched = (0..500).filter(|_| touch(&writer.process, &link).is_ok()).count();
    writer.run("over.append(1); thread.join()");
    assert!(touched > 0 && touched < 500, "the link was never swapped in time: {touched}");
    assert_eq!(modified(&other), past);
    assert!(modified(&own) > past);
}

#[test]
fn another_program_has_the_turn_until_it_is_killed() {
    let Some(mut other) = Writer::start(Stdio::null()) else { return };
    let Some(writer) = Writer::start(Stdio::null()) else { return };
    let environ = format!("/proc/{}/environ", writer.pid());
    other.run(&format!("import fcntl; f = open({environ:?}); fcntl.flock(f, fcntl.LOCK_EX)"));
    assert!(Turn::take(writer.pid()).unwrap().is_none());
    drop(other);
    let taken = await_some("the lock is free", || Turn::take(writer.pid()).unwrap());
    assert!(Turn::take(writer.pid()).unwrap().is_none());
    drop(taken);
}
