//! Modules that run beside distributions that are installed: where their versions differ, the
//! service was upgraded and not restarted.
//!
//! A module tells its own version, or none, or (some do) a wrong one. So what is said depends on
//! whether the distribution was written after the process started, too.

use std::collections::{HashMap, HashSet};

use super::site::site_of;
use super::versions::same;
use crate::package::Fields;
use crate::package::reader::Reader;
use crate::package::stanza::{field, lines, stanzas};
use crate::runtime::LoadedModule;
use crate::target::files::FileError;
use crate::text::Text;

/// The most distributions of one site that are looked at.
const MAX_DISTRIBUTIONS: usize = 4096;

/// The most distributions of one site that are asked for the modules of names not their own.
const MAX_ASKED: usize = 256;

/// The most modules of one site that distributions of other names are asked for.
const MAX_OTHERS: usize = 200;

/// The most modules that are told of.
const MAX_TOLD: usize = 100;

/// A distribution of a site.
struct Installed<'a> {
    /// The directory or file that describes it.
    path: String,
    /// Its name, as Python compares names.
    name: String,
    /// Its version, where the name of the directory has it.
    version: Option<&'a str>,
}

/// What is to be said of one module.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Outdated(String),
    Differs(String),
    Newer(String),
    Removed(String),
    NotSearched(String),
}

/// Tells of the loaded modules that are not what is installed now.
pub(in crate::package) fn show(
    reader: &Reader<'_>,
    loaded: &[LoadedModule],
    started: Option<i64>,
    fields: &mut Fields,
) {
    let mut sites: HashMap<&str, Vec<&LoadedModule>> = HashMap::new();
    for module in loaded {
        let site = module.file.as_ref().and_then(|file| site_of(file.raw()));
        if let Some(site) = site.filter(|site| site.starts_with('/')) {
            sites.entry(site).or_default().push(module);
        }
    }
    let mut sites: Vec<(&str, Vec<&LoadedModule>)> = sites.into_iter().collect();
    sites.sort_by_key(|(site, _)| *site);
    let told: Vec<Told> = sites
        .into_iter()
        .flat_map(|(site, modules)| in_site(reader, site, &modules, started))
        .collect();
    for told in told.iter().take(MAX_TOLD) {
        let (name, text) = match told {
            Told::Outdated(text) => ("outdated module", text),
            Told::Differs(text) => ("module of another version", text),
            Told::Newer(text) => ("possibly outdated module", text),
            Told::Removed(text) => ("removed module", text),
            Told::NotSearched(text) => ("modules not looked up", text),
        };
        fields.more(name, Some(text.as_str()));
    }
    if let Some(more) = told.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
        fields.more("outdated modules", Some(format!("{more} more are not named")));
    }
}

fn in_site(
    reader: &Reader<'_>,
    site: &str,
    modules: &[&LoadedModule],
    started: Option<i64>,
) -> Vec<Told> {
    let mut installed: Vec<Installed<'_>> = reader
        .list(site)
        .filter_map(|name| Installed::of(site, name))
        .take(MAX_DISTRIBUTIONS)
        .collect();
    installed.sort_by(|a, b| a.name.cmp(&b.name));
    let mut told = Vec::new();
    let mut others = Vec::new();
    for module in modules {
        let name = normal(module.name.raw());
        match installed.binary_search_by(|known| known.name.as_str().cmp(&name)) {
            Ok(at) => told.extend(
                installed.get(at).and_then(|known| compare(reader, site, module, known, started)),
            ),
            Err(_) => others.push(*module),
        }
    }
    // `yaml` is PyYAML's: what a distribution has is in its own lists. To read them is worth it for a
    // module that tells its version, and where the distribution was written after the start.
    let (mut others, silent): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|module: &&LoadedModule| module.version.is_some());
    if let Some(more) = others.len().checked_sub(MAX_OTHERS).filter(|more| *more > 0) {
        told.push(Told::NotSearched(format!("{more} modules of {site}")));
        others.truncate(MAX_OTHERS);
    }
    let claimed: HashSet<String> = modules.iter().map(|module| normal(module.name.raw())).collect();
    let unclaimed = installed.iter().filter(|known| !claimed.contains(&known.name));
    for known in unclaimed.take(MAX_ASKED) {
        if others.is_empty() {
            break;
        }
        if started.is_none() || known.modified(reader) <= started {
            continue;
        }
        let owned: Vec<&LoadedModule> =
            others.iter().copied().filter(|module| known.has(reader, site, module)).collect();
        others.retain(|module| !owned.iter().any(|owned| std::ptr::eq(*owned, *module)));
        told.extend(
            owned.iter().filter_map(|module| compare(reader, site, module, known, started)),
        );
    }
    let missing = others.into_iter().chain(silent);
    told.extend(missing.filter_map(|module| removed(reader, module)));
    told
}

