//! The package note: a linker's remark, inside an ELF file, of the package that it was built for.
//!
//! Format: systemd's "Package Metadata for Executable Files" (ELF note of owner `FDO`, JSON).
//! Fedora has it in every program since 36. It tells of the running file, whatever is installed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::SystemPackage;
use crate::module::Image;
use crate::text::Text;

/// `FDO_PACKAGING_METADATA`.
const KIND: u32 = 0xcafe_1a7e;

/// The largest note that is read, in bytes.
const MAX_NOTE: u64 = 4096;

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: Option<String>,
    /// `fedora`.
    os: Option<String>,
    /// `cpe:/o:fedoraproject:fedora:39`.
    #[serde(rename = "osCpe")]
    os_cpe: Option<String>,
}

impl Metadata {
    /// Who made the system that it was built for: that it runs on may be another, in a container.
    fn vendor(&self) -> Option<Text> {
        let of_cpe = || self.os_cpe.as_deref()?.strip_prefix("cpe:/o:")?.split(':').next();
        let vendor = self.os.as_deref().or_else(of_cpe)?;
        Some(vendor).filter(|vendor| !vendor.is_empty()).map(Into::into)
    }
}

/// The package that an ELF file says it belongs to.
pub fn of_image(image: &Image<'_>) -> Option<SystemPackage> {
    parse(image.section(".note.package")?.to_bytes(MAX_NOTE)?)
}

/// All that the note says: `name=bash, osCpe=cpe:/o:…, type=rpm, …`.
pub fn shown(image: &Image<'_>) -> Option<Text> {
    pairs(image.section(".note.package")?.to_bytes(MAX_NOTE)?)
}

fn pairs(section: &[u8]) -> Option<Text> {
    let known: BTreeMap<String, serde_json::Value> = serde_json::from_slice(json(section)?).ok()?;
    let pairs = known.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    });
    let pairs: Vec<String> = pairs.collect();
    Some(pairs.join(", ").into())
}

fn parse(section: &[u8]) -> Option<SystemPackage> {
    let metadata: Metadata = serde_json::from_slice(json(section)?).ok()?;
    Some(SystemPackage {
        origin: metadata.vendor(),
        name: metadata.name.into(),
        version: metadata.version.map(Into::into),
        database: "package note",
    })
}

/// The text of the note.
fn json(section: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| {
        let bytes = section.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let (name_len, len, kind) = (word(0)?, word(4)?, word(8)?);
    if kind != usize::try_from(KIND).ok()? || section.get(12..)?.get(..name_len)? != b"FDO\0" {
        return None;
    }
    let text = section.get(16..)?.get(..len)?;
    text.split(|byte| *byte == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(kind: u32, text: &[u8]) -> Vec<u8> {
        let len = u32::try_from(text.len()).unwrap_or(0);
        let words = [4, len, kind].map(u32::to_le_bytes);
        [words.concat().as_slice(), b"FDO\0", text].concat()
    }

    #[test]
    fn a_note_names_its_package() {
        let text = br#"{"type":"rpm","name":"bash","version":"5.2.26-3.fc40","osCpe":"x"}"#;
        let found = parse(&note(KIND, &[text.as_slice(), b"\0\0"].concat())).map(|p| p.line());
        assert_eq!(found, Some("bash 5.2.26-3.fc40 (package note)".into()));
        let all = pairs(&note(KIND, text));
        assert_eq!(all, Some("name=bash, osCpe=x, type=rpm, version=5.2.26-3.fc40".into()));
    }

    #[test]
    fn a_note_says_whose_system_it_was_built_for() {
        for (more, vendor) in [
            (r#""osCpe":"cpe:/o:fedoraproject:fedora:39""#, Some("fedoraproject")),
            (r#""os":"fedora","osVersion":"39""#, Some("fedora")),
            (r#""osCpe":"cpe:/o:""#, None),
            (r#""osCpe":"x""#, None),
        ] {
            let text = format!(r#"{{"name":"bash",{more}}}"#);
            let found = parse(&note(KIND, text.as_bytes()));
            assert_eq!(found.map(|package| package.origin), Some(vendor.map(Into::into)));
        }
    }

    #[test]
    fn what_is_no_such_note_is_passed_over() {
        let good = note(KIND, br#"{"name":"x"}"#);
        assert!(parse(&good).is_some());
        assert_eq!(parse(&note(1, br#"{"name":"x"}"#)), None);
        assert_eq!(parse(&note(KIND, b"[1")), None);
        for len in 0..good.len() {
            assert_eq!(parse(&good[..len]), None, "{len}");
        }
    }
}
