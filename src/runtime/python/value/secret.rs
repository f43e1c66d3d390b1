//! What of a value must not be shown, and what is shown of it instead.
//!
//! A secret is told by its name (a variable, an attribute, a key, an option of a command) or by
//! itself. It is masked in the whole text that was read, before that is cut.

use std::borrow::Cow;

use crate::mask::{self, MASK, Secrets};

/// What is known of a value before it is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub enum Hint<'n> {
    /// Nothing.
    #[default]
    None,
    /// Its name.
    Name(&'n str),
    /// That it is a secret.
    Secret,
    /// How a text is to be shown: it belongs to a command.
    Shown(&'n str),
}

impl Hint<'_> {
    /// A text with its secrets masked, unless they are shown.
    pub fn mask<'t>(&'t self, text: &'t str, secrets: Secrets) -> Cow<'t, str> {
        match self {
            Hint::None => secrets.mask_text(text),
            Hint::Name(name) => secrets.mask_value(name, text),
            Hint::Secret if secrets.are_shown() || text.is_empty() => text.into(),
            Hint::Secret => MASK.into(),
            Hint::Shown(shown) => (*shown).into(),
        }
    }

    /// Whether a value with parts is a secret as a whole.
    pub fn hides_parts(&self) -> bool {
        match self {
            Hint::None | Hint::Shown(_) => false,
            Hint::Name(name) => is_secret(name),
            Hint::Secret => true,
        }
    }
}

/// Where oslo.config keeps values of options under names that do not tell which of them are secret:
/// `ConfigOpts.__cache` and `__drivers_cache`.
const CACHES: [&str; 2] = ["_ConfigOpts__cache", "_ConfigOpts__drivers_cache"];

/// The class of what oslo.config parsed: the same.
const PARSED: &str = "oslo_config.cfg._Namespace";

/// Whether what has this name is a secret as a whole.
pub fn is_secret(name: &str) -> bool {
    mask::is_secret_name(name) || CACHES.contains(&name)
}

/// Whether what is of this type is a secret as a whole.
pub fn is_secret_type(name: &str) -> bool {
    name == PARSED
}

/// How the items of a sequence of texts are shown, if it looks like a command.
pub fn command(items: &[String]) -> Option<Vec<String>> {
    mask::mask_list(items.iter().map(String::as_str))
}
