//! Passwords in URLs: `scheme://user:password@host`, several per text, several hosts per URL.
//!
//! Real configuration files hold passwords that no URL may hold: with `@`, `/`, `?`, `,` or a space
//! in them. So what counts is the *last* `@` of a URL, and where it is not clear what is a password
//! and what a path, more is masked, not less. The user's name stays, unless it looks like a token.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::name::looks_random;

/// Schemes whose programs end the authority at the first `/`: what is `host:8080/` there is a port.
/// SQLAlchemy and oslo.messaging do not, so `mysql://user:12/34@host` has a password.
const RFC_SCHEMES: &[&str] = &[
    "http", "https", "ws", "wss", "ftp", "ftps", "git", "ssh", "git+ssh", "svn", "file", "docker",
];

static SCHEME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[A-Za-z][A-Za-z0-9+.\-]*:(?://|\\/\\/)").ok());

/// Adds the passwords of all URLs of a text.
pub(super) fn find(text: &str, spans: &mut Vec<Range<usize>>) {
    // JSON may write `http:\/\/`, also where it stands in another text.
    if !text.contains("://") && !text.contains(r":\/\/") {
        return;
    }
    let Some(scheme) = SCHEME.as_ref() else { return };
    let starts: Vec<Range<usize>> = scheme.find_iter(text).map(|found| found.range()).collect();
    if starts.is_empty() || !text.contains('@') {
        return;
    }
    let mut ends = Ends::new(text, &starts);
    let mut done = 0;
    for (index, start) in starts.iter().enumerate() {
        if start.end < done {
            continue;
        }
        let name = text.get(start.clone()).unwrap_or_default();
        let name = name.trim_end_matches([':', '/', '\\']);
        let end = ends.of(index, start);
        done = find_in_url(text, name, start.end, end, &mut ends.at, spans);
    }
}

/// Looks at one URL, whose text after `://` is `start..end`. Returns where it is done.
fn find_in_url(
    text: &str,
    scheme: &str,
    mut start: usize,
    end: usize,
    at: &mut Next,
    spans: &mut Vec<Range<usize>>,
) -> usize {
    loop {
        let rest = text.get(start..end).unwrap_or_default();
        let Some(mark) = rest.find([':', '/', '?', '#']) else {
            // Only `user@host`, if anything.
            return find_token_user(rest, start, spans);
        };
        let password = start + mark + 1;
        let is_path = !rest.get(mark..).is_some_and(|r| r.starts_with(':'));
        // `[::1]:8080` is a host.
        if is_path || rest.starts_with('[') || is_port(scheme, rest, mark + 1) {
            find_token_user(rest.get(..mark).unwrap_or_default(), start, spans);
            return start;
        }
        // A password with a space in it: the URL goes on to the end of the line.
        let end = if at.after(text, password) < end { end } else { line_end(text, end) };
        if at.after(text, password) >= end {
            return start;
        }
        let (last_at, next_host) = last_at(text, password, end);
        spans.push(password..last_at);
        let user = rest.get(..mark).unwrap_or_default();
        if looks_random(user) {
            spans.push(start..start + mark);
        }
        match next_host {
            Some(next) => start = next,
            None => return last_at + 1,
        }
    }
}

/// `token@host`: a name that looks like a token is one. Returns where it is done.
fn find_token_user(authority: &str, start: usize, spans: &mut Vec<Range<usize>>) -> usize {
    if let Some(user) = authority.find('@').and_then(|at| authority.get(..at))
        && looks_random(user)
    {
        spans.push(start..start + user.len());
    }
    start
}

/// Whether what follows the colon is a port.
fn is_port(scheme: &str, rest: &str, from: usize) -> bool {
    let after = rest.get(from..).unwrap_or_default();
    let tail = after.trim_start_matches(|c: char| c.is_ascii_digit());
    tail.is_empty()
        || is_query(tail)
        || (tail.starts_with(['/', '?', '#', ','])
            && RFC_SCHEMES.iter().any(|rfc| scheme.eq_ignore_ascii_case(rfc)))
}

/// `?name=…`: what follows is a query, in which an `@` means nothing.
fn is_query(text: &str) -> bool {
    text.strip_prefix('?').is_some_and(|query| {
        let name =
            query.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_.-".contains(c));
        name.len() < query.len() && name.starts_with('=')
    })
}

/// The `@` before the host: the last one, but not one in the query or of the next host of a list.
/// There is one in `password..end`. With it, where the next `user:password@host` begins.
fn last_at(text: &str, password: usize, end: usize) -> (usize, Option<usize>) {
    let mut found = None;
    for (offset, byte) in text.as_bytes().get(password..end).unwrap_or_default().iter().enumerate()
    {
        let here = password + offset;
        match byte {
            b'@' => found = Some(here),
            b'?' if found.is_some() && text.get(here..end).is_some_and(is_query) => break,
            b',' if is_user_and_password(text, here + 1, end) => {
                if let Some(found) = found {
                    return (found, Some(here + 1));
                }
            }
            _ => {}
        }
    }
    (found.unwrap_or(password), None)
}

/// How far a user's name is looked for behind a comma.
const MAX_USER_BYTES: usize = 256;

/// Whether `from` begins with `user:…@`, the `@` being before the next comma.
fn is_user_and_password(text: &str, from: usize, end: usize) -> bool {
    let rest = text.as_bytes().get(from..end).unwrap_or_default();
    let rest = rest.get(..MAX_USER_BYTES).unwrap_or(rest);
    let colon = rest.iter().position(|b| b":@/,?".contains(b));
    let Some(after) = colon.filter(|i| rest.get(*i) == Some(&b':')).and_then(|i| rest.get(i + 1..))
    else {
        return false;
    };
    after.iter().find(|b| b"@,".contains(b)) == Some(&b'@')
}

/// Where the line ends.
fn line_end(text: &str, from: usize) -> usize {
    text.get(from..).and_then(|rest| rest.find(['\n', '\r'])).map_or(text.len(), |at| from + at)
}

/// Where URLs end. Each question is answered from where the last answer was, so that a text full of
/// URLs is read once.
struct Ends<'a> {
    text: &'a str,
    /// The next `@`.
    at: Next,
    /// The next white space or `"`.
    space: Next,
    /// What closes what may stand before a URL.
    closers: [(u8, Next); 6],
    /// For each URL the next one of a list (`amqp://…;amqp://…`).
    listed: Vec<usize>,
}

