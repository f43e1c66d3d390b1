//! What a file descriptor of the process leads to.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;

use procfs::process::Process;

use crate::text::Text;

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
        let name = name.strip_prefix(b"anon_inode:").unwrap_or(name);
        Text::from_bytes(&[format!("fd {fd}: ").as_bytes(), name].concat())
    }

    fn sockets(&self) -> &HashMap<u64, String> {
        self.sockets.get_or_init(|| {
            Process::new(self.pid).map(|process| sockets(&process)).unwrap_or_default()
        })
    }
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
