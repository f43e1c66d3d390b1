//! The variables of the environment by which options are set: `os.environ` of the process as it is
//! now. A program may have changed it since its start, and oslo.config reads it anew each time.

use std::collections::BTreeMap;

use crate::addr::Addr;
use crate::runtime::python::imported::Imported;
use crate::runtime::python::layout::flags;
use crate::runtime::python::objects::Objects;
use crate::target::environment::option;
use crate::text::Text;

/// The most variables that are looked at.
const MAX_VARIABLES: u64 = 20_000;

/// The most of them that are for options.
const MAX_OPTIONS: usize = 2_000;

/// The longest name, in bytes.
const MAX_NAME: u64 = 4 << 10;

/// The longest value, in bytes. No program can be started with a longer one.
const MAX_VALUE: u64 = 128 << 10;

/// The most bytes of names and values for options in all: each object of oslo.config has them.
const MAX_TOTAL: usize = 512 << 10;

/// The variables for options. `None` if they can not be read, or several interpreters have others:
/// which of these an object belongs to is not known.
pub fn environment(objects: &Objects<'_>, interpreters: &[Addr]) -> Option<BTreeMap<Text, Text>> {
    let imported = Imported::find(objects, interpreters, ["os"]);
    let mut all = imported.attributes(objects, "os", "environ").into_iter();
    let first = variables(objects, all.next()?)?;
    let is_same = |environ| variables(objects, environ).as_ref() == Some(&first);
    all.all(is_same).then_some(first)
}

/// Of an `os._Environ`: its `_data` has names and values as bytes.
fn variables(objects: &Objects<'_>, environ: Addr) -> Option<BTreeMap<Text, Text>> {
    let data = objects.attribute(environ, "_data")?;
    if !objects.has_flag(data, flags::DICT)? || objects.dict_len(data)? > MAX_VARIABLES {
        return None;
    }
    let text = |object, limit| {
        let bytes = objects.bytes(object, limit)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut found = BTreeMap::new();
    let mut total = 0_usize;
    for (name, value) in objects.dict_items(data)? {
        let name = text(name, MAX_NAME)?;
        if option(&name).is_none() {
            continue;
        }
        let value = text(value, MAX_VALUE)?;
        total = total.saturating_add(name.len() + value.len());
        if found.len() == MAX_OPTIONS || total > MAX_TOTAL {
            return None;
        }
        found.insert(name.into(), value.into());
    }
    Some(found)
}
