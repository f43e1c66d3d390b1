//! Where the standard error of a process leads, in words, and how people read what goes there.
//! Pure. What comes from the process is made fit for a terminal here.

use crate::package::container::Container;
use crate::render::name;
use crate::render::sanitize::{is_harmful, line};
use crate::target::cgroup::Unit;
use crate::target::stderr::{PipeState, Stderr, StderrKind};
use crate::text::Text;

/// The most readers of a pipe that are named.
const MAX_NAMED: usize = 3;

/// What is at the other end of the pipe that a container's standard error is: names of processes as
/// the kernel cuts them, to 15 bytes.
const ENGINES: &[&str] = &["containerd-shim", "conmon", "dockerd", "containerd", "crio", "podman"];

/// How many digits of a container's id people write.
const SHORT_ID: usize = 12;

/// A process, to say where its output is found.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its id, as guru sees it.
    pub pid: i32,
    /// The unit of systemd that it belongs to.
    pub unit: Option<&'a Unit<'a>>,
    /// The container that it runs in.
    pub container: Option<&'a Container>,
    /// From when on its output is wanted, in seconds since 1970.
    pub since: i64,
}

/// What a standard error is: `a pipe read by containerd-shim (pid 77)`, `the journal`.
pub fn describe(stderr: &Stderr) -> String {
    match &stderr.kind {
        StderrKind::Closed => "nowhere: it is closed".to_owned(),
        StderrKind::File { path, deleted: false } => format!("the file {}", name::name(path.raw())),
        StderrKind::File { path, deleted: true } => {
            format!("the file {} (deleted)", name::name(path.raw()))
        }
        StderrKind::Pipe { readers, unseen, state } => pipe(readers, *unseen, *state),
        StderrKind::Socket { journal: true, .. } => "the journal".to_owned(),
        StderrKind::Socket { peer, .. } => format!("a {}", line(peer.raw())),
        StderrKind::Terminal(name) => format!("the terminal {}", name::name(name.raw())),
        StderrKind::Null => "/dev/null: whatever is written is lost".to_owned(),
        StderrKind::Other(name) => line(name.raw()),
        StderrKind::Hidden(why) => format!("where guru may not look: {}", line(why)),
    }
}

/// A pipe, by who reads it and whether it is full.
pub fn pipe(readers: &[(i32, Text)], unseen: bool, state: Option<PipeState>) -> String {
    if state.is_some_and(|state| state.abandoned) {
        return "a pipe that nobody reads any more: writing to it is deadly".to_owned();
    }
    let mut names: Vec<String> = readers
        .iter()
        .take(MAX_NAMED)
        .map(|(pid, name)| format!("{} (pid {pid})", name::name(name.raw())))
        .collect();
    match readers.len().saturating_sub(MAX_NAMED) {
        0 if unseen && !names.is_empty() => names.push("perhaps others".to_owned()),
        0 => {}
        more => names.push(format!("{more} more")),
    }
    let pipe = if state.is_some_and(|state| state.full) { "a full pipe" } else { "a pipe" };
    match names.is_empty() {
        false => format!("{pipe} read by {}", names.join(", ")),
        // Somebody has it open, or the kernel would have said so.
        true if state.is_some() => format!("{pipe} read by a process that guru does not see"),
        true => format!("{pipe}; who reads it is not known"),
    }
}

/// How people read what goes to a standard error: a command, with a word in front or behind if it
/// may not be the right one. `None` if there is none: it is a terminal, or lost, or read by some
/// program of which guru knows nothing more.
pub fn how_to_read(stderr: &Stderr, place: &Place<'_>) -> Option<String> {
    match &stderr.kind {
        StderrKind::File { deleted: true, .. } => Some(format!("cat /proc/{}/fd/2", place.pid)),
        StderrKind::File { path, .. } => Some(match place.container {
            Some(_) => format!("less {}", word(&format!("/proc/{}/root{}", place.pid, path.raw()))),
            None => format!("less {}", word(path.raw())),
        }),
        StderrKind::Socket { journal: true, .. } => Some(journal(place)),
        StderrKind::Pipe { readers, .. } => {
            let known =
                |names: &[&str]| readers.iter().any(|(_, name)| names.contains(&name.raw()));
            match place.container {
                Some(container) if known(ENGINES) => logs(container, place.since),
                // The engine is outside of what guru sees if guru itself is inside.
                Some(container) if readers.is_empty() => logs(container, place.since)
                    .map(|command| format!("{command} (if the pipe is the container's)")),
                _ if known(&["supervisord"]) => Some(format!(
                    "supervisorctl tail NAME stderr (supervisorctl status names process {})",
                    place.pid
                )),
                _ => None,
            }
        }
        StderrKind::Terminal(_) => logs(place.container?, place.since)
            .map(|command| format!("{command} (if the terminal is the container's)")),
        _ => None,
    }
}

