//! What an option is by where it is set, each rule alone.

use super::references::REFERENCES;
use super::{Case, parsed, shown, texts};
use crate::config::oslo::registry::{Kind, Namespace};
use crate::data::Data;

/// A rule, what makes a case of it, and what the options are then.
pub type Rule = (&'static str, fn(&mut Case), &'static str);

/// What the first option is by where it is set. oslo.config 10.7.0 says the same, but for the
/// places: its `get_location` tells the last file that has the section.
const RULES: &[Rule] = &[
    ("nothing sets it", |_| (), "None nothing"),
    (
        "the default is converted",
        |case| {
            case.o().kind = Kind::Integer;
            case.o().default = Data::text("12");
        },
        "12 Default",
    ),
    (
        "set_default comes before the default, and is not converted",
        |case| {
            case.o().kind = Kind::Integer;
            case.o().default = Data::Int(1);
            case.o().set_default = Some(Data::text("x"));
        },
        "'x' SetDefault",
    ),
    (
        "a driver comes before set_default",
        |case| {
            case.o().set_default = Some(Data::text("d"));
            let files = vec![parsed("[DEFAULT]\no = r\n")];
            case.registry.sources.push(Namespace { files, arguments: Vec::new() });
        },
        "'r' Driver",
    ),
    (
        "what a driver gave before is final",
        |case| {
            case.o().driver = Some(Data::text("$p"));
        },
        "'$p' Driver",
    ),
    (
        "a file comes before a driver",
        |case| {
            case.o().driver = Some(Data::text("r"));
            case.file("[DEFAULT]\no = f\n");
        },
        "'f' File 0:[DEFAULT]o",
    ),
    (
        "the newest file wins, and its last value",
        |case| {
            case.file("[DEFAULT]\no = 1\n");
            case.file("[DEFAULT]\no = 2\no = 3\n");
            case.file("[DEFAULT]\np = 4\n");
        },
        "'3' File 1:[DEFAULT]o",
    ),
    (
        "one that takes many has those of all files",
        |case| {
            case.o().multi = true;
            case.file("[DEFAULT]\no = 1\no = 2\n");
            case.file("[DEFAULT]\no = 3\n");
        },
        "['1', '2', '3'] File 0:[DEFAULT]o",
    ),
    (
        "the environment comes before files",
        |case| {
            case.file("[DEFAULT]\no = f\n");
            case.environment.push(("OS_DEFAULT__O", "e"));
        },
        "'e' Environment",
    ),
    (
        "the environment does not count where it is not used",
        |case| {
            case.registry.use_environment = false;
            case.environment.push(("OS_DEFAULT__O", "e"));
        },
        "None nothing",
    ),
    (
        "the environment does not count before the object was called",
        |case| {
            case.registry.namespace = None;
            case.environment.push(("OS_DEFAULT__O", "e"));
        },
        "None nothing",
    ),
    (
        "of a variable, one that takes many has the letters",
        |case| {
            case.o().multi = true;
            case.environment.push(("OS_DEFAULT__O", "ab"));
        },
        "['a', 'b'] Environment",
    ),
    (
        "the command line comes before the environment",
        |case| {
            case.argument("o", Data::text("c"));
            case.environment.push(("OS_DEFAULT__O", "e"));
        },
        "'c' CommandLine",
    ),
    (
        "the command line comes before files",
        |case| {
            case.argument("o", Data::text("c"));
            case.file("[DEFAULT]\no = f\n");
        },
        "'c' CommandLine",
    ),
    (
        "the command line loses to the environment if a file sets it, too",
        |case| {
            case.argument("o", Data::text("c"));
            case.file("[DEFAULT]\no = f\n");
            case.environment.push(("OS_DEFAULT__O", "e"));
        },
        "'e' Environment",
    ),
    (
        "an argument that a file has set is the file's",
        |case| {
            case.argument("o", Data::text("f"));
            case.file("[DEFAULT]\no = f\n");
        },
        "'f' File 0:[DEFAULT]o",
    ),
    (
        "a positional argument that is missing is an empty list",
        |case| {
            case.o().positional = true;
            case.argument("o", Data::List(Vec::new()));
            case.file("[DEFAULT]\no = f\n");
        },
        "'f' File 0:[DEFAULT]o",
    ),
    (
        "set_override comes first, and is not converted",
        |case| {
            case.o().kind = Kind::Integer;
            case.o().override_value = Some(Data::text("v"));
            case.argument("o", Data::text("c"));
        },
        "'v' Override",
    ),
    (
        "set_override may be None",
        |case| {
            case.o().override_value = Some(Data::None);
            case.argument("o", Data::text("c"));
        },
        "None Override",
    ),
    (
        "only one that may change is read from what was parsed again",
        |case| {
            case.file("[DEFAULT]\no = old\n");
            let files = vec![parsed("[DEFAULT]\no = new\n")];
            case.registry.mutable_namespace = Some(Namespace { files, arguments: Vec::new() });
        },
        "'old' File 0:[DEFAULT]o",
    ),
    (
        "one that may change is read from what was parsed again",
        |case| {
            case.o().mutable = true;
            case.file("[DEFAULT]\no = old\n");
            let files = vec![parsed("[DEFAULT]\no = new\n")];
            case.registry.mutable_namespace = Some(Namespace { files, arguments: Vec::new() });
        },
        "'new' File mutable 0:[DEFAULT]o",
    ),
    (
        "what it refers to is read from there, too",
        |case| {
            case.o().mutable = true;
            case.o().default = Data::text("$p");
            case.file("[DEFAULT]\np = old\n");
            let files = vec![parsed("[DEFAULT]\np = new\n")];
            case.registry.mutable_namespace = Some(Namespace { files, arguments: Vec::new() });
        },
        "'new' Default",
    ),
    (
        "and not if it may not change itself",
        |case| {
            case.p().mutable = true;
            case.o().default = Data::text("$p");
            case.file("[DEFAULT]\np = old\n");
            let files = vec![parsed("[DEFAULT]\np = new\n")];
            case.registry.mutable_namespace = Some(Namespace { files, arguments: Vec::new() });
        },
        "'old' Default",
    ),
    (
        "a file has its dest, and not its name",
        |case| {
            case.o().name = "o-x".into();
            case.o().dest = "o_x".into();
            case.file("[DEFAULT]\no-x = 1\n");
        },
        "None nothing",
    ),
    (
        "the section DEFAULT has no other case",
        |case| {
            case.file("[default]\no = 1\n");
        },
        "None nothing",
    ),
    (
        "a deprecated name of another group",
        |case| {
            case.o().deprecated = vec![(Some("OLD".into()), Some("was".into()))];
            case.file("[Old]\nwas = 1\n");
        },
        "'1' File 0:[Old]was (deprecated)",
    ),
    (
        "a deprecated group keeps the name",
        |case| {
            case.o().deprecated = vec![(Some("old".into()), None)];
            case.file("[old]\no = 1\n");
        },
        "'1' File 0:[old]o (deprecated)",
    ),
    (
        "of one file, its own name comes first",
        |case| {
            case.o().deprecated = vec![(None, Some("was".into()))];
            case.file("[DEFAULT]\no = new\nwas = old\n");
        },
        "'new' File 0:[DEFAULT]o",
    ),
    (
        "a deprecated name of a newer file comes before its own",
        |case| {
            case.o().deprecated = vec![(None, Some("was".into()))];
            case.file("[DEFAULT]\no = new\n");
            case.file("[DEFAULT]\nwas = old\n");
        },
        "'old' File 0:[DEFAULT]was (deprecated)",
    ),
    (
        "of one that takes many, the deprecated name of a file comes first",
        |case| {
            case.o().multi = true;
            case.o().deprecated = vec![(None, Some("was".into()))];
            case.file("[DEFAULT]\no = new\nwas = old\n");
        },
        "['old', 'new'] File 0:[DEFAULT]o",
    ),
    (
        "an empty number is None",
        |case| {
            case.o().kind = Kind::Integer;
            case.o().default = Data::Int(3);
            case.file("[DEFAULT]\no =\n");
        },
        "None File 0:[DEFAULT]o",
    ),
    (
        "a bad value is a problem, and shown as it is",
        |case| {
            case.o().kind = Kind::Integer;
            case.file("[DEFAULT]\no = $p\n");
            case.p().default = Data::text("abc");
        },
        "'$p' File 0:[DEFAULT]o ? !it is no whole number",
    ),
    (
        "what a function would make of it is not known",
        |case| {
            case.o().kind = Kind::Foreign("<f>".into());
            case.file("[DEFAULT]\no = $p!\n");
            case.p().default = Data::text("x");
        },
        "'x!' File 0:[DEFAULT]o ?",
    ),
    (
        "a command is no value",
        |case| {
            case.o().class = "SubCommandOpt".into();
            case.argument("o", Data::text("go"));
        },
        "<oslo_config.cfg.ConfigOpts.SubCommandAttr object> nothing ?",
    ),
    (
        "the files of the command line are a list",
        |case| {
            case.o().class = "_ConfigFileOpt".into();
            case.o().kind = Kind::Foreign("<f>".into());
            case.argument("o", texts(&["a.conf"]));
        },
        "['a.conf'] CommandLine",
    ),
    (
        "a group hides an option of its name",
        |case| {
            case.o().dest = "grp".into();
            case.o().default = Data::text("x");
        },
        "'x' Default ? !a group of this name hides it",
    ),
];

#[test]
fn every_rule_holds() {
    for (rule, make, expected) in RULES.iter().chain(REFERENCES) {
        let mut case = Case::new();
        make(&mut case);
        assert_eq!(shown(&case.resolved()[0]), *expected, "{rule}");
    }
}