impl<'a> Installed<'a> {
    /// `NAME-VERSION.dist-info`, `NAME-VERSION-py3.11.egg-info`, `NAME.egg-info`.
    fn of(site: &str, name: &'a str) -> Option<Installed<'a>> {
        let stem = name.strip_suffix(".dist-info").or_else(|| name.strip_suffix(".egg-info"))?;
        let mut parts = stem.split('-');
        let of = parts.next()?;
        Some(Installed { path: format!("{site}/{name}"), name: normal(of), version: parts.next() })
    }

    /// Whether the distribution lists the module's file, or the module among its own.
    fn has(&self, reader: &Reader<'_>, site: &str, module: &LoadedModule) -> bool {
        let file = module.file.as_ref().map_or("", Text::raw);
        let Some(file) = file.strip_prefix(site).and_then(|file| file.strip_prefix('/')) else {
            return false;
        };
        let top = reader.read(&format!("{}/top_level.txt", self.path));
        let name = module.name.raw().split('.').next().unwrap_or_default();
        if let Some(top) = top {
            // A namespace is the top of several.
            let shared = module.name.raw().contains('.');
            let named = lines(top).any(|line| line == name.as_bytes());
            if !named || !shared {
                return named;
            }
        }
        let record = reader.read(&format!("{}/RECORD", self.path)).unwrap_or_default();
        lines(record).any(|line| {
            line.strip_prefix(file.as_bytes()).is_some_and(|rest| rest.first() == Some(&b','))
        })
    }

    /// Its name and version, as its metadata has them.
    fn described(&self, reader: &Reader<'_>) -> (Text, Option<Text>) {
        let texts = ["/METADATA", "/PKG-INFO", ""];
        let text = texts.iter().find_map(|end| reader.read(&format!("{}{end}", self.path)));
        let header = stanzas(text.unwrap_or_default()).next().unwrap_or_default();
        let name = field(header, "Name").unwrap_or_else(|| self.name.as_str().into());
        (name, field(header, "Version").or_else(|| self.version.map(Text::from)))
    }

    /// When it was installed: what every installer writes anew, else what was packed.
    fn modified(&self, reader: &Reader<'_>) -> Option<i64> {
        let names = match self.path.ends_with(".dist-info") {
            true => ["/RECORD", "/METADATA"],
            false => ["/PKG-INFO", ""],
        };
        let open = |end: &&str| reader.files.in_root(&format!("{}{end}", self.path)).ok();
        names.iter().find_map(open).map(|file| file.meta().modified)
    }
}

/// What is to be said of a module that this distribution has, if it is one that it lists.
fn compare(
    reader: &Reader<'_>,
    site: &str,
    module: &LoadedModule,
    known: &Installed<'_>,
    started: Option<i64>,
) -> Option<Told> {
    let name = module.name.raw();
    let newer = || started.is_some() && known.modified(reader) > started;
    let Some(runs) = module.version.as_ref().map(Text::raw) else {
        return (newer() && known.has(reader, site, module)).then(|| {
            let (distribution, version) = known.described(reader);
            let version = version.as_ref().map_or("", Text::raw);
            Told::Newer(format!(
                "{name}: {} {version} was installed after the process started",
                distribution.raw()
            ))
        });
    };
    // The name of the directory says it, and nothing need be read.
    if known.version.is_some_and(|version| same(version, runs)) {
        return None;
    }
    let (distribution, version) = known.described(reader);
    let version = version.as_ref().map(Text::raw).filter(|version| !same(version, runs))?;
    if !known.has(reader, site, module) {
        return None;
    }
    Some(match newer() {
        true => Told::Outdated(format!("{name}: {runs} runs, {version} is installed")),
        false => Told::Differs(format!(
            "{name}: calls itself {runs}, its distribution {} is {version}",
            distribution.raw()
        )),
    })
}

/// A module of no distribution, whose file is gone.
fn removed(reader: &Reader<'_>, module: &LoadedModule) -> Option<Told> {
    let file = module.file.as_ref()?.raw();
    let gone = matches!(reader.files.in_root(file), Err(FileError::Absent));
    let version = module.version.as_ref().map(|version| format!(" {}", version.raw()));
    gone.then(|| {
        let version = version.unwrap_or_default();
        Told::Removed(format!("{}{version} runs, {file} is gone", module.name.raw()))
    })
}

/// As Python compares names of distributions.
fn normal(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fake::{FakeFile, FakeRoot};

    const SITE: &str = "/v/lib/python3.11/site-packages";

    fn module(name: &str, file: &str, version: Option<&str>) -> LoadedModule {
        let file = Some(format!("{SITE}/{file}").into());
        LoadedModule { name: name.into(), file, version: version.map(Text::from) }
    }

    /// The modules told of, where the files were written at the second given; the process started
    /// at second 1000.
    fn told(modules: &[LoadedModule], files: &[(&str, &str, i64)]) -> Vec<(String, String)> {
        let mut root = FakeRoot::default();
        for (inode, (path, text, modified)) in (1..).zip(files) {
            let file = FakeFile { bytes: text.as_bytes().to_vec(), modified: *modified, inode };
            root.add(&format!("{SITE}/{path}"), file);
        }
        let files = root.files();
        let mut fields = Fields::default();
        show(&Reader::new(&files), modules, Some(1000), &mut fields);
        let text =
            |value: Option<Text>| value.map(|text| text.raw().to_owned()).unwrap_or_default();
        fields.0.into_iter().map(|field| (field.name, text(field.value))).collect()
    }

    const REQUESTS: [(&str, &str, i64); 3] = [
        ("requests-2.32.0.dist-info/METADATA", "Name: requests\nVersion: 2.32.0\n", 2000),
        ("requests-2.32.0.dist-info/RECORD", "requests/__init__.py,sha256=x,1\n", 2000),
        ("requests/__init__.py", "", 2000),
    ];

    fn one(name: &str, text: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), text.to_owned())]
    }

    #[test]
    fn a_module_older_than_its_distribution_is_told_of() {
        let runs = |version| module("requests", "requests/__init__.py", version);
        let expected = one("outdated module", "requests: 2.31.0 runs, 2.32.0 is installed");
        assert_eq!(told(&[runs(Some("2.31.0"))], &REQUESTS), expected);
        assert_eq!(told(&[runs(Some("2.32"))], &REQUESTS), []);
        let expected = one(
            "possibly outdated module",
            "requests: requests 2.32.0 was installed after the process started",
        );
        assert_eq!(told(&[runs(None)], &REQUESTS), expected);
        let old = REQUESTS.map(|(path, text, _)| (path, text, 500));
        assert_eq!(told(&[runs(None)], &old), []);
        let expected = one(
            "module of another version",
            "requests: calls itself 2.31.0, its distribution requests is 2.32.0",
        );
        assert_eq!(told(&[runs(Some("2.31.0"))], &old), expected);
    }

    #[test]
    fn a_module_of_another_name_is_found_by_what_its_distribution_lists() {
        let files = [
            ("PyYAML-6.0.1.dist-info/METADATA", "Name: PyYAML\nVersion: 6.0.1\n", 2000),
            ("PyYAML-6.0.1.dist-info/top_level.txt", "_yaml\nyaml\n", 2000),
            ("attrs-24.1.0.dist-info/METADATA", "Name: attrs\nVersion: 24.1.0\n", 2000),
            ("attrs-24.1.0.dist-info/RECORD", "attr/__init__.py,x,1\n", 2000),
        ];
        let modules = [
            module("yaml", "yaml/__init__.py", Some("6.0")),
            module("attr", "attr/__init__.py", Some("23.0")),
        ];
        let found = told(&modules, &files);
        let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
        let expected =
            ["attr: 23.0 runs, 24.1.0 is installed", "yaml: 6.0 runs, 6.0.1 is installed"];
        assert!(expected.iter().all(|text| texts.contains(text)), "{texts:?}");
    }

    #[test]
    fn a_module_whose_distribution_was_removed_is_told_of() {
        let modules = [module("six", "six.py", Some("1.16.0"))];
        let text = format!("six 1.16.0 runs, {SITE}/six.py is gone");
        assert_eq!(told(&modules, &REQUESTS), one("removed module", &text));
        assert_eq!(told(&modules, &[("six.py", "", 0)]), []);
    }

    #[test]
    fn a_distribution_of_the_same_name_that_has_another_file_is_another() {
        let modules = [module("requests", "elsewhere/requests.py", Some("1"))];
        assert_eq!(told(&modules, &REQUESTS), []);
    }
}
