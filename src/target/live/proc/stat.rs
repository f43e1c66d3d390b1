//! `/proc/PID/stat` (proc_pid_stat(5)), parsed from bytes.

use crate::text::Text;

/// What guru asks of a `stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The id of the process or thread.
    pub pid: i32,
    /// Its name, at most 15 bytes, of any kind.
    pub comm: Text,
    /// Its one-letter state.
    pub state: char,
    /// The id of its parent.
    pub ppid: i32,
    /// The kernel's flags of it, `PF_…` of `include/linux/sched.h`.
    pub flags: u32,
    /// How many threads its process has.
    pub num_threads: i64,
    /// When it started, in ticks since the kernel did.
    pub starttime: u64,
    /// Where its program's code begins; who may not trace it is told 1 or 0.
    pub startcode: u64,
    /// Where its stack begins, told likewise.
    pub startstack: u64,
}

impl Stat {
    /// The text of a `stat`; `None` for what is none.
    ///
    /// The name stands between the first parenthesis and the last, and may have some itself, and
    /// blanks, and line ends: behind the last one are numbers only.
    pub fn parse(text: &[u8]) -> Option<Stat> {
        let open = text.iter().position(|byte| *byte == b'(')?;
        let close = text.iter().rposition(|byte| *byte == b')')?;
        let comm = text.get(open + 1..close)?;
        let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        // By the numbers of the manual page, where the state is the third.
        let mut next = 3;
        let mut field = |number: usize| {
            let skip = number.checked_sub(next)?;
            next = number + 1;
            fields.nth(skip)
        };
        Some(Stat {
            pid: number(text.get(..open)?)?,
            comm: Text::from_bytes(comm),
            state: field(3)?.chars().next()?,
            ppid: field(4)?.parse().ok()?,
            flags: field(9)?.parse().ok()?,
            num_threads: field(20)?.parse().ok()?,
            starttime: field(22)?.parse().ok()?,
            startcode: field(26)?.parse().ok()?,
            startstack: field(28)?.parse().ok()?,
        })
    }

    /// Whether it has ended, and waits to be collected.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Whether it is ending: it has given up its memory, or soon will.
    pub fn is_ending(&self) -> bool {
        /// `PF_EXITING` of the kernel's `include/linux/sched.h`.
        const EXITING: u32 = 4;
        self.flags & EXITING != 0
    }
}

fn number(digits: &[u8]) -> Option<i32> {
    std::str::from_utf8(digits).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// A `stat` of Linux 6.18 with another name.
    fn with_name(name: &[u8]) -> Vec<u8> {
        let rest = b") S 8 7 7 0 -1 4194304 94 0 0 0 0 0 0 0 20 0 3 0 3131 2330624 372 \
            18446744073709551615 94047 94055 14073 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
        [&b"7 ("[..], name, rest].concat()
    }

    #[test]
    fn every_name_is_read_with_all_its_bytes() {
        let honest_cut = &"日本語プロセス名".as_bytes()[..15];
        let names: [&[u8]; 9] = [
            b"sleep",
            b"hid\xffden",
            b"\xff\xfe",
            b") R 1 (",
            b"a) S (\xff\n) S 1 7",
            b"x\ny",
            b"",
            b")",
            honest_cut,
        ];
        for name in names {
            let stat = Stat::parse(&with_name(name)).unwrap();
            assert_eq!(stat.comm, Text::from_bytes(name));
            assert_eq!((stat.pid, stat.state, stat.ppid), (7, 'S', 8), "{name:?}");
            assert_eq!((stat.flags, stat.num_threads, stat.starttime), (4_194_304, 3, 3131));
            assert_eq!((stat.startcode, stat.startstack), (94047, 14073));
            assert!(!stat.has_ended());
        }
    }

    #[test]
    fn what_is_no_stat_is_none() {
        for text in [&b""[..], b"7", b"7 )(", b"7 (x", b"7 (x)", b"x (x) S 1", b"7 (x) S 1 1 1\n"] {
            assert_eq!(Stat::parse(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(text: Vec<u8>, name: Vec<u8>) {
            Stat::parse(&text);
            proptest::prop_assert!(Stat::parse(&with_name(&name)).is_some());
        }
    }
}
