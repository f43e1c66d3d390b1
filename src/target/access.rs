//! Whether guru can see a process, and how well: what stands in the way, and what to do about it.
//!
//! Pure over facts that `target::live::access` reads, so that situations are tested that a machine
//! can not make: they are recorded trees of `/proc` and `/sys`. What the kernel asks is in
//! `__ptrace_may_access` of its `kernel/ptrace.c`, and in ptrace(2).

use crate::target::ids::Ids;

/// `CAP_…` of the kernel's `include/uapi/linux/capability.h`, as bits.
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
const SYS_NICE: u64 = 1 << 23;
const PERFMON: u64 = 1 << 38;
const BPF: u64 = 1 << 39;

/// The first pid namespace (`PROC_PID_INIT_INO` of the kernel's `include/linux/proc_ns.h`).
pub const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The first user namespace (`PROC_USER_INIT_INO`): its root sees into all others.
const FIRST_USER_NAMESPACE: &str = "user:[4026531837]";

/// The oldest kernel whose programs may ask for the registers of a task.
const WITH_REGISTERS: (u32, u32) = (5, 15);

/// Security modules that forbid no tracing, or are told of on their own.
const HARMLESS_MODULES: [&str; 9] =
    ["capability", "yama", "loadpin", "safesetid", "landlock", "lockdown", "bpf", "ima", "evm"];

/// Where guru runs, as far as that says what to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// On the host.
    #[default]
    Host,
    /// In a container of docker, podman or the like.
    Container,
    /// In a pod of Kubernetes.
    Pod,
}

/// What is known of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The kernel's version, major and minor.
    pub kernel: Option<(u32, u32)>,
    /// `kernel.yama.ptrace_scope`, where there is Yama.
    pub yama: Option<u8>,
    /// The security modules that are active.
    pub modules: Vec<String>,
    /// How the kernel is locked down: `none`, `integrity`, `confidentiality`.
    pub lockdown: Option<String>,
    /// Whether the kernel tells its types (BTF).
    pub types: bool,
}

/// What is known of guru itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Its users.
    pub users: Option<Ids>,
    /// Its effective capabilities, as bits.
    pub capabilities: u64,
    /// How a seccomp filter holds it back: 2 is a filter.
    pub seccomp: Option<u32>,
    /// The names of its namespaces: `user:[4026531837]`.
    pub user_namespace: Option<String>,
    /// The same of process ids.
    pub pid_namespace: Option<String>,
    /// Where it runs.
    pub place: Place,
    /// Whose ids `/proc` tells.
    pub processes: Processes,
}

/// The processes that `/proc` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Processes {
    /// Those that guru knows by the same ids.
    #[default]
    Known,
    /// Those of another pid namespace: who has an id there is another one here.
    Others,
    /// None: it is not mounted.
    Absent,
}

/// What is known of the process. It lives, and is none of the kernel's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Its id.
    pub pid: i32,
    /// Its users.
    pub users: Option<Ids>,
    /// Who owns its files in `/proc`: root, if it may not be dumped.
    pub owner: Option<u32>,
    /// Who traces it, as a name with an id.
    pub tracer: Option<String>,
    /// The name of its user namespace.
    pub user_namespace: Option<String>,
}

/// What is known, and what follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Of the host.
    pub host: Host,
    /// Of guru.
    pub own: Own,
    /// Of a process, if it is about one.
    pub subject: Option<Subject>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing is missing.
    Fine,
    /// Something is, or is had in another way.
    Limited,
    /// Nothing can be had.
    Refused,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub verdict: Verdict,
    /// What is so, and why.
    pub text: String,
    /// What to do about it.
    pub to_do: Option<String>,
}

impl Finding {
    fn fine(text: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Fine, text: text.into(), to_do: None }
    }

    fn limited(text: impl Into<String>, to_do: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Limited, text: text.into(), to_do: Some(to_do.into()) }
    }

    fn refused(text: impl Into<String>, to_do: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Refused, ..Finding::limited(text, to_do) }
    }
}

