//! The services of `fixtures/services`, started, ready, and gone at the end of the test.

use super::sink::{Kind, Sink};
use super::target::kill_group;
use super::{EPOLL_WAIT, POLL, SELECT, await_some, root, skip, skip_impossible};
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use tempfile::TempDir;

/// SIGUSR2's bit in the masks of `/proc/PID/status`.
const SIGUSR2: u64 = 1 << (12 - 1);

/// A running service; dropping it kills it. It dies, too, when the thread that started it ends.
pub struct Service {
    child: Child,
    /// Where its stderr leads.
    pub sink: Sink,
    /// The loopback port that it was told to listen on.
    pub port: u16,
    _directory: TempDir,
}

impl Service {
    /// Start a service by its name in `fixtures/services/service`. Returns when it answers SIGUSR2
    /// and waits for work. Records a skip if its venv is not there, or if this
    /// kernel would let nobody trace it.
    pub fn start(name: &str) -> Option<Self> {
        Self::start_with(name, &[])
    }

    /// The same, with more variables in its environment.
    pub fn start_with(name: &str, variables: &[(&str, PathBuf)]) -> Option<Self> {
        Self::start_into(Kind::File, name, variables, "")
    }

    /// The same, with a stderr of this kind, and with a configuration file of its own in which this
    /// stands.
    pub fn start_into(
        stderr: Kind,
        name: &str,
        variables: &[(&str, PathBuf)],
        configuration: &str,
    ) -> Option<Self> {
        let venv_name = name.split('-').next().unwrap_or(name);
        venv(venv_name)?;
        if venv_name == "nova" && !root("target/services/nova/made").exists() {
            skip("nova has no database: run tests/run");
            return None;
        }
        if tracing_is_restricted() {
            skip_impossible("Yama (ptrace_scope) lets only root trace a process that is no child");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let stdout = directory.path().join("stdout");
        let port = free_port();
        let (sink, mut command) = Sink::command(stderr, root("fixtures/services/service"));
        command.args(["run", name, &port.to_string()]);
        if !configuration.is_empty() {
            let file = directory.path().join("more.conf");
            fs::write(&file, configuration).unwrap();
            command.arg("--config-file").arg(file);
        }
        let child = command
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .spawn()
            .unwrap();
        let mut service = Self { child, sink, port, _directory: directory };
        await_some("the service is ready", || {
            let ended = service.child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended with {ended:?}: {}", service.stderr());
            let ready = catches_sigusr2(service.pid()) || says_ready(&stdout);
            (ready && is_idle(service.pid())).then_some(())
        });
        service.sink.settle();
        Some(service)
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// All that it wrote to stderr.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.sink.arrived()).into_owned()
    }

    /// Its own Guru Meditation Report, taken now.
    pub fn own_report(&self) -> String {
        self.own_report_of(self.pid())
    }

    /// The report that one of its processes makes of itself, taken now.
    pub fn own_report_of(&self, pid: i32) -> String {
        const BANNER: &str = "====                        Guru Meditation";
        let before = self.stderr().len();
        let process = nix::unistd::Pid::from_raw(pid);
        nix::sys::signal::kill(process, nix::sys::signal::SIGUSR2).unwrap();
        await_some("the service's own report", || {
            // The handler is done when, after it wrote, the process is idle again.
            let begun = self.stderr()[before..].contains(BANNER);
            (begun && is_idle(pid)).then(|| self.stderr()[before..].to_owned())
        })
    }

    /// The first process that it forked to do its work, when that is ready, too.
    pub fn worker(&self) -> i32 {
        await_some("the service has a worker", || {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).ok()?.flatten();
            let children = tasks.filter_map(|t| fs::read_to_string(t.path().join("children")).ok());
            let all: String = children.collect();
            let worker = all.split_whitespace().next()?.parse().ok()?;
            (catches_sigusr2(worker) && is_idle(worker)).then_some(worker)
        })
    }
}

/// Whether its main thread waits in one of the calls that an idle main loop sits in.
fn is_idle(pid: i32) -> bool {
    let calls = [EPOLL_WAIT, POLL, SELECT, libc::SYS_clock_nanosleep];
    let call = super::thread_states(pid).get(&pid).and_then(|main| main.call);
    call.is_some_and(|call| calls.contains(&call))
}

/// The Python in the venv of `panko`, `mini` or `nova`. Records a skip if it is not built.
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

/// Whether a service that says when it is ready did so; one with a file trigger catches no signal.
fn says_ready(stdout: &Path) -> bool {
    fs::read(stdout).unwrap().starts_with(b"ready ")
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn tracing_is_restricted() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    !rustix::process::geteuid().is_root() && scope.trim().parse().unwrap_or(0) > 0
}