/// The command that shows what a process has written into the journal. The journal notes the process
/// that wrote a line, also where a worker uses the stream of its master (since systemd 236).
fn journal(place: &Place<'_>) -> String {
    let since = format!("--since @{}", place.since);
    // A container that has a journal of its own, in which processes have other ids.
    if let Some(Container { engine: engine @ ("systemd-nspawn" | "lxc"), id: Some(id), .. }) =
        place.container
    {
        let unit = place.unit.map(|unit| format!("-u {} ", word(unit.name))).unwrap_or_default();
        return match *engine {
            "lxc" => {
                format!("lxc-attach -n {} -- journalctl {unit}-o cat {since}", word(id))
            }
            _ => format!("journalctl -M {} {unit}-o cat {since}", word(id)),
        };
    }
    let mine = format!("journalctl _PID={} -o cat {since}", place.pid);
    match place.unit {
        Some(unit) => {
            let which = if unit.user.is_some() { "--user-unit" } else { "-u" };
            format!("{mine} (all of the unit: journalctl {which} {})", word(unit.name))
        }
        None => mine,
    }
}

/// The command that shows what a container has written. All of them take seconds since 1970.
fn logs(container: &Container, since: i64) -> Option<String> {
    let id = container.id.as_deref().map(|id| word(id.get(..SHORT_ID).unwrap_or(id)));
    let by = |tool: &str| id.as_ref().map(|id| format!("{tool} logs --since {since} {id}"));
    match container.engine {
        "docker" => by("docker"),
        "podman" => by("podman"),
        // nerdctl's containers are in no pod.
        "containerd" if container.pod.is_none() => by("nerdctl"),
        "containerd" | "cri-o" | "kubernetes" => by("crictl").or_else(|| {
            let pod = container.pod.as_ref()?;
            Some(format!("kubectl logs of the pod with the UID {}", line(pod)))
        }),
        _ => None,
    }
}

