//! What a process names is opened with its own rights: root's guru shows nothing of what the process
//! could not read itself, and all that it could.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::XattrFlags;

use crate::support::configuration::configuration;
use crate::support::nobody::{AS_NOBODY, NOBODY, chmod, command, program};
use crate::support::{Target, report, skip_impossible};

/// A group that nobody is in.
const GROUP: u32 = 54321;

/// A directory with files that nobody may read and files that it may not.
struct Place {
    directory: tempfile::TempDir,
    program: PathBuf,
}

impl Place {
    fn new() -> Option<Place> {
        let directory = tempfile::tempdir().unwrap();
        chmod(directory.path(), 0o755);
        let program = program("stacks-static", directory.path())?;
        command(&program)?;
        Some(Place { directory, program })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A configuration file.
    fn file(&self, name: &str, owner: u32, group: u32, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "[db]\nhost = seen\n").unwrap();
        chown(&path, Some(owner), Some(group)).unwrap();
        chmod(&path, mode);
        path
    }

    /// Which of the files a process that names them is shown with; it is started by this command.
    fn shown(&self, start: &[&str], files: &[&Path]) -> Vec<bool> {
        let mut command = Command::new("setpriv");
        command.args(start).arg(&self.program);
        command.args(files.iter().flat_map(|file| [Path::new("--config"), file]));
        let target = Target::start(command);
        let report = report(target.pid());
        let configuration = configuration(&report);
        let of = |file: &&Path| {
            let mut all = configuration.iter().flat_map(|(files, _)| *files);
            let found = all.find(|found| found.path.raw() == file.to_str().unwrap());
            let Some(found) = found else { panic!("{}: {configuration:?}", file.display()) };
            found.unread.is_none()
        };
        let shown = files.iter().map(of).collect();
        assert!(target.end());
        shown
    }
}

#[test]
fn only_what_the_process_could_read_itself_is_shown() {
    let Some(place) = Place::new() else { return };
    let readable = place.file("readable.conf", 0, 0, 0o644);
    let own = place.file("own.conf", NOBODY, 0, 0o400);
    let secret = place.file("secret.conf", 0, 0, 0o600);
    // The class decides, not the most generous right.
    let refused = place.file("refused.conf", NOBODY, 0, 0o044);
    let below = place.file("below/deep/a.conf", 0, 0, 0o644);
    chmod(&place.path("below"), 0o700);
    let unlisted = place.file("unlisted/a.conf", 0, 0, 0o644);
    chmod(&place.path("unlisted"), 0o711);
    let grouped = place.file("grouped.conf", 0, GROUP, 0o640);
    let linked = place.path("linked.conf");
    symlink(&secret, &linked).unwrap();
    let all = [&readable, &own, &secret, &refused, &below, &unlisted, &grouped, &linked];
    let all: Vec<&Path> = all.into_iter().map(PathBuf::as_path).collect();
    let shown = place.shown(AS_NOBODY, &all);
    assert_eq!(shown, [true, true, false, false, false, true, false, false]);
    let group = ["--reuid", "65534", "--regid", "65534", "--groups", "54321"];
    let shown = place.shown(&group, &[&grouped, &secret]);
    assert_eq!(shown, [true, false]);
}

