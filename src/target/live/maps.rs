//! `/proc/PID/maps`, as bytes.
//!
//! A parser of our own, because the process names the files: a path may hold any byte but zero,
//! may look like an address or like ` (deleted)`, and the general parser fails on some of them
//! (procfs-core 0.18 panics on a file called `/SYSV1`).

use crate::addr::Addr;
use crate::target::Mapping;
use crate::text::Text;

/// The most mappings that are looked at; the kernel's own default limit is 65,530.
pub const MAX_MAPPINGS: usize = 200_000;

/// The mappings in the text of a `maps` file; `inside` makes of a path the one that the process
/// sees. Lines that make no sense are left out.
pub fn parse(text: &[u8], inside: &dyn Fn(&[u8]) -> &[u8]) -> Vec<Mapping> {
    let lines = text.split(|byte| *byte == b'\n');
    lines.filter_map(|line| parse_line(line, inside)).take(MAX_MAPPINGS).collect()
}

/// `55d0-55d4 r-xp 00001000 08:01 131 /usr/bin/x`, the path being the rest of the line.
fn parse_line(line: &[u8], inside: &dyn Fn(&[u8]) -> &[u8]) -> Option<Mapping> {
    let mut rest = line;
    let (start, end) = split_once(word(&mut rest)?, b'-')?;
    let flags = word(&mut rest)?;
    let offset = hex(word(&mut rest)?)?;
    let (major, minor) = split_once(word(&mut rest)?, b':')?;
    let inode = std::str::from_utf8(word(&mut rest)?).ok()?.parse().ok()?;
    Some(Mapping {
        start: Addr(hex(start)?),
        end: Addr(hex(end)?),
        readable: flags.first() == Some(&b'r'),
        writable: flags.get(1) == Some(&b'w'),
        executable: flags.get(2) == Some(&b'x'),
        offset,
        device: (hex(major)?.try_into().ok()?, hex(minor)?.try_into().ok()?),
        inode,
        path: unescape(inside(rest.trim_ascii_start())),
    })
}

fn word<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let line = rest.trim_ascii_start();
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (word, after) = line.split_at(end);
    *rest = after;
    (!word.is_empty()).then_some(word)
}

fn split_once(word: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = word.iter().position(|byte| *byte == at)?;
    Some((word.get(..at)?, word.get(at + 1..)?))
}

fn hex(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The kernel writes a newline in a path as `\012`, and nothing else in another way.
fn unescape(path: &[u8]) -> Text {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        match rest.strip_prefix(b"\\012") {
            Some(after) => {
                bytes.push(b'\n');
                rest = after;
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Text::from_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_line_is_read_with_its_path() {
        let line = b"7f00-7f10 r-xp 00002000 fe:01 1234   /usr/lib/a b (deleted).so";
        let mapping = parse_line(line, &|path| path).unwrap();
        assert_eq!(mapping.start, Addr(0x7f00));
        assert_eq!(mapping.offset, 0x2000);
        assert_eq!(mapping.device, (0xfe, 1));
        assert!(mapping.executable && !mapping.writable);
        assert_eq!(mapping.path.raw(), "/usr/lib/a b (deleted).so");
    }

    #[test]
    fn names_that_a_process_chose_do_no_harm() {
        for path in ["/SYSV1", "/SYSVfoobarbaz.so", "/a\\012b", "[stack]", "/\u{1b}[2J", ""] {
            let line = format!("1000-2000 rw-p 0 00:00 0 {path}");
            let mapping = parse_line(line.as_bytes(), &|path| path).unwrap();
            assert_eq!(mapping.path.raw(), path.replace("\\012", "\n"));
        }
        assert_eq!(parse(b"nonsense\n1-2 r--p 0 0:0 0 \xff\n", &|path| path).len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(text: Vec<u8>) {
            parse(&text, &|path| path);
        }
    }
}
