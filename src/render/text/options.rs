//! Configuration for eyes: what holds it, the files and their state, where they differ, then the
//! options, each with what set it.

use super::drift;
use crate::render::keyvalue::{self, Order};
use crate::render::layout;
use crate::render::name::name;
use crate::render::page::{Line, Page};
use crate::render::sanitize::line;
use crate::report::{ConfigFile, ConfigObject, Drift, OptionGroup, OptionValue, Origin, SetBy};

/// An object with no more options than this shows those at their default, too. The others have
/// hundreds of them (nova-conductor 878), and what was set would be lost among them.
const FEW: usize = 40;

/// How many of those who hold an object are named.
const MAX_HOLDERS: usize = 3;

/// How wide a list of groups gets.
const MAX_WIDTH: usize = 100;

/// An object, if there is one, the files, and the groups in the order given; the values of an
/// option in theirs.
pub fn options(
    object: Option<&ConfigObject>,
    files: &[ConfigFile],
    groups: &[OptionGroup],
    differences: &[Drift],
) -> Page {
    let mut page: Page =
        object.map(self::object).into_iter().chain(files.iter().map(file)).collect();
    page.append(&drift::drift(differences, files));
    let count: usize = groups.iter().map(|group| group.options.len()).sum();
    let is_hidden = |option: &OptionValue| {
        object.is_some() && count > FEW && option.set_by == Some(SetBy::Default)
    };
    let mut defaults = Vec::new();
    for group in groups {
        let name = layout::group_name(group.name.raw(), object);
        let (hidden, shown): (Vec<_>, Vec<_>) =
            group.options.iter().partition(|option| is_hidden(option));
        if shown.is_empty() {
            defaults.push((name, hidden.len()));
            continue;
        }
        layout::group(&mut page, name);
        shown.into_iter().for_each(|shown| match shown.name.is_empty() && object.is_none() {
            true => layout::lines_of_file(&mut page, &shown.value),
            false => option(&mut page, shown, files),
        });
        if !hidden.is_empty() {
            let more = format!("{} more at their default)", hidden.len());
            page.push(Line::words("(").then(more).indented(layout::OPTION_INDENT));
        }
    }
    if groups.is_empty() {
        page.extend(none(object, files));
    }
    let others = if defaults.len() < groups.len() { " of other groups" } else { "" };
    push_defaults(&mut page, &defaults, others);
    page
}

fn option(page: &mut Page, option: &OptionValue, files: &[ConfigFile]) {
    let remark = remark(option, files).map(|remark| format!("    ({remark})"));
    let remark = remark.unwrap_or_default();
    keyvalue::option(page, Order::Kept, option.name.raw(), &option.value, &remark);
}

/// By what an option was set, and what else there is to know of its value.
fn remark(option: &OptionValue, files: &[ConfigFile]) -> Option<String> {
    let origin = option.origin.as_ref().map(|origin| place(origin, files));
    let set_by = match (option.set_by, origin) {
        (None | Some(SetBy::File), Some(origin)) => Some(origin),
        (Some(by @ (SetBy::Environment | SetBy::StartEnvironment)), _) => {
            let variable = option.variable.as_ref();
            let variable = variable.map(|variable| format!(" {}", name(variable.raw())));
            Some(format!("{}{}", words(by), variable.unwrap_or_default()))
        }
        (Some(set_by), _) => Some(words(set_by).to_owned()),
        (None, None) => None,
    };
    let unconverted = option.unconverted.then(|| "as it was written".to_owned());
    let remarks: Vec<String> = set_by.into_iter().chain(unconverted).collect();
    (!remarks.is_empty()).then(|| remarks.join(", "))
}

fn words(set_by: SetBy) -> &'static str {
    match set_by {
        SetBy::Default => "default",
        SetBy::SetDefault => "default, set by the program",
        SetBy::Override => "set by the program",
        SetBy::CommandLine => "command line",
        SetBy::Environment => "environment",
        SetBy::StartEnvironment => "environment of its start",
        SetBy::File => "a configuration file",
        SetBy::Driver => "a driver of configuration",
    }
}

/// The groups of which nothing is shown.
fn push_defaults(page: &mut Page, groups: &[(&str, usize)], others: &str) {
    let groups: Vec<_> = groups.iter().filter(|(_, count)| *count > 0).collect();
    let Some(((last, last_count), groups)) = groups.split_last() else { return };
    let all: usize = groups.iter().map(|(_, count)| count).sum::<usize>() + last_count;
    let start = format!("{all} options{others} are at their default; gmr and json show them:");
    let mut pieces: Vec<String> =
        groups.iter().map(|(group, count)| format!("{} ({count}),", name(group))).collect();
    pieces.push(format!("{} ({last_count}))", name(last)));
    page.blank();
    page.extend(filled(Line::words("(").then(start), pieces));
}