/// A word for a shell, on one line. What would be escaped to be shown is escaped for the shell, too,
/// as bash, zsh and ksh read it: else the command would be about another file when it is copied.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-@:+=%,".contains(c);
    if text.chars().any(is_harmful) {
        return format!("$'{}'", text.chars().map(escaped).collect::<String>());
    }
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// A character as it stands in `$'…'`.
fn escaped(character: char) -> String {
    match character {
        '\'' | '\\' => format!("\\{character}"),
        _ if is_harmful(character) => {
            let bytes = character.to_string().into_bytes();
            bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
        }
        _ => character.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn of(kind: StderrKind) -> Stderr {
        Stderr { kind, identity: None }
    }

    fn pipe_read_by(readers: &[(i32, &str)], unseen: bool) -> Stderr {
        let readers = readers.iter().map(|(pid, name)| (*pid, (*name).into())).collect();
        let state = PipeState { abandoned: false, full: false, unread: 0, capacity: 65536 };
        of(StderrKind::Pipe { readers, unseen, state: Some(state) })
    }

    fn socket(journal: bool) -> Stderr {
        of(StderrKind::Socket { peer: "socket unix, unnamed, inode 7".into(), journal })
    }

    fn place() -> Place<'static> {
        Place { pid: 4711, unit: None, container: None, since: 1_700_000_000 }
    }

    fn container(engine: &'static str, pod: Option<&str>) -> Container {
        let pod = pod.map(str::to_owned);
        Container { engine, id: Some(ID.to_owned()), pod, image: None }
    }

    #[test]
    fn every_kind_is_described() {
        let said = |kind| describe(&of(kind));
        let file = |deleted| StderrKind::File { path: "/var/log/x\n".into(), deleted };
        assert_eq!(said(file(false)), "the file \"/var/log/x\\n\"");
        assert_eq!(said(file(true)), "the file \"/var/log/x\\n\" (deleted)");
        assert_eq!(said(StderrKind::Terminal("/dev/pts/3".into())), "the terminal /dev/pts/3");
        assert_eq!(said(StderrKind::Null), "/dev/null: whatever is written is lost");
        assert_eq!(said(StderrKind::Closed), "nowhere: it is closed");
        assert_eq!(describe(&socket(true)), "the journal");
        assert_eq!(describe(&socket(false)), "a socket unix, unnamed, inode 7");
    }

    #[test]
    fn a_pipe_is_described_by_who_reads_it() {
        let shim = pipe_read_by(&[(77, "containerd-shim")], false);
        assert_eq!(describe(&shim), "a pipe read by containerd-shim (pid 77)");
        let some = pipe_read_by(&[(7, "a"), (8, "b\u{1b}")], true);
        assert_eq!(describe(&some), "a pipe read by a (pid 7), \"b\\x1b\" (pid 8), perhaps others");
        let many = pipe_read_by(&[(1, "a"), (2, "a"), (3, "a"), (4, "a"), (5, "a")], false);
        assert!(describe(&many).ends_with("a (pid 3), 2 more"), "{}", describe(&many));
        let nobody = pipe_read_by(&[], false);
        assert_eq!(describe(&nobody), "a pipe read by a process that guru does not see");
        let state = |abandoned, full| {
            let state = PipeState { abandoned, full, unread: 65536, capacity: 65536 };
            let readers = vec![(7, "cat".into())];
            describe(&of(StderrKind::Pipe { readers, unseen: false, state: Some(state) }))
        };
        assert!(state(true, true).contains("nobody reads any more"));
        assert_eq!(state(false, true), "a full pipe read by cat (pid 7)");
        let unknown = StderrKind::Pipe { readers: Vec::new(), unseen: true, state: None };
        assert_eq!(describe(&of(unknown)), "a pipe; who reads it is not known");
    }

    #[test]
    fn the_journal_is_read_by_process_and_by_unit() {
        let alone = how_to_read(&socket(true), &place());
        let alone = alone.as_deref();
        assert_eq!(alone, Some("journalctl _PID=4711 -o cat --since @1700000000"));
        let unit = |name, user| {
            let unit = Unit { name, slice: None, user };
            how_to_read(&socket(true), &Place { unit: Some(&unit), ..place() }).unwrap_or_default()
        };
        let service = unit("nova-conductor.service", None);
        assert!(service.contains("_PID=4711 "), "{service}");
        assert!(service.ends_with("(all of the unit: journalctl -u nova-conductor.service)"));
        assert!(unit("a\\x2db.service", None).ends_with("-u 'a\\x2db.service')"));
        assert!(unit("a.service", Some("1000")).ends_with("--user-unit a.service)"));
        let machine = Container {
            engine: "systemd-nspawn",
            id: Some("web".to_owned()),
            ..Container::default()
        };
        let inside = how_to_read(&socket(true), &Place { container: Some(&machine), ..place() });
        let inside = inside.as_deref();
        assert_eq!(inside, Some("journalctl -M web -o cat --since @1700000000"));
        assert_eq!(how_to_read(&socket(false), &place()), None);
    }

    #[test]
    fn each_engine_has_its_own_command() {
        let shim = pipe_read_by(&[(77, "containerd-shim")], false);
        let read = |engine, pod| {
            let container = container(engine, pod);
            how_to_read(&shim, &Place { container: Some(&container), ..place() })
        };
        for (engine, pod, tool) in [
            ("docker", None, "docker"),
            ("podman", None, "podman"),
            ("containerd", None, "nerdctl"),
            ("containerd", Some("6b2e"), "crictl"),
            ("cri-o", Some("6b2e"), "crictl"),
            ("kubernetes", Some("6b2e"), "crictl"),
        ] {
            let expected = format!("{tool} logs --since 1700000000 0123456789ab");
            assert_eq!(read(engine, pod), Some(expected), "{engine}");
        }
        assert_eq!(read("lxc", None), None);
        let pod = Some("6b2e".to_owned());
        let pod = Container { engine: "kubernetes", pod, ..Container::default() };
        let pod = how_to_read(&shim, &Place { container: Some(&pod), ..place() });
        assert_eq!(pod.as_deref(), Some("kubectl logs of the pod with the UID 6b2e"));
    }

    #[test]
    fn a_pipe_that_may_not_be_the_containers_is_marked() {
        let docker = container("docker", None);
        let place = Place { container: Some(&docker), ..place() };
        let unseen = how_to_read(&pipe_read_by(&[], true), &place).unwrap_or_default();
        assert!(unseen.ends_with("(if the pipe is the container's)"), "{unseen}");
        let terminal = of(StderrKind::Terminal("/dev/pts/0".into()));
        let terminal = how_to_read(&terminal, &place).unwrap_or_default();
        assert!(terminal.ends_with("(if the terminal is the container's)"), "{terminal}");
        assert_eq!(how_to_read(&pipe_read_by(&[(9, "tee")], false), &place), None);
    }

    #[test]
    fn files_are_read_where_they_are() {
        let file = |path: &str, deleted| of(StderrKind::File { path: path.into(), deleted });
        let plain = how_to_read(&file("/var/log/it's", false), &place());
        assert_eq!(plain.as_deref(), Some("less '/var/log/it'\\''s'"));
        let steering = how_to_read(&file("/a\x1b\u{2028}'\\", false), &place());
        assert_eq!(steering.as_deref(), Some(r"less $'/a\x1b\xe2\x80\xa8\'\\'"));
        let gone = how_to_read(&file("/var/log/x", true), &place());
        assert_eq!(gone.as_deref(), Some("cat /proc/4711/fd/2"));
        let docker = container("docker", None);
        let inside = Place { container: Some(&docker), ..place() };
        let inside = how_to_read(&file("/var/log/x", false), &inside);
        assert_eq!(inside.as_deref(), Some("less /proc/4711/root/var/log/x"));
        let supervised = how_to_read(&pipe_read_by(&[(9, "supervisord")], false), &place());
        assert!(supervised.is_some_and(|command| command.starts_with("supervisorctl tail ")));
        assert_eq!(how_to_read(&of(StderrKind::Null), &place()), None);
    }
}
