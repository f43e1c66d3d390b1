//! RabbitMQ: a program of Erlang's, which its command line tells.
//!
//! rabbitmq.com/docs/configure, "Config File Locations", and relocate.

use super::Process;
use super::arguments::Arguments;
use crate::config::dialect::{ENVIRONMENT_FILE, PLAIN, RABBITMQ};
use crate::config::glob;
use crate::config::include::{Reader, Tree};
use crate::config::lookup::Lookup;
use crate::path::{absolute, base_name};

/// Whether a process is RabbitMQ: `beam.smp … -s rabbit boot`, or with its directory on Erlang's path.
pub(super) fn is(process: &Process<'_>, arguments: &Arguments<'_>) -> bool {
    let is_erlang = process.names.iter().any(|name| base_name(name).starts_with("beam"));
    let of_rabbit = |word: &&str| word.contains("/rabbitmq_server-");
    is_erlang && (arguments.have(&["-s", "rabbit"]) || arguments.words().iter().any(of_rabbit))
}

/// Its configurations: the settings, the terms of Erlang beside them, the environment of its scripts.
pub(super) fn configurations(process: &Process<'_>, lookup: &dyn Lookup) -> Vec<Tree> {
    let named = |variable: &str, ending: &str| {
        let path = absolute(process.variable(variable)?, process.directory, None);
        // The ending may be left out.
        let whole = format!("{path}{ending}");
        let path = if !path.ends_with(ending) && lookup.exists(&whole) { whole } else { path };
        Some((path, format!("named by {variable}")))
    };
    let or_default = |named: Option<(String, String)>, default: &str| {
        named.or_else(|| {
            let why = "a default of this server".to_owned();
            lookup.exists(default).then(|| (default.to_owned(), why))
        })
    };
    let mut settings: Vec<(String, String)> =
        or_default(named("RABBITMQ_CONFIG_FILE", ".conf"), "/etc/rabbitmq/rabbitmq.conf")
            .into_iter()
            .collect();
    let (more, why) = match process.variable("RABBITMQ_CONFIG_FILES") {
        Some(more) => (more, "named by RABBITMQ_CONFIG_FILES"),
        None => ("/etc/rabbitmq/conf.d", "in a default directory of this server"),
    };
    let pattern = absolute(more, process.directory, None);
    let pattern = if glob::is_pattern(&pattern) { pattern } else { format!("{pattern}/*.conf") };
    let found = glob::expand(&pattern, lookup).unwrap_or_default();
    settings.extend(found.into_iter().map(|path| (path, why.to_owned())));

    let advanced = or_default(
        named("RABBITMQ_ADVANCED_CONFIG_FILE", ".config"),
        "/etc/rabbitmq/advanced.config",
    );
    let environment =
        or_default(named("RABBITMQ_CONF_ENV_FILE", ""), "/etc/rabbitmq/rabbitmq-env.conf");
    let trees = [
        (&RABBITMQ, settings),
        (&PLAIN, advanced.into_iter().collect()),
        (&ENVIRONMENT_FILE, environment.into_iter().collect()),
    ];
    let read = trees.into_iter().filter(|(_, files)| !files.is_empty()).map(|(dialect, files)| {
        let mut reader = Reader::new(dialect, process.directory, lookup);
        files.into_iter().for_each(|(path, why)| reader.read(path, why));
        reader.finish()
    });
    read.collect()
}
