//! What a command wrote and how it ended: a part of the evidence, as files are.

use serde::{Deserialize, Serialize};

use crate::mask::mask_config_text;
use crate::text::Text;

/// What came of a command of the inspecting side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The title of the section that it was run for.
    pub title: String,
    /// How it ended.
    pub end: End,
    /// Its standard output.
    pub output: Written,
    /// Its standard error.
    pub errors: Written,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// With this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// It ran longer than it may, this many milliseconds, and was killed.
    TimedOut(u64),
    /// It did not run, or how it went is not known.
    Failed(String),
}

/// What a command wrote, up to a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The beginning, or all of it.
    pub text: Text,
    /// How many bytes followed that are not kept.
    pub left: u64,
}

impl Written {
    /// Masks its secrets. It may be a configuration file that the command printed, so that it is
    /// masked as one.
    pub fn mask(&mut self) {
        self.text = Text::from_bytes(&mask_config_text(self.text.raw().as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_by_name_as_in_a_file() {
        let text = Text::from("db: {}\npassword: hunter2\nuser: app\n".to_owned());
        let mut written = Written { text, left: 0 };
        written.mask();
        assert_eq!(written.text.raw(), "db: {}\npassword: ***\nuser: app\n");
    }
}
