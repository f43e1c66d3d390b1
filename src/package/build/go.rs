//! Go's build information: the section `.go.buildinfo`, as Go 1.18 and newer write it.
//!
//! Format: `debug/buildinfo` and `runtime/debug.ParseBuildInfo` of Go. Sixteen bytes of head begin
//! with a magic word; 32 bytes in, two texts follow, each with its length before it: the version of
//! Go, and the modules, between two marks of sixteen bytes.

use crate::module::Image;
use crate::package::Fields;
use crate::package::stanza::lines;
use crate::text::Text;

const MAGIC: &[u8] = b"\xff Go buildinf:";

/// Set where the texts follow; older programs have pointers to them.
const INLINE: u8 = 2;

/// Where the texts begin.
const HEAD: usize = 32;

/// The largest section that is read, in bytes: a program of 1,000 modules has 100 KiB.
const MAX_SECTION: u64 = 1 << 20;

/// The length of the marks before and behind the list of modules.
const MARK: usize = 16;

/// What Go's linker left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version of Go: `go1.22.3`.
    pub go: Text,
    /// The path of the main package.
    pub path: Option<Text>,
    /// The main module.
    pub module: Option<GoModule>,
    /// How many modules it depends on.
    pub dependencies: usize,
    /// What was checked out, and with what changes: `vcs.revision`, `vcs.modified`.
    pub revision: Option<Text>,
    /// Whether there were changes beside.
    pub modified: bool,
}

/// A module of Go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoModule {
    /// Its path: `github.com/tomnomnom/gron`.
    pub path: Text,
    /// Its version; one that was built where it was developed has none.
    pub version: Option<Text>,
}

/// The build information of a program of Go's.
pub fn of_image(image: &Image<'_>) -> Option<BuildInfo> {
    parse(image.section(".go.buildinfo")?.to_bytes(MAX_SECTION)?)
}

/// What a section `.go.buildinfo` says; `None` if it is none.
pub fn parse(section: &[u8]) -> Option<BuildInfo> {
    if !section.starts_with(MAGIC) {
        return None;
    }
    if section.get(15)? & INLINE == 0 {
        return Some(BuildInfo { go: "older than 1.18".into(), ..BuildInfo::default() });
    }
    let (go, rest) = text(section.get(HEAD..)?)?;
    let mut info = BuildInfo { go: Text::from_bytes(go), ..BuildInfo::default() };
    let modules = text(rest).map(|(modules, _)| modules).unwrap_or_default();
    let end = modules.len().saturating_sub(MARK);
    for line in lines(modules.get(MARK..end).unwrap_or_default()) {
        let mut words = line.split(|byte| *byte == b'\t');
        match (words.next(), words.next(), words.next()) {
            (Some(b"path"), Some(path), _) => info.path = Some(Text::from_bytes(path)),
            (Some(b"mod"), Some(path), version) => {
                let version = version.filter(|v| !v.is_empty() && *v != b"(devel)");
                let version = version.map(Text::from_bytes);
                info.module = Some(GoModule { path: Text::from_bytes(path), version });
            }
            (Some(b"dep"), Some(_), _) => info.dependencies += 1,
            (Some(b"build"), Some(setting), _) => info.setting(setting),
            _ => {}
        }
    }
    Some(info)
}

/// A text with its length before it, and what follows.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len: usize = 0;
    for (nth, byte) in bytes.iter().enumerate().take(4) {
        len |= usize::from(byte & 0x7f) << (7 * nth);
        if byte & 0x80 == 0 {
            return bytes.get(nth + 1..)?.split_at_checked(len);
        }
    }
    None
}

impl BuildInfo {
    /// `build\tKEY=VALUE`
    fn setting(&mut self, setting: &[u8]) {
        if let Some(revision) = setting.strip_prefix(b"vcs.revision=") {
            self.revision = Some(Text::from_bytes(revision));
        }
        self.modified |= setting == b"vcs.modified=true";
    }

    pub(super) fn show(self, fields: &mut Fields) {
        let dependencies = format!("{} it depends on", self.dependencies);
        fields.more("go version", Some(self.go));
        fields.more("go package", self.path);
        if let Some(GoModule { path, version }) = self.module {
            let version = version.map_or_else(String::new, |version| format!(" {}", version.raw()));
            fields.more("go module", Some(format!("{}{version}", path.raw())));
            fields.more("go modules", Some(dependencies));
        }
        let changed = if self.modified { ", with changes beside" } else { "" };
        let revision = self.revision.map(|revision| format!("{}{changed}", revision.raw()));
        fields.more("revision", revision);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn section(go: &str, modules: &str) -> Vec<u8> {
        let mut bytes = [MAGIC, &[8, INLINE], &[0; 16]].concat();
        let modules = format!("{0}{modules}{0}", "0123456789abcdef");
        for text in [go.as_bytes(), modules.as_bytes()] {
            let len = u8::try_from(text.len() & 0x7f).unwrap();
            let high = u8::try_from(text.len() >> 7).unwrap();
            bytes.extend([len | 0x80, high]);
            bytes.extend(text);
        }
        bytes
    }

    const MODULES: &str = "path\texample.org/tool/cmd/tool\nmod\texample.org/tool\tv1.4.0\th1:x=\n\
        dep\tgolang.org/x/sys\tv0.1.0\th1:y=\nbuild\t-compiler=gc\n\
        build\tvcs.revision=abc123\nbuild\tvcs.modified=true\n";

    #[test]
    fn the_main_module_and_its_revision_are_read() {
        let info = parse(&section("go1.22.3", MODULES)).unwrap();
        assert_eq!((info.go.raw(), info.dependencies, info.modified), ("go1.22.3", 1, true));
        let module = info.module.unwrap();
        assert_eq!(
            (module.path.raw(), module.version.unwrap().raw()),
            ("example.org/tool", "v1.4.0")
        );
        assert_eq!(info.revision, Some("abc123".into()));
        let devel = parse(&section("go1.22.3", "mod\tx\t(devel)\t\n")).unwrap();
        assert_eq!(devel.module.unwrap().version, None);
    }

    #[test]
    fn what_is_cut_off_or_something_else_does_no_harm() {
        let whole = section("go1.22.3", MODULES);
        for len in 0..whole.len() {
            parse(&whole[..len]);
        }
        assert_eq!(parse(b"\xff Go buildinf;"), None);
        let mut old = whole;
        old[15] = 0;
        assert_eq!(parse(&old).unwrap().go.raw(), "older than 1.18");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(rest: Vec<u8>) {
            parse(&[MAGIC, &[8, INLINE], &[0; 16], &rest].concat());
        }
    }
}
