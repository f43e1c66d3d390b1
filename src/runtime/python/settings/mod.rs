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
use crate::target::search::Search;

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
    let mut read = Vec::new();
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
            None => {
                let name = held.held_by.first().map(|name| name.raw()).unwrap_or("an object");
                let text = format!("the settings at {} can not be read", held.addr);
                notes.push(Note::missing(name, text));
            }
        }
    }
    // What was never asked for tells least.
    read.sort_by_key(|settings| !settings.configured);
    read
}
