//! What a greenlet is for, as far as it shows.

use super::object::Greenlet;
use crate::report::Role;
use crate::runtime::LanguageFrame;
use crate::text::Text;

/// The role of a greenlet of this type with these frames, innermost first.
///
/// The hub of gevent has a type of its own. That of eventlet is a plain greenlet that runs the
/// hub's `run`.
pub fn of(greenlet: &Greenlet, type_name: &Text, frames: &[LanguageFrame]) -> Role {
    let of_eventlet = |frame: &LanguageFrame| {
        frame.function.raw() == "run" && frame.file.raw().contains("/eventlet/hubs/")
    };
    if greenlet.is_main() {
        Role::Main
    } else if is_gevent_hub(type_name.raw()) || frames.last().is_some_and(of_eventlet) {
        Role::Hub
    } else {
        Role::Worker
    }
}

/// `gevent.hub.Hub`; in versions of its own modules that are compiled `gevent._gevent_chub.Hub`.
fn is_gevent_hub(type_name: &str) -> bool {
    type_name.starts_with("gevent.") && type_name.ends_with("hub.Hub")
}

/// Where in a list those of this role stand.
pub fn rank(role: Option<Role>) -> u8 {
    match role {
        Some(Role::Main) => 0,
        Some(Role::Hub) => 1,
        Some(Role::Worker) | None => 2,
    }
}
