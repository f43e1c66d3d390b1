//! What the path of a control group tells: the unit of systemd that a process belongs to.
//!
//! Pure functions over the text of `/proc/PID/cgroup` (cgroups(7)). The path is systemd's as long as
//! systemd made it; below a unit that delegates, others put directories of their own.

use std::borrow::Cow;

/// The deepest path that is looked at: the kernel's `cgroup.max.depth` is seldom set, and nested
/// containers have about a dozen.
const MAX_DEPTH: usize = 64;

/// The most hierarchies that are looked at: version 1 has one for each of about a dozen controllers.
const MAX_HIERARCHIES: usize = 64;

/// The kinds of units that processes run in (systemd.unit(5)).
const KINDS: &[&str] = &[".service", ".scope", ".socket", ".mount", ".swap"];

/// A unit of systemd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit<'a> {
    /// Its name as `systemctl` takes it, with its escapes: `nova-conductor.service`,
    /// `dev\x2dagent@1.service`.
    pub name: &'a str,
    /// The slice that it is in, if it is in one below the root: `system.slice`.
    pub slice: Option<&'a str>,
    /// The user whose own systemd runs it, where it is not the machine's.
    pub user: Option<&'a str>,
}

impl Unit<'_> {
    /// Its name without the escapes: `dev-agent@1.service`. For people; systemd takes the other.
    pub fn readable(&self) -> Cow<'_, str> {
        if !self.name.contains("\\x") {
            return self.name.into();
        }
        let mut bytes = Vec::with_capacity(self.name.len());
        let mut rest = self.name;
        while let Some(at) = rest.find("\\x") {
            let (before, after) = rest.split_at(at);
            bytes.extend_from_slice(before.as_bytes());
            let digits = after.get(2..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
            match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = after.get(4..).unwrap_or_default();
                }
                None => {
                    bytes.extend_from_slice(b"\\x");
                    rest = after.get(2..).unwrap_or_default();
                }
            }
        }
        bytes.extend_from_slice(rest.as_bytes());
        match String::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => self.name.into(),
        }
    }
}

/// The paths in the text of `/proc/PID/cgroup`, each once: those of systemd's own hierarchy first.
pub fn paths(text: &str) -> Vec<&str> {
    // `0::/path` is the one of version 2; `1:name=systemd:/path` systemd's of version 1; the others
    // are those of controllers, where a container may show that does not show in the first two.
    let mut found: Vec<(u8, &str)> = text
        .lines()
        .take(MAX_HIERARCHIES)
        .filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let rank = match controllers {
                "name=systemd" => 0,
                "" => 1,
                _ => 2,
            };
            Some((rank, path.strip_suffix(" (deleted)").unwrap_or(path)))
        })
        .filter(|(_, path)| *path != "/")
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    let mut paths: Vec<&str> = Vec::new();
    for (_, path) in found {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// The unit that a process with this text of `/proc/PID/cgroup` runs in: the innermost one on its
/// path, which for a service of a user or of a system inside a container is that service.
pub fn unit(text: &str) -> Option<Unit<'_>> {
    paths(text).into_iter().find_map(of_path)
}

fn of_path(path: &str) -> Option<Unit<'_>> {
    let mut unit: Option<Unit<'_>> = None;
    let (mut slice, mut user) = (None, None);
    for name in path.split('/').filter(|name| !name.is_empty()).take(MAX_DEPTH) {
        // What would be taken for a file of the kernel's is written with a `_` before it.
        let name = name.strip_prefix('_').unwrap_or(name);
        if is_named(name, ".slice") {
            slice = Some(name);
        } else if KINDS.iter().any(|kind| is_named(name, kind)) {
            if let Some(outer) = &unit {
                user = outer.name.strip_prefix("user@").and_then(|id| id.strip_suffix(".service"));
                // A slice that was named before the outer unit is the outer unit's.
                slice = slice.filter(|slice| outer.slice != Some(*slice));
            }
            unit = Some(Unit { name, slice, user });
        }
    }
    unit
}

/// Whether this is the name of a unit of this kind, and not the ending alone.
fn is_named(name: &str, kind: &str) -> bool {
    name.len() > kind.len() && name.len() < 256 && name.ends_with(kind)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn known(text: &str) -> Option<(&str, Option<&str>, Option<&str>)> {
        unit(text).map(|unit| (unit.name, unit.slice, unit.user))
    }

    #[test]
    fn a_service_is_in_its_slice() {
        let text = "0::/system.slice/nova-conductor.service\n";
        assert_eq!(known(text), Some(("nova-conductor.service", Some("system.slice"), None)));
        let text = "0::/system.slice/system-getty.slice/getty@tty1.service\n";
        assert_eq!(known(text), Some(("getty@tty1.service", Some("system-getty.slice"), None)));
        assert_eq!(known("0::/init.scope\n"), Some(("init.scope", None, None)));
    }

    #[test]
    fn systemd_has_a_hierarchy_of_its_own_in_version_1() {
        let text = "4:memory:/user.slice/x.scope\n1:name=systemd:/system.slice/a.service\n0::/\n";
        assert_eq!(known(text), Some(("a.service", Some("system.slice"), None)));
        let none = "9:name=systemd:/\n4:memory:/process_api/2851590ad05488ac42606ea3214d658c\n0::/";
        assert_eq!(known(none), None);
    }

    #[test]
    fn a_users_unit_is_told_from_the_machines() {
        let text = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/work.service\n";
        assert_eq!(known(text), Some(("work.service", Some("app.slice"), Some("1000"))));
        let text = "0::/user.slice/user-1000.slice/session-3.scope\n";
        assert_eq!(known(text), Some(("session-3.scope", Some("user-1000.slice"), None)));
        let text = "0::/user.slice/user-1000.slice/user@1000.service/init.scope\n";
        assert_eq!(known(text), Some(("init.scope", None, Some("1000"))));
    }

    #[test]
    fn what_a_unit_puts_below_itself_is_no_unit() {
        let text = "0::/machine.slice/libpod-abc.scope/container\n";
        assert_eq!(known(text), Some(("libpod-abc.scope", Some("machine.slice"), None)));
        let inside = "0::/lxc.payload.c1/system.slice/nova-api.service\n";
        assert_eq!(known(inside), Some(("nova-api.service", Some("system.slice"), None)));
        assert_eq!(known("0::/.service/.slice\n"), None);
    }

    #[test]
    fn escapes_are_kept_for_systemd_and_undone_for_people() {
        let text = "0::/system.slice/dev\\x2dagent@a\\x2fb.service\n";
        let found = unit(text).unwrap();
        assert_eq!(found.name, "dev\\x2dagent@a\\x2fb.service");
        assert_eq!(found.readable(), "dev-agent@a/b.service");
        for odd in ["a\\x.service", "a\\xzz.service", "a\\x+1.service", "a\\xff.service"] {
            let text = format!("0::/{odd}");
            assert_eq!(unit(&text).unwrap().readable(), odd);
        }
    }

    #[test]
    fn a_unit_called_like_a_file_of_the_kernels_is_found_under_its_name() {
        assert_eq!(known("0::/_cgroup.service").unwrap().0, "cgroup.service");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_harm(text: String) {
            unit(&text).map(|unit| unit.readable().len());
            of_path(&text);
        }
    }
}
