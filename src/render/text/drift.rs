//! Where the process and its files differ, for eyes: a line each, the name of the option first.

use super::value::cut;
use crate::data::Data;
use crate::render::name::name;
use crate::render::page::{Line, Page};
use crate::render::sanitize::line;
use crate::report::{ConfigFile, Drift, DriftKind};
use crate::repr;

/// The lines, in the order given.
pub fn drift(drift: &[Drift], files: &[ConfigFile]) -> Page {
    drift.iter().map(|one| self::one(one, files)).collect()
}

/// `[api] port (mini.conf:9): 80 now, 8080 after a restart · WHY`
fn one(drift: &Drift, files: &[ConfigFile]) -> Line {
    let group = drift.group.as_ref().map(|group| format!("[{}]", name(group.raw())));
    let option = drift.option.as_ref().map(|option| name(option.raw()));
    let named: Vec<String> = group.into_iter().chain(option).collect();
    let place = drift.place.as_ref();
    let about = match (named.join(" "), place) {
        (named, Some(origin)) if named.is_empty() => name(origin.file.raw()),
        (named, Some(origin)) => format!("{named} ({})", super::options::place(origin, files)),
        (named, None) if named.is_empty() => "a file".to_owned(),
        (named, None) => named,
    };
    let what = match drift.kind {
        DriftKind::ChangesOnRestart => match (&drift.now, &drift.then) {
            (Some(now), Some(then)) => {
                format!("{} now, {} after a restart", value(now), value(then))
            }
            (Some(now), None) => format!("{} now, and no value after a restart", value(now)),
            (None, _) => "another value after a restart".to_owned(),
        },
        DriftKind::FileChanged => "changed since the process read it".to_owned(),
        DriftKind::FileGone => "gone since the process read it".to_owned(),
        DriftKind::FileNew => "not read yet, but would be after a restart".to_owned(),
        DriftKind::NotRead => "read by no option of this object".to_owned(),
        DriftKind::Deprecated => "a deprecated name".to_owned(),
    };
    let why = drift.what.as_ref().map(|why| line(why.raw()));
    Line::words("drift: ").then(format!("{about}: {what}")).fact(why.unwrap_or_default())
}

fn value(value: &Data) -> String {
    cut(line(&repr::repr(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Origin;

    fn empty(kind: DriftKind) -> Drift {
        Drift { kind, place: None, group: None, option: None, now: None, then: None, what: None }
    }

    #[test]
    fn each_difference_is_a_line_that_says_what_it_is_about() {
        let place = |line| Some(Origin { file: "/etc/a.conf".into(), line });
        let changes = Drift {
            place: place(9),
            group: Some("api".into()),
            option: Some("port".into()),
            now: Some(Data::text("a\nb")),
            then: Some(Data::None),
            ..empty(DriftKind::ChangesOnRestart)
        };
        let section = Drift {
            place: place(3),
            group: Some("apy".into()),
            what: Some("did you mean [api]?".into()),
            ..empty(DriftKind::NotRead)
        };
        let gone = Drift { place: place(0), ..empty(DriftKind::FileGone) };
        let lines = drift(&[changes, section, gone, empty(DriftKind::FileGone)], &[]);
        assert_eq!(
            lines.as_str(),
            "drift: [api] port (a.conf:9): 'a\\nb' now, None after a restart\n\
             drift: [apy] (a.conf:3): read by no option of this object · did you mean [api]?\n\
             drift: /etc/a.conf: gone since the process read it\n\
             drift: a file: gone since the process read it\n"
        );
    }
}
