//! Names as people write them.

use cpp_demangle::DemangleOptions;

use crate::text::Text;

/// The longest name that is demangled, in bytes. A mangled name can stand for one that is
/// exponentially longer.
const MAX_MANGLED: usize = 8192;

/// The longest name that comes out, in bytes.
const MAX_DEMANGLED: usize = 16384;

/// A Rust or C++ name demangled (Rust without its hash, C++ without its return type), any other
/// as it is. What the linker appends (`@@GLIBC_2.34`, `.part.0`) stays with the name.
pub fn name(mangled: &str) -> Text {
    if mangled.len() > MAX_MANGLED {
        return mangled.into();
    }
    if let Ok(rust) = rustc_demangle::try_demangle(mangled) {
        return bounded(format!("{rust:#}"), mangled);
    }
    if mangled.starts_with("_Z") || mangled.starts_with("__Z") {
        let options = DemangleOptions::new().no_return_type();
        let symbol = cpp_demangle::Symbol::new(mangled);
        if let Some(name) =
            symbol.ok().and_then(|symbol| symbol.demangle_with_options(&options).ok())
        {
            return bounded(name, mangled);
        }
    }
    mangled.into()
}

fn bounded(name: String, mangled: &str) -> Text {
    if name.len() > MAX_DEMANGLED { mangled.into() } else { name.into() }
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

    proptest::proptest! {
        #[test]
        fn any_name_is_taken_without_harm(mangled in "_(Z|R)[A-Za-z0-9_]{0,200}") {
            name(&mangled);
        }
    }
}
