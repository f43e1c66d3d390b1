//! Whether another program serves a file, so that whoever asks for it may wait forever.
//!
//! FUSE, NFS and their like answer when their server does. Nobody can list all that are like that;
//! so those are listed where the kernel itself answers, and any other counts as served, which costs
//! time and nothing else.

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{AtFlags, StatxFlags};
use rustix::io::Errno;

use crate::target::live::proc::ProcDir;

/// File systems on disk or in memory: what `statfs` calls them (statfs(2) and the kernel's
/// `include/uapi/linux/magic.h`; those that it lacks from the file system's own source), and
/// `mountinfo`.
const LOCAL: &[(u64, &str)] = &[
    (0xef53, "ext4"),
    (0xef53, "ext3"),
    (0xef53, "ext2"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x0102_1994, "tmpfs"),
    (0x0102_1994, "devtmpfs"),
    (0x8584_58f6, "ramfs"),
    (0x9584_58f6, "hugetlbfs"),
    (0x7371_7368, "squashfs"),
    (0xe0f5_e1e2, "erofs"),
    (0xf2f5_2010, "f2fs"),
    (0x2fc1_2fc1, "zfs"),
    (0xca45_1a4e, "bcachefs"),
    (0x3153_464a, "jfs"),
    (0x5265_4973, "reiserfs"),
    (0x4d44, "vfat"),
    (0x4d44, "msdos"),
    (0x2011_bab0, "exfat"),
    (0x9660, "iso9660"),
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x0027_e0eb, "cgroup"),
    (0x6367_7270, "cgroup2"),
    (0x1983_0326, "devpts"),
];

/// A file system that lies over others (`OVERLAYFS_SUPER_MAGIC`), and is as quick as these. Who has a
/// user namespace of its own may lay one over FUSE.
const OVERLAY: (u64, &str) = (0x794c_7630, "overlay");

/// The most bytes of `mountinfo` that are looked at: a host of containers has thousands of mounts.
pub const MAX_MOUNTINFO: usize = 4 << 20;

/// The kind of the file system that a file is on, as `statfs` calls it. Its server is asked, if it has
/// one.
pub fn kind(found: &OwnedFd) -> Result<u64, Errno> {
    Ok(rustix::fs::fstatfs(found)?.f_type.cast_unsigned())
}

/// Whether nobody but the kernel serves file systems of a kind. `foreign`: the process has a user
/// namespace of its own.
pub fn is_local(kind: u64, foreign: bool) -> bool {
    LOCAL.iter().any(|(known, _)| *known == kind) || (kind == OVERLAY.0 && !foreign)
}

/// The mounts of a process, to tell without asking anybody.
#[derive(Debug, Default)]
pub struct Mounts {
    /// The ids of those that nobody serves.
    local: Vec<u64>,
}

impl Mounts {
    /// Those of the process with this directory in `/proc`. Where they can not be read, every file
    /// counts as served.
    pub fn of(directory: &ProcDir, foreign: bool) -> Mounts {
        let text = directory.bytes("mountinfo", MAX_MOUNTINFO).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n');
        let mut local: Vec<u64> = lines.filter_map(|line| local(line, foreign)).collect();
        local.sort_unstable();
        Mounts { local }
    }

    /// Whether another program serves what this leads to. No file system is asked.
    pub fn serve(&self, found: &OwnedFd) -> bool {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let told = rustix::fs::statx(found.as_fd(), "", flags, StatxFlags::MNT_ID);
        // The kernel tells since 5.8.
        let id = told.ok().filter(|stat| {
            StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::MNT_ID)
        });
        id.is_none_or(|stat| self.local.binary_search(&stat.stx_mnt_id).is_err())
    }
}

/// The id of a mount that nobody serves, by its line (proc_pid_mountinfo(5)):
/// `36 35 98:0 / /var rw,noatime master:1 - ext4 /dev/sda1 rw`.
fn local(line: &[u8], foreign: bool) -> Option<u64> {
    let mut words = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let kind = words.skip_while(|word| *word != b"-").nth(1)?;
    is_named_local(kind, foreign).then_some(id)
}

/// As [`is_local`], of a kind as `mountinfo` calls it.
fn is_named_local(kind: &[u8], foreign: bool) -> bool {
    let known = LOCAL.iter().any(|(_, name)| name.as_bytes() == kind);
    known || (kind == OVERLAY.1.as_bytes() && !foreign)
}

/// The device, major and minor number, of a mount that another program serves itself, by its line.
pub fn served_device(line: &[u8]) -> Option<(u32, u32)> {
    let mut words = line.split(|byte| *byte == b' ');
    let device = std::str::from_utf8(words.nth(2)?).ok()?;
    let kind = words.skip_while(|word| *word != b"-").nth(1)?;
    let (major, minor) = device.split_once(':')?;
    (!is_named_local(kind, false)).then_some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn only_what_is_known_to_be_local_is() {
        let line = |kind: &str| format!("36 35 98:0 / /a\\040b rw shared:1 - {kind} x rw");
        let local = |kind: &str, foreign| local(line(kind).as_bytes(), foreign);
        assert_eq!(local("ext4", true), Some(36));
        assert_eq!(local("overlay", false), Some(36));
        assert_eq!(local("overlay", true), None);
        for served in ["fuse.sshfs", "fuse", "nfs4", "9p", "ext4x", ""] {
            assert_eq!(local(served, false), None, "{served}");
        }
        assert_eq!(super::local(b"36 35 98:0 / / rw ext4", false), None);
        let served = |kind: &str| served_device(line(kind).as_bytes());
        assert_eq!(served("fuse.sshfs"), Some((98, 0)));
        assert_eq!((served("ext4"), served("overlay")), (None, None));
    }

    #[test]
    fn the_files_of_this_machine_are_not_served() {
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        let open = |path| rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap();
        let own = ProcDir::open(std::process::id().cast_signed()).unwrap();
        let mounts = Mounts::of(&own, false);
        assert!(!mounts.serve(&open("/proc/self/status")));
        assert!(is_local(kind(&open("/proc/self/status")).unwrap(), false));
        // FUSE, NFS.
        assert!(!is_local(0x6573_5546, false) && !is_local(0x6969, false));
        assert!(is_local(OVERLAY.0, false) && !is_local(OVERLAY.0, true));
        assert!(Mounts::default().serve(&open("/proc/self/status")));
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_without_harm(line: Vec<u8>) {
            local(&line, true);
            served_device(&line);
        }
    }
}
