//! Where installed Python distributions lie: the `site-packages` directories of a process.

use crate::evidence::Snapshot;
use crate::evidence::files::Files;
use crate::path::{absolute, base_name};

/// The most directories that are tried.
const MAX_SITES: usize = 32;

/// The longest first line of a script that is read, in bytes: the kernel reads no more either
/// (`BINPRM_BUF_SIZE`).
const MAX_SHEBANG: usize = 256;

/// A directory of installed distributions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its path.
    pub path: String,
}

impl Site {
    /// The environment or system that it belongs to: `PREFIX/lib/python3.11/site-packages`.
    pub fn prefix(&self) -> String {
        absolute("../../..", &self.path, None)
    }

    /// Where a console script of this name is installed.
    pub fn script(&self, name: &str) -> String {
        absolute(&format!("bin/{name}"), &self.prefix(), None)
    }
}

/// The existing directories that the process may have its distributions from: the nearest to its
/// script first, and the interpreter's own last.
pub fn sites(
    snapshot: &Snapshot,
    files: &Files,
    script: Option<&str>,
    interpreter: &str,
    version: &str,
) -> Vec<Site> {
    let variable = |wanted: &str| {
        let variables = &snapshot.target.environment;
        variables.iter().find(|(name, _)| name.raw() == wanted).map(|(_, value)| value.raw())
    };
    let started_by = snapshot.target.process.command.first().map(crate::text::Text::raw);
    let by_shebang = script.and_then(|script| shebang(files, script));
    let programs = [script, started_by, by_shebang, Some(interpreter)];
    let [by_script, by_command, by_shebang, by_interpreter] =
        programs.map(|program| program.and_then(prefix_of));
    let by_variable = variable("VIRTUAL_ENV").map(str::to_owned);
    let near = [by_script, by_command, by_shebang, by_variable].into_iter().flatten();
    let far = [variable("PYTHONHOME").map(str::to_owned), by_interpreter].into_iter().flatten();

    let mapped = snapshot.mappings.iter().filter_map(|mapping| site_of(mapping.path.raw()));
    let candidates = near
        .flat_map(|prefix| below(&prefix, version))
        .chain(mapped.map(str::to_owned))
        .chain(far.flat_map(|prefix| below(&prefix, version)));
    let mut sites: Vec<Site> = Vec::new();
    let mut tried: Vec<String> = Vec::new();
    for path in candidates {
        if tried.len() == MAX_SITES {
            break;
        }
        if !tried.contains(&path) {
            if files.list(&path).is_ok() {
                sites.push(Site { path: path.clone() });
            }
            tried.push(path);
        }
    }
    sites
}

/// The prefix of a program at `PREFIX/bin/NAME`. What lies elsewhere (`/tmp/test.py`) tells none: it
/// would have every distribution of the system asked whether it is theirs.
fn prefix_of(program: &str) -> Option<String> {
    let directory = absolute("..", program, None);
    let holds_programs = matches!(base_name(&directory), "bin" | "sbin" | "libexec");
    (program.starts_with('/') && holds_programs).then(|| absolute("..", &directory, None))
}

/// The directories of a prefix that a Python of this version has its distributions in.
fn below(prefix: &str, version: &str) -> Vec<String> {
    let minor = minor(version);
    ["lib", "lib64"]
        .iter()
        .map(|lib| format!("{lib}/python{minor}/site-packages"))
        // Debian's.
        .chain([format!("lib/python{minor}/dist-packages"), "lib/python3/dist-packages".into()])
        .map(|path| absolute(&path, prefix, None))
        .collect()
}

/// `3.11` of `3.11.7`.
pub fn minor(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// The directory of distributions that a module's file lies in.
pub fn site_of(path: &str) -> Option<&str> {
    ["/site-packages", "/dist-packages"].iter().find_map(|name| {
        let at = path.find(&format!("{name}/"))?;
        path.get(..at + name.len())
    })
}

/// The interpreter that a script's first line names.
fn shebang<'a>(files: &'a Files, script: &str) -> Option<&'a str> {
    let start = files.in_root(script).ok()?.block_from(0).ok()?;
    let line = start.get(..start.len().min(MAX_SHEBANG))?.split(|byte| *byte == b'\n').next()?;
    let word = std::str::from_utf8(line.strip_prefix(b"#!")?).ok()?.split_whitespace().next()?;
    super::command::is_interpreter(base_name(word)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fake::{FakeRoot, snapshot};

    fn found(command: &[&str], script: Option<&str>, files: &[(&str, &str)]) -> Vec<String> {
        let files = FakeRoot::new(files).files();
        let sites = sites(&snapshot(command), &files, script, "/usr/bin/python3.11", "3.11.7");
        sites.into_iter().map(|site| site.path).collect()
    }

    const VENV: (&str, &str) = ("/opt/venv/lib/python3.11/site-packages/six.py", "");
    const DEBIAN: (&str, &str) = ("/usr/lib/python3/dist-packages/six.py", "");

    #[test]
    fn the_environment_of_the_script_comes_before_the_interpreters() {
        let script = Some("/opt/venv/bin/tool");
        let expected = ["/opt/venv/lib/python3.11/site-packages", "/usr/lib/python3/dist-packages"];
        assert_eq!(found(&[], script, &[DEBIAN, VENV]), expected);
    }

    #[test]
    fn a_linked_script_leads_by_its_first_line() {
        let link = ("/usr/local/bin/tool", "#!/opt/venv/bin/python3 -s\nimport x");
        assert_eq!(
            found(&[], Some(link.0), &[link, VENV]),
            ["/opt/venv/lib/python3.11/site-packages"]
        );
        let env = ("/usr/local/bin/tool", "#!/usr/bin/env python3\n");
        assert!(found(&[], Some(env.0), &[env, VENV]).is_empty());
    }

    #[test]
    fn a_script_that_is_in_no_directory_of_programs_has_no_environment() {
        let all = [VENV, DEBIAN, ("/lib/python3/dist-packages/six.py", "")];
        let paths = ["/tmp/test.py", "/opt/venv/share/tool/test.py"];
        for script in paths {
            assert_eq!(found(&[], Some(script), &all), ["/usr/lib/python3/dist-packages"]);
        }
    }

    #[test]
    fn the_path_that_the_interpreter_was_started_by_leads_there_too() {
        let command = ["/opt/venv/bin/python3", "-m", "tool"];
        assert_eq!(found(&command, None, &[VENV]).len(), 1);
    }

    #[test]
    fn a_mapped_extension_module_shows_its_directory() {
        let path = "/opt/venv/lib/python3.11/site-packages/greenlet/_greenlet.so";
        assert_eq!(site_of(path), Some("/opt/venv/lib/python3.11/site-packages"));
        assert_eq!(site_of("/opt/site-packages-old/x.so"), None);
    }

    #[test]
    fn a_site_knows_its_prefix_and_scripts() {
        let site = Site { path: "/usr/lib/python3/dist-packages".into() };
        assert_eq!((site.prefix().as_str(), site.script("x").as_str()), ("/usr", "/usr/bin/x"));
    }
}
