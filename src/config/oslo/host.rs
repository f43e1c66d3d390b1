//! Addresses, names of hosts and URIs, as `types.IPAddress`, `Hostname`, `HostAddress`, `HostDomain`
//! and `URI` of oslo.config check them: by the C library's `inet_pton`, and by rfc3986 (seen in 2.0)
//! with all its freedoms.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::convert::{Refused, Work};
use super::kind::Version;
use crate::data::Data;
use crate::text::Text;

/// The longest name of a host, in characters, and the longest of its parts.
const MAX_NAME: usize = 253;
const MAX_PART: usize = 63;

const NO_ADDRESS: Refused = Refused::Invalid("it is no IP address");
const NO_NAME: Refused = Refused::Invalid("it is no name of a host");
const NO_HOST: Refused = Refused::Invalid("it is no address and no name of a host");
const NO_URI: Refused = Refused::Invalid("it is no URI with a scheme and a host");

/// `IPAddress`.
pub fn address(value: Text, version: Option<Version>) -> Result<Data, Refused> {
    let is_one = match version {
        Some(Version::V4) => is_v4(value.raw()),
        Some(Version::V6) => is_v6(value.raw()),
        None => is_v4(value.raw()) || is_v6(value.raw()),
    };
    if is_one { Ok(Data::Text(value)) } else { Err(NO_ADDRESS) }
}

fn is_v4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

fn is_v6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

/// `Hostname`. A dot at the end is taken off.
pub fn name(value: Data) -> Result<Data, Refused> {
    named(value, false).ok_or(NO_NAME)
}

/// `HostAddress`, and `HostDomain`, which allows underscores in names.
pub fn host(value: Data, version: Option<Version>, underscores: bool) -> Result<Data, Refused> {
    if let Data::Text(text) = &value
        && let Ok(address) = address(text.clone(), version)
    {
        return Ok(address);
    }
    named(value, underscores).ok_or(NO_HOST)
}

fn named(value: Data, underscores: bool) -> Option<Data> {
    // Python asks for its length: a number has none.
    let Data::Text(text) = value else { return None };
    let name = text.raw();
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return None;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_named = last.contains(|c: char| c.is_ascii_alphabetic() || c == '-');
    let are_parts = name.split('.').all(|part| is_part(part, underscores));
    (is_named && are_parts).then(|| Data::text(name))
}

/// `(?!-)[A-Z0-9-]{1,63}(?<!-)$` without regard to case.
fn is_part(part: &str, underscores: bool) -> bool {
    // Python's `$` allows a line feed behind.
    let part = part.strip_suffix('\n').unwrap_or(part);
    let is_inside = |c: char| {
        c.is_ascii_alphanumeric()
            || c == '-'
            || c == '_' && underscores
            // Four letters beside those of ASCII are one of `A` to `Z` in another case.
            || matches!(c, 'İ' | 'ı' | 'ſ' | '\u{212a}')
    };
    (1..=MAX_PART).contains(&part.chars().count())
        && part.chars().all(is_inside)
        && !part.starts_with('-')
        && !part.ends_with('-')
}

/// `URI`, but for its length: scheme and host must be there, host and path be good.
pub fn uri(value: Text, schemes: &[Text], work: &Work<'_>) -> Result<Data, Refused> {
    let size: usize = schemes.iter().map(|scheme| scheme.raw().len() + 1).sum();
    work.take(size + value.raw().len())?;
    let is_one = || {
        let (scheme, rest) = value.raw().split_once(':')?;
        let mut letters = scheme.chars();
        let is_scheme = letters.next()?.is_ascii_alphabetic()
            && letters.all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c));
        let rest = rest.strip_prefix("//").filter(|_| is_scheme)?;
        let end = rest.find(['\\', '/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        // Everything else that must not stand in a path is replaced before it is checked.
        let is_good = is_authority(authority) && !path.contains(['[', ']']);
        is_good.then_some(scheme)
    };
    let scheme = is_one().ok_or(NO_URI)?;
    let is_allowed = |allowed: &Text| allowed.raw().to_lowercase() == scheme;
    if !schemes.is_empty() && !schemes.iter().any(is_allowed) {
        return Err(Refused::Invalid("its scheme is none of its choices"));
    }
    Ok(Data::Text(value))
}

/// `user:password@host:port`. The host may be empty, but not all of it.
fn is_authority(authority: &str) -> bool {
    if authority.is_empty() {
        return false;
    }
    let authority = authority.strip_suffix('\n').unwrap_or(authority);
    let (user, rest) = match authority.split_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, authority),
    };
    let is_user = user.is_none_or(|user| !user.is_empty() && are(user, ":"));
    let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((inner, port)) => is_literal(inner) && is_port(port.strip_prefix(':').unwrap_or(port)),
        None => {
            let (host, port) = rest.split_once(':').unwrap_or((rest, ""));
            are(host, "") && is_port(port) && octets(host).is_none_or(|octets| octets <= 255)
        }
    };
    is_user && is_host
}

/// Whether a text has these signs only, beside those that are never reserved, and escaped ones.
fn are(text: &str, more: &str) -> bool {
    let mut parts = text.split('%');
    let is_inside =
        |c: char| c.is_ascii_alphanumeric() || "._~-!$&'()*+,;=".contains(c) || more.contains(c);
    let first = parts.next().unwrap_or_default();
    first.chars().all(is_inside)
        && parts.all(|part| {
            let digits = part.bytes().take(2).filter(u8::is_ascii_hexdigit).count();
            digits == 2 && part.chars().all(is_inside)
        })
}

/// The greatest of the four numbers of what is written like an address of version 4.
fn octets(text: &str) -> Option<u16> {
    let mut count = 0;
    let mut greatest = 0;
    for part in text.split('.') {
        let is_number = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        greatest = greatest.max(part.parse().ok().filter(|_| is_number)?);
        count += 1;
    }
    (count == 4).then_some(greatest)
}

/// What stands in brackets: an address of version 6, with a zone behind `%25`, or of a later one.
fn is_literal(inner: &str) -> bool {
    if let Some((version, rest)) = inner.strip_prefix('v').and_then(|rest| rest.split_once('.')) {
        let is_version = !version.is_empty() && version.bytes().all(|b| b.is_ascii_hexdigit());
        return is_version && !rest.is_empty() && !rest.contains('%') && are(rest, ":");
    }
    let (address, zone) = match inner.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (inner, None),
    };
    // The numbers of a part in version 4 are not compared with anything.
    let is_address = match address.rsplit_once(':') {
        Some((start, end)) if octets(end).is_some() => is_v6(&format!("{start}:0.0.0.0")),
        _ => is_v6(address),
    };
    let is_zone = |zone: &str| {
        let zone = zone.strip_prefix("25").unwrap_or_default();
        !zone.is_empty() && are(zone, "") && !zone.contains(|c| "!$&'()*+,;=".contains(c))
    };
    is_address && zone.is_none_or(is_zone)
}
