//! Who a process is to a file system, and how a deputy becomes that.
//!
//! The kernel decides what a deputy may open: it has the user, the groups and, of the capabilities, those
//! that open files, as the target has them at that moment. So owner, mode, access control lists and
//! the search permission of every directory on the way need no arithmetic here.

use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::{Errno, Result};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{
    CapabilitySet, CapabilitySets, LinkNameSpaceType, capabilities, move_into_link_name_space,
    set_capabilities, set_keep_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

/// The capabilities that open files which owner, mode and lists do not, or set their times.
const OPENING: CapabilitySet =
    CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::DAC_READ_SEARCH).union(CapabilitySet::FOWNER);

/// The most bytes of a `status` that are read: a process may be in 65,536 groups.
const MAX_STATUS: u64 = 1 << 20;

/// Whose rights a deputy has.
#[derive(Debug)]
pub enum Rights {
    /// Those that guru has.
    Own,
    /// Those of the target.
    Of(Credentials),
}

/// Who a process is to a file system.
#[derive(Debug)]
pub struct Credentials {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    /// Of those that open files.
    capabilities: CapabilitySet,
    /// The user namespace in which it has them, where that is not guru's.
    namespace: Option<OwnedFd>,
}

impl Rights {
    /// Those in which the files of a process are opened; `directory` is its own in `/proc`. `None` if
    /// they are not known, or not the process's own: then nothing is opened.
    pub fn of_target(directory: &OwnedFd) -> Option<Rights> {
        let own = Status::read(&proc_self()?)?;
        if own.uid.effective != 0 && (own.capabilities & OPENING).is_empty() {
            // No more than its user has: the kernel decides.
            return Some(Rights::Own);
        }
        let status = Status::read(directory)?;
        // Who starts a program with the rights of another (set-user-ID) chooses what it names: its
        // command line, its environment.
        if status.uid.is_lent() || status.gid.is_lent() {
            return None;
        }
        let foreign = is_foreign(directory);
        let namespace = if foreign { user_namespace(directory) } else { None };
        // They are worth nothing in a namespace that is not known.
        let capabilities = match foreign && namespace.is_none() {
            true => CapabilitySet::empty(),
            false => status.capabilities & OPENING,
        };
        let (uid, gid, groups) = (status.uid.files, status.gid.files, status.groups);
        Some(Rights::Of(Credentials { uid, gid, groups, capabilities, namespace }))
    }
}

impl Credentials {
    /// The descriptor that is needed to take them, if one is.
    pub fn namespace(&self) -> Option<BorrowedFd<'_>> {
        self.namespace.as_ref().map(|namespace| namespace.as_fd())
    }

    /// Makes this process, which must have one thread, take them; there is no way back.
    ///
    /// # Errors
    /// The kernel refused some of it: the process may have any of the rights that it had before.
    pub fn take(&self) -> Result<()> {
        // Who has the same user could look into it and use its descriptors from the next line but
        // three on.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        set_no_new_privs(true)?;
        set_keep_capabilities(true)?;
        let groups: Vec<Gid> = self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        let own = Status::read(&proc_self().ok_or(Errno::NOENT)?).ok_or(Errno::INVAL)?;
        // Setting what it has already needs a right that root in a container may lack.
        if own.groups != self.groups {
            set_thread_groups(&groups)?;
        }
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        let mut kept = self.capabilities;
        if let Some(namespace) = self.namespace.as_ref().filter(|_| !kept.is_empty()) {
            // They hold for the files of those users only that the namespace has. Entering it gives
            // all capabilities there, and takes all that were had outside.
            let entered = only(CapabilitySet::SYS_ADMIN).and_then(|()| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::User))
            });
            if entered.is_err() {
                kept = CapabilitySet::empty();
            }
        }
        only(kept)?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
    }
}

/// Gives up all capabilities but these, as far as it has them.
fn only(kept: CapabilitySet) -> Result<()> {
    let kept = kept & capabilities(None)?.permitted;
    let inheritable = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable })
}

