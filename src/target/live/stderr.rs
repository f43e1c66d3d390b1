//! Where the standard error of a process leads: the facts, and nothing is written or read there.
//!
//! Only a pipe is opened, for writing and for a moment (see `state`).

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use crate::target::live::descriptor::Descriptors;
use crate::target::live::facts::{Root, variable};
use crate::target::live::fds::{AtRest, Fds, at_rest};
use crate::target::live::{LiveProcess, open, readers};
use crate::target::stderr::{PipeState, Stderr, StderrKind};
use crate::text::Text;

/// The descriptor that is the standard error.
pub const STDERR: i32 = 2;

/// What `/dev/null` is, wherever it lies: major and minor number (the kernel's
/// `Documentation/admin-guide/devices.txt`).
const NULL: (u32, u32) = (1, 3);

/// Where descriptor 2 of a process leads.
pub fn stderr(process: &LiveProcess) -> Stderr {
    let hidden = |why: String| Stderr { kind: StderrKind::Hidden(why), identity: None };
    let found = Fds::open(process.living).and_then(|fds| Ok((fds.handle(STDERR)?, fds)));
    let (handle, fds) = match found {
        Ok(found) => found,
        Err(Errno::NOENT | Errno::SRCH) => {
            return match process.check_unchanged() {
                Ok(()) => Stderr { kind: StderrKind::Closed, identity: None },
                Err(error) => hidden(error.to_string()),
            };
        }
        Err(error) => return hidden(std::io::Error::from(error).to_string()),
    };
    let stat = match at_rest(&handle) {
        Ok(stat) => stat,
        Err(error) => return hidden(std::io::Error::from(error).to_string()),
    };
    let link = fds.link(STDERR).unwrap_or_default();
    let root = Root::of(&process.process);
    let name = || Text::from_bytes(root.inside(&link));
    let identity = stat.identity;
    let kind = match FileType::from_raw_mode(stat.mode) {
        FileType::RegularFile => {
            let (path, deleted) = without_mark(process, root.inside(&link), &stat);
            StderrKind::File { path: Text::from_bytes(path), deleted }
        }
        FileType::Fifo => {
            let found = readers::of(process, &link, identity);
            let (readers, unseen) = (found.readers, found.unseen);
            // A FIFO has a name, and may lie where a server is asked by whoever opens it.
            let served = link.starts_with(b"/") && process.deputy().mounts().serve(&handle);
            let state = if served { None } else { state(&handle, &fds) };
            StderrKind::Pipe { readers, unseen, state }
        }
        FileType::Socket => StderrKind::Socket {
            peer: socket(process.living),
            journal: is_journal_stream(process, identity),
        },
        FileType::CharacterDevice => {
            let device = stat.device;
            match device {
                NULL => StderrKind::Null,
                _ if is_terminal(device) => StderrKind::Terminal(name()),
                _ => StderrKind::Other(name()),
            }
        }
        _ => StderrKind::Other(name()),
    };
    Stderr { kind, identity: Some(identity) }
}

/// The path of a file without the mark of the kernel for a name that is gone, and whether it is gone.
/// A file that exists may be called so, too: then it is at that path.
fn without_mark<'a>(process: &LiveProcess, link: &'a [u8], stat: &AtRest) -> (&'a [u8], bool) {
    let Some(path) = link.strip_suffix(b" (deleted)") else { return (link, stat.links == 0) };
    let there = process.deputy().find(link).is_ok_and(|(_, found)| found.identity == stat.identity);
    if there { (link, false) } else { (path, true) }
}

