//! Who a process is to a file system, and how a deputy becomes that.
//!
//! The kernel decides what a deputy may open: it has the user, the groups and, of the capabilities, those
//! that open files, as the target has them at that moment. So owner, mode, access control lists and
//! the search permission of every directory on the way need no arithmetic here.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{Gid, Uid};
use rustix::io::{Errno, Result};
use rustix::process::{DumpableBehavior, getpid, set_dumpable_behavior};
use rustix::thread::{
    CapabilitySet, CapabilitySets, LinkNameSpaceType, capabilities, move_into_link_name_space,
    set_capabilities, set_keep_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

use crate::target::ids::Ids;
use crate::target::live::proc::{ProcDir, Status};

/// The capabilities that open files which owner, mode and lists do not, or set their times.
const OPENING: CapabilitySet =
    CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::DAC_READ_SEARCH).union(CapabilitySet::FOWNER);

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
    pub fn of_target(directory: &ProcDir) -> Option<Rights> {
        let own = own()?.status()?;
        if own.users()?.effective != 0 && (capabilities_of(&own) & OPENING).is_empty() {
            // No more than its user has: the kernel decides.
            return Some(Rights::Own);
        }
        let status = directory.status()?;
        let (users, groups) = (status.users()?, status.groups()?);
        // Who starts a program with the rights of another chooses what it names: its command line, its
        // environment.
        if has_lent_rights(directory) || are_lent(users) {
            return None;
        }
        let foreign = is_foreign(directory);
        let namespace = if foreign { user_namespace(directory) } else { None };
        // They are worth nothing in a namespace that is not known.
        let capabilities = match foreign && namespace.is_none() {
            true => CapabilitySet::empty(),
            false => capabilities_of(&status) & OPENING,
        };
        let (uid, gid) = (users.file_system, groups.file_system);
        let groups = status.more_groups();
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
        let own = own().and_then(|own| own.status()).ok_or(Errno::NOENT)?;
        // Setting what it has already needs a right that root in a container may lack.
        if own.more_groups() != self.groups {
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
fn own() -> Option<ProcDir> {
    ProcDir::open(getpid().as_raw_nonzero().get()).ok()
}

fn user_namespace(directory: &ProcDir) -> Option<OwnedFd> {
    directory.file("ns/user").ok().map(OwnedFd::from)
}

/// Whether a process has another user namespace than this one, or may have one.
pub fn is_foreign(directory: &ProcDir) -> bool {
    let own = own().and_then(|own| user_namespace(&own)).and_then(|own| inode(&own));
    own.is_none() || own != user_namespace(directory).and_then(|theirs| inode(&theirs))
}

fn inode(fd: &OwnedFd) -> Option<u64> {
    Some(rustix::fs::fstat(fd).ok()?.st_ino)
}

/// Whether the program that the process executed gave it rights: by set-user-ID, set-group-ID or
/// capabilities of its file. The kernel told it so (`AT_SECURE`, getauxval(3)), and keeps what it told:
/// the ids themselves may be equal again by now, or have been equal by chance. Where that cannot be
/// read, it did.
fn has_lent_rights(directory: &ProcDir) -> bool {
    /// `AT_SECURE` of the kernel's `include/uapi/linux/auxvec.h`.
    const SECURE: u64 = 23;
    /// More than there is: some 20 pairs of words.
    const MAX_AUXV: usize = 4096;
    let auxv = directory.bytes("auxv", MAX_AUXV).unwrap_or_default();
    let words = auxv.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word));
    let words: Vec<u64> = words.collect();
    let mut pairs = words.as_chunks::<2>().0.iter();
    pairs.find(|[kind, _]| *kind == SECURE).is_none_or(|[_, value]| *value != 0)
}

/// Whether ids were given to the process by the program that it executed.
fn are_lent(ids: Ids) -> bool {
    ids.real != ids.file_system && ids.real != 0
}

fn capabilities_of(status: &Status) -> CapabilitySet {
    CapabilitySet::from_bits_retain(status.capabilities())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_a_program_lends_are_known() {
        let lent = |real, files| {
            are_lent(Ids { real, effective: files, saved: files, file_system: files })
        };
        assert!(lent(1000, 0) && lent(1000, 33));
        assert!(!lent(0, 33) && !lent(33, 33) && !lent(0, 0));
    }
}
