//! Editable installs: distributions whose sources run where they are.
//!
//! `pip install -e` leaves a description in the site that tells of the sources' directory
//! (`direct_url.json`); `setup.py develop` leaves a link, and the description is among the sources.

use super::distribution::Wanted;
use super::origin::editable;
use crate::package::reader::Reader;
use crate::package::stanza::lines;
use crate::path::{MAX_PATH_BYTES, base_name};

/// What a file `NAME.egg-link` (`setup.py develop`) leads to: the description in the directory of
/// the sources.
pub fn linked(reader: &Reader<'_>, link: &str) -> Option<String> {
    let text = std::str::from_utf8(reader.read(link)?).ok()?;
    let directory = text.lines().next()?.trim_end();
    let absolute = directory.starts_with('/') && directory.len() <= MAX_PATH_BYTES;
    let info = reader.list(absolute.then_some(directory)?).find(|name| name.ends_with(".egg-info"));
    Some(format!("{directory}/{}", info?))
}

/// The directory of the sources of a distribution, if they run where they are.
pub fn sources(reader: &Reader<'_>, path: &str) -> Option<String> {
    editable(reader, path).or_else(|| {
        // Described among its sources by a link to them.
        let directory = path.strip_suffix(base_name(path))?.trim_end_matches('/');
        let installed = ["/site-packages", "/dist-packages"];
        let linked =
            path.ends_with(".egg-info") && !installed.iter().any(|end| directory.ends_with(end));
        linked.then(|| directory.to_owned())
    })
}

/// Whether a file of a site may be that of an editable install: each leaves one that leads Python to
/// the sources, by their directory or by a finder of its own. Other code in a `.pth` file, which any
/// package may leave, leads nowhere.
pub fn is_trace(reader: &Reader<'_>, site: &str, name: &str) -> bool {
    let is_directory = |line: &[u8]| !line.starts_with(b"import") && !line.starts_with(b"#");
    let names_one = || {
        let text = reader.read(&format!("{site}/{name}"));
        text.is_some_and(|text| lines(text).any(|line| !line.is_empty() && is_directory(line)))
    };
    name.ends_with(".egg-link")
        || name.ends_with(".pth") && (name.starts_with("__editable__") || names_one())
}

/// Whether what is wanted lies among the sources of an editable install.
pub fn is_in_sources(reader: &Reader<'_>, path: &str, wanted: Wanted<'_>) -> bool {
    let Some(sources) = sources(reader, path) else { return false };
    match wanted {
        Wanted::Script(script) => {
            script.strip_prefix(sources.as_str()).is_some_and(|rest| rest.starts_with('/'))
        }
        Wanted::Module(module) => {
            let file = module.replace('.', "/");
            let files = ["", "src/"].iter().flat_map(|below| {
                let path = format!("{sources}/{below}{file}");
                [".py", "/__main__.py", "/__init__.py"].map(|end| format!("{path}{end}"))
            });
            files.into_iter().any(|file| reader.files.in_root(&file).is_ok())
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::distribution::owner;
    use super::super::site::Site;
    use super::*;
    use crate::evidence::fake::{FakeFile, FakeRoot};

    const SITE: &str = "/opt/venv/lib/python3.11/site-packages";

    fn site(files: &[(&str, &str)]) -> FakeRoot {
        let mut root = FakeRoot::default();
        for (inode, (path, text)) in (1..).zip(files) {
            let file = FakeFile { bytes: text.as_bytes().to_vec(), modified: 0, inode };
            root.add(&format!("{SITE}/{path}"), file);
        }
        root
    }

    const EDITABLE: &[(&str, &str)] = &[
        ("__editable__.app-1.0.pth", "/srv/app\n"),
        ("app-1.0.dist-info/METADATA", "Name: app\nVersion: 1.0\n"),
        ("app-1.0.dist-info/RECORD", "__editable__.app-1.0.pth,x,1\n"),
        (
            "app-1.0.dist-info/direct_url.json",
            r#"{"dir_info": {"editable": true}, "url": "file:///srv/app"}"#,
        ),
    ];

    #[test]
    fn sources_that_run_where_they_are_belong_to_their_editable_install() {
        let found = |wanted| {
            let files = site(EDITABLE).files();
            let reader = Reader::new(&files);
            owner(&reader, &Site { path: SITE.into() }, wanted).and_then(|found| found.version)
        };
        assert_eq!(found(Wanted::Script("/srv/app/tools/run.py")), Some("1.0".into()));
        assert_eq!(found(Wanted::Script("/srv/application/run.py")), None);
        let mut root = site(EDITABLE);
        let file = FakeFile { bytes: Vec::new(), modified: 0, inode: 9 };
        root.add("/srv/app/src/app/server.py", file);
        let files = root.files();
        let site = Site { path: SITE.into() };
        let module = owner(&Reader::new(&files), &site, Wanted::Module("app.server"));
        assert_eq!(module.and_then(|found| found.version), Some("1.0".into()));
    }

    #[test]
    fn a_link_leads_to_the_description_among_the_sources() {
        let mut root = site(&[("tool.egg-link", "/srv/tool\n.")]);
        let files = [
            ("PKG-INFO", "Name: tool\nVersion: 3\n"),
            ("entry_points.txt", "[console_scripts]\ntool = tool:main\n"),
        ];
        for (name, text) in files {
            let file = FakeFile { bytes: text.into(), modified: 0, inode: 9 };
            root.add(&format!("/srv/tool/tool.egg-info/{name}"), file);
        }
        let files = root.files();
        let reader = Reader::new(&files);
        let site = Site { path: SITE.into() };
        let found = owner(&reader, &site, Wanted::Script("/opt/venv/bin/tool")).unwrap();
        assert_eq!(
            (found.version, found.path.as_str()),
            (Some("3".into()), "/srv/tool/tool.egg-info")
        );
        assert_eq!(sources(&reader, &found.path).as_deref(), Some("/srv/tool"));
        assert_eq!(sources(&reader, &format!("{SITE}/x.egg-info")), None);
    }
}
