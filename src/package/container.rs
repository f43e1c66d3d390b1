//! Which container a process runs in, by the names of its control groups and of what an engine
//! mounts over some of its files.
//!
//! There is no such thing for the kernel: only the customs of Docker, Podman, containerd, CRI-O,
//! Kubernetes, LXC and systemd-nspawn. What names none of them is no container that is known here.

use crate::evidence::files::Files;
use crate::package::stanza::lines;
use crate::target::cgroup::paths;
use crate::target::{Mount, TargetFacts};
use crate::text::Text;

/// What Podman writes into a container. Of most it is empty.
const CONTAINERENV: &str = "/run/.containerenv";

/// The largest of these files, in bytes.
const MAX_FILE: u64 = 16 << 10;

/// The longest name of a container that is shown, in bytes.
const MAX_NAME: usize = 128;

/// The most parts of a path that are looked at.
const MAX_PARTS: usize = 64;

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// What runs it: `docker`, `podman`, `containerd`.
    pub engine: &'static str,
    /// Its id or name.
    pub id: Option<String>,
    /// The id of the pod of Kubernetes that it belongs to.
    pub pod: Option<String>,
    /// Its image, where it says: name and id.
    pub image: Option<Text>,
}

impl Container {
    /// The container that a process runs in; `None` if nothing tells of one.
    pub fn of(facts: &TargetFacts, files: &Files) -> Option<Container> {
        let text = facts.cgroup.as_ref().map_or("", Text::raw);
        let by_cgroup = paths(text).into_iter().find_map(of_cgroup);
        let by_mount = facts.mounts.iter().find_map(of_mount);
        let mut container = match (by_cgroup, by_mount) {
            (Some(found), Some(mounted)) => Container {
                // A control group has less to tell where it is inside the container's own.
                id: found.id.or(mounted.id),
                pod: found.pod.or(mounted.pod),
                ..found
            },
            (found, mounted) => found.or(mounted)?,
        };
        if container.engine == "podman" {
            container.image = image(files);
        }
        Some(container)
    }

    /// One line that names it: `docker 0123…`.
    pub fn line(&self) -> String {
        let id = self.id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
        format!("{}{id}", self.engine)
    }
}

/// Names of units and of groups of engines that have one group a container: `docker-ID.scope` of
/// those that ask systemd for it.
const SCOPES: &[(&str, &str)] = &[
    ("docker-", "docker"),
    ("libpod-conmon-", ""),
    ("libpod-", "podman"),
    ("crio-conmon-", ""),
    ("crio-", "cri-o"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
];

/// Groups below which each is a container's.
const PARENTS: &[(&str, &str)] = &[
    ("docker", "docker"),
    ("libpod_parent", "podman"),
    ("lxc", "lxc"),
    ("lxc.payload", "lxc"),
    ("crio", "cri-o"),
    ("containerd", "containerd"),
];

/// The container that a path of a control group tells of.
fn of_cgroup(path: &str) -> Option<Container> {
    let mut found: Option<Container> = None;
    let (mut parent, mut pod) = ("", None);
    for name in path.split('/').filter(|name| !name.is_empty()).take(MAX_PARTS) {
        let bare = [".scope", ".slice", ".service"]
            .iter()
            .find_map(|kind| name.strip_suffix(kind))
            .unwrap_or(name);
        pod = pod_of(bare).or(pod);
        let known = |(begin, engine): &(&'static str, &'static str)| {
            Some((*engine, bare.strip_prefix(*begin)?))
        };
        let machine = || {
            let name =
                bare.strip_prefix("machine-").or_else(|| bare.strip_prefix("systemd-nspawn@"))?;
            (!name.starts_with("qemu")).then_some(("systemd-nspawn", name))
        };
        let below = || {
            let (_, engine) = PARENTS.iter().find(|(begin, _)| *begin == parent)?;
            (is_name(bare) && (*engine == "lxc" || is_id(bare))).then_some((*engine, bare))
        };
        let payload = || Some(("lxc", bare.strip_prefix("lxc.payload.")?));
        // Kubernetes without systemd: `/kubepods/besteffort/podUID/ID`.
        let in_pod = || (pod.is_some() && is_id(bare)).then_some(("kubernetes", bare));
        let engine =
            SCOPES.iter().find_map(known).filter(|(engine, id)| engine.is_empty() || is_id(id));
        let here = engine.or_else(payload).or_else(machine).or_else(below).or_else(in_pod);
        if let Some((engine, id)) = here.filter(|(engine, id)| !engine.is_empty() && is_name(id)) {
            let id = Some(id.replace("\\x2d", "-"));
            found = Some(Container { engine, id, pod: pod.clone(), image: None });
        }
        parent = bare;
    }
    found
}

/// The id of a pod in `pod0123-…` or, of systemd's, `kubepods-burstable-pod0123_…`.
fn pod_of(name: &str) -> Option<String> {
    let id = match name.rsplit_once("-pod") {
        Some((before, id)) if before.starts_with("kubepods") => id,
        _ => name.strip_prefix("pod")?,
    };
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'_');
    (id.len() >= 32 && id.len() <= 36 && id.bytes().all(is_part)).then(|| id.replace('_', "-"))
}

