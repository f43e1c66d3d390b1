//! Files that define sections of one's own, where guru may read them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use guru::note::Weight;
use guru::report::Report;
use tempfile::TempDir;

use super::{GURU, root, run, skip_impossible, stdout_of};

/// A new directory to which nobody but root and who runs the tests can change the way. Records a skip
/// if there is no place for one.
pub fn safe_directory() -> Option<TempDir> {
    let user = rustix::process::geteuid().as_raw();
    let is_safe = |directory: &Path| {
        fs::metadata(directory)
            .is_ok_and(|meta| (meta.uid() == 0 || meta.uid() == user) && meta.mode() & 0o022 == 0)
    };
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let places = [Some(root("target")), home].into_iter().flatten();
    let mut safe = places.filter_map(|place| place.canonicalize().ok());
    let Some(place) = safe.find(|place| place.ancestors().all(is_safe)) else {
        skip_impossible("others may write to every directory that the tests could use");
        return None;
    };
    let directory = tempfile::tempdir_in(place).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    Some(directory)
}

/// A user's directory of section files.
pub struct Config(TempDir);

impl Config {
    /// An empty one, readable by all; a skip as [`safe_directory`].
    pub fn new() -> Option<Config> {
        let config = Config(safe_directory()?);
        for directory in ["guru", "guru/sections.d"] {
            let directory = config.base().join(directory);
            fs::create_dir(&directory).unwrap();
            fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
        }
        Some(config)
    }

    /// What `XDG_CONFIG_HOME` is.
    pub fn base(&self) -> &Path {
        self.0.path()
    }

    /// Where the files lie.
    pub fn directory(&self) -> PathBuf {
        self.base().join("guru/sections.d")
    }

    /// Adds a file.
    pub fn add(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// The report on a process with these files.
    pub fn report(&self, pid: i32) -> Report {
        report_with(self.base(), pid)
    }
}

/// guru with the files of this directory as the user's, and no others of theirs.
pub fn guru_with(config: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(GURU);
    command.args(args).env("XDG_CONFIG_HOME", config);
    run(command)
}

/// The report on a process with the files of this directory as the user's.
pub fn report_with(config: &Path, pid: i32) -> Report {
    let args = ["report", "--format", "json", &pid.to_string()];
    serde_json::from_str(&stdout_of(&guru_with(config, &args))).unwrap()
}

/// What the notes say that something is missing for.
pub fn missing(report: &Report) -> Vec<String> {
    let missing = report.all_notes().filter(|note| note.weight == Weight::Missing);
    missing.map(|note| format!("{}: {}", note.about.raw(), note.message.raw())).collect()
}
