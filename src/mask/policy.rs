//! Whether secrets are masked at all: the user's word, handed along with the data.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{MASK, is_secret_name, mask_argv, mask_file, mask_text, mask_value};

/// What becomes of secrets. Its methods are the masker's entry points, which do nothing where the
/// user asked to see everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secrets {
    /// They are replaced by [`MASK`].
    #[default]
    Masked,
    /// They are shown, and stored: `--show-secrets`.
    Shown,
}

impl Secrets {
    /// Whether they are shown.
    pub fn are_shown(self) -> bool {
        self == Secrets::Shown
    }

    /// The value of something that has a name: see [`mask_value`].
    pub fn mask_value<'a>(self, name: &str, value: &'a str) -> Cow<'a, str> {
        match self {
            Secrets::Masked => of_one_length(mask_value(name, value)),
            Secrets::Shown => Cow::Borrowed(value),
        }
    }

    /// Any text: see [`mask_text`].
    pub fn mask_text(self, text: &str) -> Cow<'_, str> {
        match self {
            Secrets::Masked => of_one_length(mask_text(text)),
            Secrets::Shown => Cow::Borrowed(text),
        }
    }

    /// A command line: see [`mask_argv`].
    pub fn mask_argv(self, argv: &[String]) -> Vec<String> {
        match self {
            Secrets::Masked => {
                let masked = mask_argv(argv).into_iter();
                masked.map(|word| of_one_length(Cow::Owned(word)).into_owned()).collect()
            }
            Secrets::Shown => argv.to_vec(),
        }
    }

    /// A configuration file at this path: see [`mask_file`].
    pub fn mask_file<'a>(self, path: &str, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match self {
            Secrets::Masked => Cow::Owned(mask_file(path, bytes)),
            Secrets::Shown => Cow::Borrowed(bytes),
        }
    }

    /// Whether what has this name must not be shown, whatever it is: see [`is_secret_name`].
    pub fn hides(self, name: &str) -> bool {
        self == Secrets::Masked && is_secret_name(name)
    }
}

/// How many asterisks are a secret that was overwritten in recorded memory, at least: so long is the
/// shortest one that is.
const OVERWRITTEN: &str = "******";

/// A secret that was overwritten in recorded memory has an asterisk for each of its characters. How
/// many these are is not told.
fn of_one_length(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(OVERWRITTEN) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((before, behind)) = rest.split_once(OVERWRITTEN) {
        out.push_str(before);
        out.push_str(MASK);
        rest = behind.trim_start_matches('*');
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::Secrets::{Masked, Shown};

    #[test]
    fn what_the_user_wants_to_see_is_left_alone() {
        let argv = ["mysql", "-ppw", "--password=pw"].map(str::to_owned);
        assert_ne!(Masked.mask_argv(&argv), argv);
        assert_eq!(Shown.mask_argv(&argv), argv);
        assert_eq!(Masked.mask_value("password", "pw"), "***");
        assert_eq!(Shown.mask_value("password", "pw"), "pw");
        assert_eq!(Masked.mask_text("http://u:pw@h/"), "http://u:***@h/");
        assert_eq!(Shown.mask_text("http://u:pw@h/"), "http://u:pw@h/");
        assert_eq!(&*Masked.mask_file("a.conf", b"password = pw\n"), b"password = ***\n");
        assert_eq!(&*Shown.mask_file("a.conf", b"password = pw\xff\n"), b"password = pw\xff\n");
        assert!(Masked.hides("password") && !Shown.hides("password"));
    }

    #[test]
    fn what_was_overwritten_in_memory_does_not_tell_its_length() {
        for (text, shown) in [
            ("******", "***"),
            ("app -z ********** y", "app -z *** y"),
            ("***", "***"),
            ("*****", "*****"),
        ] {
            assert_eq!(Masked.mask_text(text), shown);
            assert_eq!(Masked.mask_value("stripe_key", text), shown);
            assert_eq!(Masked.mask_argv(&[text.to_owned()]), [shown]);
        }
    }
}