/// A line with more pieces behind it as far as it has room, and further lines with the others.
fn filled(start: Line, pieces: Vec<String>) -> Vec<Line> {
    let (mut lines, mut last, mut width) = (Vec::new(), start, 0);
    width += last.as_str().chars().count();
    for piece in pieces {
        let more = piece.chars().count() + 1;
        if width + more > MAX_WIDTH {
            lines.push(std::mem::replace(&mut last, Line::words("")));
            width = 0;
        }
        last = last.then(" ").then(piece);
        width += more;
    }
    lines.push(last);
    lines
}

/// `object TYPE 0x… of oslo.config · held by NAME · started with WORDS`
fn object(object: &ConfigObject) -> Line {
    let (kind, make) = (name(object.type_name.raw()), line(&object.make));
    let mut out = Line::words("object ").then(format!("{kind} {} of {make}", object.address));
    let mut holders: Vec<String> =
        object.held_by.iter().take(MAX_HOLDERS).map(|holder| name(holder.raw())).collect();
    let more = object.held_by.len().saturating_sub(MAX_HOLDERS);
    if more > 0 {
        holders.push(format!("{more} more"));
    }
    if !holders.is_empty() {
        out = out.fact(format!("held by {}", holders.join(", ")));
    }
    let by_oslo = object.make == "oslo.config";
    out.fact(match (object.started, object.arguments.is_empty()) {
        (true, _) if !by_oslo => String::new(),
        (false, _) if !by_oslo => "not configured yet".to_owned(),
        (true, false) => format!("started with {}", layout::command(&object.arguments)),
        (true, true) => "started without arguments".to_owned(),
        (false, _) => "not started: nothing was read for it".to_owned(),
    })
}

/// Why there are no options. Of files that were not read each has said so itself.
fn none(object: Option<&ConfigObject>, files: &[ConfigFile]) -> Option<Line> {
    Some(Line::words(if object.is_some_and(|object| object.make != "oslo.config") {
        "(no settings)"
    } else if object.is_some() {
        "(no options are registered)"
    } else if files.is_empty() {
        "(no configuration file named or found)"
    } else if files.iter().all(|file| file.unread.is_some()) {
        return None;
    } else {
        "(no options)"
    }))
}

/// A file and its state, on a line.
pub fn file(file: &ConfigFile) -> Line {
    let mut facts: Vec<String> = vec![line(&file.why)];
    facts.extend(file.modified.as_ref().map(|at| format!("modified {}", line(at))));
    if file.changed_since_start {
        facts.push("changed since the process started".into());
    } else if file.replaced_since_start {
        facts.push("changed or replaced since the process started".into());
    }
    facts.extend(file.unread.as_ref().map(|why| format!("not read: {}", line(why.raw()))));
    facts.into_iter().fold(Line::words("file ").then(name(file.path.raw())), Line::fact)
}

