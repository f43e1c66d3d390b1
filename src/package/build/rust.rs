//! The crates of a Rust program: the section `.dep-v0`, as cargo-auditable writes it.
//!
//! Format: a list in JSON, deflated with zlib (`PARSING.md` of rust-secure-code/cargo-auditable).

use std::io::Read as _;

use flate2::read::ZlibDecoder;
use serde::Deserialize;

use crate::module::Image;
use crate::package::Fields;
use crate::text::Text;

/// The largest section that is read, in bytes.
const MAX_SECTION: u64 = 1 << 20;

/// The largest list after inflation, in bytes: the limit that the format's own reader has.
const MAX_LIST: u64 = 8 << 20;

/// The crates of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crates {
    /// How many there are in it, its own among them.
    pub count: usize,
    /// The name and version of the one that is the program.
    pub root: Option<(Text, Text)>,
}

#[derive(Deserialize)]
struct List {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// `build` for what only the build needs; `runtime` where nothing is said.
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    root: bool,
}

/// The crates of a program that was built with cargo-auditable.
pub fn of_image(image: &Image<'_>) -> Option<Crates> {
    parse(image.section(".dep-v0")?.to_bytes(MAX_SECTION)?)
}

fn parse(section: &[u8]) -> Option<Crates> {
    let mut text = Vec::new();
    ZlibDecoder::new(section).take(MAX_LIST).read_to_end(&mut text).ok()?;
    let list: List = serde_json::from_slice(&text).ok()?;
    let inside = |package: &&Package| package.kind.as_deref() != Some("build");
    let root = list.packages.iter().find(|package| package.root);
    Some(Crates {
        count: list.packages.iter().filter(inside).count(),
        root: root.map(|root| (root.name.as_str().into(), root.version.as_str().into())),
    })
}

impl Crates {
    pub(super) fn show(self, fields: &mut Fields) {
        let root = self.root.map(|(name, version)| format!("{} {}", name.raw(), version.raw()));
        fields.more("rust crate", root);
        fields.more("rust crates", Some(format!("{} in it", self.count)));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_crate_that_is_the_program_is_named() {
        let text = br#"{"packages":[
            {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
            {"name":"libc","version":"0.2.150","source":"crates.io"},
            {"name":"tool","version":"0.3.1","source":"local","dependencies":[0,1],"root":true}]}"#;
        let root = Some(("tool".into(), "0.3.1".into()));
        assert_eq!(parse(&packed(text)), Some(Crates { count: 2, root }));
    }

    #[test]
    fn what_is_no_such_list_tells_nothing() {
        let whole = packed(b"{\"packages\":[]}");
        assert_eq!(parse(&whole), Some(Crates { count: 0, root: None }));
        for len in 0..whole.len() - 4 {
            assert_eq!(parse(&whole[..len]), None, "{len}");
        }
        // A bomb: a gigabyte of spaces ends at the limit, where the list is no list.
        let bomb = packed(&vec![b' '; usize::try_from(MAX_LIST).unwrap() + 10]);
        assert!(bomb.len() < 100_000);
        assert_eq!(parse(&bomb), None);
    }
}
