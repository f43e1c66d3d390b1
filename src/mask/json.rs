//! Masks JSON text in place: every byte that is not a secret stays, so lines stay lines.
//!
//! The text must be valid JSON (`serde_json` has said so); nothing is parsed into values here.

use super::argv::Masker;
use super::group::Group;
use super::{MASK, mask_text, name};

/// Masks the scalars under secret names, and whatever a string's text shows to be secret.
pub(super) fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // For each open object or array the name its scalars have, and what the names of all that it
    // stands in say of them.
    let mut names: Vec<(String, Option<Group>)> = Vec::new();
    let mut name = String::new();
    // The strings of each may be the words of a command line.
    let mut commands: Vec<Masker> = Vec::new();
    // What `"name": "DB_PASSWORD"` says of the `"value": …` beside it; and how deep that stands.
    let mut named: Option<(usize, String)> = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let token = token_length(rest);
        let (token, after) = rest.split_at_checked(token).unwrap_or((rest, ""));
        match first {
            '{' | '[' => {
                let around = group(&names).filter(|group| group.covers_items());
                names.push((name.clone(), around.or_else(|| Group::of(&name))));
                commands.push(Masker::default());
            }
            '}' | ']' => {
                name = names.pop().unwrap_or_default().0;
                commands.pop();
            }
            ',' => name = names.last().cloned().unwrap_or_default().0,
            _ => {}
        }
        if first == '"' && after.trim_start().starts_with(':') {
            name = end_of_name(serde_json::from_str(token).unwrap_or_default());
            if name == "value"
                && let Some((_, of)) = named.take_if(|(depth, _)| *depth == names.len())
            {
                name = of;
            }
            // A member is no next word.
            if let Some(command) = commands.last_mut() {
                command.expect_nothing();
            }
            out.push_str(token);
        } else if first == '"' || first == '-' || first.is_ascii_alphanumeric() {
            if first == '"' && matches!(name.as_str(), "name" | "key") {
                let value = end_of_name(serde_json::from_str(token).unwrap_or_default());
                named = Some((names.len(), value));
            }
            out.push_str(&mask_scalar(&name, group(&names), token, commands.last_mut()));
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out
}

/// How much of a name is kept, in bytes: once for every list that is open, and it is judged once for
/// every scalar.
const MAX_NAME: usize = 128;

/// The end of a long name, which decides.
fn end_of_name(name: String) -> String {
    let from = name.len().saturating_sub(MAX_NAME);
    let from = (from..name.len()).find(|at| name.is_char_boundary(*at)).unwrap_or(from);
    name.get(from..).unwrap_or_default().to_owned()
}

/// Length of the string, number, word or single character that a text begins with.
fn token_length(text: &str) -> usize {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    match text.chars().next() {
        Some('"') => {
            let mut backslash = false;
            for (index, byte) in text.bytes().enumerate().skip(1) {
                if byte == b'"' && !backslash {
                    return index + 1;
                }
                backslash = byte == b'\\' && !backslash;
            }
            text.len()
        }
        Some(c) if is_word(c) => text.find(|c| !is_word(c)).unwrap_or(text.len()),
        Some(c) => c.len_utf8(),
        None => 0,
    }
}

/// What the innermost object says of its values.
fn group(names: &[(String, Option<Group>)]) -> Option<Group> {
    names.last().and_then(|(_, group)| *group)
}

/// A scalar as it stands in the text. What is masked becomes a string, so that it stays JSON.
fn mask_scalar(
    name: &str,
    group: Option<Group>,
    token: &str,
    command: Option<&mut Masker>,
) -> String {
    let value: String = serde_json::from_str(token).unwrap_or_else(|_| token.to_owned());
    let word = command.and_then(|command| command.word_of_text(&value));
    if name::names_a_secret(name, &value) || group.is_some_and(|group| group.hides(name, &value)) {
        return format!("\"{MASK}\"");
    }
    let masked = mask_text(word.as_deref().unwrap_or(&value));
    if masked == value {
        return token.to_owned();
    }
    serde_json::to_string(&masked).unwrap_or_else(|_| format!("\"{MASK}\""))
}
