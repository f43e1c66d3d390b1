//! What a file descriptor of the process leads to.

use procfs::process::Process;
use std::cell::OnceCell;
use std::collections::HashMap;

use crate::target::live::proc::ProcDir;
use crate::text::Text;

/// The most descriptors of one epoll instance that are named.
const MAX_WATCHED: usize = 8;

/// How much is read of the list of an epoll instance, in bytes: some 10,000 descriptors.
const MAX_LIST: usize = 1 << 20;

/// How much is read of the list of all local sockets, in bytes: those of a busy host.
const MAX_UNIX: usize = 32 << 20;

/// Descriptors of one process.
pub struct Descriptors {
    pid: i32,
    /// Its directory; `None` if it is gone.
    process: Option<ProcDir>,
    /// Sockets by inode. Read when the first socket is met: a busy host has 100,000.
    sockets: OnceCell<HashMap<u64, Text>>,
}

impl Descriptors {
    /// The descriptors of this process.
    pub fn new(pid: i32) -> Descriptors {
        Descriptors { pid, process: ProcDir::open(pid).ok(), sockets: OnceCell::new() }
    }

    /// As [`Self::describe`]; of an epoll instance with the descriptors that it watches: what the
    /// main loop of a service waits for.
    pub fn describe_with_watched(&self, fd: i32) -> Text {
        let list = self
            .process
            .as_ref()
            .and_then(|process| process.bytes(&format!("fdinfo/{fd}"), MAX_LIST));
        let list = list.unwrap_or_default();
        let watched = watched(&list);
        let known = self.describe(fd);
        if watched.is_empty() {
            return known;
        }
        let mut shown: Vec<String> = watched
            .iter()
            .take(MAX_WATCHED)
            .map(|fd| self.describe(*fd).raw().to_owned())
            .collect();
        if watched.len() > MAX_WATCHED {
            shown.push(format!("{} more", watched.len() - MAX_WATCHED));
        }
        format!("{} of {}", known.raw(), shown.join(", ")).into()
    }

    /// `fd 5: socket tcp 127.0.0.1:80 (listening)`, `fd 3: pipe 4711`, `fd 0: /dev/null`.
    pub fn describe(&self, fd: i32) -> Text {
        let link = self.process.as_ref().and_then(|process| process.link(&format!("fd/{fd}")).ok());
        let Some(link) = link else { return format!("fd {fd}").into() };
        let name = link.as_slice();
        let inode = |prefix: &[u8]| {
            let digits = name.strip_prefix(prefix)?.strip_suffix(b"]")?;
            std::str::from_utf8(digits).ok()?.parse::<u64>().ok()
        };
        if let Some(inode) = inode(b"socket:[") {
            return match self.sockets().get(&inode) {
                Some(known) => format!("fd {fd}: {}", known.raw()).into(),
                None => format!("fd {fd}: socket {inode}").into(),
            };
        }
        if let Some(inode) = inode(b"pipe:[") {
            return format!("fd {fd}: pipe {inode}").into();
        }
        // `anon_inode:[eventpoll]`, with brackets or, as of some drivers, without.
        let name = name.strip_prefix(b"anon_inode:").unwrap_or(name);
        let name = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name);
        let name = if name == b"eventpoll" { b"epoll" } else { name };
        Text::from_bytes(&[format!("fd {fd}: ").as_bytes(), name].concat())
    }

    fn sockets(&self) -> &HashMap<u64, Text> {
        self.sockets.get_or_init(|| {
            let mut known =
                Process::new(self.pid).map(|process| internet(&process)).unwrap_or_default();
            let local =
                self.process.as_ref().and_then(|process| process.bytes("net/unix", MAX_UNIX));
            known
                .extend(local.iter().flat_map(|list| list.split(|b| *b == b'\n').filter_map(unix)));
            known
        })
    }
}

/// The descriptors in the `fdinfo` of an epoll instance (proc_pid_fdinfo(5)), sorted.
pub fn watched(list: &[u8]) -> Vec<i32> {
    let lines = list.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"tfd:"));
    let number = |line| std::str::from_utf8(line).ok()?.split_whitespace().next()?.parse().ok();
    let mut watched: Vec<i32> = lines.filter_map(number).collect();
    watched.sort_unstable();
    watched
}

/// A line of `net/unix` (proc_net_unix is in proc_pid_net(5)): the inode of a socket, and what it is.
/// A path may hold any bytes.
pub fn unix(line: &[u8]) -> Option<(u64, Text)> {
    let mut words = line.splitn(7, |byte| *byte == b' ').skip(6);
    let rest = words.next()?.trim_ascii_start();
    let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
    let (inode, path) = rest.split_at(end);
    let inode = std::str::from_utf8(inode).ok()?.parse().ok()?;
    let text = match path.strip_prefix(b" ") {
        Some(path) => Text::from_bytes(&[b"socket unix ", path].concat()),
        None => format!("socket unix, unnamed, inode {inode}").into(),
    };
    Some((inode, text))
}

/// The sockets of the internet in the process's network namespace, by inode: numbers only.
fn internet(process: &Process) -> HashMap<u64, Text> {
    let mut known = HashMap::new();
    let tcp = [process.tcp(), process.tcp6()];
    for entry in tcp.into_iter().filter_map(Result::ok).flatten() {
        let (local, remote) = (entry.local_address, entry.remote_address);
        let text = match entry.state {
            procfs::net::TcpState::Listen => format!("socket tcp {local} (listening)"),
            state => format!("socket tcp {local} to {remote} ({state:?})"),
        };
        known.insert(entry.inode, text.into());
    }
    let udp = [process.udp(), process.udp6()];
    for entry in udp.into_iter().filter_map(Result::ok).flatten() {
        let (local, remote) = (entry.local_address, entry.remote_address);
        let text = match remote.port() {
            0 => format!("socket udp {local}"),
            _ => format!("socket udp {local} to {remote}"),
        };
        known.insert(entry.inode, text.into());
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptors_of_an_epoll_instance_are_read() {
        let list = b"pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t2\n\
                    tfd:       12 events:       19 data:          c  pos:0 ino:1a sdev:8\n\
                    tfd:        5 events: 80000019 data:          5  pos:0 ino:1b sdev:8\n\
                    tfd:        x\ntfd: \xff\n";
        assert_eq!(watched(list), [5, 12]);
        assert_eq!(watched(b"pos:\t0\n"), [] as [i32; 0]);
    }

    #[test]
    fn local_sockets_are_read_with_all_bytes_of_their_paths() {
        let line =
            |rest: &[u8]| unix(&[b"ffff: 00000002 00000000 00010000 0001 01 ", rest].concat());
        assert_eq!(line(b" 1234 /run/a b\xff"), Some((1234, "socket unix /run/a b\\xff".into())));
        assert_eq!(line(b"56"), Some((56, "socket unix, unnamed, inode 56".into())));
        assert_eq!(line(b"Inode Path"), None);
        assert_eq!(unix(b"Num RefCount"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(text: Vec<u8>) {
            watched(&[b"tfd:", text.as_slice()].concat());
            unix(&text);
            unix(&[b"a b c d e f ", text.as_slice()].concat());
        }
    }
}
