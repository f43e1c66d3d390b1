//! The modules that are loaded, by `sys.modules`: where each comes from, and the version that it
//! tells.
//!
//! Only what may be a distribution's own package is kept: a module of no package, from a file that
//! is not of the interpreter's library. Versions are `__version__`, and only where that is a `str`.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::objects::Objects;
use crate::addr::Addr;
use crate::runtime::LoadedModule;
use crate::text::Text;

/// The most modules of one interpreter that are looked at; nova-api has 2,600.
pub const MAX_MODULES: usize = 5000;

/// The most globals of one module that are looked at. A package tells its version early.
const MAX_GLOBALS: usize = 2000;

/// The most globals of one module whose names are compared as text.
const MAX_COMPARED: usize = 200;

/// The modules of the interpreter's library, whose versions are its own: `sys.stdlib_module_names` of
/// CPython 3.10 to 3.15, and what 3.8 and 3.9 had beside. They are most of those that are loaded, and
/// each would take five pages of memory.
static STANDARD: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("stdlib.txt").split_whitespace().collect());

/// Reads the modules in a `dict` such as `sys.modules`, and whether there are more of them.
pub fn loaded(objects: &Objects<'_>, modules: Addr) -> (Vec<LoadedModule>, bool) {
    let mut reader =
        Reader { objects, file: Name::new("__file__"), version: Name::new("__version__") };
    let mut found = Vec::new();
    // Packages that several distributions share (`google`, `zope`) have no file.
    let mut shared: HashSet<String> = HashSet::new();
    let Some(mut items) = objects.dict_items(modules) else { return (found, false) };
    for (key, module) in items.by_ref().take(MAX_MODULES) {
        let Some(name) = objects.text(key) else { continue };
        let top = match name.raw().rsplit_once('.') {
            Some((parent, _)) => shared.contains(parent),
            None => true,
        };
        if !top || STANDARD.contains(name.raw()) {
            continue;
        }
        match reader.module(module, &name) {
            Some(module) => found.extend(Some(module).filter(is_foreign)),
            None => {
                shared.insert(name.raw().to_owned());
            }
        }
    }
    (found, items.next().is_some())
}

/// Whether a module does not come from the interpreter's own library.
fn is_foreign(module: &LoadedModule) -> bool {
    module.file.as_ref().is_some_and(|file| is_foreign_file(file.raw()))
}

fn is_foreign_file(file: &str) -> bool {
    file.contains("-packages/") || !(file.contains("/lib/python") || file.contains("/lib64/python"))
}

/// The name of a global. Names are one object each in all modules: once it is known, addresses are
/// compared and nothing is read.
struct Name {
    text: &'static str,
    known: Option<Addr>,
}

impl Name {
    fn new(text: &'static str) -> Name {
        Name { text, known: None }
    }

    fn is(&mut self, objects: &Objects<'_>, nth: usize, key: Addr) -> bool {
        match self.known {
            Some(known) => known == key,
            None if nth < MAX_COMPARED && objects.is_str(key, self.text) => {
                self.known = Some(key);
                true
            }
            None => false,
        }
    }
}

struct Reader<'a> {
    objects: &'a Objects<'a>,
    file: Name,
    version: Name,
}

impl Reader<'_> {
    /// A module; `None` if it has no file.
    fn module(&mut self, module: Addr, name: &Text) -> Option<LoadedModule> {
        let file = self.global(module, |reader| &mut reader.file)?;
        let file = self.objects.text(file)?;
        let version = match is_foreign_file(file.raw()) {
            true => self.global(module, |reader| &mut reader.version),
            false => None,
        };
        let version = version.and_then(|version| self.objects.text(version));
        Some(LoadedModule { name: name.clone(), file: Some(file), version })
    }

    /// The value of a global of a module.
    fn global(&mut self, module: Addr, name: impl Fn(&mut Self) -> &mut Name) -> Option<Addr> {
        let objects = self.objects;
        let globals = objects.attributes(module)?.take(MAX_GLOBALS).enumerate();
        let mut globals = globals.filter(|(nth, (key, _))| name(self).is(objects, *nth, *key));
        globals.next().map(|(_, (_, value))| value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::fake::{Fake, V3_11};
    use super::*;

    /// A `dict` with these items, whose names are one object each, as those that a compiler made.
    fn dict(fake: &mut Fake, names: &mut HashMap<String, Addr>, items: &[(&str, Addr)]) -> Addr {
        let items: Vec<(Addr, Addr)> = items
            .iter()
            .map(|(name, value)| {
                (*names.entry((*name).into()).or_insert_with(|| fake.string(name)), *value)
            })
            .collect();
        let keys = fake.keys(&items);
        let mut draft = fake.object(48, "dict");
        draft.put_u64(V3_11.dict.used, items.len() as u64).put_u64(V3_11.dict.keys, keys.0);
        fake.finish(draft)
    }

    #[test]
    fn packages_are_found_with_the_version_that_they_tell() {
        const SITE: &str = "/opt/v/lib/python3.11/site-packages";
        let file = |path: &str| ("__file__", format!("{SITE}/{path}"));
        let text = |name, value: &str| (name, value.to_owned());
        let globals = [
            ("sys", vec![text("version", "3.11")]),
            ("os", vec![text("__file__", "/usr/lib/python3.11/os.py"), text("__version__", "9")]),
            ("requests", vec![file("requests/__init__.py"), text("__version__", "2.31.0")]),
            ("requests.api", vec![file("requests/api.py")]),
            ("google", vec![text("__path__", "x")]),
            (
                "google.protobuf",
                vec![file("google/protobuf/__init__.py"), text("__version__", "4")],
            ),
            ("app", vec![text("__file__", "/srv/app/app.py")]),
        ];
        let (mut fake, mut names) = (Fake::new(), HashMap::new());
        let class = fake.object(1024, "type");
        let class = fake.finish(class);
        fake.poke(class.wrapping_add(V3_11.object.dict_offset), 16);
        let mut items = Vec::new();
        for (name, globals) in &globals {
            let globals: Vec<(&str, Addr)> =
                globals.iter().map(|(name, value)| (*name, fake.string(value))).collect();
            let globals = dict(&mut fake, &mut names, &globals);
            let mut module = fake.object(32, "module");
            module.put_u64(V3_11.object.kind, class.0).put_u64(16, globals.0);
            items.push((*name, fake.finish(module)));
        }
        let modules = dict(&mut fake, &mut names, &items);
        let objects = Objects { memory: &fake, layout: &V3_11 };
        let (found, more) = loaded(&objects, modules);
        let found: Vec<(&str, Option<&str>)> = found
            .iter()
            .map(|module| (module.name.raw(), module.version.as_ref().map(Text::raw)))
            .collect();
        let expected =
            [("requests", Some("2.31.0")), ("google.protobuf", Some("4")), ("app", None)];
        assert_eq!((found.as_slice(), more), (&expected[..], false));
    }

    #[test]
    fn what_is_no_dict_has_no_modules() {
        let mut fake = Fake::new();
        let string = fake.string("x");
        let objects = Objects { memory: &fake, layout: &V3_11 };
        assert_eq!(loaded(&objects, string), (Vec::new(), false));
    }
}