/// The container that a mount tells of: the directory that its `hosts` lies in.
fn of_mount(mount: &Mount) -> Option<Container> {
    let root = mount.root.raw();
    let parts: Vec<&str> =
        root.split('/').filter(|part| !part.is_empty()).take(MAX_PARTS).collect();
    let behind = |name: &str| {
        let at = parts.iter().position(|part| *part == name)?;
        parts.get(at + 1).copied().filter(|id| is_name(id))
    };
    let found = |engine, id: Option<&str>| Container {
        engine,
        id: id.map(str::to_owned),
        ..Container::default()
    };
    if mount.point.raw() == "/" {
        // The root of one that has no image: `/var/lib/lxc/NAME/rootfs`, `/var/lib/machines/NAME`.
        let lxc = behind("lxc").filter(|_| parts.last() == Some(&"rootfs"));
        let machine = || behind("machines").map(|id| found("systemd-nspawn", Some(id)));
        return lxc.map(|id| found("lxc", Some(id))).or_else(machine);
    }
    if let Some(id) = behind("containers").filter(|id| is_id(id)) {
        return Some(found("docker", Some(id)));
    }
    if let Some(id) = behind("overlay-containers").filter(|id| is_id(id)) {
        return Some(found("podman", Some(id)));
    }
    if let Some(id) = behind("sandboxes").filter(|id| is_id(id)) {
        // A sandbox is what the containers of a pod share.
        return Some(Container { pod: Some(id.to_owned()), ..found("containerd", None) });
    }
    // `/var/lib/kubelet/pods/UID/etc-hosts`
    let pod = behind("pods").filter(|_| root.ends_with("/etc-hosts"))?;
    Some(Container { pod: Some(pod.to_owned()), ..found("kubernetes", None) })
}

/// Whether this is the id that engines give: 64 hexadecimal digits.
fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME
}

