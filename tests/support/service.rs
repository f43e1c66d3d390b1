//! The services of `fixtures/services`, started, ready, and gone at the end of the test.

use super::target::kill_group;
use super::{EPOLL_WAIT, POLL, await_some, root, skip, skip_impossible};
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// SIGUSR2's bit in the masks of `/proc/PID/status`.
const SIGUSR2: u64 = 1 << (12 - 1);

/// A running service; dropping it kills it. It dies, too, when the thread that started it ends.
pub struct Service {
    child: Child,
    directory: TempDir,
    /// The loopback port that it was told to listen on.
    pub port: u16,
}

impl Service {
    /// Start `panko`, `mini` or `mini-threads` (see `fixtures/services/service`). Returns when it
    /// answers SIGUSR2 and waits for work. Records a skip if its venv is not there, or if this
    /// kernel would let nobody trace it.
    pub fn start(name: &str) -> Option<Self> {
        venv(name.split('-').next().unwrap_or(name))?;
        if tracing_is_restricted() {
            skip_impossible("Yama (ptrace_scope) lets only root trace a process that is no child");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = |name| File::create(directory.path().join(name)).unwrap();
        let port = free_port();
        let child = Command::new(root("fixtures/services/service"))
            .args(["run", name, &port.to_string()])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        let mut service = Self { child, directory, port };
        await_some("the service is ready", || {
            let ended = service.child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended with {ended:?}: {}", service.stderr());
            (catches_sigusr2(service.pid()) && service.is_idle()).then_some(())
        });
        Some(service)
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// All that it wrote to stderr.
    pub fn stderr(&self) -> String {
        let bytes = fs::read(self.stderr_path()).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The file that is its stderr.
    pub fn stderr_path(&self) -> PathBuf {
        self.directory.path().join("stderr")
    }

    /// Its own Guru Meditation Report, taken now.
    pub fn own_report(&self) -> String {
        const BANNER: &str = "====                        Guru Meditation";
        let before = self.stderr().len();
        let pid = nix::unistd::Pid::from_raw(self.pid());
        nix::sys::signal::kill(pid, nix::sys::signal::SIGUSR2).unwrap();
        await_some("the service's own report", || {
            // The handler is done when, after it wrote, the service is idle again.
            let begun = self.stderr()[before..].contains(BANNER);
            (begun && self.is_idle()).then(|| self.stderr()[before..].to_owned())
        })
    }

    /// Whether its main thread waits in one of the calls that an idle main loop sits in.
    fn is_idle(&self) -> bool {
        let calls = [EPOLL_WAIT, POLL, libc::SYS_clock_nanosleep];
        let threads = super::thread_states(self.pid());
        let call = threads.get(&self.pid()).and_then(|main| main.call);
        call.is_some_and(|call| calls.contains(&call))
    }
}

/// The Python in the venv of `panko` or `mini`. Records a skip if it is not built.
pub fn venv(name: &str) -> Option<PathBuf> {
    let venv = root("target/services/venv").join(name);
    if venv.join("built").exists() {
        return Some(venv.join("bin/python"));
    }
    match super::python() {
        Some(_) => skip(&format!("the venv of {name} is not built: run tests/run")),
        None => skip_impossible("no Python 3.11"),
    }
    None
}

impl Drop for Service {
    fn drop(&mut self) {
        kill_group(&mut self.child);
    }
}

fn catches_sigusr2(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t"));
    mask.is_some_and(|mask| u64::from_str_radix(mask, 16).unwrap() & SIGUSR2 != 0)
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn tracing_is_restricted() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    !rustix::process::geteuid().is_root() && scope.trim().parse().unwrap_or(0) > 0
}
