//! Secrets that are known by what they are: the values of options that say to be secret, under names
//! that do not. Where such a value stands alone, as a word of a command line, as a variable, behind
//! `name =` in a file, it is masked. Inside of longer texts it is not looked for: it may be a word.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::mask::MASK;
use crate::text::Text;

/// The shortest that is masked, in bytes: `true` and `nova` are everywhere.
const SHORTEST: usize = 6;

/// Values that must not be shown wherever they stand alone.
#[derive(Clone, Debug, Default)]
pub struct KnownSecrets {
    whole: HashSet<String>,
    /// The lines of those that have several: a file may continue a value on its next lines.
    lines: HashSet<String>,
}

impl KnownSecrets {
    /// These.
    pub fn new(secrets: &[String]) -> KnownSecrets {
        let long = secrets.iter().filter(|secret| secret.len() >= SHORTEST);
        let several = secrets.iter().filter(|secret| secret.contains('\n'));
        let lines = several.flat_map(|secret| secret.lines()).map(bare_line);
        let lines = lines.filter(|line| line.len() >= SHORTEST).map(str::to_owned);
        KnownSecrets { whole: long.cloned().collect(), lines: lines.collect() }
    }

    fn has(&self, value: &str) -> bool {
        value.len() >= SHORTEST && self.whole.contains(value)
    }

    /// Masks a value that is one.
    pub fn mask(&self, value: &mut Text) {
        if self.has(value.raw()) {
            *value = MASK.into();
        }
    }

    /// Masks the words of a command line that are one, and what stands behind the first `=`.
    pub fn mask_words(&self, words: &mut [Text]) {
        for word in words {
            self.mask(word);
            let masked = word.raw().split_once('=').and_then(|(option, value)| {
                self.has(value).then(|| Text::from(format!("{option}={MASK}")))
            });
            if let Some(masked) = masked {
                *word = masked;
            }
        }
    }

    /// Masks the lines of a configuration file that assign one: `name = value`, `name: "value"`;
    /// and those that continue such a line.
    pub fn mask_file<'a>(&self, bytes: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        if self.whole.is_empty() {
            return bytes;
        }
        let mut out: Vec<u8> = Vec::new();
        let mut done = 0;
        let mut at = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if let Some((from, until)) = self.value_in(line) {
                out.extend_from_slice(bytes.get(done..at + from).unwrap_or_default());
                out.extend_from_slice(MASK.as_bytes());
                done = at + until;
            }
            at += line.len();
        }
        if done == 0 {
            return bytes;
        }
        out.extend_from_slice(bytes.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// Where in a line one stands that it assigns, or a line of one that it continues.
    fn value_in(&self, line: &[u8]) -> Option<(usize, usize)> {
        let line = std::str::from_utf8(line).ok()?;
        let continued = bare_line(line);
        if line.starts_with([' ', '\t']) && self.lines.contains(continued) {
            let from = line.len() - line.trim_start().len();
            return Some((from, from + continued.len()));
        }
        let separator = line.find(['=', ':'])? + 1;
        let behind = line.get(separator..)?;
        let value = bare_line(behind);
        let quote = |c: char| value.len() > 1 && value.starts_with(c) && value.ends_with(c);
        let bare = match ['"', '\''].into_iter().any(quote) {
            true => value.get(1..value.len() - 1)?,
            false => value,
        };
        if !self.has(bare) && !self.lines.contains(bare) {
            return None;
        }
        let blanks = behind.len() - behind.trim_start().len();
        let from = separator + blanks + usize::from(bare.len() < value.len());
        Some((from, from + bare.len()))
    }
}

/// What stands in a line, without what separates it from the next.
fn bare_line(line: &str) -> &str {
    line.trim().trim_end_matches([',', ';'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_secret_is_masked_where_it_stands_alone() {
        let known = KnownSecrets::new(&["topsecret".into(), "nova".into()]);
        let file = |text: &str| {
            let masked = known.mask_file(Cow::Borrowed(text.as_bytes()));
            String::from_utf8_lossy(&masked).into_owned()
        };
        assert_eq!(
            file("[a]\ndsn = topsecret\nuser=nova\nx: \"topsecret\",\n# topsecret things\n"),
            "[a]\ndsn = ***\nuser=nova\nx: \"***\",\n# topsecret things\n"
        );
        assert_eq!(file("dsn='topsecret'"), "dsn='***'");
        assert_eq!(file("dsn=\n=\n:'\n"), "dsn=\n=\n:'\n");
        let mut words =
            ["app", "--dsn", "topsecret", "--x=topsecret", "topsecrets"].map(Text::from);
        known.mask_words(&mut words);
        assert_eq!(words, ["app", "--dsn", "***", "--x=***", "topsecrets"].map(Text::from));
    }

    #[test]
    fn each_line_of_a_known_secret_is_masked_in_a_file() {
        let secrets = ["QZ01aa\nQZ02aa\nab", "rabbit://u:***@h,\nu2:p2@h2"].map(str::to_owned);
        let known = KnownSecrets::new(&secrets);
        let file = "[a]\nx = QZ01aa\n  QZ02aa\r\n\tab\ny = QZ01aa,\n\tQZ02aa,\nQZ02aa\n\
                    url = rabbit://u:***@h,\n  u2:p2@h2\n";
        let masked = known.mask_file(Cow::Borrowed(file.as_bytes()));
        assert_eq!(
            String::from_utf8_lossy(&masked),
            "[a]\nx = ***\n  ***\r\n\tab\ny = ***,\n\t***,\nQZ02aa\nurl = ***,\n  ***\n"
        );
        let mut word = Text::from("QZ02aa");
        known.mask(&mut word);
        assert_eq!(word.raw(), "QZ02aa");
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_masked_without_harm(lines in "([=: '\",;\n]|topsecret|é){0,40}") {
            let known = KnownSecrets::new(&["topsecret".into(), "x\ntopsecret".into()]);
            let once = known.mask_file(Cow::Borrowed(lines.as_bytes())).into_owned();
            let again = known.mask_file(Cow::Borrowed(&once)).into_owned();
            assert_eq!(once, again);
        }
    }
}
