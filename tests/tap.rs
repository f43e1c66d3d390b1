//! One thread is watched where a signal comes and for what it writes: every byte is seen.

use crate::support::tap::{GUARD, assert_free, identity, next, seize, send, writes};
use crate::support::{Target, await_some, python, skip_impossible, thread_states};
use guru::target::live::tap::{Seen, Watch};
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Start `writes` with these actions and this descriptor 2.
fn writer(actions: &[&str], stderr: impl Into<Stdio>) -> Option<Target> {
    let mut command = Command::new(Target::program("writes")?);
    command.args(actions).stderr(stderr);
    Some(Target::start(command))
}

/// What the program says of the writes that it has done: result and error number.
fn told(target: &mut Target) -> Vec<(String, i64, i32)> {
    target.send("tell");
    let lines = std::iter::from_fn(|| Some(target.line()).filter(|line| line != "end"));
    lines
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            (words[0].to_owned(), words[1].parse().unwrap(), words[2].parse().unwrap())
        })
        .collect()
}

/// The bytes of the nth action.
fn pattern(nth: u8, size: usize) -> Vec<u8> {
    (0..size).map(|at| if at % 64 == 63 { b'\n' } else { b'a' + nth }).collect()
}

/// Writes of every kind to one file: what is seen is what the program wrote and got.
fn every_write(target: &mut Target, wanted: &[(u8, usize)]) {
    let pid = target.pid();
    let tap = seize(pid, writes(pid)).unwrap();
    send(pid, Signal::SIGUSR2);
    tap.sent();
    assert_eq!(next(&tap), Seen::Delivered);
    let mut seen = Vec::new();
    for (nth, size) in wanted {
        match next(&tap) {
            Seen::Writing { bytes, .. } => assert!(bytes == pattern(*nth, *size), "{nth}"),
            other => panic!("{other:?}"),
        }
        match next(&tap) {
            Seen::Wrote(Ok(count)) => seen.push((i64::try_from(count).unwrap(), 0)),
            Seen::Wrote(Err(error)) => seen.push((-1, error)),
            other => panic!("{other:?}"),
        }
    }
    drop(tap);
    assert_free(pid);
    let told = await_some("all actions are done", || {
        Some(told(target)).filter(|told| told.len() >= wanted.len())
    });
    let told: Vec<_> = told.into_iter().map(|(_, result, error)| (result, error)).collect();
    assert_eq!(seen, told);
}

const EVERY: &[&str] =
    &["write:8000", "writev:9001", "send:100", "sendmsg:7777", "dup:65", "pwrite:50", "pwritev:70"];
const EVERY_BYTES: &[(u8, usize)] =
    &[(0, 8000), (1, 9001), (2, 100), (3, 7777), (4, 65), (5, 50), (6, 70)];

#[test]
fn every_way_to_write_is_seen_byte_by_byte_wherever_it_leads() {
    let directory = tempfile::tempdir().unwrap();
    let file = File::create(directory.path().join("stderr")).unwrap();
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let drained = std::thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    let (mut stream, stream_end) = UnixStream::pair().unwrap();
    let (datagrams, datagram_end) = UnixDatagram::pair().unwrap();
    let kept: Vec<(&str, &[&str], Stdio)> = vec![
        ("file", &[], file.into()),
        ("pipe", &[], pipe.into()),
        ("terminal", &["pty"], Stdio::null()),
        ("null", &[], Stdio::null()),
        ("stream", &[], OwnedFd::from(stream_end).into()),
        ("datagrams", &[], OwnedFd::from(datagram_end).into()),
    ];
    for (_name, first, stderr) in kept {
        let actions: Vec<&str> = first.iter().chain(EVERY).copied().collect();
        let Some(mut target) = writer(&actions, stderr) else { return };
        every_write(&mut target, EVERY_BYTES);
        assert!(target.end());
    }
    let plain = [pattern(0, 8000), pattern(1, 9001)].concat();
    let all = drained.join().unwrap().unwrap();
    assert!(all == [plain.clone(), pattern(4, 65)].concat());
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let sent = [plain, pattern(2, 100), pattern(3, 7777), pattern(4, 65)].concat();
    assert!(all == sent);
    let mut datagram = [0; 10000];
    assert_eq!(datagrams.recv(&mut datagram).unwrap(), 8000);
    let written = std::fs::read(directory.path().join("stderr")).unwrap();
    assert!(written.starts_with(&pattern(6, 70)), "the last pwritev is in front");
}

