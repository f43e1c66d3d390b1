//! What defines a command is obeyed only where nobody but root and the caller can have written it, or
//! put it where it is; and root's commands see nothing of the environment of a user.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use guru::report::{Block, Report};

use crate::support::own::{Config, missing, report_with, safe_directory};
use crate::support::{GURU, Target, run, skip_impossible, stdout_of};

const NONE: &[&str] = &[];

/// A user that is neither root nor who runs the tests.
const NOBODY: u32 = 65534;

/// A section whose command leaves a mark.
struct Trap {
    target: Target,
    mark: PathBuf,
}

impl Trap {
    fn set(directory: &Path) -> Option<Trap> {
        let target = Target::spawn("stacks-O2", NONE)?;
        Some(Trap { target, mark: directory.join("ran") })
    }

    /// The file that defines it.
    fn text(&self) -> String {
        let mark = self.mark.to_str().unwrap();
        format!("[[section]]\ntitle = 'Trap'\ncommand = 'touch {mark}'\n")
    }

    fn report(&self, config: &Path) -> Report {
        report_with(config, self.target.pid())
    }

    fn is_titled(report: &Report) -> bool {
        report.sections.iter().any(|section| section.title == "Trap")
    }

    /// It is not sprung by these files, and the one note of what is missing says why.
    fn refused(&self, config: &Path, why: &str) {
        let report = self.report(config);
        assert!(!Trap::is_titled(&report) && !self.mark.exists(), "{why}");
        let notes = missing(&report);
        assert!(matches!(notes.as_slice(), [note] if note.contains(why)), "{why}: {notes:?}");
    }

    /// It is, so that nothing but what was put right was in the way.
    fn sprung(&self, config: &Path) {
        let report = self.report(config);
        assert!(Trap::is_titled(&report) && self.mark.exists(), "{:?}", missing(&report));
        fs::remove_file(&self.mark).unwrap();
    }
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, Permissions::from_mode(bits)).unwrap();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn what_others_could_have_written_is_not_run() {
    let Some(config) = Config::new() else { return };
    let Some(trap) = Trap::set(config.base()) else { return };
    let file = config.add("trap.toml", &trap.text());
    for bits in [0o664, 0o646] {
        mode(&file, bits);
        trap.refused(config.base(), "trap.toml: not used: others may write to it");
    }
    mode(&file, 0o644);
    for bits in [0o777, 0o775, 0o1777] {
        mode(&config.directory(), bits);
        trap.refused(config.base(), "sections.d: not used: others may write to it");
    }
    mode(&config.directory(), 0o755);
    if is_root() {
        chown(&file, Some(NOBODY), None).unwrap();
        trap.refused(config.base(), "trap.toml: not used: it belongs to user 65534");
        chown(&file, Some(0), None).unwrap();
        chown(config.directory(), Some(NOBODY), None).unwrap();
        trap.refused(config.base(), "sections.d: not used: it belongs to user 65534");
        chown(config.directory(), Some(0), None).unwrap();
    }
    trap.sprung(config.base());
    assert!(trap.target.end());
}

#[test]
fn a_directory_on_the_way_that_others_may_write_to_spoils_all_below_it() {
    let Some(config) = Config::new() else { return };
    let Some(trap) = Trap::set(config.base()) else { return };
    config.add("trap.toml", &trap.text());
    for directory in [config.base().to_owned(), config.base().join("guru")] {
        for bits in [0o775, 0o757, 0o1777] {
            mode(&directory, bits);
            let why = format!("others may write to {}, on the way to it", directory.display());
            trap.refused(config.base(), &why);
        }
        mode(&directory, 0o755);
    }
    trap.sprung(config.base());
    // `/tmp` is no place for it, however private what lies below: who comes first has the name.
    let private = tempfile::tempdir_in("/tmp").unwrap();
    let sections = private.path().join("guru/sections.d");
    fs::create_dir_all(&sections).unwrap();
    fs::write(sections.join("trap.toml"), trap.text()).unwrap();
    trap.refused(private.path(), "others may write to /tmp, on the way to it");
    assert!(trap.target.end());
}

#[test]
fn links_on_the_way_are_followed_by_the_same_rules() {
    let (Some(config), Some(place)) = (Config::new(), safe_directory()) else { return };
    let Some(trap) = Trap::set(config.base()) else { return };
    let file = config.add("trap.toml", &trap.text());

    // Links of the caller's own, absolute and relative, to a directory and to a file.
    let link = place.path().join("config");
    symlink(config.base(), &link).unwrap();
    trap.sprung(&link);
    let moved = config.base().join("moved.toml");
    fs::rename(&file, &moved).unwrap();
    symlink("../../moved.toml", &file).unwrap();
    trap.sprung(&link);
    let round = place.path().join("round");
    symlink(&round, &round).unwrap();
    trap.refused(&round, "not used: ");

    // A link leads through a directory that others may write to.
    let open = place.path().join("open");
    fs::create_dir(&open).unwrap();
    symlink(config.base(), open.join("config")).unwrap();
    mode(&open, 0o1777);
    symlink(open.join("config"), place.path().join("through")).unwrap();
    let why = format!("others may write to {}, on the way to it", open.display());
    trap.refused(&place.path().join("through"), &why);
    fs::remove_file(&file).unwrap();
    fs::copy(&moved, open.join("trap.toml")).unwrap();
    symlink(open.join("trap.toml"), &file).unwrap();
    trap.refused(config.base(), &why);
    mode(&open, 0o755);
    trap.sprung(&place.path().join("through"));

    if is_root() {
        // A link that belongs to somebody else may lead elsewhere tomorrow.
        lchown(&file, Some(NOBODY), None).unwrap();
        trap.refused(config.base(), "trap.toml: not used: it belongs to user 65534");
    }
    assert!(trap.target.end());
}

