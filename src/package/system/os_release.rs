//! The distribution's own name, from os-release(5).

use crate::evidence::files::Files;
use crate::package::stanza::lines;
use crate::text::Text;

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// The distribution of the target's root: `Debian GNU/Linux`.
pub fn name(files: &Files) -> Option<Text> {
    let file = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| files.in_root(path).ok())?;
    let value =
        lines(file.read_all(MAX_FILE).ok()?).find_map(|line| line.strip_prefix(b"NAME="))?;
    let quote = value.first().filter(|first| matches!(first, b'"' | b'\''));
    let bare = quote.and_then(|quote| value.strip_prefix(&[*quote])?.strip_suffix(&[*quote]));
    Some(Text::from_bytes(bare.unwrap_or(value))).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fake::FakeRoot;

    fn name_in(path: &str, text: &str) -> Option<Text> {
        name(&FakeRoot::new(&[(path, text)]).files())
    }

    #[test]
    fn the_name_is_found_with_and_without_quotes() {
        let text = "PRETTY_NAME=\"Debian 12\"\nNAME=\"Debian GNU/Linux\"\nID=debian\n";
        assert_eq!(name_in("/etc/os-release", text), Some("Debian GNU/Linux".into()));
        assert_eq!(name_in("/usr/lib/os-release", "NAME=Alpine\n"), Some("Alpine".into()));
        assert_eq!(name_in("/etc/os-release", "NAME=\n"), None);
        assert_eq!(name_in("/etc/other", "NAME=x"), None);
    }
}
