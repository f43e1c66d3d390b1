//! The file that a process is to watch for a wish to report, by its configuration: `[oslo_reports]
//! file_event_handler`, with the options beside it. Whether anybody watches it is another matter.

use crate::analysis::Analysis;
use crate::config::oslo::registry::{Registry, variable};
use crate::config::oslo::resolve::{Given, resolve};
use crate::data::Data;
use crate::runtime::python::oslo_reports;
use crate::runtime::{OwnReport, ReportWatcher};
use crate::section;
use crate::text::Text;

/// The group of the options.
const GROUP: &str = "oslo_reports";

/// By the first object of oslo.config in its memory that names a file.
pub fn by_objects(analysis: &Analysis<'_>) -> Option<ReportWatcher> {
    let target = &analysis.evidence.snapshot.target;
    let environment = |name: &str| target.variable(name).map(str::to_owned);
    analysis.registries.iter().find_map(|registry| by_object(registry, &environment))
}

fn by_object(
    registry: &Registry,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Option<ReportWatcher> {
    let is_group = |key: &Option<Text>| key.as_ref().is_some_and(|key| key.raw() == GROUP);
    // Most have no such group, and need not be resolved.
    registry.groups.iter().find(|group| is_group(&group.key))?;
    let groups = resolve(registry, &Given::of_process(registry, environment));
    let group = groups.into_iter().find(|group| is_group(&group.key))?;
    watcher(|name| {
        let option = group.options.iter().find(|option| option.dest.raw() == name)?;
        Some(option.value.clone())
    })
}

/// By the environment of its start and by its files as they are now, for a process whose memory was
/// not read.
pub fn by_files(analysis: &Analysis<'_>) -> Option<ReportWatcher> {
    let target = &analysis.evidence.snapshot.target;
    let parsed = section::oslo_files(analysis)?;
    let group = parsed.groups.iter().find(|group| group.name == GROUP);
    watcher(|name| {
        if let Some(value) = target.variable(&variable(GROUP, name)) {
            return Some(Data::text(value));
        }
        let option = group?.options.iter().find(|option| option.name == name)?;
        // What refers to other options is not known without their defaults.
        let value = option.effective().filter(|value| !value.text.contains('$'))?;
        Some(Data::text(value.text.as_str()))
    })
}

fn watcher(option: impl Fn(&str) -> Option<Data>) -> Option<ReportWatcher> {
    let text = |name| match option(name)? {
        Data::Text(text) if !text.raw().is_empty() => Some(text),
        _ => None,
    };
    let interval = match option("file_event_handler_interval") {
        Some(Data::Int(seconds)) => Some(seconds as f64),
        Some(Data::Float(seconds)) => Some(seconds),
        Some(Data::Text(seconds)) => seconds.raw().trim().parse().ok(),
        _ => None,
    };
    let interval = interval.filter(|interval| oslo_reports::INTERVALS.contains(interval));
    let report = OwnReport { log_dir: text("log_dir"), ..OwnReport::default() };
    let file = text("file_event_handler")?;
    Some(ReportWatcher { file, interval, thread: None, green: false, report })
}
