//! The types of options: how their values are converted, and what of these is refused. By the
//! classes of `oslo_config/types.py`.

use super::pattern::Pattern;
use crate::data::Data;
use crate::text::Text;

/// How the values of an option are converted, by its type's class in `oslo_config/types.py`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Kind {
    /// `String`, with `quotes`.
    String {
        /// Whether quotes around a value are taken off.
        quotes: bool,
    },
    /// `Boolean`.
    Boolean,
    /// `Integer` and `Port`, or Python's `int`.
    Integer,
    /// `Float`, or Python's `float`.
    Float,
    /// `List`.
    List {
        /// The type of the items.
        item: Box<Kind>,
        /// Whether the value stands in brackets.
        bounds: bool,
    },
    /// `Dict`.
    Dict {
        /// The type of the values.
        value: Box<Kind>,
        /// Whether the value stands in braces.
        bounds: bool,
        /// What stands between key and value: `:`.
        separator: Text,
    },
    /// `Range`.
    Range {
        /// Whether the end belongs to it.
        inclusive: bool,
    },
    /// `IPAddress`, of any version or of one.
    Address(Option<Version>),
    /// `Hostname`.
    HostName,
    /// `HostAddress`, and `HostDomain`.
    Host {
        /// The only version that an address may have.
        version: Option<Version>,
        /// Whether a name may have underscores: `HostDomain`.
        underscores: bool,
    },
    /// `URI`.
    Uri {
        /// The schemes that it may have; any, if there are none.
        schemes: Vec<Text>,
    },
    /// A type that refuses some of what another one makes.
    Checked(Box<Kind>, Vec<Check>),
    /// Any other type of oslo.config, whose values are texts. What it refuses is not known.
    #[default]
    Plain,
    /// What only running it would tell: a function; and Python's `bool`, which is no [`Kind::Boolean`]:
    /// for it any text but the empty one is true. How it is shown: `<class 'bool'>`.
    Foreign(Text),
}

impl Kind {
    /// The type without what it refuses.
    pub fn unchecked(&self) -> &Kind {
        match self {
            Kind::Checked(kind, _) => kind,
            kind => kind,
        }
    }

    /// The same, which refuses what one of these does.
    pub fn with(self, checks: Vec<Check>) -> Kind {
        if checks.is_empty() { self } else { Kind::Checked(Box::new(self), checks) }
    }
}

/// The version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

/// What a type asks of a value that it has converted, in the order in which it asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// `min` of a number, and of the ends of a range.
    Least(Data),
    /// `max` of these.
    Most(Data),
    /// `choices` of a number.
    Numbers(Vec<Data>),
    /// `choices` of a text.
    Words {
        /// The choices.
        choices: Vec<Text>,
        /// Whether case makes no difference.
        ignore_case: bool,
    },
    /// `max_length` of a text, in characters.
    Length(u64),
    /// `min_length` of a list or a mapping that was written as a text, in items.
    Items(u64),
    /// `regex` of a text.
    Pattern(Pattern),
    /// Something that could not be read.
    Unknown,
}