#[test]
fn a_list_that_denies_the_user_counts() {
    let Some(place) = Place::new() else { return };
    let denied = place.file("denied.conf", 0, 0, 0o644);
    let allowed = place.file("allowed.conf", 0, 0, 0o640);
    // The kernel's include/uapi/linux/posix_acl_xattr.h: version 2, then tag, rights and id of each entry:
    // owner, nobody, group, mask, others.
    let list = |nobody: u16, others: u16| {
        let entries = [(1, 6, u32::MAX), (2, nobody, NOBODY), (4, 4, u32::MAX), (16, 4, u32::MAX)];
        let mut bytes = 2u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries.into_iter().chain([(32u16, others, u32::MAX)]) {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    };
    let set = |path: &Path, list: &[u8]| {
        rustix::fs::setxattr(path, "system.posix_acl_access", list, XattrFlags::empty())
    };
    if set(&denied, &list(0, 4)).is_err() || set(&allowed, &list(4, 0)).is_err() {
        return skip_impossible("this file system has no access control lists");
    }
    assert_eq!(place.shown(AS_NOBODY, &[&denied, &allowed]), [false, true]);
}

#[test]
fn a_process_that_may_read_every_file_is_shown_with_every_file() {
    let Some(place) = Place::new() else { return };
    let secret = place.file("secret.conf", 0, 0, 0o600);
    let with =
        [AS_NOBODY, &["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]];
    assert_eq!(place.shown(&with.concat(), &[&secret]), [true]);
    // Other capabilities open no file.
    let with = [AS_NOBODY, &["--inh-caps", "+sys_ptrace", "--ambient-caps", "+sys_ptrace"]];
    assert_eq!(place.shown(&with.concat(), &[&secret]), [false]);
    // Root without them reads what is root's, and no more.
    let others = place.file("others.conf", NOBODY, NOBODY, 0o600);
    let without = ["--bounding-set", "-dac_override,-dac_read_search"];
    assert_eq!(place.shown(&without, &[&secret, &others]), [true, false]);
}

#[test]
fn rights_that_a_program_lends_open_nothing() {
    let Some(place) = Place::new() else { return };
    let secret = place.file("secret.conf", 0, 0, 0o600);
    let grouped = place.file("grouped.conf", 0, GROUP, 0o640);
    let group_0 = ["--reuid", "65534", "--regid", "0", "--clear-groups"];
    // The kernel's include/uapi/linux/capability.h: version 2, effective; CAP_DAC_READ_SEARCH.
    let capability = [0x0200_0001u32, 1 << 2, 0, 0, 0].map(u32::to_le_bytes).concat();
    let name = "security.capability";
    rustix::fs::setxattr(&place.program, name, &capability, XattrFlags::empty()).unwrap();
    assert_eq!(place.shown(AS_NOBODY, &[&secret]), [false]);
    rustix::fs::removexattr(&place.program, name).unwrap();
    chown(&place.program, Some(0), Some(GROUP)).unwrap();
    chmod(&place.program, 0o2755);
    assert_eq!(place.shown(&group_0, &[&grouped]), [false]);
    chmod(&place.program, 0o755);
    let of_group = ["--reuid", "65534", "--regid", "0", "--groups", "54321"];
    assert_eq!(place.shown(&of_group, &[&grouped]), [true]);
}

#[test]
fn root_of_a_user_namespace_reads_the_files_of_its_users_only() {
    let Some(place) = Place::new() else { return };
    let unshared =
        Command::new("setpriv").args(AS_NOBODY).args(["unshare", "-Ur", "true"]).status();
    if !unshared.is_ok_and(|status| status.success()) {
        return skip_impossible("user namespaces are forbidden here");
    }
    let secret = place.file("secret.conf", 0, 0, 0o600);
    // Its owner has no right, but has every capability over it in the namespace.
    let locked = place.file("locked.conf", NOBODY, NOBODY, 0o000);
    let start = [AS_NOBODY, &["unshare", "-Ur"]].concat();
    assert_eq!(place.shown(&start, &[&secret, &locked]), [false, true]);
    assert_eq!(place.shown(AS_NOBODY, &[&locked]), [false]);
}

#[test]
fn no_detour_by_proc_leads_to_what_is_not_the_targets() {
    let Some(place) = Place::new() else { return };
    let secret = place.file("secret.conf", 0, 0, 0o600);
    let link = |name: &str, to: &str| {
        let path = place.path(name);
        symlink(to, &path).unwrap();
        path
    };
    // `self` would be who opens it.
    let detours = [
        link("environ.conf", "/proc/self/environ"),
        link("maps.conf", "/proc/self/maps"),
        link("status.conf", "/proc/thread-self/status"),
        link("root.conf", &format!("/proc/self/root{}", secret.display())),
        link("one.conf", &format!("/proc/1/root{}", secret.display())),
        link("fd.conf", "/proc/self/fd/3"),
        link("shadow.conf", "/etc/shadow"),
        link("up.conf", &format!("{}etc/shadow", "../".repeat(30))),
    ];
    let detours: Vec<&Path> = detours.iter().map(PathBuf::as_path).collect();
    assert_eq!(place.shown(AS_NOBODY, &detours), vec![false; detours.len()]);
    // Not for root either, which could: it would be guru's own.
    let shown = place.shown(&[], &detours[..3]);
    assert_eq!(shown, [false; 3]);
}
