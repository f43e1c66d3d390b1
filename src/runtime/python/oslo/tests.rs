//! Configuration objects of a hand-made CPython, whole and damaged.

use proptest::prelude::*;

use super::*;
use crate::addr::Addr;
use crate::config::oslo::registry::{Kind, Registry};
use crate::data::Data;
use crate::note::Note;
use crate::runtime::Roster;
use crate::runtime::python::fake::{Fake, V3_11};
use crate::runtime::python::imported::Imported;
use crate::runtime::python::objects::Objects;
use crate::target::memory::MemoryExt as _;
use crate::target::search::{HeldObject, Place, Search};

/// Where the objects of the tests have their `__dict__`.
const DICT: u64 = 24;

/// An object with these attributes, which the collector of garbage knows.
fn instance(fake: &mut Fake, type_name: &'static str, attributes: &[(&str, Addr)]) -> Addr {
    let dict = fake.dict(attributes);
    let kind = fake.kind(type_name);
    fake.poke(kind.wrapping_add(V3_11.object.dict_offset), DICT);
    let mut draft = fake.object(40, type_name);
    draft.put_u64(DICT, dict.0);
    let head = fake.place([0; 16]);
    fake.poke(head, head.0);
    fake.poke(head.wrapping_add(8), head.0);
    fake.finish(draft)
}

/// An option without a type, with a default.
fn option(fake: &mut Fake, name: &str, default: Addr) -> Addr {
    let (text, yes) = (fake.string(name), fake.int(1));
    let attributes = [("dest", text), ("name", text), ("default", default), ("secret", yes)];
    let opt = instance(fake, "oslo_config.cfg.StrOpt", &attributes);
    fake.dict(&[("opt", opt), ("override", default)])
}

/// A configuration with a group, in which one option can not be read.
fn registry(fake: &mut Fake) -> Addr {
    let (host, port) = (fake.string("node"), fake.int(80));
    let (first, second) = (option(fake, "host", host), option(fake, "port", port));
    let opts = fake.dict(&[("host", first), ("broken", Addr(8)), ("port", second)]);
    let (name, own) = (fake.string("api"), fake.dict(&[("host", first)]));
    let group = instance(fake, "oslo_config.cfg.OptGroup", &[("name", name), ("_opts", own)]);
    let groups = fake.dict(&[("api", group)]);
    let attributes = [("_opts", opts), ("_groups", groups), ("_use_env", port), ("prog", host)];
    instance(fake, "oslo_config.cfg.ConfigOpts", &attributes)
}

fn read(fake: &Fake, object: Addr) -> (Vec<Registry>, Vec<Note>) {
    let held = HeldObject { addr: object, held_by: vec!["oslo_config.cfg.CONF".into()] };
    let search = Search { bytes: 1, registries: vec![held], ..Search::default() };
    let mut notes = Vec::new();
    let objects = Objects { memory: fake, layout: &V3_11 };
    let registries = registries(&search, &[], objects, &mut notes);
    (registries, notes)
}

#[test]
fn an_option_that_can_not_be_read_is_told_and_the_others_are_whole() {
    let mut fake = Fake::new();
    let object = registry(&mut fake);
    let (all, notes) = read(&fake, object);
    let [registry] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(notes, []);
    assert_eq!(registry.type_name.raw(), "oslo_config.cfg.ConfigOpts");
    assert_eq!(registry.prog.as_ref().unwrap().raw(), "node");
    assert!(registry.use_environment && !registry.is_parsed());
    let [default, api] = registry.groups.as_slice() else { panic!("{registry:?}") };
    assert_eq!((default.name.raw(), &default.key), ("DEFAULT", &None));
    assert_eq!((api.name.raw(), api.options.len()), ("api", 1));
    let [host, broken, port] = default.options.as_slice() else { panic!("{default:?}") };
    assert_eq!((host.class.raw(), &host.default), ("StrOpt", &Data::text("node")));
    assert_eq!(host.override_value, Some(Data::text("node")));
    assert!(host.secret && host.cached.is_none());
    assert_eq!(port.default, Data::Int(80));
    assert_eq!((broken.dest.raw(), &broken.kind), ("broken", &Kind::Foreign("?".into())));
    let troubles: Vec<&str> = registry.troubles.iter().map(|trouble| trouble.raw()).collect();
    assert!(troubles.contains(&"option DEFAULT.broken: it could not be read"), "{troubles:?}");
    // It is a secret that the program itself set, but its default, too.
    assert_eq!(secrets(&all), [""; 0]);
}