#[test]
fn what_goes_elsewhere_is_told_only_if_it_is_a_report() {
    let actions = ["other:500", "report:5000", "other:73", "report:73", "write:10"];
    let Some(target) = writer(&actions, Stdio::null()) else { return };
    let pid = target.pid();
    let tap = seize(pid, writes(pid)).unwrap();
    send(pid, Signal::SIGUSR2);
    assert_eq!(next(&tap), Seen::Delivered);
    for (fd, size) in [(3, 5000), (3, 73), (2, 10)] {
        let Seen::Writing { fd: seen, bytes } = next(&tap) else { panic!("no write") };
        assert_eq!((seen, bytes.len()), (fd, size));
        assert_eq!(bytes.starts_with(&[b'='; 72]), fd == 3);
        assert_eq!(next(&tap), Seen::Wrote(Ok(size as u64)));
    }
    drop(tap);
    assert!(target.end());
}

#[test]
fn a_closed_descriptor_and_bytes_that_are_not_there_are_told_as_they_are() {
    let actions = ["bad:100", "close:0", "write:10"];
    let Some(mut target) = writer(&actions, Stdio::null()) else { return };
    let pid = target.pid();
    let tap = seize(pid, writes(pid)).unwrap();
    send(pid, Signal::SIGUSR2);
    assert_eq!(next(&tap), Seen::Delivered);
    // /dev/null takes what is not there, too.
    assert_eq!(next(&tap), Seen::Writing { fd: 2, bytes: pattern(0, 100) });
    assert_eq!(next(&tap), Seen::Wrote(Ok(4196)));
    // What is closed has no identity: nobody can say that it was meant.
    await_some("all is done", || (told(&mut target).len() == 3).then_some(()));
    assert_eq!(tap.next(Instant::now()), None);
    drop(tap);
    assert!(target.end());
    let (reader, pipe) = std::io::pipe().unwrap();
    let Some(mut target) = writer(&["write:10", "bad:64"], pipe) else { return };
    drop(reader);
    let pid = target.pid();
    let tap = seize(pid, writes(pid)).unwrap();
    send(pid, Signal::SIGUSR2);
    assert_eq!(next(&tap), Seen::Delivered);
    assert_eq!(next(&tap), Seen::Writing { fd: 2, bytes: pattern(0, 10) });
    assert_eq!(next(&tap), Seen::Wrote(Err(libc::EPIPE)));
    drop(tap);
    assert_eq!(told(&mut target)[0], ("write".into(), -1, libc::EPIPE));
    assert!(target.end());
}

#[test]
fn a_write_that_nobody_reads_is_seen_to_begin_and_left_alone() {
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let Some(mut target) = writer(&["write:200000"], pipe) else { return };
    let pid = target.pid();
    let tap = seize(pid, writes(pid)).unwrap();
    send(pid, Signal::SIGUSR2);
    assert_eq!(next(&tap), Seen::Delivered);
    assert_eq!(next(&tap), Seen::Writing { fd: 2, bytes: pattern(0, 200_000) });
    await_some("it is blocked", || (thread_states(pid)[&pid].state == 'S').then_some(()));
    assert_eq!(tap.next(Instant::now()), None);
    drop(tap);
    assert_free(pid);
    assert_eq!(thread_states(pid)[&pid].call, Some(libc::SYS_write));
    // It has written nothing of it twice, and returns all of it.
    let mut all = vec![0; 200_000];
    reader.read_exact(&mut all).unwrap();
    assert!(all == pattern(0, 200_000));
    let told = await_some("the write is done", || told(&mut target).pop());
    assert_eq!(told, ("write".into(), 200_000, 0));
    assert!(target.end());
}

#[test]
fn a_part_of_a_write_is_told_as_a_part() {
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let Some(mut target) = writer(&["nonblock", "write:200000", "write:10"], pipe) else { return };
    every_write(&mut target, &[(0, 200_000), (1, 10)]);
    let told = told(&mut target);
    assert!(told[0].1 > 0 && told[0].1 < 200_000, "{told:?}");
    assert_eq!((told[1].1, told[1].2), (-1, libc::EAGAIN));
    assert!(target.end());
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert!(all == pattern(0, usize::try_from(told[0].1).unwrap()));
}

#[test]
fn three_megabytes_for_a_slow_reader_arrive() {
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let slow = std::thread::spawn(move || {
        let (mut all, mut some) = (Vec::new(), [0; 40_000]);
        while let Ok(count @ 1..) = reader.read(&mut some) {
            all.extend_from_slice(&some[..count]);
            // The slowness itself.
            std::thread::sleep(Duration::from_millis(1));
        }
        all
    });
    let Some(mut target) = writer(&["write:3000000", "write:1"], pipe) else { return };
    every_write(&mut target, &[(0, 3_000_000), (1, 1)]);
    assert!(target.end());
    assert!(slow.join().unwrap() == [pattern(0, 3_000_000), pattern(1, 1)].concat());
}