/// The directory of this process in `/proc`.
fn proc_self() -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open("/proc/self", flags, Mode::empty()).ok()
}

fn user_namespace(directory: &OwnedFd) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, "ns/user", flags, Mode::empty()).ok()
}

/// Whether a process has another user namespace than this one, or may have one.
pub fn is_foreign(directory: &OwnedFd) -> bool {
    let own = proc_self().and_then(|own| user_namespace(&own)).and_then(|own| inode(&own));
    own.is_none() || own != user_namespace(directory).and_then(|theirs| inode(&theirs))
}

fn inode(fd: &OwnedFd) -> Option<u64> {
    Some(rustix::fs::fstat(fd).ok()?.st_ino)
}

/// One kind of id of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ids {
    real: u32,
    effective: u32,
    /// That which counts for files.
    files: u32,
}

impl Ids {
    /// Whether they were given to the process by the program that it executed.
    fn is_lent(self) -> bool {
        self.real != self.files && self.real != 0
    }
}

/// What is needed of `/proc/PID/status` (proc_pid_status(5)).
#[derive(Debug, PartialEq, Eq)]
struct Status {
    uid: Ids,
    gid: Ids,
    groups: Vec<u32>,
    /// The effective ones.
    capabilities: CapabilitySet,
}

impl Status {
    fn read(directory: &OwnedFd) -> Option<Status> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, "status", flags, Mode::empty()).ok()?;
        let mut text = Vec::with_capacity(4096);
        std::fs::File::from(file).take(MAX_STATUS).read_to_end(&mut text).ok()?;
        Status::parse(&text)
    }

    /// The name of the process is in it, too, escaped: it may have any bytes but a line feed.
    fn parse(text: &[u8]) -> Option<Status> {
        let line = |name: &str| {
            let mut lines = text.split(|byte| *byte == b'\n');
            let value = lines.find_map(|line| line.strip_prefix(name.as_bytes()))?;
            std::str::from_utf8(value).ok()
        };
        let numbers = |name: &str| -> Option<Vec<u32>> {
            line(name)?.split_ascii_whitespace().map(|word| word.parse().ok()).collect()
        };
        let ids = |name: &str| match numbers(name)?[..] {
            [real, effective, _, files] => Some(Ids { real, effective, files }),
            _ => None,
        };
        let capabilities = u64::from_str_radix(line("CapEff:")?.trim(), 16).ok()?;
        Some(Status {
            uid: ids("Uid:")?,
            gid: ids("Gid:")?,
            groups: numbers("Groups:")?,
            capabilities: CapabilitySet::from_bits_retain(capabilities),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_groups_and_capabilities_are_read() {
        let text = b"Name:\t\xff\\nUid:\t0\nState:\tS (sleeping)\nUid:\t1\t2\t3\t4\n\
                     Gid:\t5\t6\t7\t8\nFDSize:\t64\nGroups:\t9 10 \nCapEff:\t0000000000000004\n";
        let expected = Status {
            uid: Ids { real: 1, effective: 2, files: 4 },
            gid: Ids { real: 5, effective: 6, files: 8 },
            groups: vec![9, 10],
            capabilities: CapabilitySet::DAC_READ_SEARCH,
        };
        assert_eq!(Status::parse(text), Some(expected));
        let none = b"Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nGroups:\t\nCapEff:\t0\n";
        assert_eq!(Status::parse(none).map(|status| status.groups), Some(Vec::new()));
        for bad in [&b""[..], b"Uid:\t1\t1\t1\nGid:\t1\t1\t1\t1\nGroups:\t\nCapEff:\t0\n"] {
            assert_eq!(Status::parse(bad), None);
        }
    }

    #[test]
    fn ids_that_a_program_lends_are_known() {
        let ids = |real, files| Ids { real, effective: files, files };
        assert!(ids(1000, 0).is_lent() && ids(1000, 33).is_lent());
        assert!(!ids(0, 33).is_lent() && !ids(33, 33).is_lent() && !ids(0, 0).is_lent());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(text: Vec<u8>) {
            Status::parse(&text);
        }
    }
}
