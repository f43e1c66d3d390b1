//! The value of an option by its source: references replaced, converted; each worked out once.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::convert::{Refused, Work, convert};
use super::drift::same;
use super::problem::{Cause, Problem};
use super::registry::{Kind, Opt, Registry};
use super::resolve::{Given, Resolved};
use super::source::{Asked, Scope, Source, Sources, Unknown, Written};
use super::substitute::substitute;
use crate::data::Data;
use crate::repr;
use crate::text::Text;

/// The longest chain of references. Python's limit of recursion ends one of 124 (3.11, asked
/// for from no deeper than a module).
const MAX_CHAIN: usize = 123;

/// Lists in lists and mappings whose texts are looked at for references.
const MAX_DEPTH: usize = 16;

/// The bytes and items that all the options of an object may cost.
const MAX_WORK: usize = 1 << 26;

/// The bytes and items that one option may cost.
const MAX_WORK_OF_ONE: usize = 1 << 23;

/// The most options that one refers to whose names are kept.
const MAX_REFERS: usize = 20;

/// How a command with its arguments is shown: it is an object that code makes when asked.
const SUB_COMMAND: &str = "<oslo_config.cfg.ConfigOpts.SubCommandAttr object>";

/// The value of an option.
struct Answer {
    /// Nothing, if there is a problem.
    value: Data,
    /// Whether only the program itself could convert it.
    unconverted: bool,
    /// Whether only the program itself could tell if its type refuses it.
    unchecked: bool,
    problem: Option<Problem>,
    /// The length of the chain of references that it took.
    chain: usize,
    /// The options that it refers to.
    refers: Vec<Asked>,
    source: Source,
}

/// A value that is being worked out.
struct Context {
    /// The group in which a name without one is looked for first.
    group: usize,
    /// Where its references are looked up.
    scope: Scope,
    /// How many references have led here.
    depth: usize,
    /// The longest chain that any of its references took.
    chain: Cell<usize>,
    /// Whether something that only the program can convert is in it.
    unconverted: Cell<bool>,
    /// Whether only the program can tell if the type refuses it.
    unchecked: Cell<bool>,
    /// The options that it refers to.
    refers: RefCell<Vec<Asked>>,
}

/// The values of the options of one object.
pub struct Answers<'a> {
    given: &'a Given<'a>,
    sources: Sources<'a>,
    known: RefCell<HashMap<(Asked, Scope), Rc<Answer>>>,
    /// What is being worked out.
    open: RefCell<HashSet<(Asked, Scope)>>,
    work: Work<'a>,
}

