//! Which of the known names somebody may have meant.

/// Names that are longer are compared with nothing: none of oslo.config's is.
const MAX_NAME: usize = 64;

/// How many of the known names a name is compared with.
const MAX_KNOWN: usize = 1000;

/// The one of the known names that differs least, if it does by a slip or two only.
pub fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(MAX_NAME + 1).collect();
    if name.len() > MAX_NAME {
        return None;
    }
    let allowed = match name.len() {
        ..=2 => return None,
        3..=5 => 1,
        _ => 2,
    };
    let candidates = known.take(MAX_KNOWN).filter_map(|known| {
        let slips = slips(&name, known, allowed)?;
        (slips > 0).then_some((slips, known))
    });
    candidates.min().map(|(_, known)| known)
}

/// How many characters were left out, added, changed or swapped with their neighbour; `None` if
/// more than allowed.
fn slips(name: &[char], known: &str, allowed: usize) -> Option<usize> {
    let known: Vec<char> = known.chars().take(MAX_NAME + 1).collect();
    if known.len().abs_diff(name.len()) > allowed {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=known.len()).collect();
    for (row, c) in name.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, k) in known.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(MAX_NAME);
            let changed = at(&above, column) + usize::from(c != k);
            let mut least = changed.min(at(&above, column + 1) + 1).min(at(&line, column) + 1);
            let previous =
                |of: &[char], index: usize| index.checked_sub(1).and_then(|i| of.get(i).copied());
            if previous(name, row) == Some(*k) && previous(&known, column) == Some(*c) {
                least = least.min(at(&before, column - 1) + 1);
            }
            line.push(least);
        }
        if line.iter().min().is_none_or(|least| *least > allowed) {
            return None;
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().filter(|slips| *slips <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_leads_to_the_name_that_was_meant() {
        let known = ["workers", "worker_timeout", "port", "host", "conection_debug", "connection"];
        for (name, expected) in [
            ("worker", Some("workers")),
            ("wrokers", Some("workers")),
            ("WORKERS", None),
            ("prot", Some("port")),
            ("post", Some("host")),
            ("conection", Some("connection")),
            ("connection", None),
            ("connecting", Some("connection")),
            ("ho", None),
            ("nothing_like_it", None),
            ("", None),
        ] {
            assert_eq!(meant(name, known.into_iter()), expected, "{name}");
        }
    }

    #[test]
    fn very_long_names_are_not_compared() {
        let long = "x".repeat(100_000);
        assert_eq!(meant(&long, ["x"].into_iter()), None);
        assert_eq!(meant("xxxx", [long.as_str()].into_iter()), None);
    }
}