#[test]
fn an_object_that_is_gone_is_a_note() {
    let mut fake = Fake::new();
    let object = fake.string("no configuration");
    let (all, notes) = read(&fake, object);
    assert_eq!((all.len(), notes.len()), (0, 1));
}

/// An interpreter with these modules.
fn interpreter(fake: &mut Fake, modules: &[(&str, Addr)]) -> Addr {
    let modules = fake.dict(modules);
    let mut draft = crate::runtime::python::fake::Draft::new(64);
    draft.put_u64(V3_11.interpreter.modules, modules.0);
    fake.finish(draft)
}

#[test]
fn memory_of_objects_that_are_gone_does_not_count() {
    let mut fake = Fake::new();
    let (live, freed, torn) = (registry(&mut fake), registry(&mut fake), registry(&mut fake));
    fake.poke(Addr(freed.0 - 16), 0);
    fake.poke(Addr(freed.0 - 8), 0);
    let dict = fake.ptr(torn.wrapping_add(DICT)).unwrap();
    fake.poke(dict.wrapping_add(V3_11.dict.keys), 8);
    let class = fake.kind("oslo_config.cfg.ConfigOpts");
    let module = instance(&mut fake, "module", &[("ConfigOpts", class), ("CONF", live)]);
    let other = instance(&mut fake, "module", &[("conf", live)]);
    let modules = [("a.b", other), ("oslo_config.cfg", module)];
    let interpreters = [interpreter(&mut fake, &modules)];
    let word = |object: Addr| object.wrapping_add(V3_11.object.kind);
    let place = |addr| Place { addr, owner: None, state: 0 };
    let elsewhere = fake.place(77u64.to_le_bytes());
    let objects = Objects { memory: &fake, layout: &V3_11 };
    let imported = Imported::find(&objects, &interpreters, [MODULE]);
    assert_eq!(types(&objects, &imported).into_iter().collect::<Vec<_>>(), [class]);
    for found in [vec![live, freed, torn], vec![]] {
        let mut places: Vec<Place> = found.into_iter().map(|object| place(word(object))).collect();
        places.push(place(elsewhere));
        // Without a search, what is an attribute of a module is found.
        let bytes = (places.len() - 1) as u64;
        let mut search = Search { places, bytes, ..Search::default() };
        sift(&mut search, &imported, &interpreters, &Roster::default(), objects);
        assert_eq!(search.places, [place(elsewhere)]);
        let [held] = search.registries.as_slice() else { panic!("{:?}", search.registries) };
        let names: Vec<&str> = held.held_by.iter().map(|name| name.raw()).collect();
        assert_eq!((held.addr, names), (live, vec!["oslo_config.cfg.CONF", "a.b.conf"]));
    }
}

#[test]
fn without_oslo_config_nothing_is_looked_at() {
    let mut fake = Fake::new();
    let module = instance(&mut fake, "module", &[]);
    let interpreters = [interpreter(&mut fake, &[("os", module)])];
    let objects = Objects { memory: &fake, layout: &V3_11 };
    let imported = Imported::find(&objects, &interpreters, [MODULE]);
    assert!(types(&objects, &imported).is_empty());
    let mut search = Search { bytes: 1, ..Search::default() };
    sift(&mut search, &imported, &interpreters, &Roster::default(), objects);
    assert_eq!(search, Search { bytes: 1, ..Search::default() });
}

proptest! {
    #[test]
    fn damaged_memory_is_read_to_an_end(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 1..20)
    ) {
        let mut fake = Fake::new();
        let object = registry(&mut fake);
        let words = fake.data.len() / 8;
        for (place, value) in changes {
            let at = place.index(words) * 8;
            // Half of them are addresses of something.
            let value = if value % 2 == 0 { object.0 - value % 256 * 8 } else { value };
            fake.data[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let (all, _) = read(&fake, object);
        prop_assert!(all.len() <= 1);
    }
}