/// How a pipe stands.
///
/// Only its writing end tells whether it has a reader and has room, so that it is opened for a
/// moment: never the reading end, which would take bytes, keep the writers of an abandoned pipe alive,
/// or start a FIFO. One more writer changes this much (the kernel's `fs/pipe.c`): if the last real
/// writer closes it within these microseconds, the reader learns of the end that much later. A
/// FIFO's opening wakes who waits in `open` for a writer, and so nothing is opened unless the process
/// itself has it open for writing, when nobody waits. The kernel also remembers that it was polled,
/// and wakes its reader at every write from then on, not only at the first into the empty pipe: the
/// reader of a log waits in `poll` itself, which does the same.
fn state(handle: &OwnedFd, fds: &Fds) -> Option<PipeState> {
    let mode = fds.info(STDERR).ok()?.flags & OFlags::RWMODE;
    if mode == OFlags::RDONLY {
        return None;
    }
    let end = match open::writing_end(handle) {
        Ok(end) => end,
        // A FIFO that nobody reads, by fifo(7); a pipe without a name can be opened even then.
        Err(Errno::NXIO) => {
            return Some(PipeState { abandoned: true, full: false, unread: 0, capacity: 0 });
        }
        Err(_) => return None,
    };
    let mut polled = [PollFd::new(&end, PollFlags::OUT)];
    poll(&mut polled, Some(&Timespec::default())).ok()?;
    let seen = polled[0].revents();
    let unread = rustix::io::ioctl_fionread(end.as_fd()).ok()?;
    let capacity = rustix::pipe::fcntl_getpipe_size(end.as_fd()).ok()? as u64;
    let abandoned = seen.contains(PollFlags::ERR);
    Some(PipeState { abandoned, full: !seen.contains(PollFlags::OUT), unread, capacity })
}

/// What a socket is: `socket unix /run/x`, `socket tcp 127.0.0.1:80 to …`.
fn socket(pid: i32) -> Text {
    let known = Descriptors::new(pid).describe(STDERR);
    let bare = known.raw().strip_prefix("fd 2: ").map(Text::from);
    bare.unwrap_or(known)
}

/// Whether systemd connected this very socket to the journal: it says so in the environment, by
/// device and inode, for those who want to know (systemd.exec(5)). Processes inherit the variable
/// and may have another standard error; so both are compared.
fn is_journal_stream(process: &LiveProcess, identity: (u64, u64)) -> bool {
    let told = variable(&process.process, "JOURNAL_STREAM");
    told.and_then(|told| parse_journal_stream(told.raw())) == Some(identity)
}

/// `8:4711`: device and inode, decimal.
fn parse_journal_stream(value: &str) -> Option<(u64, u64)> {
    let (device, inode) = value.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

/// Whether a character device is a terminal, by the kernel's own list of their drivers.
fn is_terminal(device: (u32, u32)) -> bool {
    // The kernel's own text, a line for each driver.
    let list = std::fs::read("/proc/tty/drivers").unwrap_or_default();
    drives(&String::from_utf8_lossy(&list), device)
}

/// Whether a device is in the list of `/proc/tty/drivers` (proc_tty(5)):
/// `pty_slave /dev/pts 136 0-1048575 pty:slave`. Pseudo-terminals have the majors from 136 to 143, of
/// which the list has the first.
fn drives(list: &str, (major, minor): (u32, u32)) -> bool {
    let major = if (136..144).contains(&major) { 136 } else { major };
    list.lines().any(|line| {
        let mut words = line.split_whitespace().skip(2);
        let (Some(number), Some(range)) = (words.next(), words.next()) else { return false };
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse(), last.parse::<u32>()) else { return false };
        number.parse() == Ok(major) && (first..=last).contains(&minor)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_known_by_their_drivers() {
        let list = "/dev/tty             /dev/tty        5       0 system:/dev/tty\n\
                    serial               /dev/ttyS       4 64-111 serial\n\
                    pty_slave            /dev/pts      136 0-1048575 pty:slave\nnonsense\n";
        for device in [(5, 0), (4, 64), (4, 111), (136, 3), (137, 0)] {
            assert!(drives(list, device), "{device:?}");
        }
        for device in [(5, 1), (4, 112), (1, 3), (1, 7), (144, 0)] {
            assert!(!drives(list, device), "{device:?}");
        }
    }

    #[test]
    fn the_stream_of_the_journal_is_read() {
        assert_eq!(parse_journal_stream("9:4711"), Some((9, 4711)));
        for bad in ["", "9", "9:", ":1", "9:x", "9:1:2", "-1:2"] {
            assert_eq!(parse_journal_stream(bad), None, "{bad}");
        }
    }
}
