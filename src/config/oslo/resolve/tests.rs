//! The rules one by one. `tests/oslo_rules.rs` holds all of them together to oslo.config itself.

mod references;
mod rules;

use proptest::prelude::*;

use super::*;
use crate::config::oslo::parse;
use crate::config::oslo::registry::{Check, Group, Kind, Opt, ParsedFile, ParsedSection, Pattern};
use crate::repr;

/// An object with the options `DEFAULT.o`, `DEFAULT.p` and `grp.o`, and what a test changes.
struct Case {
    registry: Registry,
    environment: Vec<(&'static str, &'static str)>,
}

impl Case {
    fn new() -> Case {
        let option = |name: &str| Opt {
            dest: name.into(),
            name: name.into(),
            kind: Kind::String { quotes: false },
            ..Opt::default()
        };
        let group = |key: Option<&str>, names: &[&str]| Group {
            key: key.map(Text::from),
            name: key.unwrap_or("DEFAULT").into(),
            options: names.iter().map(|name| option(name)).collect(),
        };
        let registry = Registry {
            groups: vec![group(None, &["o", "p"]), group(Some("grp"), &["o"])],
            use_environment: true,
            namespace: Some(Namespace::default()),
            ..Registry::default()
        };
        Case { registry, environment: Vec::new() }
    }

    /// `DEFAULT.o`.
    fn o(&mut self) -> &mut Opt {
        &mut self.registry.groups[0].options[0]
    }

    /// `DEFAULT.p`.
    fn p(&mut self) -> &mut Opt {
        &mut self.registry.groups[0].options[1]
    }

    /// `grp.o`.
    fn of_group(&mut self) -> &mut Opt {
        &mut self.registry.groups[1].options[0]
    }

    /// A file that was read after those before.
    fn file(&mut self, text: &str) {
        self.registry.namespace.as_mut().unwrap().files.insert(0, parsed(text));
    }

    fn argument(&mut self, name: &str, value: Data) {
        self.registry.namespace.as_mut().unwrap().arguments.push((name.into(), value));
    }

