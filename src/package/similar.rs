//! Which names are worth trying first: nginx is likely in the package nginx.
//!
//! It orders a search and decides nothing.

/// How unlike two names are: 0 for equal, 3 for nothing in common.
pub fn distance(a: &str, b: &str) -> u8 {
    let (a, b) = (normal(a), normal(b));
    let first_word = |name: &str| name.split('-').next().unwrap_or_default().to_owned();
    if a == b {
        0
    } else if a.starts_with(&b) || b.starts_with(&a) {
        1
    } else if first_word(&a) == first_word(&b) {
        2
    } else {
        3
    }
}

/// As Python compares names of distributions: case and the kind of the separator do not count.
fn normal(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_by_what_they_share() {
        let distances = ["oslo_db", "oslo.db-tool", "oslo.config", "nova"]
            .map(|name| distance("oslo.db", name));
        assert_eq!(distances, [0, 1, 2, 3]);
    }
}
