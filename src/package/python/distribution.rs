//! Installed Python distributions: which one owns a script or a module, and what it says of itself.
//!
//! A distribution is a directory `NAME-VERSION.dist-info` (PEP 376, 427) or an `.egg-info`, and
//! says in `entry_points.txt` which scripts it has, in `RECORD` or `installed-files.txt` which
//! files. Names only order the search: ownership is what one of these files states.

use super::editable::{self, is_in_sources, linked};
use super::site::Site;
use crate::package::reader::Reader;
use crate::package::similar::distance;
use crate::package::stanza::{field, lines, stanzas};
use crate::path::{absolute, base_name};
use crate::text::Text;

/// The most distributions of one directory that are looked at.
const MAX_DISTRIBUTIONS: usize = 4096;

/// How unlike the name of what is looked for a distribution may be to be asked for its list of
/// files before others are asked for their scripts. See [`distance`].
const SIMILAR: u8 = 2;

/// A distribution, by what its metadata says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// The directory (or file) that describes it.
    pub path: String,
    /// Its name.
    pub name: Option<Text>,
    /// Its version.
    pub version: Option<Text>,
    /// Who made it: its author, else its maintainer.
    pub author: Option<Text>,
    /// When its metadata was written, in seconds since 1970.
    pub modified: Option<i64>,
}

/// What a distribution is looked for by.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// The script at this absolute path.
    Script(&'a str),
    /// The module of this dotted name.
    Module(&'a str),
}

/// The distribution in `site` that owns what is wanted.
pub fn owner(reader: &Reader<'_>, site: &Site, wanted: Wanted<'_>) -> Option<Distribution> {
    let like = wanted.name();
    let mut names: Vec<(u8, String)> = reader
        .list(&site.path)
        .filter_map(|name| {
            let (stem, path) = match name.strip_suffix(".egg-link") {
                Some(stem) => (stem, linked(reader, &format!("{}/{name}", site.path))?),
                None => {
                    let stem = name.strip_suffix(".dist-info");
                    let stem = stem.or_else(|| name.strip_suffix(".egg-info"))?;
                    (stem, format!("{}/{name}", site.path))
                }
            };
            Some((distance(stem.split('-').next().unwrap_or(stem), like), path))
        })
        .take(MAX_DISTRIBUTIONS)
        .collect();
    names.sort();
    let similar = names.partition_point(|(distance, _)| *distance <= SIMILAR);
    let (similar, others) = names.split_at(similar);
    let path = |(_, path): &(u8, String)| path.clone();
    let listed = Traces::of(reader, site, wanted).and_then(|traces| {
        let declares = |path: &String| traces.declared_by(reader, path);
        let records = |path: &String| traces.recorded_by(reader, path);
        let similar = similar.iter().map(path).find(|path| declares(path) || records(path));
        similar
            .or_else(|| others.iter().map(path).find(declares))
            .or_else(|| others.iter().map(path).find(records))
    });
    // No list names sources that run where they are.
    let of_sources = || {
        let any = reader.list(&site.path).any(|name| editable::is_trace(reader, &site.path, name));
        any.then(|| names.iter().map(path).find(|path| is_in_sources(reader, path, wanted)))?
    };
    let found = listed.or_else(of_sources)?;
    Some(describe(reader, found))
}

impl<'a> Wanted<'a> {
    /// The name that the distribution's may resemble.
    fn name(&self) -> &'a str {
        match self {
            Wanted::Module(module) => module.split('.').next().unwrap_or(module),
            Wanted::Script(script) => base_name(script),
        }
    }
}

/// What would show in a distribution's files that it owns what is wanted.
struct Traces {
    /// The console script, if it lies where this site's are installed.
    script: Option<String>,
    /// Paths relative to the site, and absolute ones.
    files: Vec<String>,
}

impl Traces {
    /// `None` if no distribution of this site can own it.
    fn of(reader: &Reader<'_>, site: &Site, wanted: Wanted<'_>) -> Option<Traces> {
        match wanted {
            Wanted::Module(module) => {
                let path = module.replace('.', "/");
                let files = ["/__main__.py", ".py", "/__init__.py"];
                let files = files.map(|ending| format!("{path}{ending}")).to_vec();
                Some(Traces { script: None, files })
            }
            Wanted::Script(script) => {
                let name = base_name(script).to_owned();
                let installed = site.script(&name);
                let here = installed == script || same_file(reader, &installed, script);
                let path = if here { installed.as_str() } else { script };
                let relative = match path.strip_prefix(&format!("{}/", site.path)) {
                    Some(inside) => inside.to_owned(),
                    None => {
                        let prefix = site.prefix();
                        let rest = path.strip_prefix(prefix.trim_end_matches('/'))?;
                        format!("../../../{}", rest.strip_prefix('/')?)
                    }
                };
                let files = vec![relative, path.to_owned()];
                Some(Traces { script: here.then_some(name), files })
            }
        }
    }

