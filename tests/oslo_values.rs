//! Every option of every configuration object of a living process: read from its memory, resolved,
//! and compared with what the process itself answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use guru::config::oslo::registry::Registry;
use guru::config::oslo::resolve::{Given, Resolved, ResolvedGroup, resolve};
use guru::data::Data;
use guru::report::SetBy;
use guru::text::Text;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::oslo::{Stress, registries};
use crate::support::pythons::{each, oslo_pythons, skip_those_without_oslo};
use crate::support::{Service, await_some, evidence, root};

/// A process, as it is asked for values.
struct Process {
    environment: BTreeMap<String, String>,
    registries: Vec<Registry>,
}

impl Process {
    fn new(pid: i32, registries: Vec<Registry>) -> Process {
        let text = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
        let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Process { environment, registries }
    }

    fn resolve(&self, registry: &Registry, cached: bool) -> Vec<ResolvedGroup> {
        let look_up = |name: &str| self.environment.get(name).cloned();
        resolve(registry, &Given { cached, ..Given::of_process(registry, &look_up) })
    }

    /// Compares every option of every object, with the cache of answers and without, and returns
    /// how many and the names of those that only the process can convert.
    fn compare(&self, truth: &[Value]) -> (usize, BTreeSet<String>) {
        let addresses = |all: Vec<String>| BTreeSet::from_iter(all);
        let ours = self.registries.iter().map(|registry| registry.address.to_string()).collect();
        let theirs = truth.iter().map(|told| told["address"].as_str().unwrap().to_owned());
        assert_eq!(addresses(ours), addresses(theirs.collect()));
        let mut wrong = Vec::new();
        let mut unconverted = BTreeSet::new();
        let mut count = 0;
        for registry in &self.registries {
            let address = registry.address.to_string();
            let told = truth.iter().find(|told| told["address"] == address).unwrap();
            let told = told["options"].as_array().unwrap();
            for cached in [false, true] {
                let resolved = self.resolve(registry, cached);
                let options = resolved.iter().flat_map(|group| {
                    group.options.iter().map(|option| (group.key.as_ref().map(Text::raw), option))
                });
                let options: Vec<_> = options.collect();
                assert_eq!(options.len(), told.len());
                for ((group, option), told) in options.into_iter().zip(told) {
                    let name = (told["group"].as_str(), told["dest"].as_str().unwrap());
                    assert_eq!((group, option.dest.raw()), name);
                    if let Some(what) = difference(option, told) {
                        wrong.push(format!("{name:?}: {what}\n   {option:?}\n   {told}"));
                    }
                    let is_foreign = option.unconverted && !option.unchecked;
                    if !cached && is_foreign && option.problem.is_none() {
                        unconverted.insert(option.dest.raw().to_owned());
                    }
                    count += 1;
                }
            }
        }
        assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
        (count, unconverted)
    }
}

fn is_same(ours: &Data, theirs: &Value) -> bool {
    serde_json::to_value(ours).unwrap() == *theirs
}

fn difference(option: &Resolved, told: &Value) -> Option<&'static str> {
    // Secrets are overwritten where they are recorded.
    let is_open = !option.secret && !option.unconverted;
    match (told.get("value"), &option.problem) {
        (Some(_), Some(_)) => return Some("it has a value"),
        (None, None) if is_open => return Some("it has no value"),
        (Some(value), None) if is_open && !is_same(&option.value, value) => {
            return Some("it has another value");
        }
        _ => {}
    }
    let set_by = option.set_by;
    let same = match told.get("where")?.as_str() {
        // The command line, where a file sets it, too, and drivers: oslo.config says `user`.
        Some("user") => matches!(set_by, Some(SetBy::File | SetBy::CommandLine | SetBy::Driver)),
        Some("command_line") => set_by == Some(SetBy::CommandLine),
        Some("environment") => set_by == Some(SetBy::Environment),
        // It remembers the last call of the program, also if that was undone.
        Some("set_override") => set_by != Some(SetBy::SetDefault),
        Some("set_default") => set_by == Some(SetBy::SetDefault),
        Some("opt_default") => set_by == Some(SetBy::Default),
        Some(_) => false,
        None => set_by.is_none(),
    };
    (!same).then_some("it is set by something else")
}

/// The truth of the process with every kind of option, as services tell theirs.
fn of_stress(stress: &mut Stress) -> Vec<Value> {
    let mut truth = stress.truth();
    for object in &mut truth {
        let mut options = Vec::new();
        for group in object["groups"].as_array().unwrap() {
            for option in group["options"].as_array().unwrap() {
                let mut told = option.clone();
                told["group"] = group["key"].clone();
                // Where there is no value, there is no answer to that, either.
                if option.get("error").is_none() {
                    told["where"] = option["location"][0].clone();
                }
                options.push(told);
            }
        }
        object["options"] = Value::Array(options);
    }
    truth
}