impl Access {
    /// Everything that there is to say, the most important first.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = vec![self.sight()];
        if findings.iter().any(|finding| finding.verdict == Verdict::Refused) {
            return findings;
        }
        findings.extend(self.subject.as_ref().and_then(|subject| subject.tracer.as_ref()).map(
            |tracer| {
                Finding::limited(
                    format!("threads that run have no stacks: they are traced by {tracer}"),
                    "let that end first; threads that sleep are read all the same",
                )
            },
        ));
        findings.extend(self.filter().map(|filter| Finding {
            verdict: Verdict::Limited,
            text: "a seccomp filter around guru may forbid some of it".to_owned(),
            ..filter
        }));
        findings.push(self.registers());
        findings.push(self.hurry());
        findings
    }

    /// Why the kernel refuses to have the process inspected, if a reason is seen.
    pub fn refusal(&self) -> Option<Finding> {
        if let Some(blind) = self.blind() {
            return Some(blind);
        }
        let seen = self.subject.as_ref().and_then(|subject| self.refused(subject));
        // A filter does not tell what it forbids: it is what is left.
        seen.or_else(|| self.filter())
    }

    fn filter(&self) -> Option<Finding> {
        (self.own.seccomp == Some(2)).then(|| {
            Finding::refused(
                "a seccomp filter around guru forbids it",
                "in a container, run with seccomp=unconfined or from the host",
            )
        })
    }

    /// Whether guru may inspect every process of its user namespace.
    pub fn is_privileged(&self) -> bool {
        self.own.capabilities & SYS_PTRACE != 0
    }

    /// The security modules that may forbid what rights allow.
    pub fn security_modules(&self) -> Vec<&str> {
        let modules = self.host.modules.iter().map(String::as_str);
        modules.filter(|module| !HARMLESS_MODULES.contains(module)).collect()
    }

    /// Why guru knows of no process at all.
    fn blind(&self) -> Option<Finding> {
        match self.own.processes {
            Processes::Known => None,
            Processes::Others => Some(Finding::refused(
                "/proc is that of another pid namespace, where its ids are those of other processes",
                "run guru there (nsenter --pid --target PID), or mount /proc anew (unshare --mount-proc)",
            )),
            Processes::Absent => {
                Some(Finding::refused("/proc is not mounted", "mount -t proc proc /proc"))
            }
        }
    }

    /// Whether guru is in the first user namespace: the rights that it has in others are good for these.
    fn is_in_first_user_namespace(&self) -> bool {
        self.own.user_namespace.as_deref().is_none_or(|own| own == FIRST_USER_NAMESPACE)
    }

    /// Whether memory and threads can be read.
    fn sight(&self) -> Finding {
        if let Some(blind) = self.blind() {
            return blind;
        }
        if let Some(found) = self.subject.as_ref().and_then(|subject| self.refused(subject)) {
            return found;
        }
        if self.host.yama == Some(3) {
            return yama_forbids();
        }
        let whose = match (&self.subject, self.is_privileged(), self.host.yama) {
            (Some(Subject { pid, .. }), ..) => format!("process {pid}"),
            (None, true, _) => "every process of this user namespace".to_owned(),
            (None, false, Some(1..)) => {
                return Finding::limited(
                    "only guru's own children can be inspected: kernel.yama.ptrace_scope forbids \
                     others to users other than root",
                    format!("{}, or sysctl kernel.yama.ptrace_scope=0", self.more_rights()),
                );
            }
            (None, false, _) => {
                return Finding::limited(
                    "only processes of guru's own user can be inspected",
                    self.more_rights(),
                );
            }
        };
        let modules = self.security_modules();
        match modules.is_empty() {
            true => Finding::fine(format!("memory and threads of {whose} can be read")),
            false => Finding::fine(format!(
                "memory and threads of {whose} can be read, unless a security module ({}) forbids it",
                modules.join(", ")
            )),
        }
    }

    fn refused(&self, subject: &Subject) -> Option<Finding> {
        if self.host.yama == Some(3) {
            return Some(yama_forbids());
        }
        if self.is_privileged() {
            // The kernel tells it of those only that guru may look at.
            let other = subject.user_namespace.is_none();
            return (other && !self.is_in_first_user_namespace()).then(|| {
                Finding::refused(
                    "it belongs to another user namespace",
                    "run guru on the host as root",
                )
            });
        }
        let (guru, user) = (self.own.users?.effective, subject.users?);
        let other = user.effective;
        if [other, user.real, user.saved].iter().any(|uid| *uid != guru) {
            return Some(Finding::refused(
                format!("it runs as user {other}, guru as user {guru}"),
                format!("{}, or run guru as user {other}", self.more_rights()),
            ));
        }
        match self.host.yama {
            Some(2) => Some(Finding::refused(
                "kernel.yama.ptrace_scope is 2: only root may trace",
                self.more_rights(),
            )),
            Some(1) => Some(Finding::refused(
                "kernel.yama.ptrace_scope is 1: a process may trace its own children only",
                format!("{}, or sysctl kernel.yama.ptrace_scope=0", self.more_rights()),
            )),
            _ if subject.owner.is_some_and(|owner| owner != other) => Some(Finding::refused(
                "it has made itself undumpable, or was started with another user's rights",
                self.more_rights(),
            )),
            _ => None,
        }
    }

    /// How guru gets more rights where it runs.
    fn more_rights(&self) -> String {
        match self.own.place {
            Place::Host => "run guru as root (sudo guru …)",
            Place::Container => {
                "run it in a container that was started with --cap-add SYS_PTRACE, or on the host as root"
            }
            Place::Pod => {
                "kubectl debug --profile=sysadmin --target=CONTAINER POD, and run guru there"
            }
        }
        .to_owned()
    }

    /// Whether all registers of threads that sleep can be had.
    fn registers(&self) -> Finding {
        let limited = |why: &str, to_do: &str| {
            let text = format!("of threads that sleep only two registers can be had: {why}");
            Finding::limited(text, to_do)
        };
        let may = self.own.capabilities & SYS_ADMIN != 0
            || self.own.capabilities & (BPF | PERFMON) == BPF | PERFMON;
        if !may || !self.is_in_first_user_namespace() {
            let to_do = match self.own.place {
                Place::Host => "run guru as root; few stacks need the others",
                _ => "run guru on the host as root; few stacks need the others",
            };
            return limited("guru lacks CAP_BPF and CAP_PERFMON", to_do);
        }
        if self.own.pid_namespace.as_deref().is_some_and(|own| own != FIRST_PID_NAMESPACE) {
            return limited(
                "guru is in a pid namespace of its own, where the kernel's ids are others",
                "run guru on the host, or in a container with --pid=host",
            );
        }
        if self.host.kernel.is_some_and(|kernel| kernel < WITH_REGISTERS) {
            return limited("this kernel is older than 5.15", "--stop all reads all of them");
        }
        if !self.host.types {
            return limited(
                "this kernel does not tell its types (BTF)",
                "--stop all reads all of them; a kernel with CONFIG_DEBUG_INFO_BTF does",
            );
        }
        if self.host.lockdown.as_deref() == Some("confidentiality") {
            return limited(
                "the kernel is locked down (confidentiality)",
                "--stop all reads all of them",
            );
        }
        Finding::fine("threads that sleep are read whole, without a stop")
    }

    /// Whether running threads are held as shortly on a busy host.
    fn hurry(&self) -> Finding {
        match self.own.capabilities & SYS_NICE != 0 && self.is_in_first_user_namespace() {
            true => Finding::fine("a busy host does not hold running threads for longer"),
            false => Finding::limited(
                "on a busy host running threads are held for longer: guru lacks CAP_SYS_NICE",
                self.more_rights(),
            ),
        }
    }
}

fn yama_forbids() -> Finding {
    Finding::refused(
        "kernel.yama.ptrace_scope is 3: nobody may trace until the next boot",
        "boot with kernel.yama.ptrace_scope at 2 or less",
    )
}