    /// Whether the distribution says that it has this script.
    fn declared_by(&self, reader: &Reader<'_>, path: &str) -> bool {
        let Some(script) = &self.script else { return false };
        let text = reader.read(&format!("{path}/entry_points.txt")).unwrap_or_default();
        let mut scripts = false;
        lines(text).any(|line| {
            if line.starts_with(b"[") {
                // `wsgi_scripts` is pbr's.
                scripts =
                    matches!(line, b"[console_scripts]" | b"[gui_scripts]" | b"[wsgi_scripts]");
                return false;
            }
            let name = line.split(|byte| *byte == b'=').next().unwrap_or_default();
            scripts && name.len() < line.len() && name.trim_ascii() == script.as_bytes()
        })
    }

    /// Whether the distribution lists one of the files as its own.
    fn recorded_by(&self, reader: &Reader<'_>, path: &str) -> bool {
        if let Some(record) = reader.read(&format!("{path}/RECORD")) {
            return lines(record).any(|line| self.files.iter().any(|file| is_first(line, file)));
        }
        // Relative to the egg-info directory itself.
        let listed = reader.read(&format!("{path}/installed-files.txt")).unwrap_or_default();
        lines(listed).any(|line| {
            let line = line.strip_prefix(b"../").unwrap_or(line);
            self.files.iter().any(|file| file.as_bytes() == line)
        })
    }
}

/// Whether `value` is the first field of a line of comma-separated values.
fn is_first(line: &[u8], value: &str) -> bool {
    let (line, end) = line.strip_prefix(b"\"").map_or((line, b','), |line| (line, b'"'));
    line.strip_prefix(value.as_bytes()).is_some_and(|rest| rest.first() == Some(&end))
}

/// Whether two paths lead to one file.
fn same_file(reader: &Reader<'_>, a: &str, b: &str) -> bool {
    let identity = |path: &str| reader.files.in_root(path).ok().map(|file| file.meta().identity);
    identity(a).is_some_and(|a| identity(b) == Some(a))
}

/// What the metadata of a distribution says.
fn describe(reader: &Reader<'_>, path: String) -> Distribution {
    let candidates = [format!("{path}/METADATA"), format!("{path}/PKG-INFO"), path.clone()];
    let file = candidates.iter().find(|path| reader.files.in_root(path).is_ok());
    let text = file.and_then(|file| reader.read(file)).unwrap_or_default();
    let header = stanzas(text).next().unwrap_or_default();
    // `UNKNOWN` is what setuptools wrote for "none".
    let field = |name| field(header, name).filter(|value| value.raw() != "UNKNOWN");
    let address = |name| field(name).map(|value| display_name(value.raw()).into());
    let author = field("Author")
        .or_else(|| field("Maintainer"))
        .or_else(|| address("Author-email"))
        .or_else(|| address("Maintainer-email"));
    let modified =
        file.and_then(|file| reader.files.in_root(file).ok()).map(|file| file.meta().modified);
    Distribution { path, name: field("Name"), version: field("Version"), author, modified }
}

/// The name in `Name <address>`, or the address where it has none.
fn display_name(address: &str) -> &str {
    match address.split_once('<') {
        Some((name, rest)) if name.trim().is_empty() => rest.split('>').next().unwrap_or(rest),
        Some((name, _)) => name.trim().trim_matches('"'),
        None => address,
    }
}

