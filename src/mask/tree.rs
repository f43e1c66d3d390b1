//! Masks the values of a tree, each judged by its own name, by those around it and by those beside it: every
//! byte that is not a secret stays.

use std::collections::BTreeMap;
use std::ops::Range;

use super::argv::Masker;
use super::group::Group;
use super::name::{is_harmless, is_secret_name, names_a_secret};
use super::{MASK, mask_text};
use crate::formats::{Collection, Event, Piece};

/// What a mapping has that says what others in it are: JSON Web Keys (RFC 7518, section 6).
const BESIDE: &[(&str, &[&str])] = &[("kty", &["d", "p", "q", "dp", "dq", "qi", "k"])];

/// What a mapping lies in that says what values in it are: docker's `config.json`.
const BELOW: &[(&str, &[&str])] = &[("auths", &["auth", "identitytoken", "registrytoken"])];

/// Where the values of Kubernetes' `kind: Secret` are.
const DATA: &[&str] = &["data", "stringData"];

/// How a format writes a value: how the value stands, and what is to be shown of it.
type Write = fn(&str, &str) -> String;

/// Takes the events of a text, and has then what it says without its secrets.
pub(super) struct Tree<'t> {
    text: &'t str,
    write: Write,
    open: Vec<Open<'t>>,
    /// Where the values are that are no collections, in the order of the text.
    scalars: Vec<Range<usize>>,
    /// Which of them are secrets, whatever they are.
    secret: Vec<Range<usize>>,
    /// What stands in the place of what, by where that begins.
    replaced: BTreeMap<usize, (usize, String)>,
}

/// A mapping or a list that is read.
struct Open<'t> {
    kind: Collection,
    /// What the next value is called: by its key, or as the list is.
    name: String,
    /// What the names around say of the values.
    group: Option<Group>,
    /// The strings of a list may be the words of a command line.
    command: Masker,
    /// The values of a mapping that are no collections: they are judged when all are known.
    members: Vec<(String, Piece<'t>)>,
    /// How many scalars came before it.
    first: usize,
    /// Which scalars lie below [`DATA`].
    data: Vec<Range<usize>>,
}

/// How much of a name is kept, in bytes.
const MAX_NAME: usize = 128;

/// The end of a long name, which decides.
fn end_of_name(name: &str) -> &str {
    let from = name.len().saturating_sub(MAX_NAME);
    let from = (from..name.len()).find(|at| name.is_char_boundary(*at)).unwrap_or(from);
    name.get(from..).unwrap_or_default()
}

impl<'t> Tree<'t> {
    pub fn of(text: &'t str, write: Write) -> Tree<'t> {
        let (open, scalars, secret, replaced) = Default::default();
        Tree { text, write, open, scalars, secret, replaced }
    }

    /// Takes an event.
    pub fn event(&mut self, event: Event<'t>) {
        match event {
            Event::Document => {}
            Event::Begin(kind, _) => self.begin(kind),
            Event::End => self.end(),
            Event::Key(key) => {
                self.by_itself(&key);
                if let Some(open) = self.open.last_mut() {
                    end_of_name(&key.text).clone_into(&mut open.name);
                }
            }
            Event::Scalar(piece) => self.scalar(piece),
        }
    }

    /// The text without its secrets.
    pub fn finish(mut self) -> String {
        // Of those in one another the outermost comes first, and has the others in it.
        let mut secret = std::mem::take(&mut self.secret);
        secret.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut done = 0;
        for range in secret {
            for scalar in done.max(range.start)..range.end {
                let span = self.scalars.get(scalar).cloned().unwrap_or_default();
                self.replace(span, MASK);
            }
            done = done.max(range.end);
        }
        let mut out = String::with_capacity(self.text.len());
        let mut done = 0;
        for (start, (end, shown)) in self.replaced {
            out.push_str(self.text.get(done..start).unwrap_or_default());
            out.push_str(&shown);
            done = end;
        }
        out.push_str(self.text.get(done..).unwrap_or_default());
        out
    }

    fn begin(&mut self, kind: Collection) {
        let (mut name, mut group) = (String::new(), None);
        if let Some(around) = self.open.last() {
            // What a list of secrets holds is one, whatever it is made of.
            let is_item = around.kind == Collection::List && is_secret_name(&around.name);
            group = match around.group {
                Some(group) if group.covers_items() => Some(group),
                _ if is_item => Some(Group::Secrets),
                _ => Group::of(&around.name),
            };
            name.clone_from(&around.name);
        }
        let (command, members, data) = Default::default();
        let first = self.scalars.len();
        self.open.push(Open { kind, name, group, command, members, first, data });
    }

    fn scalar(&mut self, piece: Piece<'t>) {
        self.scalars.push(piece.span.clone());
        let Some(open) = self.open.last_mut() else { return self.by_itself(&piece) };
        if open.kind == Collection::Mapping {
            open.members.push((open.name.clone(), piece));
            return;
        }
        let word = open.command.word_of_text(&piece.text);
        let (name, group) = (open.name.clone(), open.group);
        self.judge(&name, group, &piece, word.as_deref());
    }

    fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let text = |names: &[&str]| {
            let of = open.members.iter().find(|(name, _)| names.contains(&name.as_str()));
            of.map(|(_, piece)| end_of_name(&piece.text).to_owned())
        };
        let named = text(&["name", "key"]);
        let has = |marker: &str| open.members.iter().any(|(name, _)| name == marker);
        let lies_in = |ancestor: &str| self.open.iter().any(|around| around.name == ancestor);
        let beside = BESIDE.iter().filter(|(marker, _)| has(marker));
        let below = BELOW.iter().filter(|(ancestor, _)| lies_in(ancestor));
        let known: Vec<&str> = beside.chain(below).flat_map(|(_, names)| *names).copied().collect();
        for (name, piece) in &open.members {
            let is_known = known.contains(&name.as_str()) && !is_harmless(name, &piece.text);
            match &named {
                _ if is_known => self.replace(piece.span.clone(), MASK),
                // `name: DB_PASSWORD` says what the `value: …` beside it is.
                Some(named) if name == "value" => self.judge(named, open.group, piece, None),
                _ => self.judge(name, open.group, piece, None),
            }
        }
        if text(&["kind"]).as_deref() == Some("Secret") {
            self.secret.extend(open.data);
        }
        let is_data = |around: &&mut Open<'_>| DATA.contains(&around.name.as_str());
        if let Some(around) = self.open.last_mut().filter(is_data) {
            around.data.push(open.first..self.scalars.len());
        }
    }

    /// `word`: what is left of it as a word of a command line.
    fn judge(&mut self, name: &str, group: Option<Group>, piece: &Piece<'t>, word: Option<&str>) {
        let hides = |group: Group| group.hides(name, &piece.text);
        if names_a_secret(name, &piece.text) || group.is_some_and(hides) {
            return self.replace(piece.span.clone(), MASK);
        }
        let masked = mask_text(word.unwrap_or(&piece.text));
        if masked != piece.text {
            self.replace(piece.span.clone(), &masked);
        }
    }

    /// Masks what a piece without a name shows by itself.
    fn by_itself(&mut self, piece: &Piece<'t>) {
        self.judge("", None, piece, None);
    }

    fn replace(&mut self, span: Range<usize>, shown: &str) {
        let stands = self.text.get(span.clone()).unwrap_or_default();
        self.replaced.insert(span.start, (span.end, (self.write)(stands, shown)));
    }
}
