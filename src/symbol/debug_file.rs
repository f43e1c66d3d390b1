//! Separate debug information: where distributions and `objcopy` put it.
//!
//! A file is believed only if its build id or checksum is the one that was asked for.

use crate::evidence::files::{Files, OpenFile};
use crate::module::Image;
use crate::target::files::FileRequest;
use crate::text::Text;

/// The largest file whose checksum is computed, in bytes.
const MAX_CHECKED: u64 = 256 << 20;

/// The file with the debug information of `image`, which was mapped from `path`; `None` if the
/// image has its own, or there is no other.
pub fn find<'a>(image: &Image<'a>, path: &Text, files: &'a Files) -> Option<Image<'a>> {
    if image.section(".debug_info").is_some() {
        return None;
    }
    by_build_id(image, files).or_else(|| by_link(image, path, files))
}

/// `/usr/lib/debug/.build-id/ab/cdef….debug`, in the target's root or on our side.
fn by_build_id<'a>(image: &Image<'a>, files: &'a Files) -> Option<Image<'a>> {
    let id = image.build_id()?;
    let path = build_id_path(id)?;
    let requests = [FileRequest::InRoot(path.clone()), FileRequest::Debug(path)];
    requests.iter().find_map(|request| {
        let found = Image::parse(files.open(request).ok()?).ok()?;
        (found.build_id() == Some(id)).then_some(found)
    })
}

fn build_id_path(id: &[u8]) -> Option<Text> {
    let hex: Vec<String> = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let (first, rest) = hex.split_first().filter(|(_, rest)| !rest.is_empty())?;
    Some(format!("/usr/lib/debug/.build-id/{first}/{}.debug", rest.concat()).into())
}

/// The file that `.gnu_debuglink` names: beside the image, below `.debug`, or below
/// `/usr/lib/debug`, as gdb looks for it.
fn by_link<'a>(image: &Image<'a>, path: &Text, files: &'a Files) -> Option<Image<'a>> {
    let (name, checksum) = image.debug_link()?;
    // The name is the target's: it must be a name, not a way out of the directory.
    if name.is_empty() || name.raw().contains('/') {
        return None;
    }
    let (directory, _) = path.raw().rsplit_once('/')?;
    let name = name.raw();
    let candidates = [
        format!("{directory}/{name}"),
        format!("{directory}/.debug/{name}"),
        format!("/usr/lib/debug{directory}/{name}"),
    ];
    candidates.iter().find_map(|candidate| {
        let file = files.in_root(candidate).ok()?;
        let found = Image::parse(file).ok()?;
        let same = match (image.build_id(), found.build_id()) {
            (Some(own), Some(other)) => own == other,
            _ => crc(file)? == checksum,
        };
        same.then_some(found)
    })
}

/// The checksum of a whole file.
fn crc(file: &OpenFile) -> Option<u32> {
    if file.len() > MAX_CHECKED {
        return None;
    }
    let mut crc = flate2::Crc::new();
    let mut at = 0;
    while at < file.len() {
        let piece = file.block_from(at).ok().filter(|piece| !piece.is_empty())?;
        crc.update(piece);
        at += piece.len() as u64;
    }
    Some(crc.sum())
}

/// The file that `.gnu_debugaltlink` names: parts that `dwz` found in several debug files.
pub fn shared<'a>(image: &Image<'a>, files: &'a Files) -> Option<Image<'a>> {
    let link = image.section(".gnu_debugaltlink")?.to_bytes(4096)?;
    let end = link.iter().position(|byte| *byte == 0)?;
    let id = link.get(end + 1..).filter(|id| !id.is_empty())?;
    let path = build_id_path(id)?;
    let requests = [FileRequest::InRoot(path.clone()), FileRequest::Debug(path)];
    requests.iter().find_map(|request| Image::parse(files.open(request).ok()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_id_is_a_path_of_hex_digits_only() {
        let path = build_id_path(&[0xab, 0xcd, 0x01]);
        assert_eq!(path, Some("/usr/lib/debug/.build-id/ab/cd01.debug".into()));
        assert_eq!(build_id_path(&[0xab]), None);
    }
}