impl<'a> Ends<'a> {
    fn new(text: &'a str, starts: &[Range<usize>]) -> Self {
        let mut listed = vec![text.len(); starts.len()];
        let mut next = text.len();
        for (slot, start) in listed.iter_mut().zip(starts).rev() {
            *slot = next;
            let before = text.as_bytes().get(..start.start).and_then(|b| b.last());
            if before.is_some_and(|b| b",;|".contains(b)) {
                next = start.start;
            }
        }
        let closers = [
            (b'\'', Next::new(|b| b == b'\'')),
            (b'`', Next::new(|b| b == b'`')),
            (b'<', Next::new(|b| b == b'>')),
            (b'(', Next::new(|b| b == b')')),
            (b'[', Next::new(|b| b == b']')),
            (b'{', Next::new(|b| b == b'}')),
        ];
        let space = Next::new(|b| b.is_ascii_whitespace() || b.is_ascii_control() || b == b'"');
        Self { text, at: Next::new(|b| b == b'@'), space, closers, listed }
    }

    /// The end of the URL whose scheme is at `start`.
    fn of(&mut self, index: usize, start: &Range<usize>) -> usize {
        let mut end = self.space.after(self.text, start.end);
        end = end.min(self.listed.get(index).copied().unwrap_or(end));
        let before = self.text.as_bytes().get(..start.start).and_then(|b| b.last());
        for (opener, closer) in &mut self.closers {
            if before == Some(opener) {
                end = end.min(closer.after(self.text, start.end));
            }
        }
        end
    }
}

/// The next byte of a kind, remembered.
struct Next {
    is: fn(u8) -> bool,
    searched_from: usize,
    found: Option<usize>,
}

impl Next {
    fn new(is: fn(u8) -> bool) -> Self {
        Self { is, searched_from: 0, found: None }
    }

    /// The first one at or after `from`, or the end of the text.
    fn after(&mut self, text: &str, from: usize) -> usize {
        match self.found {
            Some(found) if self.searched_from <= from && from <= found => found,
            _ => {
                let rest = text.as_bytes().get(from..).unwrap_or_default();
                let found =
                    rest.iter().position(|b| (self.is)(*b)).map_or(text.len(), |i| from + i);
                self.searched_from = from;
                self.found = Some(found);
                found
            }
        }
    }
}
