//! Why an option has no value: what is an exception in the program.

use super::convert::Refused;
use super::substitute::TooLong;

/// Why an option has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub cause: Cause,
    /// Whether it is wrong with an option that it refers to.
    referred: bool,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its type refuses it. Why.
    Invalid(&'static str),
    /// A reference leads to no option.
    NoOption,
    /// A reference leads to no group.
    NoGroup,
    /// A reference leads to a group.
    Group,
    /// A group has the name of the option.
    Hidden,
    /// References lead back to where they begin.
    Cycle,
    /// References lead too far.
    TooDeep,
    /// References make it too long.
    TooLong,
    /// It was not worked out: it would take too much.
    TooMuch,
}

impl Cause {
    /// Whether it is a limit of ours: the program may well have a value.
    pub fn is_limit(self) -> bool {
        matches!(self, Cause::TooDeep | Cause::TooLong | Cause::TooMuch)
    }
}

impl Problem {
    /// The same, of an option that refers to this one.
    pub fn of_reference(self) -> Problem {
        // What leads into a ring of references has the same said of it as what is one of them.
        Problem { referred: self.cause != Cause::Cycle, ..self }
    }

    /// In words. They quote nothing of the value, which may be a secret: what follows a dollar in
    /// a password looks like a reference.
    pub fn words(self) -> String {
        let what = match self.cause {
            Cause::Invalid(why) => why,
            Cause::NoOption => "a reference ($) leads to no option",
            Cause::NoGroup => "a reference ($) leads to no group",
            Cause::Group => "a reference ($) leads to a group",
            Cause::Hidden => "a group of this name hides it",
            Cause::Cycle => "its references lead back to themselves",
            Cause::TooDeep => "its references lead too far",
            Cause::TooLong => "its references make it too long",
            Cause::TooMuch => "it was not worked out, because it would take too much",
        };
        if self.referred {
            format!("of an option that it refers to: {what}")
        } else {
            what.to_owned()
        }
    }
}

impl From<Cause> for Problem {
    fn from(cause: Cause) -> Problem {
        Problem { cause, referred: false }
    }
}

impl From<TooLong> for Problem {
    fn from(_: TooLong) -> Problem {
        Cause::TooLong.into()
    }
}

impl From<Refused> for Cause {
    fn from(refused: Refused) -> Cause {
        match refused {
            Refused::Invalid(why) => Cause::Invalid(why),
            Refused::Foreign => Cause::Invalid("only the program itself could convert it"),
            Refused::Unchecked => Cause::Invalid("only the program itself could check it"),
            Refused::TooMuch => Cause::TooMuch,
        }
    }
}