/// The image that Podman's file in the container names: `image="…"`, `imageid="…"`.
fn image(files: &Files) -> Option<Text> {
    let file = files.in_root(CONTAINERENV).ok()?;
    let text = file.read_all(MAX_FILE).ok()?;
    let value = |name: &[u8]| {
        lines(text).find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix(b"=")?;
            Some(Text::from_bytes(value.strip_prefix(b"\"")?.strip_suffix(b"\"")?))
        })
    };
    match (value(b"image"), value(b"imageid")) {
        (Some(image), Some(id)) => Some(format!("{} ({})", image.raw(), id.raw()).into()),
        (image, id) => image.or(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fake::{FakeRoot, snapshot};

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const POD: &str = "6b2e9a0c-1f4d-4a5b-9c3e-0123456789ab";

    fn of(cgroup: &str, mounts: &[(&str, &str)], files: &[(&str, &str)]) -> Option<Container> {
        let mut facts = snapshot(&[]).target;
        facts.cgroup = Some(cgroup.into());
        let mount = |(root, point): &(&str, &str)| Mount {
            root: (*root).into(),
            point: (*point).into(),
            kind: "ext4".into(),
        };
        facts.mounts = mounts.iter().map(mount).collect();
        Container::of(&facts, &FakeRoot::new(files).files())
    }

    #[test]
    fn each_engine_names_its_groups_in_its_own_way() {
        let known = [
            (format!("0::/system.slice/docker-{ID}.scope"), "docker"),
            (format!("12:pids:/docker/{ID}\n1:name=systemd:/docker/{ID}"), "docker"),
            (format!("0::/machine.slice/libpod-{ID}.scope/container"), "podman"),
            (
                format!("0::/user.slice/user-1.slice/user@1.service/user.slice/libpod-{ID}.scope"),
                "podman",
            ),
            (
                format!(
                    "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{}.slice/\
                cri-containerd-{ID}.scope",
                    POD.replace('-', "_")
                ),
                "containerd",
            ),
            (format!("0::/kubepods.slice/x.slice/crio-{ID}.scope"), "cri-o"),
            (format!("4:memory:/kubepods/burstable/pod{POD}/{ID}"), "kubernetes"),
        ];
        for (cgroup, engine) in known {
            let found = of(&cgroup, &[], &[]).map(|found| found.line());
            assert_eq!(found, Some(format!("{engine} {ID}")), "{cgroup}");
        }
        let pod = of(&format!("0::/kubepods/burstable/pod{POD}/{ID}"), &[], &[]);
        assert_eq!(pod.and_then(|found| found.pod).as_deref(), Some(POD));
        let slice = format!(
            "0::/kubepods.slice/kubepods-pod{}.slice/crio-{ID}.scope",
            POD.replace('-', "_")
        );
        assert_eq!(of(&slice, &[], &[]).and_then(|found| found.pod).as_deref(), Some(POD));
    }

    #[test]
    fn containers_with_names_have_them() {
        let line = |cgroup| of(cgroup, &[], &[]).map(|found| found.line());
        assert_eq!(line("0::/lxc.payload.web/system.slice/a.service"), Some("lxc web".into()));
        assert_eq!(line("1:name=systemd:/lxc/web"), Some("lxc web".into()));
        let nspawn = "0::/machine.slice/machine-web\\x2d1.scope/payload";
        assert_eq!(line(nspawn), Some("systemd-nspawn web-1".into()));
    }

    #[test]
    fn what_only_resembles_a_container_is_none() {
        for cgroup in [
            "0::/system.slice/docker.service",
            "0::/system.slice/docker-compose.service",
            "0::/machine.slice/machine-qemu\\x2d1.scope",
            "0::/user.slice/user-1000.slice/session-1.scope",
            "4:memory:/process_api/2851590ad05488ac42606ea3214d658c\n0::/",
            "0::/machine.slice/libpod-conmon-0123456789abcdef.scope",
            "",
        ] {
            assert_eq!(of(cgroup, &[], &[]), None, "{cgroup}");
        }
    }

    #[test]
    fn a_container_in_a_namespace_of_its_own_shows_by_its_mounts() {
        let docker = format!("/var/lib/docker/containers/{ID}/hosts");
        let found = of("0::/", &[(&docker, "/etc/hosts")], &[]);
        assert_eq!(found.map(|found| found.line()), Some(format!("docker {ID}")));
        let podman = format!("/containers/storage/overlay-containers/{ID}/userdata/hostname");
        let env = (
            "/run/.containerenv",
            "engine=\"podman-4.9\"\nimage=\"quay.io/x:1\"\nimageid=\"ab\"\n",
        );
        let found = of("0::/", &[(&podman, "/etc/hostname")], &[env]);
        assert_eq!(found.and_then(|found| found.image), Some("quay.io/x:1 (ab)".into()));
        let pod = format!("/var/lib/kubelet/pods/{POD}/etc-hosts");
        assert_eq!(of("", &[(&pod, "/etc/hosts")], &[]).and_then(|f| f.pod).as_deref(), Some(POD));
        let lxc = of("0::/", &[("/var/lib/lxc/web/rootfs", "/")], &[]);
        assert_eq!(lxc.map(|found| found.line()), Some("lxc web".into()));
        assert_eq!(of("0::/", &[("/", "/"), ("/etc/hosts", "/etc/hosts")], &[]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_names_are_read_without_harm(cgroup: String, root: String) {
            of(&cgroup, &[(&root, "/etc/hosts"), (&root, "/")], &[]);
        }
    }
}