#[test]
fn a_thread_is_watched_without_a_signal() {
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let Some(mut target) = writer(&["write:5000", "write:1"], pipe) else { return };
    let pid = target.pid();
    let watch = Watch::Writes { signal: None, stderr: identity(pid, 2) };
    let tap = seize(pid, watch).unwrap();
    // It is watched when the kernel shows that it was stopped and waits again.
    await_some("it waits again", || (thread_states(pid)[&pid].state == 'S').then_some(()));
    send(pid, Signal::SIGUSR2);
    assert_eq!(next(&tap), Seen::Writing { fd: 2, bytes: pattern(0, 5000) });
    assert_eq!(next(&tap), Seen::Wrote(Ok(5000)));
    assert_eq!(next(&tap), Seen::Writing { fd: 2, bytes: pattern(1, 1) });
    assert_eq!(next(&tap), Seen::Wrote(Ok(1)));
    drop(tap);
    assert_eq!(told(&mut target).len(), 2);
    let mut all = [0; 5001];
    reader.read_exact(&mut all).unwrap();
    assert!(target.end());
}

#[test]
fn a_signal_that_another_thread_takes_is_told_and_the_writes_are_watched() {
    let Some(script) = python() else { return skip_impossible("no Python 3.11") };
    let mut command = Command::new(script);
    // The handler runs in the first thread, whichever took the signal.
    command.args(["-c", OTHER_TAKES_IT]).stderr(Stdio::null());
    let target = Target::start(command);
    let pid = target.pid();
    let tap = seize(pid, writes(pid)).unwrap();
    send(pid, Signal::SIGUSR2);
    tap.sent();
    assert_eq!(next(&tap), Seen::TakenByOther);
    assert_eq!(next(&tap), Seen::Writing { fd: 2, bytes: b"the report\n".to_vec() });
    assert_eq!(next(&tap), Seen::Wrote(Ok(11)));
    drop(tap);
    let guard = seize(pid, GUARD).unwrap();
    send(pid, Signal::SIGUSR2);
    guard.sent();
    assert_eq!(next(&guard), Seen::TakenByOther);
    assert_free(pid);
    assert!(target.end());
}

/// The first thread blocks the signal; it looks for handlers to run now and then.
const OTHER_TAKES_IT: &str = r"
import os, signal, sys, threading, time
signal.signal(signal.SIGUSR2, lambda *_: (time.sleep(0.5), os.write(2, b'the report\n')))
threading.Thread(target=lambda: threading.Event().wait(), daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
done = threading.Thread(target=sys.stdin.read, daemon=True)
done.start()
print('ready', os.getpid(), flush=True)
while done.is_alive(): time.sleep(0.01)
os._exit(0)
";

#[test]
fn a_python_writes_its_report_and_sees_no_difference() {
    let Some(script) = python() else { return skip_impossible("no Python 3.11") };
    let (mut reader, pipe) = std::io::pipe().unwrap();
    let mut command = Command::new(script);
    command.args(["-c", PYTHON_REPORT]).stderr(pipe);
    let target = Target::start(command);
    let drained = std::thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    let pid = target.pid();
    let mut every = Vec::new();
    for round in 0..10 {
        let tap = seize(pid, writes(pid)).unwrap();
        send(pid, Signal::SIGUSR2);
        assert_eq!(next(&tap), Seen::Delivered);
        let mut report = Vec::new();
        while !report.ends_with(b"\nend\n") {
            let Seen::Writing { bytes, .. } = next(&tap) else { panic!("no write") };
            let Seen::Wrote(Ok(count)) = next(&tap) else { panic!("not written") };
            report.extend_from_slice(&bytes[..usize::try_from(count).unwrap()]);
        }
        assert!(report.starts_with(format!("{round}\n{}", "=".repeat(72)).as_bytes()));
        assert!(report.len() > 300_000);
        every.extend(report);
    }
    assert!(target.end());
    assert!(drained.join().unwrap().unwrap() == every);
}

const PYTHON_REPORT: &str = r"
import os, signal, sys, linecache
rounds = 0
def report(*_):
    global rounds
    for name in os.listdir('/proc/self/fd'): os.stat('/proc/self/status')
    mine, rounds = rounds, rounds + 1  # before the next signal can come
    print(mine, '=' * 72, 'line\n' * 70000, 'end', sep='\n', file=sys.stderr)
signal.signal(signal.SIGUSR2, report)
print('ready', os.getpid(), flush=True)
sys.stdin.read()
sys.exit(0 if rounds == 10 else 1)
";
