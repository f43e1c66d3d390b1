//! The kernel's own types (BTF): where the fields lie that a program in the kernel reads.
//!
//! Format: the kernel's `Documentation/bpf/btf.rst`. The file has some five MiB and 150,000 types, and
//! is read once from front to back.

/// What is needed of the kernel's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The type of the function `bpf_iter_task`: what an iterator over tasks is attached to.
    pub iterator: u32,
    /// Fields of `struct task_struct`, in bytes from its begin.
    pub fields: [i16; FIELDS.len()],
}

/// The fields of a task, each by the names on the way to it, in the order of
/// [`super::program::program`]. `pcount` counts how often it was given a processor: the third number of
/// `schedstat`.
const FIELDS: [&[&str]; 6] = [
    &["tgid"],
    &["pid"],
    &["__state"],
    &["on_cpu"],
    &["sched_info", "pcount"],
    #[cfg(target_arch = "x86_64")]
    &["thread", "fsbase"],
    #[cfg(target_arch = "aarch64")]
    &["thread", "uw", "tp_value"],
];

const MAGIC: u16 = 0xeb9f;

/// The length of a type without what follows it, in bytes.
const TYPE: usize = 12;

/// The kinds of types that are looked at (`BTF_KIND_…` of `include/uapi/linux/btf.h`).
mod kind {
    pub const INT: u32 = 1;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const TYPEDEF: u32 = 8;
    pub const VOLATILE: u32 = 9;
    pub const CONST: u32 = 10;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

/// The most types that are looked at.
const MAX_TYPES: usize = 2_000_000;

/// How deep a field may lie in structures without names, or behind names for types.
const MAX_DEPTH: usize = 8;

impl Kernel {
    /// Finds it in the content of `/sys/kernel/btf/vmlinux`.
    pub fn find(btf: &[u8]) -> Option<Kernel> {
        let types = Types::parse(btf)?;
        let named = |kind, name: &str| {
            let name = types.string(name)?;
            types.all().find(|one| one.kind == kind && one.name == name)
        };
        let iterator = named(kind::FUNC, "bpf_iter_task")?.id;
        let task = named(kind::STRUCT, "task_struct")?;
        let mut fields = [0; FIELDS.len()];
        for (path, field) in FIELDS.iter().zip(&mut fields) {
            let mut place = (task, 0);
            for name in *path {
                let (inner, offset) = types.field(place.0, name, 0)?;
                place = (inner, offset + place.1);
            }
            *field = i16::try_from(place.1).ok()?;
        }
        Some(Kernel { iterator, fields })
    }
}

struct Types<'a> {
    section: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins in its section; the first has the id 1.
    starts: Vec<u32>,
}

/// One type.
#[derive(Clone, Copy)]
struct Type<'a> {
    id: u32,
    kind: u32,
    /// How many members, if it has some.
    len: usize,
    /// Whether offsets of members have the width of a bit field in them.
    bits: bool,
    name: u32,
    /// The type that it stands for, or its size.
    of: u32,
    members: &'a [u8],
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl<'a> Types<'a> {
    fn parse(btf: &'a [u8]) -> Option<Types<'a>> {
        if btf.get(..2)? != MAGIC.to_le_bytes() {
            return None;
        }
        let number = |at| usize::try_from(word(btf, at)?).ok();
        let (head, at, len) = (number(4)?, number(8)?, number(12)?);
        let (strings_at, strings_len) = (number(16)?, number(20)?);
        let body = btf.get(head..)?;
        let section = body.get(at..)?.get(..len)?;
        let strings = body.get(strings_at..)?.get(..strings_len)?;
        // The shortest type has twelve bytes, and most have little more.
        let mut types = Types { section, strings, starts: Vec::with_capacity(len / 2 / TYPE) };
        let mut at = 0;
        while at < section.len() && types.starts.len() < MAX_TYPES {
            types.starts.push(u32::try_from(at).ok()?);
            at += TYPE + trailing(word(section, at + 4)?);
        }
        Some(types)
    }

    fn all(&self) -> impl Iterator<Item = Type<'a>> {
        (1..).map_while(|id| self.get(id))
    }

    fn get(&self, id: u32) -> Option<Type<'a>> {
        let nth = usize::try_from(id).ok()?.checked_sub(1)?;
        let at = usize::try_from(*self.starts.get(nth)?).ok()?;
        let info = word(self.section, at + 4)?;
        Some(Type {
            id,
            kind: kind_of(info),
            len: len_of(info),
            bits: info >> 31 == 1,
            name: word(self.section, at)?,
            of: word(self.section, at + 8)?,
            members: self.section.get(at + TYPE..)?,
        })
    }

    /// Where a string stands: each is there once.
    fn string(&self, text: &str) -> Option<u32> {
        let whole = format!("\0{text}\0");
        let before = memchr::memmem::find(self.strings, whole.as_bytes())?;
        u32::try_from(before + 1).ok()
    }

    fn is_named(&self, at: u32, name: &str) -> bool {
        let found = usize::try_from(at).ok().and_then(|at| self.strings.get(at..));
        let rest = found.and_then(|text| text.strip_prefix(name.as_bytes()));
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }

    /// A member of a structure, also of one without a name in it: its type, and where it lies.
    fn field(&self, of: Type<'a>, name: &str, depth: usize) -> Option<(Type<'a>, u32)> {
        if depth > MAX_DEPTH || !matches!(of.kind, kind::STRUCT | kind::UNION) {
            return None;
        }
        (0..of.len).find_map(|nth| {
            let at = nth * TYPE;
            let (named, id) = (word(of.members, at)?, word(of.members, at + 4)?);
            let bits = word(of.members, at + 8)?;
            let offset = if of.bits { bits & 0xff_ffff } else { bits } / 8;
            let inner = self.bare(id)?;
            if self.is_named(named, name) {
                return Some((inner, offset));
            }
            let (found, inside) = (named == 0).then(|| self.field(inner, name, depth + 1))??;
            Some((found, offset + inside))
        })
    }

    /// A type without what only names or qualifies it.
    fn bare(&self, id: u32) -> Option<Type<'a>> {
        let mut found = self.get(id)?;
        for _ in 0..MAX_DEPTH {
            match found.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::TYPE_TAG => {
                    found = self.get(found.of)?;
                }
                _ => break,
            }
        }
        Some(found)
    }
}

