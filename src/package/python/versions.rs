//! Versions as Python compares them (PEP 440), as far as to tell two of them apart.

/// Whether two texts are the same version: `2023.07.22` and `2023.7.22`, `1.0` and `1.0.0`,
/// `1.0-rc1` and `1.0rc1`. A local part (`+cu118`) counts only where both have one.
pub fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    let (public_a, local_a) = a.split_once('+').map_or((a, None), |(v, l)| (v, Some(l)));
    let (public_b, local_b) = b.split_once('+').map_or((b, None), |(v, l)| (v, Some(l)));
    let local = match (local_a, local_b) {
        (Some(a), Some(b)) => parts(a) == parts(b),
        _ => true,
    };
    local && parts(public_a) == parts(public_b)
}

/// Numbers without their zeros and words in their short forms.
fn parts(version: &str) -> Vec<String> {
    let lower = version.to_ascii_lowercase();
    let mut parts: Vec<String> = Vec::new();
    let mut before = None;
    // How a character goes on with the one before it.
    let kind = |c: char| match c {
        '0'..='9' => Some(true),
        c if c.is_alphanumeric() => Some(false),
        _ => None,
    };
    for c in lower.strip_prefix('v').unwrap_or(&lower).chars() {
        let now = kind(c);
        match (now, parts.last_mut()) {
            (None, _) => {}
            (Some(_), Some(last)) if now == before => last.push(c),
            (Some(_), _) => parts.push(c.to_string()),
        }
        before = now;
    }
    let mut parts: Vec<String> = parts
        .into_iter()
        .map(|part| match part.as_str() {
            "alpha" => "a".to_owned(),
            "beta" => "b".to_owned(),
            "c" | "pre" | "preview" => "rc".to_owned(),
            "r" | "rev" => "post".to_owned(),
            number if number.bytes().all(|byte| byte == b'0') => "0".to_owned(),
            part => part.trim_start_matches('0').to_owned(),
        })
        .collect();
    // The zeros at the end of the release, which stands before the first word.
    let release = parts.iter().position(|part| !part.starts_with(|c: char| c.is_ascii_digit()));
    let release = release.unwrap_or(parts.len());
    let kept = parts.iter().take(release).rposition(|part| part != "0").map_or(0, |last| last + 1);
    parts.drain(kept..release);
    parts
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn versions_are_told_apart_as_python_does() {
        let one = [
            ("2023.07.22", "2023.7.22"),
            ("1.0", "1.0.0"),
            ("1.0-rc1", "1.0rc1"),
            ("1.0.0.dev3", "1.0dev3"),
            ("v2", "2"),
            ("2.1+cu118", "2.1"),
            ("1.0alpha1", "1.0a1"),
        ];
        for (a, b) in one {
            assert!(same(a, b), "{a} {b}");
        }
        let two = [("2.31.0", "2.32.0"), ("1.0", "1.0rc1"), ("1", "10"), ("1.0+a", "1.0+b")];
        for (a, b) in two {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_the_same_version_as_itself(version: String) {
            assert!(same(&version, &version));
        }
    }
}