#[test]
fn root_does_not_run_what_the_user_who_typed_sudo_wrote() {
    if !is_root() {
        return skip_impossible("only root runs what others wrote");
    }
    let Some(place) = safe_directory() else { return };
    let Some(trap) = Trap::set(place.path()) else { return };
    let home = place.path().join("home");
    let sections = home.join(".config/guru/sections.d");
    fs::create_dir_all(&sections).unwrap();
    fs::write(sections.join("trap.toml"), trap.text()).unwrap();
    for part in ["", ".config", ".config/guru", ".config/guru/sections.d"] {
        chown(home.join(part), Some(NOBODY), None).unwrap();
    }
    let pid = trap.target.pid().to_string();
    let variables = [("SUDO_UID", "65534"), ("PKEXEC_UID", "65534"), ("DOAS_USER", "nobody")];
    for (name, value) in variables {
        for xdg in [None, Some(home.join(".config"))] {
            let mut command = Command::new(GURU);
            command.args(["report", "--format", "json", &pid]);
            command.env(name, value).env("HOME", &home).env_remove("XDG_CONFIG_HOME");
            command.envs(xdg.map(|xdg| ("XDG_CONFIG_HOME", xdg)));
            let report: Report = serde_json::from_str(&stdout_of(&run(command))).unwrap();
            assert!(!Trap::is_titled(&report) && !trap.mark.exists(), "{name}");
            let told = report.all_notes().any(|note| {
                let text = note.message.raw();
                text.contains("belongs to user 65534") && text.contains("/etc/guru/sections.d")
            });
            assert!(told, "{name}: {:?}", report.notes);
        }
    }
    assert!(trap.target.end());
}

#[test]
fn commands_of_root_have_an_environment_of_their_own() {
    if !is_root() {
        return skip_impossible("a user's commands have the user's environment");
    }
    let Some(place) = safe_directory() else { return };
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    // A program of the user's that is found first, and a home with files that programs obey.
    let evil = place.path().join("evil");
    fs::create_dir(&evil).unwrap();
    for name in ["env", "id"] {
        fs::write(evil.join(name), "#!/bin/sh\necho EVIL\n").unwrap();
        mode(&evil.join(name), 0o755);
    }
    chown(&evil, Some(NOBODY), None).unwrap();
    let mut command = Command::new(GURU);
    command.args(["report", "--format", "json", "--no-sections", "--section"]);
    command.arg("T=!env; id -u").arg(target.pid().to_string());
    command.env("PATH", format!("{}:/usr/bin:/bin", evil.display())).env("HOME", &evil);
    let dangerous = [
        "LD_LIBRARY_PATH",
        "LD_AUDIT_X",
        "BASH_ENV",
        "ENV",
        "IFS",
        "CDPATH",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PERL5LIB",
        "PERL5OPT",
        "RUBYLIB",
        "NODE_OPTIONS",
        "LOCPATH",
        "NLSPATH",
        "TERMINFO",
        "XDG_CONFIG_HOME",
        "SHELLOPTS",
        "PS4",
        "BASH_FUNC_env%%",
        "LESSOPEN",
        "EDITOR",
    ];
    for name in dangerous {
        command.env(name, "/nowhere/evil");
    }
    command.env("LANG", "../../nowhere/evil").env("TZ", ":/nowhere/evil").env("TERM", "xterm");
    let report: Report = serde_json::from_str(&stdout_of(&run(command))).unwrap();
    let section = report.sections.iter().find(|section| section.title == "T").unwrap();
    let [Block::Text { text, .. }] = section.blocks.as_slice() else { panic!("{section:?}") };
    let mut lines: Vec<&str> = text.raw().lines().collect();
    assert_eq!(lines.pop(), Some("0"), "{lines:?}");
    // The shell sets some itself.
    let allowed = ["PATH", "HOME", "TERM", "GURU_PID", "PWD", "OLDPWD", "SHLVL", "_"];
    for line in &lines {
        let name = line.split_once('=').map_or(*line, |(name, _)| name);
        assert!(allowed.contains(&name), "{line}");
    }
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert!(lines.contains(&path) && lines.contains(&"HOME=/"), "{lines:?}");
    assert!(lines.contains(&"TERM=xterm"), "{lines:?}");
    assert!(target.end());
}
