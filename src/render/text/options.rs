//! Configuration for eyes: the files and their state, then the options, each with its place.

use crate::render::layout;
use crate::render::sanitize::line;
use crate::report::{ConfigFile, OptionGroup, Origin};

/// The files, and the groups in the order given; the values of an option in theirs.
pub fn options(files: &[ConfigFile], groups: &[OptionGroup]) -> String {
    let mut out: String = files.iter().map(file).collect();
    for group in groups {
        layout::group(&mut out, group.name.raw());
        for option in &group.options {
            let values = layout::values(&option.value);
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            if option.name.raw().is_empty() {
                layout::lines_of_file(&mut out, &values);
                continue;
            }
            let origin = option.origin.as_ref().map(|origin| place(origin, files));
            let remark = origin.map(|origin| format!("    ({origin})")).unwrap_or_default();
            layout::entry(&mut out, layout::OPTION, option.name.raw(), &values, &remark);
        }
    }
    if groups.is_empty() {
        out.push_str(none(files));
    }
    out
}

/// Why there are no options. Of files that were not read each has said so itself.
fn none(files: &[ConfigFile]) -> &'static str {
    if files.is_empty() {
        "(no configuration file named or found)\n"
    } else if files.iter().all(|file| file.unread.is_some()) {
        ""
    } else {
        "(no options)\n"
    }
}

/// A file and its state, on a line.
pub fn file(file: &ConfigFile) -> String {
    let mut facts = vec![format!("file {}", line(file.path.raw())), line(&file.why)];
    facts.extend(file.modified.as_ref().map(|at| format!("modified {}", line(at))));
    if file.changed_since_start {
        facts.push("changed since the process started".into());
    }
    facts.extend(file.unread.as_ref().map(|why| format!("not read: {}", line(why.raw()))));
    format!("{}\n", facts.join(" · "))
}

/// `NAME:LINE`, with the whole path where two of the files have the same name.
fn place(origin: &Origin, files: &[ConfigFile]) -> String {
    let path = origin.file.raw();
    let name = base_name(path);
    let same = files.iter().filter(|file| base_name(file.path.raw()) == name).count();
    format!("{}:{}", line(if same > 1 { path } else { name }), origin.line)
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, unread: Option<&str>) -> ConfigFile {
        ConfigFile {
            path: path.into(),
            why: "named".into(),
            modified: None,
            changed_since_start: false,
            unread: unread.map(Into::into),
        }
    }

    #[test]
    fn no_file_and_no_options_and_unread_differ() {
        assert_eq!(options(&[], &[]), "(no configuration file named or found)\n");
        let empty = file("/etc/a", None);
        assert_eq!(options(&[empty], &[]), "file /etc/a · named\n(no options)\n");
        assert_eq!(
            options(&[file("/etc/a", Some("too large"))], &[]),
            "file /etc/a · named · not read: too large\n"
        );
    }

    #[test]
    fn files_of_the_same_name_are_told_apart() {
        let files = [file("/etc/a/x.conf", None), file("/etc/b/x.conf", None)];
        let origin = Origin { file: "/etc/b/x.conf".into(), line: 3 };
        assert_eq!(place(&origin, &files), "/etc/b/x.conf:3");
        assert_eq!(place(&origin, &files[1..]), "x.conf:3");
    }
}
