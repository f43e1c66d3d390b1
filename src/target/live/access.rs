//! Reads what [`crate::target::access`] judges.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::target::access::{Access, Host, Own, Place, Processes, Subject};
use crate::target::cgroup;
use crate::target::live::proc::stat::Stat;
use crate::target::live::proc::status::Status;

/// The most bytes that are read of a file.
const MAX_FILE: u64 = 1 << 20;

/// A tree of `/proc` and `/sys`: this machine's, or a recorded one.
#[derive(Clone, Debug)]
pub struct Tree(PathBuf);

impl Tree {
    /// The one below this directory.
    pub fn at(root: &Path) -> Tree {
        Tree(root.to_owned())
    }

    /// This machine's.
    pub fn here() -> Tree {
        Tree::at(Path::new("/"))
    }

    /// What is known of guru, which is the process `own_id`, the host, and a process.
    pub fn access(&self, own_id: i32, subject: Option<i32>) -> Access {
        let status = self.status(own_id);
        let own = Own {
            users: status.as_ref().and_then(Status::users),
            capabilities: status.as_ref().map_or(0, Status::capabilities),
            seccomp: status.as_ref().and_then(Status::seccomp),
            user_namespace: self.link(&format!("proc/{own_id}/ns/user")),
            pid_namespace: self.link(&format!("proc/{own_id}/ns/pid")),
            place: self.place(own_id),
            processes: match (self.link("proc/self"), &status) {
                (Some(seen), _) if seen != own_id.to_string() => Processes::Others,
                (None, None) => Processes::Absent,
                _ => Processes::Known,
            },
        };
        Access { host: self.host(), own, subject: subject.map(|pid| self.subject(pid)) }
    }

    fn host(&self) -> Host {
        let modules = self.text("sys/kernel/security/lsm").unwrap_or_default();
        let modules = modules.split(',').filter(|module| !module.is_empty());
        let scope = self.text("proc/sys/kernel/yama/ptrace_scope");
        // `none [integrity] confidentiality`: the one in brackets.
        let lockdown = self.text("sys/kernel/security/lockdown").and_then(|text| {
            let (_, rest) = text.split_once('[')?;
            Some(rest.split_once(']')?.0.to_owned())
        });
        let kernel = self.text("proc/sys/kernel/osrelease").and_then(|text| {
            let mut numbers = text.split(|c: char| !c.is_ascii_digit());
            Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
        });
        Host {
            kernel,
            yama: scope.and_then(|text| text.parse().ok()),
            modules: modules.map(str::to_owned).collect(),
            lockdown,
            types: self.0.join("sys/kernel/btf/vmlinux").exists(),
        }
    }

    fn place(&self, own: i32) -> Place {
        let text = self.text(&format!("proc/{own}/cgroup")).unwrap_or_default();
        let paths = cgroup::paths(&text);
        let is_in =
            |names: &[&str]| paths.iter().any(|path| names.iter().any(|name| path.contains(name)));
        let has = |path: &str| self.0.join(path).exists();
        if is_in(&["kubepods"]) || has("var/run/secrets/kubernetes.io") {
            Place::Pod
        } else if is_in(&["docker-", "/docker/", "libpod-", "containerd-", "/lxc"])
            || has(".dockerenv")
            || has("run/.containerenv")
        {
            Place::Container
        } else {
            Place::Host
        }
    }

    fn subject(&self, pid: i32) -> Subject {
        let status = self.status(pid);
        let owner = fs::metadata(self.0.join(format!("proc/{pid}/environ")));
        let tracer = status.as_ref().and_then(Status::tracer).map(|tracer| {
            let stat =
                self.bytes(&format!("proc/{tracer}/stat")).and_then(|text| Stat::parse(&text));
            let name = stat.map_or_else(
                || "a process".to_owned(),
                |stat| stat.comm.raw().escape_debug().to_string(),
            );
            format!("{name} (pid {tracer})")
        });
        Subject {
            pid,
            users: status.as_ref().and_then(Status::users),
            owner: owner.ok().map(|meta| meta.uid()),
            tracer,
            user_namespace: self.link(&format!("proc/{pid}/ns/user")),
        }
    }

    fn status(&self, pid: i32) -> Option<Status> {
        self.bytes(&format!("proc/{pid}/status")).map(Status::new)
    }

    fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        fs::File::open(self.0.join(path)).ok()?.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn text(&self, path: &str) -> Option<String> {
        Some(String::from_utf8_lossy(&self.bytes(path)?).trim().to_owned())
    }

    fn link(&self, path: &str) -> Option<String> {
        fs::read_link(self.0.join(path)).ok()?.into_os_string().into_string().ok()
    }
}