impl<'a> Answers<'a> {
    /// Nothing is worked out yet.
    pub fn new(registry: &'a Registry, given: &'a Given<'a>) -> Answers<'a> {
        Answers {
            given,
            sources: Sources::new(registry, given),
            known: RefCell::default(),
            open: RefCell::default(),
            work: Work::new(MAX_WORK),
        }
    }

    /// An option as a program would be answered that asks for it.
    pub fn resolved(&self, group: usize, option: usize) -> Resolved {
        let asked = Asked { group, home: group, option, alias: None };
        let Some(registered) = self.sources.option(&asked) else { return Resolved::default() };
        let shown = Resolved {
            name: registered.name.clone(),
            dest: registered.dest.clone(),
            secret: registered.secret,
            ..Resolved::default()
        };
        let of_source = |source: &Source| Resolved {
            set_by: source.set_by,
            place: source.place.clone(),
            used: source.used.clone(),
            ..shown.clone()
        };
        let is_hidden =
            self.sources.is_default(group) && self.sources.group(registered.dest.raw()).is_some();
        if let Some(value) = self.cached(registered).filter(|_| !is_hidden) {
            let answer = self.answer(&asked, Scope::Own, 0);
            if is_other(value, &answer) {
                return Resolved { value: value.clone(), remembered: true, ..shown };
            }
            return Resolved { value: value.clone(), ..of_source(&answer.source) };
        }
        let answer = self.answer(&asked, Scope::Own, 0);
        let refers = answer.refers.iter().filter_map(|asked| self.sources.called(asked));
        let refers: Vec<(Text, Text)> = refers.collect();
        let hidden = is_hidden.then_some(Problem::from(Cause::Hidden));
        let problem = hidden.or(answer.problem);
        Resolved {
            value: match problem {
                Some(_) => answer.source.value.written(),
                None => answer.value.clone(),
            },
            unconverted: answer.unconverted || problem.is_some(),
            unchecked: answer.unchecked && problem.is_none(),
            problem: problem.map(Problem::words),
            limited: problem.is_some_and(|problem| problem.cause.is_limit()),
            written: (!refers.is_empty()).then(|| answer.source.value.written()),
            refers,
            ..of_source(&answer.source)
        }
    }

    /// What the program has been told before.
    fn cached(&self, option: &'a Opt) -> Option<&'a Data> {
        option.cached.as_ref().filter(|_| self.given.cached)
    }

    fn answer(&self, asked: &Asked, scope: Scope, depth: usize) -> Rc<Answer> {
        let key = (asked.clone(), scope);
        if let Some(answer) = self.known.borrow().get(&key) {
            return answer.clone();
        }
        self.open.borrow_mut().insert(key.clone());
        let answer = Rc::new(self.work_out(asked, scope, depth));
        self.open.borrow_mut().remove(&key);
        // Asked for on its own, what lies at the end of too long a chain may well have a value.
        if answer.problem.is_none_or(|problem| problem.cause != Cause::TooDeep || depth == 0) {
            self.known.borrow_mut().insert(key, answer.clone());
        }
        answer
    }

    fn work_out(&self, asked: &Asked, scope: Scope, depth: usize) -> Answer {
        let work = self.work.part(MAX_WORK_OF_ONE);
        let source = self.sources.source(asked, scope, &work);
        let source = match source {
            Ok(source) => source,
            Err(refused) => {
                return Answer {
                    value: Data::None,
                    unconverted: false,
                    unchecked: false,
                    problem: Some(Cause::from(refused).into()),
                    chain: 0,
                    refers: Vec::new(),
                    source: Source::nothing(),
                };
            }
        };
        let default = self.sources.default_group().unwrap_or(asked.group);
        let context = |group, scope| Context {
            group,
            scope,
            depth,
            chain: Cell::new(0),
            unconverted: Cell::new(false),
            unchecked: Cell::new(false),
            refers: RefCell::default(),
        };
        let (context, written) = match &source.value {
            Written::Final(value) => (context(default, Scope::Own), Ok(value.clone())),
            Written::SubCommand => {
                let context = context(default, Scope::Own);
                context.unconverted.set(true);
                (context, Ok(Data::Object(SUB_COMMAND.into())))
            }
            // The group does not count here, nor what the option itself was found in.
            Written::Typed(value) => {
                let context = context(default, Scope::Own);
                let value = self.substituted(value.clone(), &context, 0, &work);
                (context, value)
            }
            Written::Raw(value) => {
                let context = context(asked.group, source.scope);
                let value = self.substituted(value.clone(), &context, 0, &work);
                let value = value.and_then(|value| self.converted(asked, value, &context, &work));
                (context, value)
            }
        };
        Answer {
            unconverted: context.unconverted.get(),
            unchecked: context.unchecked.get(),
            problem: written.as_ref().err().copied(),
            value: written.unwrap_or_default(),
            chain: context.chain.get(),
            refers: context.refers.into_inner(),
            source,
        }
    }

    fn converted(
        &self,
        asked: &Asked,
        value: Data,
        context: &Context,
        work: &Work<'_>,
    ) -> Result<Data, Problem> {
        let Some(option) = self.sources.option(asked) else { return Ok(value) };
        match convert(option, value.clone(), work) {
            Ok(value) => Ok(value),
            Err(Refused::Foreign) => {
                context.unconverted.set(true);
                Ok(value)
            }
            Err(Refused::Unchecked) => {
                context.unconverted.set(true);
                context.unchecked.set(true);
                Ok(value)
            }
            Err(refused) => Err(Cause::from(refused).into()),
        }
    }

    /// The value with its references replaced (`_substitute`).
    fn substituted(
        &self,
        value: Data,
        context: &Context,
        depth: usize,
        work: &Work<'_>,
    ) -> Result<Data, Problem> {
        if depth > MAX_DEPTH {
            return Err(Cause::TooMuch.into());
        }
        let text = |text: Text| -> Result<Text, Problem> {
            work.take(text.raw().len()).map_err(Cause::from)?;
            let look_up = |name: &str| {
                let value = self.referred(name, context)?;
                work.take(value.as_ref().map_or(0, String::len)).map_err(Cause::from)?;
                Ok(value)
            };
            let replaced = substitute::<Problem>(text.raw(), look_up)?;
            Ok(replaced.map_or(text, Text::from))
        };
        Ok(match value {
            Data::Text(value) => Data::Text(text(value)?),
            Data::List(items) => {
                let items = items.into_iter();
                let items = items.map(|item| self.substituted(item, context, depth + 1, work));
                Data::List(items.collect::<Result<_, _>>()?)
            }
            Data::Map(items) => {
                let items = items.into_iter().map(|(key, value)| {
                    Ok((text(key)?, self.substituted(value, context, depth + 1, work)?))
                });
                Data::Map(items.collect::<Result<_, Problem>>()?)
            }
            value => value,
        })
    }

    /// What a reference stands for; `None` if it is left as it is.
    fn referred(&self, name: &str, context: &Context) -> Result<Option<String>, Problem> {
        let first = match name.split_once('.') {
            None => self.named(context.group, name, context),
            Some((group, name)) => match self.sources.group(group) {
                Some(group) => self.named(group, name, context),
                None => Err(Cause::NoGroup.into()),
            },
        };
        match first {
            // Also if the option is there, and refers to one that is not.
            Err(problem) if problem.cause == Cause::NoOption => {
                let default = self.sources.default_group().ok_or(problem)?;
                self.named(default, name, context)
            }
            first => first,
        }
    }

    /// The value of an option as a text.
    fn named(
        &self,
        group: usize,
        name: &str,
        context: &Context,
    ) -> Result<Option<String>, Problem> {
        if self.sources.is_default(group) && self.sources.group(name).is_some() {
            return Err(Cause::Group.into());
        }
        let asked = match self.sources.look_up(group, name) {
            Ok(asked) => asked,
            Err(Unknown::Option) => return Err(Cause::NoOption.into()),
            Err(Unknown::Lost) => return Ok(None),
        };
        let Some(option) = self.sources.option(&asked) else { return Ok(None) };
        let mut refers = context.refers.borrow_mut();
        if refers.len() < MAX_REFERS && !refers.contains(&asked) {
            refers.push(asked.clone());
        }
        drop(refers);
        let cached = self.cached(option);
        if let Some(value) = cached.filter(|_| context.scope == Scope::Own && asked.alias.is_none())
        {
            return Ok(Some(self.text(option, value, context)));
        }
        if self.open.borrow().contains(&(asked.clone(), context.scope)) {
            return Err(Cause::Cycle.into());
        }
        if context.depth >= MAX_CHAIN {
            return Err(Cause::TooDeep.into());
        }
        let answer = self.answer(&asked, context.scope, context.depth + 1);
        if let Some(problem) = answer.problem {
            return Err(problem.of_reference());
        }
        let chain = answer.chain.saturating_add(1);
        if chain > MAX_CHAIN {
            return Err(Cause::TooDeep.into());
        }
        context.chain.set(context.chain.get().max(chain));
        if answer.unconverted {
            context.unconverted.set(true);
        }
        Ok(Some(self.text(option, &answer.value, context)))
    }

    /// `str` of a value; of `None` nothing.
    fn text(&self, option: &Opt, value: &Data, context: &Context) -> String {
        match (option.kind.unchecked(), value) {
            (_, Data::None) => String::new(),
            (Kind::Range { .. }, Data::List(numbers)) => {
                // With fewer numbers the step is not known; several ranges are not written.
                if numbers.len() < 2 || option.multi {
                    context.unconverted.set(true);
                }
                range(numbers)
            }
            (_, value) => repr::str(value),
        }
    }
}

/// Whether what the program was told before is not what it would be answered now. Of what only it
/// can work out, of what was too much for us, and of secrets, which may be overwritten in one place
/// only, that is not known. Of a secret mapping the text is overwritten, which is no mapping then.
fn is_other(cached: &Data, answer: &Answer) -> bool {
    let is_limited = answer.problem.is_some_and(|problem| problem.cause.is_limit());
    let is_known = !answer.unconverted
        && !is_limited
        && !same::has_mask(cached)
        && !same::has_mask(&answer.value)
        && !same::has_mask(&answer.source.value.written());
    is_known && !(answer.problem.is_none() && same::value(cached, &answer.value))
}

/// `str` of a range, by its numbers.
fn range(numbers: &[Data]) -> String {
    let number = |data: Option<&Data>| match data {
        Some(Data::Int(number)) => *number,
        _ => 0,
    };
    let (first, last) = (number(numbers.first()), number(numbers.last()));
    let step = if first < last { 1 } else { -1 };
    let end = last.saturating_add(step);
    if step == 1 { format!("range({first}, {end})") } else { format!("range({first}, {end}, -1)") }
}
