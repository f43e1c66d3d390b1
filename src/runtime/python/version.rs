//! The version of a CPython, as `Py_Version` holds it.

use std::fmt;

/// `PY_VERSION_HEX`: a byte each for major, minor and micro; then a digit for the level (10
/// alpha, 11 beta, 12 candidate, 15 final) and one for the serial number (`Include/patchlevel.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

impl Version {
    /// 3.8.0 for 8: any release of that minor version.
    pub fn of_minor(minor: u8) -> Version {
        Version(u32::from_be_bytes([3, minor, 0, 0xf0]))
    }

    /// 3 in `3.11.7`.
    pub fn major(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// 11 in `3.11.7`.
    pub fn minor(self) -> u8 {
        self.0.to_be_bytes()[1]
    }

    /// 7 in `3.11.7`.
    pub fn micro(self) -> u8 {
        self.0.to_be_bytes()[2]
    }

    /// Whether its structures change no more: it is a release candidate or a final release.
    pub fn is_settled(self) -> bool {
        self.level() >= 12
    }

    fn level(self) -> u8 {
        self.0.to_be_bytes()[3] >> 4
    }
}

impl fmt::Display for Version {
    /// As `platform.python_version()` prints it: `3.11.7`, `3.12.0rc1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, micro, release] = self.0.to_be_bytes();
        write!(f, "{major}.{minor}.{micro}")?;
        let level = match self.level() {
            10 => "a",
            11 => "b",
            12 => "rc",
            _ => return Ok(()),
        };
        write!(f, "{level}{}", release & 15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_printed_as_python_prints_them() {
        assert_eq!(Version(0x030b_07f0).to_string(), "3.11.7");
        assert_eq!(Version(0x030c_00c1).to_string(), "3.12.0rc1");
        assert_eq!(Version(0x030b_00b3).to_string(), "3.11.0b3");
    }

    #[test]
    fn only_what_changes_no_more_is_settled() {
        assert!(Version(0x030b_07f0).is_settled());
        assert!(Version(0x030b_00c2).is_settled());
        assert!(!Version(0x030b_00b5).is_settled());
    }
}
