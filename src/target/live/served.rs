//! Which memory of a process another program may have to serve before it can be read: files of FUSE
//! and of network file systems that are mapped, and everything where the process uses userfaultfd.
//!
//! The server may never answer, or be the enemy. A page that the kernel has already is read without
//! asking anybody, and `/proc/PID/pagemap` says which those are. It does not say which pages are in
//! memory but not mapped by this process: these count as not there.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use crate::addr::Addr;
use crate::target::Mapping;

/// Kinds of file systems that ask another program, or another machine, for what is in a file. Those
/// with a dot are followed by the name of the server (`fuse.sshfs`).
const SERVED: &[&[u8]] = &[
    b"fuse",
    b"fuseblk",
    b"virtiofs",
    b"nfs",
    b"nfs4",
    b"cifs",
    b"smb3",
    b"smbfs",
    b"9p",
    b"ceph",
    b"afs",
    b"coda",
    b"orangefs",
    b"lustre",
    b"gfs2",
    b"ocfs2",
    b"gpfs",
    b"beegfs",
    b"pvfs2",
];

/// The most of `mountinfo` that is read, in bytes: as much as for containers.
const MAX_MOUNTINFO: u64 = 1 << 20;

/// The most descriptors among which a userfaultfd is looked for.
const MAX_DESCRIPTORS: usize = 4096;

/// The size of a page of `pagemap`. On arm64 pages may be larger, and an entry is for one of these.
fn page() -> u64 {
    rustix::param::page_size() as u64
}

/// Memory that may have to be served.
#[derive(Debug)]
pub struct Served {
    /// From here up to there, by address.
    ranges: Vec<(Addr, Addr)>,
    pagemap: Option<File>,
}

/// The memory of a process with these mappings that may have to be served; `None` if there is none.
pub fn ranges(pid: i32, mappings: &[Mapping]) -> Option<Served> {
    let everything = uses_userfaultfd(pid);
    let served: Vec<(u32, u32)> = mountinfo(pid)
        .split(|byte| *byte == b'\n')
        .filter_map(|line| served_device(line))
        .collect();
    let is_served =
        |mapping: &&Mapping| everything || (mapping.is_file() && served.contains(&mapping.device));
    let ranges = mappings.iter().filter(is_served).map(|mapping| (mapping.start, mapping.end));
    let ranges: Vec<(Addr, Addr)> = ranges.collect();
    let pagemap = || File::open(format!("/proc/{pid}/pagemap")).ok();
    (!ranges.is_empty()).then(|| Served { pagemap: pagemap(), ranges })
}

impl Served {
    /// Whether a byte of memory can be read without anybody being asked for it.
    pub fn is_there(&self, addr: Addr) -> bool {
        let after = self.ranges.partition_point(|(start, _)| *start <= addr);
        let range = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        range.is_none_or(|(_, end)| addr >= *end) || self.has(addr)
    }

    /// Whether the page is in memory, or in the machine's own swap (the kernel's
    /// `Documentation/admin-guide/mm/pagemap.rst`). What was swapped out is of no file.
    fn has(&self, addr: Addr) -> bool {
        const PRESENT: u64 = 1 << 63;
        const SWAPPED: u64 = 1 << 62;
        const OF_FILE: u64 = 1 << 61;
        let mut entry = [0; 8];
        let read = self.pagemap.as_ref().map(|pagemap| {
            pagemap.read_exact_at(&mut entry, addr.0 / page() * size_of::<u64>() as u64)
        });
        let entry = u64::from_ne_bytes(entry);
        matches!(read, Some(Ok(())))
            && (entry & PRESENT != 0 || entry & (SWAPPED | OF_FILE) == SWAPPED)
    }
}

/// Whether a process has a userfaultfd: then any of its memory may be served.
fn uses_userfaultfd(pid: i32) -> bool {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.take(MAX_DESCRIPTORS).any(|entry| {
        std::fs::read_link(entry.path())
            .is_ok_and(|link| link.as_os_str() == "anon_inode:[userfaultfd]")
    })
}

fn mountinfo(pid: i32) -> Vec<u8> {
    use std::io::Read as _;
    let mut text = Vec::new();
    let opened = File::open(format!("/proc/{pid}/mountinfo"));
    // What was read before an error is something.
    let _ = opened.map(|file| file.take(MAX_MOUNTINFO).read_to_end(&mut text));
    text
}

/// The device of a line of `mountinfo` (proc_pid_mountinfo(5)) whose file system is served:
/// `36 35 0:98 / /mnt rw,noatime master:1 - fuse.sshfs host: rw`.
fn served_device(line: &[u8]) -> Option<(u32, u32)> {
    let mut words = line.split(|byte| *byte == b' ');
    let device = std::str::from_utf8(words.nth(2)?).ok()?;
    let kind = words.skip_while(|word| *word != b"-").nth(1)?;
    let name = kind.split(|byte| *byte == b'.').next()?;
    let (major, minor) = device.split_once(':')?;
    SERVED.contains(&name).then_some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_served_file_systems_are_known() {
        let line = b"36 35 0:98 / /mnt rw,noatime master:1 shared:2 - fuse.sshfs host: rw";
        assert_eq!(served_device(line), Some((0, 98)));
        assert_eq!(served_device(b"1 0 0:44 / / rw - nfs4 a:/b rw"), Some((0, 44)));
        assert_eq!(served_device(b"1 0 8:1 / / rw - ext4 /dev/sda1 rw"), None);
        assert_eq!(served_device(b"1 0 8:1 / / rw - overlay overlay rw"), None);
        for bad in [&b""[..], b"1 0", b"1 0 8 / / rw - nfs x", b"1 0 a:b / / rw - nfs x"] {
            assert_eq!(served_device(bad), None);
        }
    }

    #[test]
    fn what_is_in_memory_is_there() {
        let own = [7u8; 1];
        let here = Addr(own.as_ptr() as u64);
        let pagemap = File::open("/proc/self/pagemap").ok();
        let ranges = vec![(Addr(0), Addr(u64::MAX))];
        let served = Served { ranges, pagemap };
        assert!(served.is_there(here));
        // Nothing is mapped at the very beginning.
        assert!(!served.is_there(Addr(0)));
        let none = Served { ranges: Vec::new(), pagemap: None };
        assert!(none.is_there(Addr(0)));
        let unknown = Served { ranges: vec![(Addr(0), Addr(u64::MAX))], pagemap: None };
        assert!(!unknown.is_there(here));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(line: Vec<u8>) {
            served_device(&line);
        }
    }
}
