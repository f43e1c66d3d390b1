//! Whether the target itself could read a file: what it names is shown no further than that.
//!
//! A process may name any path: on its command line, in its code, in its debug information. A
//! guru with more rights than the process would read the file for it, and put it into a report
//! for somebody else. Owner, group and mode of the file decide here; access control lists and
//! the rights of the directories on the way are not looked at.

use rustix::fs::Stat;

use crate::target::live::proc::ProcDir;

/// `CAP_DAC_OVERRIDE` and `CAP_DAC_READ_SEARCH` of the kernel's `include/uapi/linux/capability.h`,
/// as bits: who has one of them reads any file.
const READS_ALL: u64 = 1 << 1 | 1 << 2;

/// Who a process is to a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    reads_all: bool,
}

impl Reader {
    /// The reader that a process is; `None` if it can not be asked.
    fn of(pid: i32) -> Option<Reader> {
        let status = ProcDir::open(pid).ok()?.status()?;
        Some(Reader {
            uid: status.users()?.file_system,
            gid: status.groups()?.file_system,
            groups: status.more_groups(),
            reads_all: status.capabilities() & READS_ALL != 0,
        })
    }

    /// Whether it may read a file of this owner, group and mode (path_resolution(7)).
    fn may_read(&self, uid: u32, gid: u32, mode: u32) -> bool {
        // The first class that fits decides: an owner without the right gets none from "others".
        let class = if uid == self.uid {
            0o400
        } else if gid == self.gid || self.groups.contains(&gid) {
            0o040
        } else {
            0o004
        };
        self.reads_all || mode & class != 0
    }
}

/// What guru may read on behalf of one process.
#[derive(Debug)]
pub enum Access {
    /// Whatever the kernel lets it: guru has no more rights than its user.
    Kernel,
    /// What this reader could read itself.
    Of(Reader),
    /// What everybody may read: nobody knows who the process is.
    Everybody,
}

impl Access {
    /// For the process `pid`.
    pub fn to(pid: i32) -> Access {
        let rights = Reader::of(std::process::id().cast_signed());
        if rights.is_some_and(|reader| reader.uid != 0 && !reader.reads_all) {
            return Access::Kernel;
        }
        let Some(mut reader) = Reader::of(pid) else { return Access::Everybody };
        // In a user namespace of its own, a process may have every capability and still not read
        // a file of a user outside.
        let space = |pid: i32| Some(rustix::fs::stat(format!("/proc/{pid}/ns/user")).ok()?.st_ino);
        reader.reads_all &= space(pid) == space(std::process::id().cast_signed());
        Access::Of(reader)
    }

    /// Whether a file may be read.
    pub fn allows(&self, stat: &Stat) -> bool {
        match self {
            Access::Kernel => true,
            Access::Of(reader) => reader.may_read(stat.st_uid, stat.st_gid, stat.st_mode),
            Access::Everybody => stat.st_mode & 0o444 == 0o444,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_reads_what_its_owner_group_and_mode_let_it() {
        let reader = Reader { uid: 42, gid: 43, groups: vec![44], reads_all: false };
        assert!(reader.may_read(42, 0, 0o100_400));
        assert!(reader.may_read(0, 43, 0o100_640));
        assert!(reader.may_read(0, 44, 0o100_640));
        assert!(reader.may_read(0, 0, 0o100_644));
        assert!(!reader.may_read(0, 0, 0o100_600));
        assert!(!reader.may_read(0, 45, 0o100_640));
        // The class decides, not the most generous right.
        assert!(!reader.may_read(42, 43, 0o100_044));
        assert!(!reader.may_read(0, 44, 0o100_604));
    }

    #[test]
    fn a_process_that_reads_everything_may_name_every_file() {
        let reader = Reader { uid: 42, gid: 42, groups: Vec::new(), reads_all: true };
        assert!(reader.may_read(0, 0, 0o100_000));
    }
}
