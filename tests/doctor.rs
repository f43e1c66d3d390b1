//! What stands in guru's way, told from recorded `/proc` and `/sys`: situations that a machine has or has
//! not are trees of files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use guru::target::access::{Access, Finding, Verdict};
use guru::target::live::access::Tree;
use tempfile::TempDir;

use crate::support::nobody;
use crate::support::{GURU as GURU_PATH, Target, guru, run, stdout_of};

const GURU: i32 = 10;
const PID: i32 = 20;
const ALL: u64 = 0x1ff_ffff_ffff;
const FIRST_USER: &str = "user:[4026531837]";
const FIRST_PID: &str = "pid:[4026531836]";

/// A recorded situation.
struct Recorded(TempDir);

impl Recorded {
    /// A host as Debian's, with guru run by this user with these capabilities, and a process of user 1000.
    fn of(user: u32, capabilities: u64) -> Recorded {
        let recorded = Recorded(tempfile::tempdir().unwrap());
        recorded.process(GURU, user, capabilities);
        recorded.process(PID, 1000, 0);
        recorded
            .with("proc/sys/kernel/osrelease", "6.1.0-28-amd64\n")
            .with("sys/kernel/security/lsm", "lockdown,capability,landlock,yama,bpf")
            .with("sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
            .with("sys/kernel/btf/vmlinux", "\u{9f}")
    }

    fn process(&self, pid: i32, user: u32, capabilities: u64) {
        let directory = self.0.path().join(format!("proc/{pid}/ns"));
        fs::create_dir_all(&directory).unwrap();
        symlink(FIRST_USER, directory.join("user")).unwrap();
        symlink(FIRST_PID, directory.join("pid")).unwrap();
        let status = format!(
            "Name:\tx\nState:\tS (sleeping)\nTgid:\t{pid}\nTracerPid:\t0\n\
             Uid:\t{user}\t{user}\t{user}\t{user}\nCapEff:\t{capabilities:016x}\nSeccomp:\t0\n"
        );
        self.write(&format!("proc/{pid}/status"), &status);
        let rest = "S 1 1 1 0 -1 4194304 94 0 0 0 0 0 0 0 20 0 3 0 3131 2330624 372 18446744073709551615 \
                    94047 94055 14073 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0";
        self.write(&format!("proc/{pid}/stat"), &format!("{pid} (x) {rest}\n"));
        self.write(&format!("proc/{pid}/cgroup"), "0::/user.slice/session-1.scope\n");
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn with(self, path: &str, text: &str) -> Recorded {
        self.write(path, text);
        self
    }

    fn without(self, path: &str) -> Recorded {
        fs::remove_file(self.0.path().join(path)).unwrap();
        self
    }

    /// Another line in the status of a process.
    fn but(self, pid: i32, from: &str, to: &str) -> Recorded {
        let path = format!("proc/{pid}/status");
        let text = fs::read_to_string(self.0.path().join(&path)).unwrap();
        assert!(text.contains(from), "{text}");
        self.with(&path, &text.replace(from, to))
    }

    fn namespace(self, pid: i32, kind: &str, name: &str) -> Recorded {
        let path = self.0.path().join(format!("proc/{pid}/ns/{kind}"));
        fs::remove_file(&path).unwrap();
        symlink(name, path).unwrap();
        self
    }

    fn access(&self) -> Access {
        Tree::at(self.0.path()).access(GURU, Some(PID))
    }

    /// That there is a finding of this kind, which says this and what to do.
    fn tells(&self, verdict: Verdict, what: &str, to_do: &str) {
        let findings = self.access().findings();
        let tells = |finding: &&Finding| {
            finding.verdict == verdict
                && finding.text.contains(what)
                && finding.to_do.as_deref().unwrap_or_default().contains(to_do)
        };
        assert!(findings.iter().any(|finding| tells(&finding)), "{what}: {findings:#?}");
    }
}

#[test]
fn root_of_a_host_sees_everything() {
    let recorded = Recorded::of(0, ALL);
    let findings = recorded.access().findings();
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Fine), "{findings:#?}");
    assert_eq!(recorded.access().refusal(), None);
    recorded.namespace(PID, "user", "user:[4026532000]").tells(Verdict::Fine, "can be read", "");
}

#[test]
fn yama_is_named_with_its_scope() {
    let scope = "proc/sys/kernel/yama/ptrace_scope";
    let own = |scope_is: &str| Recorded::of(1000, 0).with(scope, scope_is);
    own("1\n").tells(Verdict::Refused, "ptrace_scope is 1", "sysctl kernel.yama.ptrace_scope=0");
    own("2\n").tells(Verdict::Refused, "ptrace_scope is 2", "sudo");
    own("3\n").tells(Verdict::Refused, "ptrace_scope is 3", "boot");
    Recorded::of(0, ALL).with(scope, "2\n").tells(Verdict::Fine, "can be read", "");
    Recorded::of(0, ALL).with(scope, "3\n").tells(Verdict::Refused, "until the next boot", "boot");
}

#[test]
fn whose_a_process_is_decides_for_who_is_not_root() {
    Recorded::of(1001, 0).tells(Verdict::Refused, "as user 1000, guru as user 1001", "sudo");
    let changed = Recorded::of(1000, 0).but(PID, "Uid:\t1000\t1000\t1000", "Uid:\t1000\t1000\t0");
    changed.tells(Verdict::Refused, "as user 1000, guru as user 1000", "sudo");
}