fn kind_of(info: u32) -> u32 {
    info >> 24 & 0x1f
}

fn len_of(info: u32) -> usize {
    (info & 0xffff) as usize
}

/// How many bytes follow a type.
fn trailing(info: u32) -> usize {
    let each = match kind_of(info) {
        kind::INT | kind::VAR | kind::DECL_TAG => return 4,
        kind::ARRAY => return 12,
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12,
        kind::ENUM | kind::FUNC_PROTO => 8,
        _ => 0,
    };
    each * len_of(info)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// A BTF that is put together by hand.
    struct Btf {
        types: Vec<u8>,
        strings: Vec<u8>,
        ids: u32,
    }

    impl Btf {
        fn new() -> Btf {
            Btf { types: Vec::new(), strings: vec![0], ids: 0 }
        }

        fn string(&mut self, text: &str) -> u32 {
            if text.is_empty() {
                return 0;
            }
            let at = u32::try_from(self.strings.len()).unwrap();
            self.strings.extend(text.bytes().chain([0]));
            at
        }

        fn add(&mut self, name: &str, kind: u32, of: u32, members: &[(&str, u32, u32)]) -> u32 {
            let name = self.string(name);
            let info = kind << 24 | u32::try_from(members.len()).unwrap();
            for word in [name, info, of] {
                self.types.extend(word.to_le_bytes());
            }
            for (name, id, offset) in members {
                let name = self.string(name);
                for word in [name, *id, offset * 8] {
                    self.types.extend(word.to_le_bytes());
                }
            }
            if kind == kind::INT {
                self.types.extend([0; 4]);
            }
            self.ids += 1;
            self.ids
        }

        fn bytes(&self) -> Vec<u8> {
            let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
            let head = [24, 0, types, types, strings].map(u32::to_le_bytes).concat();
            [&[0x9f, 0xeb, 1, 0], head.as_slice(), &self.types, &self.strings].concat()
        }
    }

    fn kernel() -> Btf {
        let mut btf = Btf::new();
        let int = btf.add("int", kind::INT, 4, &[]);
        let qualified = btf.add("", kind::VOLATILE, int, &[]);
        let info = btf.add("sched_info", kind::STRUCT, 16, &[("pcount", int, 8)]);
        let words = btf.add("", kind::STRUCT, 16, &[("tp_value", int, 0)]);
        let thread =
            btf.add("thread_struct", kind::STRUCT, 64, &[("fsbase", int, 24), ("uw", words, 24)]);
        let named = btf.add("thread_t", kind::TYPEDEF, thread, &[]);
        let inner = btf.add("", kind::UNION, 8, &[("pid", int, 0), ("tgid", qualified, 4)]);
        let fields = [
            ("__state", int, 0),
            ("on_cpu", int, 4),
            ("", inner, 40),
            ("sched_info", info, 100),
            ("thread", named, 200),
        ];
        btf.add("task_struct", kind::STRUCT, 300, &fields);
        btf
    }

    #[test]
    fn fields_are_found_also_in_structures_without_names() {
        let mut btf = kernel();
        assert_eq!(Kernel::find(&btf.bytes()), None);
        let iterator = btf.add("bpf_iter_task", kind::FUNC, 1, &[]);
        let fields = [44, 40, 0, 4, 108, 224];
        assert_eq!(Kernel::find(&btf.bytes()), Some(Kernel { iterator, fields }));
    }

    #[test]
    fn types_that_lead_to_themselves_come_to_an_end() {
        let mut btf = Btf::new();
        btf.add("loop", kind::TYPEDEF, 1, &[]);
        btf.add("", kind::STRUCT, 8, &[("", 2, 0)]);
        btf.add("task_struct", kind::STRUCT, 8, &[("", 1, 0), ("", 2, 0), ("tgid", 1, 0)]);
        btf.add("bpf_iter_task", kind::FUNC, 1, &[]);
        assert_eq!(Kernel::find(&btf.bytes()), None);
    }

    #[test]
    fn those_of_this_kernel_are_found() {
        let Ok(btf) = std::fs::read("/sys/kernel/btf/vmlinux") else { return };
        let kernel = Kernel::find(&btf).unwrap();
        assert!(kernel.fields.iter().all(|offset| *offset >= 0), "{kernel:?}");
        assert_ne!(kernel.fields[0], kernel.fields[1]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(
            damage in proptest::collection::vec((0..2000usize, proptest::prelude::any::<u8>()), 0..20),
        ) {
            let mut btf = kernel().bytes();
            for (at, byte) in damage {
                let len = btf.len();
                btf[at % len] = byte;
            }
            Kernel::find(&btf);
        }
    }
}
