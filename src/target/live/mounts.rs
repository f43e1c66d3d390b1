//! `/proc/PID/mountinfo`, of which few lines are kept: those that tell of a container.
//!
//! Engines put files of their own over some of the container's, from a directory that is named
//! after it. A parser of our own, because paths may hold any bytes.

use crate::target::Mount;
use crate::text::Text;

/// Where what is mounted tells of a container.
const TELLING: &[&[u8]] =
    &[b"/", b"/etc/hostname", b"/etc/hosts", b"/etc/resolv.conf", b"/run/.containerenv"];

/// The most mounts that are kept: one may lie over another.
const MAX_MOUNTS: usize = 16;

/// The mounts in a text of `mountinfo` that may tell of a container.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n').filter_map(parse_line).take(MAX_MOUNTS).collect()
}

/// `36 35 98:0 /var/lib/x/hosts /etc/hosts rw,noatime master:1 - ext4 /dev/sda1 rw` (proc(5)).
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let (root, point) = (words.nth(3)?, words.next()?);
    let mut behind = words.skip_while(|word| *word != b"-").skip(1);
    let kind = behind.next()?;
    TELLING.contains(&point).then(|| Mount {
        root: Text::from_bytes(root),
        point: Text::from_bytes(point),
        kind: Text::from_bytes(kind),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_tell_of_a_container_is_kept() {
        let text = b"1 0 0:5 / / rw - overlay overlay rw\n\
            2 1 8:1 /c/ab/hosts /etc/hosts rw shared:1 master:2 - ext4 /dev/sda1 rw\n\
            3 1 0:9 / /proc rw - proc proc rw\nnonsense\n4 1 8:1 /x /etc/hosts rw\n";
        let mount = |root: &str, point: &str, kind: &str| Mount {
            root: root.into(),
            point: point.into(),
            kind: kind.into(),
        };
        let expected = [mount("/", "/", "overlay"), mount("/c/ab/hosts", "/etc/hosts", "ext4")];
        assert_eq!(parse(text), expected);
        assert_eq!(parse(&b"1 0 0:5 / / rw - x x rw\n".repeat(99)).len(), MAX_MOUNTS);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(text: Vec<u8>) {
            parse(&text);
        }
    }
}