    fn resolved(&self) -> Vec<Resolved> {
        let look_up = |name: &str| {
            let found = self.environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let given = Given::of_process(&self.registry, &look_up);
        resolve(&self.registry, &given).into_iter().flat_map(|group| group.options).collect()
    }
}

fn parsed(text: &str) -> ParsedFile {
    let groups = parse::parse(text, 0).groups.into_iter();
    let sections = groups.map(|group| {
        let options = group.options.into_iter().map(|option| {
            let values = option.values.into_iter().map(|value| value.text.into());
            (option.name.into(), values.collect())
        });
        ParsedSection { name: group.name.into(), options: options.collect() }
    });
    ParsedFile { path: None, sections: sections.collect() }
}

/// `value set_by file:[section]key (deprecated) ?unconverted !problem` of an option.
fn shown(resolved: &Resolved) -> String {
    let by = resolved.set_by.map_or("nothing".to_owned(), |by| format!("{by:?}"));
    let mut out = format!("{} {by}", repr::repr(&resolved.value));
    if let Some(place) = &resolved.place {
        let mutable = if place.mutable { "mutable " } else { "" };
        let (section, key) = (place.section.raw(), place.key.raw());
        out.push_str(&format!(" {mutable}{}:[{section}]{key}", place.file));
    }
    if resolved.used.is_some() {
        out.push_str(" (deprecated)");
    }
    if resolved.unconverted {
        out.push_str(" ?");
    }
    if let Some(problem) = &resolved.problem {
        out.push_str(&format!(" !{problem}"));
    }
    out
}

fn texts(values: &[&str]) -> Data {
    Data::List(values.iter().map(|value| Data::text(*value)).collect())
}

#[test]
fn in_a_group_a_name_is_looked_for_there_first() {
    let mut case = Case::new();
    case.of_group().default = Data::text("$p");
    case.p().default = Data::text("of default");
    assert_eq!(shown(&case.resolved()[2]), "'of default' Default");
    let mut own = case.p().clone();
    own.default = Data::text("of group");
    case.registry.groups[1].options.push(own.clone());
    assert_eq!(shown(&case.resolved()[2]), "'of group' Default");
    // If that one refers to what is not there, oslo.config takes the other.
    case.registry.groups[1].options[1].default = Data::text("$nosuch");
    assert_eq!(shown(&case.resolved()[2]), "'of default' Default");
}

#[test]
fn a_reference_in_what_the_program_set_is_not_looked_for_in_the_group() {
    let mut case = Case::new();
    case.o().default = Data::text("of default");
    case.of_group().override_value = Some(Data::text("$o"));
    assert_eq!(shown(&case.resolved()[2]), "'of default' Override");
}

#[test]
fn the_section_of_a_group_is_found_in_any_case() {
    let mut case = Case::new();
    case.file("[GRP]\no = 1\n[grp]\no = 2\n");
    case.environment.push(("OS_GRP__P", "e"));
    assert_eq!(shown(&case.resolved()[2]), "'2' File 0:[GRP]o");
    case.argument("grp_o", Data::text("c"));
    assert_eq!(shown(&case.resolved()[2]), "'c' CommandLine");
}

#[test]
fn what_was_told_before_is_the_value_and_its_source_is_still_found() {
    let mut case = Case::new();
    case.o().kind = Kind::Foreign("<f>".into());
    case.o().cached = Some(Data::text("F"));
    case.p().default = Data::text("$o");
    case.file("[DEFAULT]\no = f\n");
    let resolved = case.resolved();
    assert_eq!(shown(&resolved[0]), "'F' File 0:[DEFAULT]o");
    // A reference is worked out afresh.
    assert_eq!(shown(&resolved[1]), "'f' Default ?");
    let given = Given { cached: false, ..Given::of_process(&case.registry, &|_| None) };
    assert_eq!(shown(&resolve(&case.registry, &given)[0].options[0]), "'f' File 0:[DEFAULT]o ?");
}

#[test]
fn what_was_told_before_and_would_not_be_told_now_has_no_source() {
    let mut case = Case::new();
    case.o().cached = Some(Data::text("before"));
    case.file("[DEFAULT]\no = now\n");
    assert_eq!(shown(&case.resolved()[0]), "'before' nothing");
    assert!(case.resolved()[0].remembered);
    case.o().cached = Some(Data::text("now"));
    assert!(!case.resolved()[0].remembered);
    // A secret may have been overwritten in one place only.
    case.o().cached = Some(Data::text("***"));
    assert!(!case.resolved()[0].remembered);
}

#[test]
fn a_mapping_whose_text_was_overwritten_keeps_its_source() {
    let mut case = Case::new();
    let value = Box::new(Kind::String { quotes: false });
    case.o().kind = Kind::Dict { value, bounds: false, separator: ":".into() };
    case.o().cached = Some(Data::Map(vec![("a".into(), Data::text("QZ16"))]));
    case.file("[DEFAULT]\no = *************\n");
    assert_eq!(shown(&case.resolved()[0]), "{'a': 'QZ16'} File 0:[DEFAULT]o");
    case.o().multi = true;
    assert!(!case.resolved()[0].remembered);
}

#[test]
fn what_is_too_much_for_us_is_no_change_and_no_fault_of_the_process() {
    let mut case = Case::new();
    case.o().kind = Kind::Range { inclusive: true };
    case.o().cached = Some(Data::Object("range(1024, 65536)".into()));
    case.file("[DEFAULT]\no = 1024-65535\n");
    assert_eq!(shown(&case.resolved()[0]), "range(1024, 65536) File 0:[DEFAULT]o");
    assert!(!case.resolved()[0].remembered);
    case.o().cached = None;
    assert!(case.resolved()[0].limited);
    // A pattern is compiled once, however many items are checked by it.
    let pattern = Check::Pattern(Pattern::new("^[a-z]+$".into(), 32));
    let item = Box::new(Kind::Checked(Box::new(Kind::String { quotes: false }), vec![pattern]));
    case.o().kind = Kind::List { item, bounds: false };
    case.file(&format!("[DEFAULT]\no = {}\n", "ab,".repeat(1000)));
    assert_eq!(case.resolved()[0].problem, None);
}

#[test]
fn the_environment_counts_as_it_is_now_where_that_is_known() {
    let mut case = Case::new();
    case.file("[DEFAULT]\no = f\n");
    case.environment.push(("OS_DEFAULT__O", "of the start"));
    assert_eq!(shown(&case.resolved()[0]), "'of the start' Environment");
    let now = [("OS_DEFAULT__O".into(), "now".into())];
    case.registry.environment = Some(now.into());
    assert_eq!(shown(&case.resolved()[0]), "'now' Environment");
    case.registry.environment = Some([].into());
    assert_eq!(shown(&case.resolved()[0]), "'f' File 0:[DEFAULT]o");
}

/// Options `x0`, `x1` … of which each has the default that is made of its number.
fn chain(count: usize, default: impl Fn(usize) -> String) -> Registry {
    let option = |index: usize| Opt {
        dest: format!("x{index}").into(),
        kind: Kind::String { quotes: false },
        default: Data::text(default(index)),
        ..Opt::default()
    };
    let options = (0..count).map(option).collect();
    let groups = vec![Group { key: None, name: "DEFAULT".into(), options }];
    Registry { groups, ..Registry::default() }
}

fn problems(registry: &Registry) -> Vec<Option<String>> {
    let resolved = resolve(registry, &Given::of_process(registry, &|_| None));
    resolved.into_iter().flat_map(|group| group.options).map(|option| option.problem).collect()
}

#[test]
fn a_chain_that_oslo_config_follows_is_followed_from_either_end() {
    let forth = chain(10_000, |n| if n == 0 { "v".to_owned() } else { format!("$x{}", n - 1) });
    let back = chain(10_000, |n| if n == 9999 { "v".to_owned() } else { format!("$x{}", n + 1) });
    let forth = problems(&forth);
    let mut back = problems(&back);
    back.reverse();
    // oslo.config 10.7.0 on CPython 3.11.7 ends at x124 with a RecursionError.
    assert_eq!(forth.iter().take_while(|problem| problem.is_none()).count(), 124);
    assert_eq!(forth.iter().filter(|problem| problem.is_none()).count(), 124);
    assert_eq!(
        back.iter().map(Option::is_none).collect::<Vec<_>>(),
        forth.iter().map(Option::is_none).collect::<Vec<_>>()
    );
}

#[test]
fn what_doubles_with_every_option_ends() {
    let registry =
        chain(100, |n| if n == 0 { "v".to_owned() } else { format!("$x{0}$x{0}", n - 1) });
    let problems = problems(&registry);
    assert!(problems[20].is_none(), "{problems:?}");
    assert!(problems[21..].iter().all(Option::is_some));
}

#[test]
fn options_that_all_refer_to_one_another_end() {
    let all: String = (0..1000).map(|n| format!("$x{n}")).collect();
    assert!(problems(&chain(1000, |_| all.clone())).iter().all(Option::is_some));
}

#[test]
fn a_long_value_that_never_closes_its_quote_ends_and_harms_no_other() {
    let mut registry = chain(3, |_| format!("\"{}", "a,".repeat(200_000)));
    let item = Box::new(Kind::String { quotes: true });
    for option in &mut registry.groups[0].options[..2] {
        option.kind = Kind::List { item: item.clone(), bounds: false };
    }
    let problems = problems(&registry);
    assert!(problems[0].is_some() && problems[1].is_some());
    assert_eq!(problems[2], None);
}

prop_compose! {
    fn any_kind()(which in 0..8, quotes: bool) -> Kind {
        let item = Box::new(Kind::String { quotes });
        match which {
            0 => Kind::String { quotes },
            1 => Kind::Boolean,
            2 => Kind::Integer,
            3 => Kind::Float,
            4 => Kind::List { item, bounds: quotes },
            5 => Kind::Dict { value: item, bounds: quotes, separator: ":".into() },
            6 => Kind::Range { inclusive: quotes },
            _ => Kind::Plain,
        }
    }
}

prop_compose! {
    fn any_option()(
        name in "[a-d]",
        kind in any_kind(),
        multi: bool,
        mutable: bool,
        default in "([$a-d.{}]|[\"',:\\[\\]0-9 -]|\\PC){0,12}",
        old in "[a-d]{0,1}",
    ) -> Opt {
        Opt {
            dest: name.as_str().into(),
            kind,
            multi,
            mutable,
            default: if multi { texts(&[&default]) } else { Data::text(default) },
            deprecated: vec![(Some(old.as_str().into()), Some(old.as_str().into()))],
            ..Opt::default()
        }
    }
}

proptest! {
    #[test]
    fn no_object_makes_it_fail(
        groups in prop::collection::vec(prop::collection::vec(any_option(), 0..5), 0..4),
        file in "(\\[(DEFAULT|a|b)\\]\n([a-d] = [$a-d\",.]{0,6}\n){0,3}){0,3}",
    ) {
        let groups = groups.into_iter().enumerate().map(|(index, options)| Group {
            key: (index > 0).then(|| ["a", "b", "c"][index - 1].into()),
            name: "g".into(),
            options,
        });
        let namespace = Namespace { files: vec![parsed(&file)], arguments: Vec::new() };
        let registry = Registry {
            groups: groups.collect(),
            namespace: Some(namespace.clone()),
            mutable_namespace: Some(namespace),
            ..Registry::default()
        };
        for group in resolve(&registry, &Given::of_process(&registry, &|_| None)) {
            for option in group.options {
                prop_assert!(option.problem.is_none() || option.unconverted);
            }
        }
    }
}
