//! Values that have parts: sequences, sets, mappings, cells.

use super::Values;
use super::secret::{Hint, command};
use super::types::{Kind, Type};
use crate::addr::Addr;
use crate::target::memory::MemoryExt as _;
use crate::value::{Item, Mark, Value};

/// No container has more items: what says so is none.
const MAX_SIZE: u64 = 1 << 40;

/// The most entries of the table of a set that are looked at; most may be empty.
const MAX_SET_ENTRIES: u64 = 8192;

/// The size of such an entry: the object and its hash.
const SET_ENTRY: usize = 16;

impl Values<'_> {
    /// How many items a container says to have; `None` for what is none.
    pub(super) fn size(&self, object: Addr, kind: &Type) -> Option<u64> {
        let layout = self.objects.layout;
        let field = |offset| self.objects.memory.u64(object.checked_add(offset)?).ok();
        match kind.kind {
            Kind::List | Kind::Tuple => field(layout.object.size),
            Kind::Set => field(layout.set.used),
            Kind::Dict => self.objects.dict_len(object),
            _ => None,
        }
    }

    pub(super) fn sequence(
        &self,
        object: Addr,
        kind: &Type,
        value: &mut Value,
        around: &mut Vec<Addr>,
    ) -> Option<()> {
        let size = value.size.filter(|size| *size < MAX_SIZE)?;
        let items = match kind.kind {
            Kind::Set => self.elements(object)?,
            _ => self.pointers(object, kind, size)?,
        };
        if (items.len() as u64) < size {
            value.mark = Some(Mark::Cut);
        }
        let name = (kind.kind == Kind::Tuple && size == 2).then(|| self.name(*items.first()?));
        let name = name.flatten();
        let shown = self.shown_of_command(&items);
        for (nth, item) in items.into_iter().enumerate() {
            let hint = match (&name, shown.as_ref().and_then(|shown| shown.get(nth))) {
                (_, Some(shown)) => Hint::Shown(shown),
                // A header, an option: the second is what the first says.
                (Some(name), None) if nth == 1 => Hint::Name(name),
                _ => Hint::None,
            };
            value.items.push(Item { key: None, value: self.value(item, hint, around) });
        }
        Some(())
    }

    /// The items of a `list` or `tuple`, as many as are shown.
    pub(super) fn pointers(&self, object: Addr, kind: &Type, size: u64) -> Option<Vec<Addr>> {
        let layout = self.objects.layout;
        let count = usize::try_from(size).ok()?.min(self.limits.items);
        if count == 0 {
            return Some(Vec::new());
        }
        let first = match kind.kind {
            Kind::List => self.objects.pointer(object, layout.list)?,
            _ => object.checked_add(layout.tuple)?,
        };
        let bytes = self.objects.memory.bytes(first, count * 8).ok()?;
        Some(bytes.as_chunks().0.iter().map(|item| Addr(u64::from_le_bytes(*item))).collect())
    }

    /// The elements of a `set`, as many as are shown.
    fn elements(&self, object: Addr) -> Option<Vec<Addr>> {
        /// The hash of no object: that of an element that was taken out.
        const TAKEN_OUT: u64 = u64::MAX;
        let (layout, memory) = (&self.objects.layout.set, self.objects.memory);
        let mask = memory.u64(object.checked_add(layout.mask)?).ok()?;
        let entries = mask.checked_add(1)?.min(MAX_SET_ENTRIES);
        let table = self.objects.pointer(object, layout.table)?;
        let bytes = memory.bytes(table, usize::try_from(entries).ok()? * SET_ENTRY).ok()?;
        let words = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
        let words: Vec<u64> = words.collect();
        let taken =
            words.as_chunks().0.iter().filter(|[key, hash]| *key != 0 && *hash != TAKEN_OUT);
        Some(taken.map(|[key, _]| Addr(*key)).take(self.limits.items).collect())
    }

    /// How the items are shown, if they are the words of a command.
    fn shown_of_command(&self, items: &[Addr]) -> Option<Vec<String>> {
        let is_str = |item: &Addr| self.types.of(*item).is_some_and(|kind| kind.kind == Kind::Str);
        if self.secrets.are_shown() || items.len() < 2 || !items.iter().all(is_str) {
            return None;
        }
        let texts: Vec<String> =
            items.iter().map(|item| self.raw_text(*item)).collect::<Option<_>>()?;
        command(&texts)
    }

    pub(super) fn mapping(
        &self,
        object: Addr,
        value: &mut Value,
        around: &mut Vec<Addr>,
    ) -> Option<()> {
        let mut items = self.objects.dict_items(object)?;
        let shown: Vec<(Addr, Addr)> = items.by_ref().take(self.limits.items).collect();
        if items.next().is_some() {
            value.mark = Some(Mark::Cut);
        }
        let names: Vec<Option<String>> = shown.iter().map(|(key, _)| self.name(*key)).collect();
        let secret = self.is_secret_option(&names, &shown);
        for ((key, item), name) in shown.into_iter().zip(names) {
            let hint = match &name {
                Some(name) if secret && name != "opt" && name != "cli" => Hint::Secret,
                Some(name) => Hint::Name(name),
                None => Hint::None,
            };
            let key = self.value(key, Hint::None, around);
            value.items.push(Item { key: Some(key), value: self.value(item, hint, around) });
        }
        Some(())
    }

    /// Whether a mapping is what oslo.config keeps of an option that it calls secret.
    fn is_secret_option(&self, names: &[Option<String>], items: &[(Addr, Addr)]) -> bool {
        let opt = names.iter().position(|name| name.as_deref() == Some("opt"));
        let opt = opt.and_then(|at| items.get(at));
        opt.is_some_and(|(_, opt)| self.calls_itself_secret(*opt))
    }

    pub(super) fn cell(
        &self,
        object: Addr,
        value: &mut Value,
        around: &mut Vec<Addr>,
    ) -> Option<()> {
        match self.objects.pointer(object, self.objects.layout.pointers.cell) {
            Some(content) => {
                let content = self.value(content, Hint::None, around);
                value.items.push(Item { key: None, value: content });
            }
            None => value.shown = Some("<empty>".into()),
        }
        Some(())
    }

    /// What names a value: a `str` or `bytes`, or the last word of a tuple of them.
    fn name(&self, key: Addr) -> Option<String> {
        let kind = self.types.of(key)?;
        match kind.kind {
            Kind::Tuple => {
                let size = self.size(key, &kind)?;
                let last = self.pointers(key, &kind, size)?.pop()?;
                (self.types.of(last)?.kind == Kind::Str).then(|| self.raw_text(last))?
            }
            Kind::Str => self.raw_text(key),
            Kind::Bytes => {
                let (bytes, _) = self.raw_bytes(key, Kind::Bytes)?;
                Some(bytes.into_iter().map(char::from).collect())
            }
            _ => None,
        }
    }
}
