//! What the title of a Redis tells of its configuration: `redis-server 127.0.0.1:6379 [cluster]`.
//!
//! `server.c`, `redisProcTitleGetVariable`: the first address that it is bound to, and the port, that of
//! TLS if there is no other; without both its socket.

use super::arguments::Arguments;
use crate::config::include::Reader;

/// Whether the title of a server tells the address that the files which were read give it; `port` is
/// what they need not name.
pub(super) fn agrees(arguments: &Arguments<'_>, reader: &Reader<'_>, port: &str) -> bool {
    let set = |name: &str| reader.last(name).filter(|value| !value.is_empty());
    let is_set = |port: &&str| *port != "0";
    let of_tls = || set("tls-port").filter(is_set);
    let expected = match Some(set("port").unwrap_or(port)).filter(is_set).or_else(of_tls) {
        Some(port) => {
            let host = set("bind").and_then(|bind| bind.split_whitespace().next()).unwrap_or("*");
            format!("{}:{port}", without_dash(host))
        }
        None => format!("unixsocket:{}", set("unixsocket").unwrap_or_default()),
    };
    arguments.words().first().is_some_and(|told| without_dash(told) == expected)
}

/// An address that need not be there has a dash before it.
fn without_dash(address: &str) -> &str {
    address.strip_prefix('-').unwrap_or(address)
}
