//! Settings of a program that is not oslo's, as its own object in memory has them.

use crate::addr::Addr;
use crate::data::Data;
use crate::text::Text;

/// A live settings object: Django's, Flask's, Celery's, gunicorn's, uWSGI's. Nothing in it is
/// masked: it is never stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Whose: `django`, `flask`, `celery`, `gunicorn`, `uwsgi`.
    pub make: &'static str,
    /// The object.
    pub address: Addr,
    /// Its type.
    pub type_name: Text,
    /// What holds it: `django.conf.settings`.
    pub held_by: Vec<Text>,
    /// The settings in groups; one without a name where it has none.
    pub groups: Vec<(Text, Vec<(Text, Data)>)>,
    /// What could not be read of it, in words.
    pub troubles: Vec<Text>,
}
