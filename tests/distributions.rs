//! What the Package section says of Python distributions: how they were installed, and whether what
//! runs is still what is installed. pip itself installs them, from packages that are made here.

use crate::support::{DEADLINE, Target, await_some, python, report, run, skip, skip_impossible};
use guru::report::{Block, Field};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A build backend of PEP 517 and 660 in a file: it needs nothing that would have to be fetched.
const BACKEND: &str = r#"
import os, zipfile

NAME, VERSION = 'NAME_', 'VERSION_'
INFO = f'{NAME}-{VERSION}.dist-info'

def wheel(directory, files):
    files = {**files, f'{INFO}/METADATA': f'Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\nAuthor: Ann\n',
             f'{INFO}/WHEEL': 'Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
             f'{INFO}/entry_points.txt': f'[console_scripts]\n{NAME}-run = {NAME}:main\n'}
    files[f'{INFO}/RECORD'] = ''.join(f'{name},,\n' for name in [*files, f'{INFO}/RECORD'])
    name = f'{NAME}-{VERSION}-py3-none-any.whl'
    with zipfile.ZipFile(os.path.join(directory, name), 'w') as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return name

def build_wheel(directory, config_settings=None, metadata_directory=None):
    return wheel(directory, {f'{NAME}.py': open(f'src/{NAME}.py').read()})

def build_editable(directory, config_settings=None, metadata_directory=None):
    return wheel(directory, {f'__editable__.{NAME}-{VERSION}.pth': os.path.abspath('src') + '\n'})
"#;

/// A virtual environment with pip.
struct Venv {
    directory: tempfile::TempDir,
}

impl Venv {
    /// Makes one; `None` records a skip.
    fn new() -> Option<Venv> {
        let Some(python) = python() else {
            skip_impossible("no Python 3.11");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(python);
        command.args(["-m", "venv", "--copies"]).arg(directory.path().join("venv"));
        if !run(command).status.success() {
            skip("python3.11-venv is not installed");
            return None;
        }
        Some(Venv { directory })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The sources of a distribution of this name, with this module.
    fn sources(&self, name: &str, version: &str, module: &str) -> PathBuf {
        let path = self.path(&format!("{name} sources"));
        fs::create_dir_all(path.join("src")).unwrap();
        let project = "[build-system]\nrequires = []\nbuild-backend = \"backend\"\n\
                       backend-path = [\".\"]\n";
        fs::write(path.join("pyproject.toml"), project).unwrap();
        let backend = BACKEND.replace("NAME_", name).replace("VERSION_", version);
        fs::write(path.join("backend.py"), backend).unwrap();
        fs::write(path.join(format!("src/{name}.py")), module).unwrap();
        path
    }

    fn pip(&self, args: &[&str], sources: &Path) {
        let mut command = Command::new(self.path("venv/bin/python"));
        command.args(["-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation"]);
        command.args(["--no-deps", "--force-reinstall", "--disable-pip-version-check"]);
        let output = run({
            command.args(args).arg(sources);
            command
        });
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The fields of the section.
fn fields(pid: i32) -> Vec<(String, String)> {
    let report = report(pid);
    let section = report.sections.into_iter().find(|section| section.id == "package").unwrap();
    let fields = section.blocks.into_iter().find_map(|block| match block {
        Block::Fields { fields } => Some(fields),
        _ => None,
    });
    let pair = |field: Field| Some((field.name, field.value?.raw().to_owned()));
    fields.unwrap().into_iter().filter_map(pair).collect()
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

const MAIN: &str = "import os\ndef main():\n    print('ready', os.getpid(), flush=True)\n    input()\n\
                    if __name__ == '__main__':\n    main()\n";

#[test]
fn an_editable_install_is_shown_with_its_sources() {
    let Some(venv) = Venv::new() else { return };
    let sources = venv.sources("tool", "1.5", MAIN);
    venv.pip(&["-e"], &sources);
    let script = Target::start(Command::new(venv.path("venv/bin/tool-run")));
    let of_script = fields(script.pid());
    // By its sources themselves, of which no list of files knows.
    let mut command = Command::new(venv.path("venv/bin/python"));
    command.arg(sources.join("src/tool.py"));
    let direct = Target::start(command);
    let of_file = fields(direct.pid());
    let mut command = Command::new(venv.path("venv/bin/python"));
    command.args(["-m", "tool"]);
    let module = Target::start(command);
    let of_module = fields(module.pid());
    for found in [&of_script, &of_file, &of_module] {
        let known = ["product", "version", "vendor", "installer", "editable install"]
            .map(|name| value(found, name));
        let expected = [Some("tool"), Some("1.5"), Some("Ann"), Some("pip"), sources.to_str()];
        assert_eq!(known, expected, "{found:?}");
    }
}

#[test]
fn modules_that_were_upgraded_under_the_process_are_told_of() {
    let Some(venv) = Venv::new() else { return };
    // Of one the version is known, of another it is not, and one stays what it is.
    let install = |name: &str, version: &str, module: &str| {
        venv.pip(&[], &venv.sources(name, version, module));
    };
    install("told", "1.0", "__version__ = '1.0'\n");
    install("quiet", "1.0", "");
    install("same", "1.0", "__version__ = '1.0'\n");
    let mut command = Command::new(venv.path("venv/bin/python"));
    let script = "import os, told, quiet, same; print('ready', os.getpid(), flush=True); input()";
    command.args(["-c", script]);
    let target = Target::start(command);
    let told = |found: &[(String, String)]| -> Vec<(String, String)> {
        found.iter().filter(|(name, _)| name.contains("module")).cloned().collect()
    };
    let before = fields(target.pid());
    assert_eq!(told(&before), [], "{before:?}");
    // Times of files and of processes count in seconds.
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (started, deadline) = (now(), Instant::now() + DEADLINE);
    await_some("the clock goes on", || (now() > started + 1).then_some(()));
    assert!(Instant::now() < deadline);
    install("told", "2.0", "__version__ = '2.0'\n");
    install("quiet", "2.0", "");
    let after = fields(target.pid());
    let expected = [
        ("outdated module", "told: 1.0 runs, 2.0 is installed"),
        ("possibly outdated module", "quiet: quiet 2.0 was installed after the process started"),
    ];
    let mut found = told(&after);
    found.sort();
    assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())), "{after:?}");
}
