//! The object at the end of a path: from a module through attributes, keys and indexes.

use super::Values;
use super::attribute::NoAttribute;
use super::oslo::{Origin, Resolved};
use super::secret::{Hint, is_secret, is_secret_type};
use super::types::Kind;
use crate::addr::Addr;
use crate::asked::{Step, steps};
use crate::runtime::python::imported::sys_modules;
use crate::runtime::{Reached, ReachedOption};
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

/// A place on the way.
struct Place {
    object: Addr,
    /// The path to it.
    path: String,
    /// The name that it was last reached by.
    name: String,
    /// Whether something on the way is a secret by its name, or says to be one.
    secret: bool,
}

impl Place {
    fn failed(&self, why: &str) -> Text {
        format!("`{}` {why}", self.path).into()
    }
}

impl Values<'_> {
    /// The object at the end of a path, in the first of these interpreters that has its module.
    /// Where it can not be reached, says where the path ends.
    pub fn object(&self, interpreters: &[Addr], path: &str) -> Result<Reached, Text> {
        let steps = steps(path).map_err(|why| Text::from(format!("this is no path: {why}")))?;
        let modules = sys_modules(&self.objects, interpreters);
        let mut found = modules.filter_map(|modules| self.module(modules, &steps));
        let Some((mut place, used)) = found.next() else {
            let first = steps.first().map(Step::typed).unwrap_or_default();
            let name = first.trim_start_matches('.');
            return Err(format!("no module `{name}` is loaded (`sys.modules`)").into());
        };
        let mut rest = steps.get(used..).unwrap_or_default();
        let mut option = None;
        while let Some((step, behind)) = rest.split_first() {
            rest = behind;
            place = match (step, behind.first()) {
                (Step::Name(name), next)
                    if self.is_config(place.object)
                        && self.attribute(place.object, name).is_err() =>
                {
                    let next = match next {
                        Some(Step::Name(next)) => Some(next.as_str()),
                        _ => None,
                    };
                    match self.option(place.object, name, next) {
                        Some(resolved) => {
                            if resolved.in_group {
                                rest = behind.get(1..).unwrap_or_default();
                            }
                            let next = next.filter(|_| resolved.in_group);
                            option = reached(&place, name, next, &resolved, rest.is_empty());
                            of_option(place, name, next, &resolved)
                        }
                        None => return Err(place.failed(&format!("has no option `{name}`"))),
                    }
                }
                _ => self.step(place, step)?,
            };
        }
        let hint = if place.secret { Hint::Secret } else { Hint::Name(&place.name) };
        Ok(Reached { value: self.read(place.object, hint), option })
    }

    /// The module with the longest name that the path begins with, and how many steps that are.
    fn module(&self, modules: Addr, steps: &[Step]) -> Option<(Place, usize)> {
        let names = steps.iter().map_while(|step| match step {
            Step::Name(name) => Some(name.as_str()),
            _ => None,
        });
        let names: Vec<&str> = names.collect();
        (1..=names.len()).rev().find_map(|used| {
            let path = names.get(..used)?.join(".");
            let object = self.item(modules, &path)?;
            Some((Place { object, path, name: String::new(), secret: false }, used))
        })
    }

    fn step(&self, from: Place, step: &Step) -> Result<Place, Text> {
        let object = match step {
            Step::Name(name) => self.attribute(from.object, name).map_err(|why| match why {
                NoAttribute::Missing => from.failed(&format!("has no attribute `{name}`")),
                NoAttribute::Computed(what) => {
                    let path = format!("{}{}", from.path, step.typed());
                    format!("`{path}` {what}: reading it would run code").into()
                }
            }),
            Step::Key(key) => match self.kind(from.object) {
                Some(Kind::Dict) => self
                    .item(from.object, key)
                    .ok_or_else(|| from.failed(&format!("has no key {key:?}"))),
                _ => Err(from.failed("is no dict: looking for a key would run code")),
            },
            Step::Index(index) => self.at(&from, *index),
        }?;
        let name = match step {
            Step::Name(name) | Step::Key(name) => name.clone(),
            Step::Index(_) => from.name.clone(),
        };
        let of_type =
            self.types.of(from.object).is_some_and(|kind| is_secret_type(kind.name.raw()));
        let secret = from.secret || of_type || is_secret(&from.name);
        Ok(Place { object, path: format!("{}{}", from.path, step.typed()), name, secret })
    }

    /// The item of a sequence, or of a `dict` with whole numbers as keys.
    fn at(&self, from: &Place, index: i64) -> Result<Addr, Text> {
        let (objects, layout) = (&self.objects, self.objects.layout);
        let kind = self.types.of(from.object).ok_or_else(|| from.failed("can not be read"))?;
        let found = match kind.kind {
            Kind::Dict => objects
                .dict_items(from.object)
                .and_then(|mut items| items.find(|(key, _)| objects.small_int(*key) == Some(index)))
                .map(|(_, value)| value),
            Kind::List | Kind::Tuple => {
                let size = self.size(from.object, &kind).and_then(|size| i64::try_from(size).ok());
                let size = size.ok_or_else(|| from.failed("can not be read"))?;
                let nth = if index < 0 { index.saturating_add(size) } else { index };
                let nth = u64::try_from(nth).ok().filter(|_| nth < size);
                let first = match kind.kind {
                    Kind::List => objects.pointer(from.object, layout.list),
                    _ => from.object.checked_add(layout.tuple),
                };
                let at = first.zip(nth).and_then(|(first, nth)| first.checked_add(nth * 8));
                at.and_then(|at| objects.memory.ptr(at).ok())
            }
            _ => return Err(from.failed("is no list, tuple or dict: an index would run code")),
        };
        found.ok_or_else(|| from.failed(&format!("has no item {index}")))
    }

    fn kind(&self, object: Addr) -> Option<Kind> {
        self.types.of(object).map(|kind| kind.kind)
    }
}

/// What must be known of a value that is one of an option; of a group there is nothing.
fn reached(
    from: &Place,
    name: &str,
    next: Option<&str>,
    resolved: &Resolved,
    is_whole: bool,
) -> Option<ReachedOption> {
    let origin = resolved.origin?;
    Some(ReachedOption {
        config: from.object,
        group: next.map(|_| name.to_owned()),
        name: next.unwrap_or(name).to_owned(),
        is_whole,
        is_answer: origin == Origin::Answered,
        origin: origin.words(),
    })
}

/// The place of an option's value.
fn of_option(from: Place, name: &str, next: Option<&str>, resolved: &Resolved) -> Place {
    let names: Vec<&str> = std::iter::once(name).chain(next).collect();
    Place {
        object: resolved.object,
        path: format!("{}.{}", from.path, names.join(".")),
        name: names.last().copied().unwrap_or_default().to_owned(),
        secret: from.secret || resolved.secret,
    }
}
