//! What a file descriptor of the process leads to.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;

use procfs::process::Process;

use crate::text::Text;

/// The most descriptors of one epoll instance that are named.
const MAX_WATCHED: usize = 8;

/// How much is read of the list of an epoll instance, in bytes: some 10,000 descriptors.
const MAX_LIST: u64 = 1 << 20;

/// Descriptors of one process.
pub struct Descriptors {
    pid: i32,
    /// Sockets by inode. Read when the first socket is met: a busy host has 100,000.
    sockets: OnceCell<HashMap<u64, String>>,
}

impl Descriptors {
    /// The descriptors of this process.
    pub fn new(pid: i32) -> Descriptors {
        Descriptors { pid, sockets: OnceCell::new() }
    }

    /// As [`Self::describe`]; of an epoll instance with the descriptors that it watches: what the
    /// main loop of a service waits for.
    pub fn describe_with_watched(&self, fd: i32) -> Text {
        let mut list = String::new();
        if let Ok(file) = File::open(format!("/proc/{}/fdinfo/{fd}", self.pid)) {
            // What could be read before an error is as good.
            let _ = file.take(MAX_LIST).read_to_string(&mut list);
        }
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
        let link = std::fs::read_link(format!("/proc/{}/fd/{fd}", self.pid));
        let Ok(link) = link else { return format!("fd {fd}").into() };
        let name = link.as_os_str().as_bytes();
        let inode = |prefix: &[u8]| {
            let digits = name.strip_prefix(prefix)?.strip_suffix(b"]")?;
            std::str::from_utf8(digits).ok()?.parse::<u64>().ok()
        };
        if let Some(inode) = inode(b"socket:[") {
            return match self.sockets().get(&inode) {
                Some(known) => format!("fd {fd}: {known}").into(),
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

    fn sockets(&self) -> &HashMap<u64, String> {
        self.sockets.get_or_init(|| {
            Process::new(self.pid).map(|process| sockets(&process)).unwrap_or_default()
        })
    }
}

/// The descriptors in the `fdinfo` of an epoll instance (proc_pid_fdinfo(5)), sorted.
fn watched(list: &str) -> Vec<i32> {
    let lines = list.lines().filter_map(|line| line.strip_prefix("tfd:"));
    let mut watched: Vec<i32> =
        lines.filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    watched.sort_unstable();
    watched
}

/// The sockets of the process's network namespace, by inode.
fn sockets(process: &Process) -> HashMap<u64, String> {
    let mut known = HashMap::new();
    let tcp = [process.tcp(), process.tcp6()];
    for entry in tcp.into_iter().filter_map(Result::ok).flatten() {
        let (local, remote) = (entry.local_address, entry.remote_address);
        let text = match entry.state {
            procfs::net::TcpState::Listen => format!("socket tcp {local} (listening)"),
            state => format!("socket tcp {local} to {remote} ({state:?})"),
        };
        known.insert(entry.inode, text);
    }
    let udp = [process.udp(), process.udp6()];
    for entry in udp.into_iter().filter_map(Result::ok).flatten() {
        let (local, remote) = (entry.local_address, entry.remote_address);
        let text = match remote.port() {
            0 => format!("socket udp {local}"),
            _ => format!("socket udp {local} to {remote}"),
        };
        known.insert(entry.inode, text);
    }
    for entry in process.unix().unwrap_or_default() {
        let text = match entry.path {
            Some(path) => format!("socket unix {}", path.display()),
            None => format!("socket unix, unnamed, inode {}", entry.inode),
        };
        known.insert(entry.inode, text);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptors_of_an_epoll_instance_are_read() {
        let list = "pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t2\n\
                    tfd:       12 events:       19 data:          c  pos:0 ino:1a sdev:8\n\
                    tfd:        5 events: 80000019 data:          5  pos:0 ino:1b sdev:8\n\
                    tfd:        x\n";
        assert_eq!(watched(list), [5, 12]);
        assert_eq!(watched("pos:\t0\n"), [] as [i32; 0]);
    }
}
