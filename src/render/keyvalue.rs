//! The view of keys and values that oslo.reports 3.9.0 gives its configuration
//! (`oslo_reports/views/text/generic.py`: `KeyValueView`, and how `models/conf.py` sets it up).

use super::layout::OPTION_INDENT;
use super::name::{name, quoted};
use super::page::{Line, Page};
use super::sanitize::lines;
use crate::data::Data;
use crate::repr;

/// Values inside values that are written. The reader of objects stops earlier.
const MAX_DEPTH: usize = 16;

/// How the values are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As a Guru Meditation Report does: everything sorted by its text, and an empty line before
    /// a mapping.
    Sorted,
    /// As the process has it; what is empty shows what it is.
    Kept,
}

/// An option of a group. `remark` follows on its first line.
pub fn option(page: &mut Page, order: Order, name: &str, value: &Data, remark: &str) {
    let writer = &mut Writer { page, order };
    writer.push(Some(name), value, remark, 1);
}

struct Writer<'a> {
    page: &'a mut Page,
    order: Order,
}

impl Writer<'_> {
    fn push(&mut self, key: Option<&str>, value: &Data, remark: &str, level: usize) {
        match value {
            Data::List(_) | Data::Map(_) if level > MAX_DEPTH => {
                self.leaf(key, "…", remark, level);
            }
            Data::List(items) if self.order == Order::Kept && items.is_empty() => {
                self.leaf(key, "[]", remark, level);
            }
            Data::Map(items) if self.order == Order::Kept && items.is_empty() => {
                self.leaf(key, "{}", remark, level);
            }
            Data::List(items) => {
                if let Some(key) = key {
                    self.line(level, &format!("{} = {remark}", name(key)));
                }
                let mut items: Vec<&Data> = items.iter().collect();
                if self.order == Order::Sorted {
                    items.sort_by_cached_key(|item| repr::str(item));
                }
                for item in items {
                    self.push(None, item, "", level + 1);
                }
            }
            Data::Map(items) => {
                match key {
                    Some(key) => {
                        if self.order == Order::Sorted {
                            self.page.blank();
                        }
                        self.line(level, &format!("{}: {remark}", name(key)));
                    }
                    None => self.line(level, "[dict]"),
                }
                let mut items: Vec<_> = items.iter().collect();
                if self.order == Order::Sorted {
                    items.sort_by(|(a, _), (b, _)| a.cmp(b));
                }
                for (key, value) in items {
                    self.push(Some(key.raw()), value, "", level + 1);
                }
            }
            leaf => self.leaf(key, &repr::str(leaf), remark, level),
        }
    }

    /// One value: behind its name, or, if it has several lines, below it.
    fn leaf(&mut self, key: Option<&str>, value: &str, remark: &str, level: usize) {
        match (lines(value).as_slice(), key) {
            // Behind a value stands what guru knows of it.
            ([_], Some(key)) if self.order == Order::Kept && value.contains("  (") => {
                self.line(level, &format!("{} = {}{remark}", name(key), quoted(value)));
            }
            ([single], Some(key)) => {
                self.line(level, &format!("{} = {single}{remark}", name(key)));
            }
            ([single], None) => self.line(level, single),
            (several, key) => {
                if let Some(key) = key {
                    self.line(level, &format!("{}: {remark}", name(key)));
                }
                several.iter().for_each(|line| self.line(level + 1, line));
            }
        }
    }

    fn line(&mut self, level: usize, text: &str) {
        self.page.push(Line::below(level * OPTION_INDENT, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(order: Order, value: &Data) -> String {
        let mut page = Page::default();
        option(&mut page, order, "x", value, "");
        page.as_str().to_owned()
    }

    fn texts(items: &[&str]) -> Data {
        Data::List(items.iter().copied().map(Data::text).collect())
    }

    fn map(items: Vec<(&str, Data)>) -> Data {
        Data::Map(items.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Compared with `ConfigModel` of oslo.reports 3.9.0.
    #[test]
    fn values_are_laid_out_as_oslo_reports_lays_them_out() {
        let ints = |items: &[i64]| Data::List(items.iter().copied().map(Data::Int).collect());
        for (value, expected) in [
            (Data::None, "  x = None\n"),
            (Data::text(""), "  x = \n"),
            (texts(&[]), "  x = \n"),
            (ints(&[10, 9, -1]), "  x = \n    -1\n    10\n    9\n"),
            (texts(&["b", "a\nc"]), "  x = \n      a\n      c\n    b\n"),
            (Data::text("a\nb"), "  x: \n    a\n    b\n"),
            (map(vec![]), "\n  x: \n"),
            (
                map(vec![("b", Data::Float(1.0)), ("a", texts(&["z", "y"]))]),
                "\n  x: \n    a = \n      y\n      z\n    b = 1.0\n",
            ),
            (
                map(vec![("a", map(vec![("b", Data::text("c"))]))]),
                "\n  x: \n\n    a: \n      b = c\n",
            ),
            (
                Data::List(vec![map(vec![("y", Data::Int(2)), ("x", Data::text("1"))])]),
                "  x = \n    [dict]\n      x = 1\n      y = 2\n",
            ),
            (
                Data::List(vec![ints(&[3, 2]), texts(&[]), ints(&[1])]),
                "  x = \n      1\n      2\n      3\n",
            ),
        ] {
            assert_eq!(shown(Order::Sorted, &value), expected);
        }
    }

    #[test]
    fn for_eyes_the_order_is_kept_and_what_is_empty_is_told() {
        assert_eq!(shown(Order::Kept, &texts(&["b", "a"])), "  x = \n    b\n    a\n");
        assert_eq!(shown(Order::Kept, &texts(&[])), "  x = []\n");
        assert_eq!(shown(Order::Kept, &map(vec![])), "  x = {}\n");
        let pairs = map(vec![("b", Data::Int(1)), ("a", Data::Int(2))]);
        assert_eq!(shown(Order::Kept, &pairs), "  x: \n    b = 1\n    a = 2\n");
    }

    #[test]
    fn no_value_ends_in_a_remark_and_no_name_is_a_line() {
        let forged = Data::text("x    (default)");
        assert_eq!(shown(Order::Kept, &forged), "  x = \"x    (default)\"\n");
        assert_eq!(shown(Order::Sorted, &forged), "  x = x    (default)\n");
        let mut page = Page::default();
        option(&mut page, Order::Kept, "(3 more at their default)", &Data::Int(1), "");
        assert_eq!(page.as_str(), "  \"(3 more at their default)\" = 1\n");
    }

    #[test]
    fn what_is_too_deep_is_cut() {
        let mut value = Data::Int(1);
        for _ in 0..100_000 {
            value = Data::List(vec![value]);
        }
        assert!(shown(Order::Sorted, &value).ends_with("…\n"));
        std::mem::forget(value);
    }
}
