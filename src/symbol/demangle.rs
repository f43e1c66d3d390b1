//! Names as people write them.

use std::fmt::{self, Write};

use cpp_demangle::DemangleOptions;

use crate::text::Text;

/// The longest name that is demangled, in bytes.
const MAX_MANGLED: usize = 8192;

/// The longest name that comes out, in bytes. A mangled name can stand for one that is
/// exponentially longer: it is given up where it gets that long, and not made first.
const MAX_DEMANGLED: usize = 16384;

/// A Rust or C++ name demangled (Rust without its hash, C++ without its return type), any other
/// as it is. What the linker appends (`@@GLIBC_2.34`, `.part.0`) stays with the name.
pub fn name(mangled: &str) -> Text {
    if mangled.len() > MAX_MANGLED {
        return mangled.into();
    }
    demangled(mangled).map_or_else(|| mangled.into(), Text::from)
}

fn demangled(mangled: &str) -> Option<String> {
    let mut name = Bounded::default();
    if let Ok(rust) = rustc_demangle::try_demangle(mangled) {
        write!(name, "{rust:#}").ok()?;
    } else if mangled.starts_with("_Z") || mangled.starts_with("__Z") {
        let options = DemangleOptions::new().no_return_type();
        let symbol = cpp_demangle::Symbol::new(mangled).ok()?;
        symbol.structured_demangle(&mut name, &options).ok()?;
    } else {
        return None;
    }
    Some(name.written)
}

/// Takes what is written up to [`MAX_DEMANGLED`] bytes, and fails then. Writes are counted, too:
/// that of nothing takes time as well.
#[derive(Default)]
struct Bounded {
    written: String,
    writes: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.writes += 1;
        if self.writes > MAX_DEMANGLED || self.written.len() + piece.len() > MAX_DEMANGLED {
            return Err(fmt::Error);
        }
        self.written.push_str(piece);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_demangled_by_their_look() {
        for (mangled, shown) in [
            ("main", "main"),
            ("_ZN3foo3barEi", "foo::bar(int)"),
            ("_Z5applyIiEiT_", "apply<int>(int)"),
            ("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt"),
            ("_RNvC6_123foo3bar", "123foo::bar"),
            ("_Zbroken", "_Zbroken"),
        ] {
            assert_eq!(name(mangled).raw(), shown);
        }
    }

    #[test]
    fn a_name_that_doubles_with_every_level_is_left_as_it_is() {
        // `S_` is `S`, `S0_` is `a`, `S1_` is `S<a, a>`; then every parameter is of twice the
        // last: `S2_` is `S<S1_, S1_>`, and so on.
        let mut mangled = String::from("_Z1f1SI1aS0_E");
        for digit in ('1'..='9').chain('A'..='Z') {
            mangled += &format!("S_IS{digit}_S{digit}_E");
        }
        assert!(cpp_demangle::Symbol::new(&mangled).is_ok());
        assert_eq!(name(&mangled).raw(), mangled);
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_taken_without_harm(mangled in "_(Z|R)[A-Za-z0-9_]{0,200}") {
            name(&mangled);
        }
    }
}