#[test]
fn every_kind_of_option_has_the_value_that_the_process_would_be_answered() {
    ["mini", "panko"].into_iter().filter_map(Stress::start).for_each(every_value_is_answered);
}

#[test]
fn every_kind_of_option_has_that_value_in_every_python() {
    skip_those_without_oslo();
    each(oslo_pythons(), |python| every_value_is_answered(Stress::of(python)));
}

/// What is resolved is what a process tells, before and after it was asked.
fn every_value_is_answered(mut stress: Stress) {
    let pid = stress.target.pid();
    let process = Process::new(pid, stress.registries());
    let (count, unconverted) = process.compare(&of_stress(&mut stress));
    assert!(count > 300, "{count}");
    let foreign = ["builtin_bool", "callable", "command", "doubled", "lambda", "partial", "upper"];
    assert_eq!(unconverted, foreign.map(str::to_owned).into());
    // What looks behind only Python can find; of other patterns, a few texts are not ours to tell.
    let groups = process.registries.iter().flat_map(|registry| process.resolve(registry, false));
    let options = groups.flat_map(|group| group.options);
    let unchecked: Vec<_> = options.filter(|option| option.unchecked).collect();
    assert!(unchecked.iter().any(|option| option.dest.raw() == "behind"));
    assert!(unchecked.len() < 20, "{unchecked:?}");

    // The file that gave the value; oslo.config names the last that has the section.
    let started = process.registries.iter().find(|registry| registry.args.is_some()).unwrap();
    let resolved = process.resolve(started, false);
    let options = resolved.iter().flat_map(|group| &group.options);
    let base = options.clone().find(|option| option.dest.raw() == "base").unwrap();
    let place = base.place.clone().unwrap();
    assert_eq!((place.file, place.mutable, place.section.raw()), (2, false, "DEFAULT"));
    let old = options.clone().find(|option| option.dest.raw() == "moved_later").unwrap();
    assert_eq!(old.used, Some(("OLD_GROUP".into(), "moved_later".into())));
    assert_eq!(old.place.as_ref().map(|place| place.file), Some(0));

    // Once the process was asked, nothing is left unconverted.
    assert_eq!(stress.target.ask("fill"), "filled");
    let process = Process::new(pid, stress.registries());
    process.compare(&of_stress(&mut stress));
    let started = process.registries.iter().find(|registry| registry.args.is_some()).unwrap();
    let upper = process.resolve(started, true);
    let upper = upper.iter().flat_map(|group| &group.options);
    let upper = upper.clone().find(|option| option.dest.raw() == "upper").unwrap();
    assert_eq!((upper.value.clone(), upper.unconverted), (guru::data::Data::text("SHOUT"), false));
}

/// Compares all objects of a service, and returns how many options they have.
fn service(name: &str) -> Option<(Process, usize)> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("truth");
    let variables = [("PYTHONPATH", root("fixtures/oslo/truth")), ("GURU_TRUTH", path.clone())];
    let service = Service::start_with(name, &variables)?;
    let process = Process::new(service.pid(), registries(&evidence(service.pid())));
    kill(Pid::from_raw(service.pid()), Signal::SIGUSR1).unwrap();
    let text = await_some("the service tells its truth", || fs::read_to_string(&path).ok());
    let truth: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (count, _) = process.compare(&truth);
    Some((process, count / 2))
}

#[test]
fn the_small_app_has_the_values_that_it_would_be_answered() {
    let Some((_, count)) = service("mini") else { return };
    assert!(count >= 60, "{count}");
}

#[test]
fn nova_conductor_has_the_values_that_it_would_be_answered() {
    let Some((_, count)) = service("nova-conductor") else { return };
    assert!(count >= 800, "{count}");
}

#[test]
fn panko_has_the_values_that_each_of_its_objects_would_be_answered() {
    let Some((process, _)) = service("panko") else { return };
    let started: Vec<_> = process
        .registries
        .iter()
        .filter(|registry| registry.args.as_ref().is_some_and(|args| !args.is_empty()))
        .collect();
    let [started] = started.as_slice() else { panic!("{} were started", started.len()) };
    assert!(started.groups.iter().any(|group| group.name.raw() == "database"));
    assert!(!started.groups.iter().any(|group| group.name.raw() == "keystone_authtoken"));
    // The file has a password for it, which the middleware does not read.
    let auth_type = |registry: &Registry| {
        let groups = process.resolve(registry, true).into_iter();
        let options = groups.filter(|group| group.name.raw() == "keystone_authtoken");
        let mut options = options.flat_map(|group| group.options);
        options.find(|option| option.dest.raw() == "auth_type").map(|option| option.value)
    };
    let known: Vec<_> = process.registries.iter().filter_map(auth_type).collect();
    assert!(!known.is_empty());
    assert!(known.iter().all(|value| *value == guru::data::Data::None), "{known:?}");
}
