//! `/proc/PID/status` (proc_pid_status(5)), as bytes.

use crate::target::ids::Ids;
use crate::target::signals::SignalSet;

/// The most groups of a process that are looked at: the kernel's `NGROUPS_MAX`.
const MAX_GROUPS: usize = 65_536;

/// The most pid namespaces, one in the other: the kernel's `MAX_PID_NS_LEVEL`, and the first.
const MAX_LEVELS: usize = 33;

/// The `status` of a process or thread. What it does not have is `None`: the kernel leaves out what
/// it was built without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status(Vec<u8>);

impl Status {
    /// The text of a `status`.
    pub fn new(text: Vec<u8>) -> Status {
        Status(text)
    }

    /// What follows the name of a field. The kernel escapes line ends in the name of a thread: no
    /// line is another's.
    fn field(&self, name: &[u8]) -> Option<&str> {
        let mut lines = self.0.split(|byte| *byte == b'\n');
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(b":"))?;
        Some(std::str::from_utf8(value).ok()?.trim())
    }

    /// A list of numbers, of at most so many.
    fn numbers<T: std::str::FromStr>(&self, name: &[u8], most: usize) -> Option<Vec<T>> {
        let words = self.field(name)?.split_ascii_whitespace();
        words.take(most).map(|word| word.parse().ok()).collect()
    }

    fn number<T: std::str::FromStr>(&self, name: &[u8]) -> Option<T> {
        self.field(name)?.parse().ok()
    }

    fn ids(&self, name: &[u8]) -> Option<Ids> {
        let [real, effective, saved, file_system] = *self.numbers(name, 4)? else { return None };
        Some(Ids { real, effective, saved, file_system })
    }

    /// The process that the thread belongs to.
    pub fn tgid(&self) -> Option<i32> {
        self.number(b"Tgid")
    }

    /// Who traces it.
    pub fn tracer(&self) -> Option<i32> {
        self.number(b"TracerPid").filter(|pid| *pid != 0)
    }

    /// Its users.
    pub fn users(&self) -> Option<Ids> {
        self.ids(b"Uid")
    }

    /// Its groups of these four kinds.
    pub fn groups(&self) -> Option<Ids> {
        self.ids(b"Gid")
    }

    /// The groups that it has besides.
    pub fn more_groups(&self) -> Vec<u32> {
        self.numbers(b"Groups", MAX_GROUPS).unwrap_or_default()
    }

    /// Its ids, one for each pid namespace from that of `/proc` down to its own; of a thread, that
    /// thread's.
    pub fn namespace_ids(&self) -> Vec<i32> {
        self.numbers(b"NSpid", MAX_LEVELS).unwrap_or_default()
    }

    /// The id that it has in its own pid namespace, if that is not the one of `/proc`.
    pub fn inner_id(&self) -> Option<i32> {
        let ids = self.namespace_ids();
        ids.last().copied().filter(|_| ids.len() > 1)
    }

    /// Its effective capabilities, as bits.
    pub fn capabilities(&self) -> u64 {
        self.bits(b"CapEff")
    }

    /// How a seccomp filter holds it back: 2 is a filter.
    pub fn seccomp(&self) -> Option<u32> {
        self.number(b"Seccomp")
    }

    fn bits(&self, name: &[u8]) -> u64 {
        let digits = self.field(name).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        digits.unwrap_or_default()
    }

    /// A set of signals: `SigCgt`.
    pub fn signals(&self, name: &str) -> SignalSet {
        SignalSet(self.bits(name.as_bytes()))
    }

    /// Its one-letter state.
    pub fn state(&self) -> Option<char> {
        self.field(b"State")?.chars().next()
    }

    /// Whether it has not ended.
    pub fn lives(&self) -> bool {
        !matches!(self.state(), None | Some('Z' | 'X'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"Name:\thid\xffden\nState:\tS (sleeping)\nTgid:\t7\nTracerPid:\t0\n\
        Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t10 11 \nNSpid:\t7\t1\nCapEff:\t0000000000080000\n\
        Seccomp:\t2\nSigCgt:\t0000000000000800\n";

    #[test]
    fn fields_are_read_whatever_the_name() {
        let status = Status::new(TEXT.to_vec());
        assert_eq!((status.tgid(), status.tracer(), status.state()), (Some(7), None, Some('S')));
        let users = Ids { real: 1, effective: 2, saved: 3, file_system: 4 };
        assert_eq!(status.users(), Some(users));
        assert_eq!(status.groups().map(|ids| ids.file_system), Some(8));
        assert_eq!((status.more_groups(), status.inner_id()), (vec![10, 11], Some(1)));
        assert_eq!((status.capabilities(), status.seccomp()), (1 << 19, Some(2)));
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = b"Name:\tSigCgt:\\nSigCgt:\nState:\tS (sleeping)\nSigCgt:\t0000000000000800\n";
        let status = Status::new(text.to_vec());
        assert!(status.signals("SigCgt").contains(libc::SIGUSR2));
        assert_eq!(status.signals("SigIgn"), SignalSet::default());
        assert_eq!(status.field(b"Sig"), None);
        assert!(status.lives());
        let outside = Status::new(b"NSpid:\t7\n".to_vec());
        assert_eq!((outside.inner_id(), outside.users()), (None, None));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(text: Vec<u8>, name in "[A-Za-z]{0,9}") {
            for text in [text.clone(), [name.as_bytes(), b":\t", &text, b"\n", TEXT].concat()] {
                let status = Status::new(text);
                let _ = (status.tgid(), status.tracer(), status.users(), status.more_groups());
                let _ = (status.inner_id(), status.capabilities(), status.signals(&name));
                let _ = (status.state(), status.lives(), status.seccomp(), status.groups());
            }
        }
    }
}
