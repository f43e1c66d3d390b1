//! How a Python distribution came to be installed: by what, and from where.
//!
//! `INSTALLER` (PEP 376) names the program; `direct_url.json` (PEP 610) tells of what does not come
//! from an index, and of editable installs. Its addresses may hold passwords: it is read as a
//! configuration file, masked.

use serde::Deserialize;

use crate::mask::mask_text;
use crate::package::reader::Reader;
use crate::text::Text;

/// The largest of these files, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// The longest name of an installer, in bytes.
const MAX_NAME: usize = 64;

/// How a distribution came to be installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// What installed it: `pip`, `uv`, `debian`.
    pub installer: Option<Text>,
    /// Where it was had from, if not from an index: `git+https://host/x@COMMIT`.
    pub source: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DirectUrl {
    url: String,
    dir_info: DirInfo,
    vcs_info: Option<VcsInfo>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DirInfo {
    editable: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VcsInfo {
    vcs: String,
    commit_id: String,
}

/// How the distribution that this directory describes was installed.
pub fn origin(reader: &Reader<'_>, path: &str) -> Origin {
    let installer = reader.files.in_root(&format!("{path}/INSTALLER")).ok().and_then(|file| {
        let line = file.read_all(MAX_FILE).ok()?.split(|byte| *byte == b'\n').next()?.trim_ascii();
        (!line.is_empty()).then(|| Text::from_bytes(line.get(..MAX_NAME).unwrap_or(line)))
    });
    let mut origin = Origin { installer, ..Origin::default() };
    if let Some(direct) = direct_url(reader, path) {
        origin.source = direct.source();
    }
    origin
}

/// The directory of the sources of an editable install.
pub fn editable(reader: &Reader<'_>, path: &str) -> Option<String> {
    direct_url(reader, path)?.editable()
}

fn direct_url(reader: &Reader<'_>, path: &str) -> Option<DirectUrl> {
    let file = reader.files.config(&format!("{path}/direct_url.json")).ok()?;
    serde_json::from_slice(file.read_all(MAX_FILE).ok()?).ok()
}

impl DirectUrl {
    fn editable(&self) -> Option<String> {
        let path = self.dir_info.editable.then_some(self.url.as_str())?.strip_prefix("file://")?;
        Some(percent_decoded(path))
    }

    fn source(&self) -> Option<Text> {
        if self.url.is_empty() {
            return None;
        }
        let url = mask_text(&self.url);
        Some(match &self.vcs_info {
            Some(vcs) if vcs.commit_id.is_empty() => format!("{}+{url}", vcs.vcs).into(),
            Some(vcs) => format!("{}+{url}@{}", vcs.vcs, vcs.commit_id).into(),
            None => url.as_ref().into(),
        })
    }
}

/// A path of a URL, with its `%20` as spaces.
fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex =
            after.get(..2).filter(|hex| *first == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    Text::from_bytes(&bytes).raw().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fake::FakeRoot;

    fn of(direct_url: &str) -> Origin {
        let root = [("/d/INSTALLER", "pip\n"), ("/d/direct_url.json", direct_url)];
        let files = FakeRoot::new(&root).files();
        origin(&Reader::new(&files), "/d")
    }

    #[test]
    fn an_editable_install_tells_where_its_sources_are() {
        let found = of(r#"{"dir_info": {"editable": true}, "url": "file:///srv/my%20app"}"#);
        assert_eq!(found.installer, Some("pip".into()));
        assert_eq!(found.source, Some("file:///srv/my%20app".into()));
        let directory = |direct_url: &str| {
            let files = FakeRoot::new(&[("/d/direct_url.json", direct_url)]).files();
            editable(&Reader::new(&files), "/d")
        };
        let url = r#"{"dir_info": {"editable": true}, "url": "file:///srv/my%20app"}"#;
        assert_eq!(directory(url).as_deref(), Some("/srv/my app"));
        assert_eq!(directory(r#"{"dir_info": {}, "url": "file:///srv/app"}"#), None);
    }

    #[test]
    fn the_password_of_a_source_is_masked() {
        let found = of(r#"{"url": "https://bob:hunter2@git.example.org/x.git", "vcs_info":
                {"vcs": "git", "commit_id": "0123456789abcdef0123456789abcdef01234567"}}"#);
        let source = found.source.map(|source| source.raw().to_owned()).unwrap_or_default();
        assert!(source.starts_with("git+https://bob:***@git.example.org/x.git@"), "{source}");
    }

    #[test]
    fn what_makes_no_sense_tells_nothing() {
        for text in ["", "[]", "{\"url\": 3}", "{", "{\"vcs_info\": {}}"] {
            let found = of(text);
            assert_eq!(found.source, None, "{text}");
        }
        assert_eq!(percent_decoded("/a%2"), "/a%2");
        assert_eq!(percent_decoded("/a%zz%ff"), "/a%zz\\xff");
    }
}
