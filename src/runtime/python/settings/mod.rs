//! The live settings of Django, Flask, Celery, gunicorn and uWSGI, read into plain data.
//!
//! Which objects there are is found out on the running process ([`find`]): some are attributes of
//! a module, others only a local variable of a function holds. What they hold is read before
//! running threads are stopped, and over the evidence. Nothing is masked: what is read is never
//! stored.

mod celery;
mod django;
mod find;
mod flask;
mod gunicorn;
mod reader;
mod uwsgi;

pub use find::{modules, sift, types};

use self::reader::Reader;
use super::objects::Objects;
use crate::addr::Addr;
use crate::config::settings::Settings;
use crate::note::Note;
use crate::target::search::{HeldObject, Search};

/// The most objects that are read.
const MAX_OBJECTS: usize = 32;

/// Reads an object of a make; `None` if it can not be read.
type Read = fn(&Reader<'_>, Addr) -> Option<Settings>;

/// The classes of objects that have settings, by their full names.
const MAKES: &[(&str, Read)] = &[
    ("django.conf.LazySettings", django::read),
    ("flask.app.Flask", flask::read),
    ("celery.app.base.Celery", celery::read),
    ("gunicorn.config.Config", gunicorn::read),
    ("dict", uwsgi::read),
];

/// The settings that were found.
pub fn settings(
    search: &Search,
    interpreters: &[Addr],
    objects: Objects<'_>,
    notes: &mut Vec<Note>,
) -> Vec<Settings> {
    if search.settings.is_empty() {
        return Vec::new();
    }
    let reader = Reader::new(objects, interpreters);
    let mut read: Vec<Settings> = Vec::new();
    let mut unread = Vec::new();
    for held in search.settings.iter().take(MAX_OBJECTS) {
        let of = reader.classes(held.addr);
        let is = |name: &str| of.iter().any(|known| known.raw() == name);
        let make = MAKES.iter().find(|(name, _)| is(name));
        match make.and_then(|(_, read)| read(&reader, held.addr)) {
            Some(settings) => {
                let troubles = reader.take_troubles();
                let held_by = held.held_by.clone();
                let type_name = of.into_iter().next().unwrap_or_default();
                let address = held.addr;
                read.push(Settings { address, type_name, held_by, troubles, ..settings });
            }
            None => unread.extend(make.map(|(name, _)| (*name, held))),
        }
    }
    notes.extend(unread.into_iter().filter_map(|(class, held)| missing(class, held, &read)));
    // What was never asked for tells least.
    read.sort_by_key(|settings| !settings.configured);
    read
}

/// That an object of this class could not be read. One that nothing names, where another of its class
/// was read, is what is left of an object that is gone, or one that is just being made.
fn missing(class: &str, held: &HeldObject, read: &[Settings]) -> Option<Note> {
    let is_left_over = || read.iter().any(|settings| settings.type_name.raw() == class);
    if held.held_by.is_empty() && is_left_over() {
        return None;
    }
    let name = held.held_by.first().map_or(class, |name| name.raw());
    let text = format!(
        "the settings in the object {class} at {} are missing: they are not as this class has them, or \
         were being changed; run guru again",
        held.addr
    );
    Some(Note::missing(name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_an_object_is_not_missing_where_another_was_read() {
        let class = "gunicorn.config.Config";
        let of = |name: &str| Settings { type_name: name.into(), ..Settings::default() };
        let held = |names: &[&str]| HeldObject {
            addr: Addr(0x10),
            held_by: names.iter().map(|name| (*name).into()).collect(),
        };
        assert!(missing(class, &held(&[]), &[of(class)]).is_none());
        for (held, read) in
            [(held(&[]), vec![of("flask.app.Flask")]), (held(&["a.b"]), vec![of(class)])]
        {
            let note = missing(class, &held, &read);
            assert!(note.is_some_and(|note| note.message.raw().contains("run guru again")));
        }
    }
}