#[test]
fn containers_and_pods_have_their_own_ways() {
    let docker = "0::/system.slice/docker-0123456789abcdef.scope\n";
    let pod = "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-01.scope\n";
    let cgroup = format!("proc/{GURU}/cgroup");
    let rights = |place: &str| Recorded::of(1001, 0).with(&cgroup, place);
    rights(docker).tells(Verdict::Refused, "as user 1000", "--cap-add SYS_PTRACE");
    rights(pod).tells(Verdict::Refused, "as user 1000", "kubectl debug --profile=sysadmin");
    rights("0::/\n").with("run/.containerenv", "").tells(Verdict::Refused, "", "--cap-add");
    // With the right to trace, but in a pid namespace of its own.
    let traces = Recorded::of(0, 1 << 19).with(&cgroup, docker);
    traces.tells(Verdict::Limited, "lacks CAP_BPF", "on the host");
    let inner = Recorded::of(0, ALL).namespace(GURU, "pid", "pid:[4026532333]");
    inner.tells(Verdict::Limited, "pid namespace of its own", "--pid=host");
}

#[test]
fn ids_of_another_namespace_are_nobodys() {
    let other = Recorded::of(0, ALL);
    symbolic(&other, "proc/self", "4711");
    other.tells(Verdict::Refused, "/proc is that of another pid namespace", "nsenter");
    let own = Recorded::of(0, ALL);
    symbolic(&own, "proc/self", &GURU.to_string());
    assert!(own.access().refusal().is_none());
    let none = Recorded::of(0, ALL).without(&format!("proc/{GURU}/status"));
    none.tells(Verdict::Refused, "/proc is not mounted", "mount -t proc");
}

#[test]
fn rights_in_a_user_namespace_are_good_for_that_alone() {
    let inside = "user:[4026532000]";
    let both = || {
        let guru = Recorded::of(0, ALL).namespace(GURU, "user", inside);
        guru.namespace(PID, "user", inside)
    };
    let outside = both().without(&format!("proc/{PID}/ns/user"));
    outside.tells(Verdict::Refused, "it belongs to another user namespace", "on the host as root");
    let both = both();
    assert!(both.access().refusal().is_none());
    both.tells(Verdict::Limited, "only two registers", "root");
    both.tells(Verdict::Limited, "running threads are held for longer", "root");
}

fn symbolic(recorded: &Recorded, path: &str, to: &str) {
    symlink(to, recorded.0.path().join(path)).unwrap();
}

#[test]
fn what_the_kernel_lacks_or_forbids_is_named() {
    let release = "proc/sys/kernel/osrelease";
    Recorded::of(0, ALL).with(release, "5.10.0-33-amd64\n").tells(
        Verdict::Limited,
        "older than 5.15",
        "--stop all",
    );
    Recorded::of(0, ALL).without("sys/kernel/btf/vmlinux").tells(Verdict::Limited, "BTF", "");
    let lockdown = "sys/kernel/security/lockdown";
    let locked = Recorded::of(0, ALL).with(lockdown, "none integrity [confidentiality]\n");
    locked.tells(Verdict::Limited, "locked down", "--stop all");
    let modules = Recorded::of(0, ALL).with("sys/kernel/security/lsm", "capability,selinux,bpf");
    modules.tells(Verdict::Fine, "unless a security module (selinux) forbids it", "");
    assert_eq!(modules.access().security_modules(), ["selinux"]);
    let filtered = Recorded::of(0, ALL).but(GURU, "Seccomp:\t0", "Seccomp:\t2");
    filtered.tells(Verdict::Limited, "seccomp", "unconfined");
    assert!(filtered.access().refusal().unwrap().text.contains("seccomp"));
}

#[test]
fn who_traces_it_costs_the_threads_that_run() {
    let traced = Recorded::of(0, ALL).but(PID, "TracerPid:\t0", "TracerPid:\t30");
    traced.process(30, 0, 0);
    traced.tells(
        Verdict::Limited,
        "traced by x (pid 30)",
        "threads that sleep are read all the same",
    );
}

#[test]
fn nothing_that_is_recorded_makes_it_fail() {
    let nothing = tempfile::tempdir().unwrap();
    assert!(!Tree::at(nothing.path()).access(GURU, Some(PID)).findings().is_empty());
    assert!(!Tree::at(Path::new("/no such tree")).access(GURU, None).findings().is_empty());
    let strange = Recorded::of(0, ALL)
        .with(&format!("proc/{PID}/status"), "\u{0}Uid:\t-1\nTracerPid:\t99999999999\n")
        .with(&format!("proc/{PID}/stat"), "(((")
        .with("proc/sys/kernel/osrelease", "x.y")
        .with("proc/sys/kernel/yama/ptrace_scope", "many");
    strange.tells(Verdict::Fine, "can be read", "");
}

#[test]
fn a_living_process_is_told_of_as_guru_finds_it() {
    let Some(target) = Target::spawn("stacks-O2", &[] as &[&str]) else { return };
    let pid = target.pid().to_string();
    let text = stdout_of(&guru(&["doctor", &pid]));
    assert!(text.contains(&format!("memory and threads of process {pid} can be read")), "{text}");
    let host = stdout_of(&guru(&["doctor"]));
    assert!(host.lines().count() >= 4 && host.starts_with("guru "), "{host}");
    let gone = guru(&["doctor", "4194304"]);
    assert_eq!(gone.status.code(), Some(3), "{gone:?}");
    let place = tempfile::tempdir().unwrap();
    nobody::chmod(place.path(), 0o755);
    let copy = place.path().join("guru");
    fs::copy(GURU_PATH, &copy).unwrap();
    let Some(mut command) = nobody::command(&copy) else { return };
    command.args(["doctor", &pid]);
    let output = run(command);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("refused  it runs as user 0, guru as user 65534"), "{text}");
    assert!(target.end());
}