/// A file of the interpreter's own library that is this module.
pub fn standard_library(reader: &Reader<'_>, library: &str, module: &str) -> Option<String> {
    let path = absolute(&module.replace('.', "/"), library, None);
    ["/__main__.py", ".py", "/__init__.py"]
        .iter()
        .map(|ending| format!("{path}{ending}"))
        .find(|path| reader.files.in_root(path).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fake::{FakeFile, FakeRoot};
    use crate::target::files::FileError;

    const SITE: &str = "/opt/venv/lib/python3.11/site-packages";

    fn root(files: &[(&str, &str)]) -> FakeRoot {
        let files: Vec<(String, &str)> =
            files.iter().map(|(path, text)| (format!("{SITE}/{path}"), *text)).collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        FakeRoot::new(&files)
    }

    fn found(root: FakeRoot, wanted: Wanted<'_>) -> Option<Distribution> {
        let files = root.files();
        owner(&Reader::new(&files), &Site { path: SITE.into() }, wanted)
    }

    fn name(root: FakeRoot, wanted: Wanted<'_>) -> Option<String> {
        let found = found(root, wanted)?;
        Some(found.path.strip_prefix(SITE)?.trim_start_matches('/').to_owned())
    }

    const PANKO: &[(&str, &str)] = &[
        (
            "panko-10.0.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: panko\nVersion: 10.0.0\nHome-page: UNKNOWN\n\
             Author: OpenStack\nAuthor-email: a@b\n\nVersion: of the text\n",
        ),
        ("panko-10.0.0.dist-info/RECORD", "../../../bin/panko-api,sha256=x,1851\npanko/x.py,,\n"),
        ("six-1.0.dist-info/RECORD", "six.py,,\n"),
    ];
    const API: Wanted<'_> = Wanted::Script("/opt/venv/bin/panko-api");

    #[test]
    fn a_script_in_the_record_is_owned() {
        let found = found(root(PANKO), API);
        let expected = Distribution {
            path: format!("{SITE}/panko-10.0.0.dist-info"),
            name: Some("panko".into()),
            version: Some("10.0.0".into()),
            author: Some("OpenStack".into()),
            modified: Some(0),
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn a_similar_name_alone_owns_nothing() {
        assert_eq!(name(root(PANKO), Wanted::Script("/opt/venv/bin/panko")), None);
        assert_eq!(name(root(PANKO), Wanted::Script("/srv/bin/panko-api")), None);
    }

    #[test]
    fn a_declared_script_is_owned_whatever_the_name() {
        let root = root(&[
            ("a-1.dist-info/entry_points.txt", "[other]\ntool = x:y\n"),
            ("b-1.dist-info/entry_points.txt", "[x]\na = b\n\n[console_scripts]\ntool = x:y\n"),
        ]);
        assert_eq!(name(root, Wanted::Script("/opt/venv/bin/tool")), Some("b-1.dist-info".into()));
    }

    #[test]
    fn a_script_inside_the_site_is_found_in_a_record() {
        let wanted = format!("{SITE}/panko/x.py");
        assert_eq!(
            name(root(PANKO), Wanted::Script(&wanted)),
            Some("panko-10.0.0.dist-info".into())
        );
    }

    #[test]
    fn a_link_to_a_script_is_the_script() {
        let mut root = root(PANKO);
        let file = FakeFile { bytes: vec![], modified: 0, inode: 7 };
        root.add("/opt/venv/bin/panko-api", file.clone());
        root.add("/usr/local/bin/panko-api", file);
        let wanted = Wanted::Script("/usr/local/bin/panko-api");
        assert_eq!(name(root, wanted), Some("panko-10.0.0.dist-info".into()));
    }

    #[test]
    fn a_module_is_found_by_its_file() {
        assert_eq!(
            name(root(PANKO), Wanted::Module("panko.x")),
            Some("panko-10.0.0.dist-info".into())
        );
        assert_eq!(name(root(PANKO), Wanted::Module("panko.y")), None);
    }

    #[test]
    fn an_egg_lists_files_from_its_own_directory() {
        let root = root(&[
            (
                "Tool-2.egg-info/PKG-INFO",
                "Name: Tool\nVersion: 2\nAuthor: UNKNOWN\n\
              Author-email: \"Ann\" <ann@x.org>\n",
            ),
            ("Tool-2.egg-info/installed-files.txt", "../tool.py\n../../../../bin/tool\n"),
        ]);
        let found = found(root, Wanted::Script("/opt/venv/bin/tool"));
        assert_eq!(
            found.map(|f| (f.version, f.author)),
            Some((Some("2".into()), Some("Ann".into())))
        );
    }

    #[test]
    fn a_quoted_path_of_a_record_is_read() {
        assert!(is_first(b"\"a,b.py\",sha256=x,1", "a,b.py"));
        assert!(!is_first(b"a.pyc,,", "a.py"));
    }

    #[test]
    fn a_record_that_cannot_be_read_is_remembered() {
        let mut root = root(PANKO);
        root.fail(&format!("{SITE}/panko-10.0.0.dist-info/RECORD"), FileError::Denied);
        let files = root.files();
        let reader = Reader::new(&files);
        assert_eq!(owner(&reader, &Site { path: SITE.into() }, API), None);
        assert!(reader.trouble().is_some_and(|trouble| trouble.ends_with("permission denied")));
    }
}