/// `NAME:LINE`, with the whole path where two of the files have the same name.
pub fn place(origin: &Origin, files: &[ConfigFile]) -> String {
    let path = origin.file.raw();
    let base = base_name(path);
    let same = files.iter().filter(|file| base_name(file.path.raw()) == base).count();
    let file = name(if same > 1 { path } else { base });
    if origin.line == 0 { file } else { format!("{file}:{}", origin.line) }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Addr;
    use crate::data::Data;

    fn file(path: &str, unread: Option<&str>) -> ConfigFile {
        ConfigFile {
            path: path.into(),
            why: "named".into(),
            modified: None,
            changed_since_start: false,
            replaced_since_start: false,
            unread: unread.map(Into::into),
        }
    }

    fn object(started: bool, held_by: &[&str], arguments: &[&str]) -> ConfigObject {
        let texts = |words: &[&str]| words.iter().map(|word| (*word).into()).collect();
        ConfigObject {
            make: "oslo.config".into(),
            type_name: "ConfigOpts".into(),
            address: Addr(0x10),
            held_by: texts(held_by),
            started,
            arguments: texts(arguments),
        }
    }

    fn option(name: &str, set_by: SetBy) -> OptionValue {
        OptionValue {
            name: name.into(),
            value: Data::Int(1),
            set_by: Some(set_by),
            origin: None,
            variable: None,
            masked: false,
            unconverted: false,
        }
    }

    fn group(name: &str, options: Vec<OptionValue>) -> OptionGroup {
        OptionGroup { name: name.into(), options }
    }

    #[test]
    fn no_file_and_no_options_and_unread_differ() {
        let shown = |files: &[ConfigFile]| options(None, files, &[], &[]).as_str().to_owned();
        assert_eq!(shown(&[]), "(no configuration file named or found)\n");
        assert_eq!(shown(&[file("/etc/a", None)]), "file /etc/a · named\n(no options)\n");
        assert_eq!(
            shown(&[file("/etc/a", Some("too large"))]),
            "file /etc/a · named · not read: too large\n"
        );
    }

    #[test]
    fn files_of_the_same_name_are_told_apart() {
        let files = [file("/etc/a/x.conf", None), file("/etc/b/x.conf", None)];
        let origin = |line| Origin { file: "/etc/b/x.conf".into(), line };
        assert_eq!(place(&origin(3), &files), "/etc/b/x.conf:3");
        assert_eq!(place(&origin(3), &files[1..]), "x.conf:3");
        assert_eq!(place(&origin(0), &files[1..]), "x.conf");
    }

    #[test]
    fn an_object_is_named_by_what_holds_it_and_what_started_it() {
        let shown = |object| options(Some(&object), &[], &[], &[]).as_str().to_owned();
        assert_eq!(
            shown(object(true, &["a", "b", "c", "d", "e"], &["--x", "y z"])),
            "object ConfigOpts 0x10 of oslo.config · held by a, b, c, 2 more · started with --x \
             'y z'\n(no options are registered)\n"
        );
        assert_eq!(
            shown(object(false, &[], &[])),
            "object ConfigOpts 0x10 of oslo.config · not started: nothing was read for it\n\
             (no options are registered)\n"
        );
        assert!(shown(object(true, &[], &[])).contains("started without arguments\n"));
    }

    #[test]
    fn each_option_says_what_set_it() {
        let from_file = OptionValue {
            origin: Some(Origin { file: "/etc/a.conf".into(), line: 12 }),
            ..option("file", SetBy::File)
        };
        let variable = Some("OS_A__B".into());
        let all = vec![
            option("a", SetBy::Default),
            option("b", SetBy::SetDefault),
            option("c", SetBy::Override),
            option("d", SetBy::CommandLine),
            OptionValue { variable, ..option("e", SetBy::Environment) },
            from_file,
            OptionValue { unconverted: true, ..option("g", SetBy::File) },
            option("h", SetBy::Driver),
        ];
        let shown = options(Some(&object(true, &[], &[])), &[], &[group("x", all)], &[]);
        let (_, shown) = shown.as_str().split_once("\n\n").unwrap_or_default();
        assert_eq!(
            shown,
            "x: \n  a = 1    (default)\n  b = 1    (default, set by the program)\n  \
             c = 1    (set by the program)\n  d = 1    (command line)\n  \
             e = 1    (environment OS_A__B)\n  file = 1    (a.conf:12)\n  \
             g = 1    (a configuration file, as it was written)\n  \
             h = 1    (a driver of configuration)\n"
        );
    }

    #[test]
    fn of_many_options_those_at_their_default_are_counted() {
        let defaults = |count| vec![option("d", SetBy::Default); count];
        let mut mixed = defaults(FEW);
        mixed.push(option("set", SetBy::CommandLine));
        let groups = [group("a", defaults(2)), group("b", mixed), group("c", vec![])];
        let shown = options(Some(&object(true, &[], &[])), &[], &groups, &[]);
        let (_, shown) = shown.as_str().split_once("\n\n").unwrap_or_default();
        assert_eq!(
            shown,
            "b: \n  set = 1    (command line)\n  (40 more at their default)\n\n(2 options of \
             other groups are at their default; gmr and json show them: a (2))\n"
        );
    }

    #[test]
    fn a_long_list_of_groups_is_broken_into_lines() {
        let mut groups = vec![group("set", vec![option("x", SetBy::File); FEW])];
        groups.extend(
            (0..40).map(|nth| group(&format!("group_{nth}"), vec![option("d", SetBy::Default)])),
        );
        let shown = options(Some(&object(true, &[], &[])), &[], &groups, &[]);
        let (_, list) =
            shown.as_str().split_once("(40 options of other groups").unwrap_or_default();
        assert!(list.lines().count() > 4, "{list}");
        assert!(list.lines().all(|line| line.chars().count() <= MAX_WIDTH), "{list}");
        let broken = list.replace('\n', "");
        for nth in 0..40 {
            assert!(broken.contains(&format!(" group_{nth} (1)")), "{nth}: {list}");
        }
    }
}
