//! What oslo.reports calls its parts: the one place that knows by which names its functions are
//! told in frames, in functions and among the modules that are loaded.
//!
//! Before it was a package of its own, programs had a copy of the module, each in a package of
//! theirs; so the package does not count.

use std::ops::Range;

/// The module that makes reports, and that of the class that all reports derive from.
pub const MODULE: &str = "oslo_reports.guru_meditation_report";

/// That module's own name, which its copies have, too.
const NAME: &str = "guru_meditation_report";

/// The function in it that makes a report, in every release.
const MAKING: &str = "handle_signal";

/// The function in it that watches a file (1.11 to 3.9).
const WATCHING: &str = "_handler";

/// How often it may look at the file, in seconds: what is no less than a year makes no sense.
pub const INTERVALS: Range<f64> = 0.0..31_536_000.0;

/// Whether a module of this name is that of the reports, or a copy of it.
pub fn is_module(name: &str) -> bool {
    name.rsplit('.').next() == Some(NAME)
}

/// The directory of the package that this file makes reports for, with the last slash; `None` if it
/// is not the file of the module.
pub fn package(file: &str) -> Option<&str> {
    let package = file.strip_suffix(".py")?.strip_suffix(NAME)?;
    (package.is_empty() || package.ends_with('/')).then_some(package)
}

/// Whether this function of this file makes a report.
pub fn is_making(function: &str, file: &str) -> bool {
    function == MAKING && package(file).is_some()
}

/// Whether this function of this file watches another file for a wish to report.
pub fn is_watching(function: &str, file: &str) -> bool {
    function == WATCHING && package(file).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_and_its_copies_are_known_and_others_are_not() {
        assert!(is_module(MODULE));
        assert!(is_module("nova.openstack.common.report.guru_meditation_report"));
        assert!(!is_module("mini.my_guru_meditation_report"));
        assert!(!is_module("guru_meditation_report.models"));
    }

    #[test]
    fn functions_are_known_by_their_file() {
        let file = "/usr/lib/python3/dist-packages/oslo_reports/guru_meditation_report.py";
        assert_eq!(package(file), Some("/usr/lib/python3/dist-packages/oslo_reports/"));
        assert_eq!(package("guru_meditation_report.py"), Some(""));
        assert_eq!(package("/srv/my_guru_meditation_report.py"), None);
        assert_eq!(package("/srv/oslo_reports/report.py"), None);
        assert!(is_making("handle_signal", file) && is_watching("_handler", file));
        assert!(!is_making("_handler", file) && !is_watching("handle_signal", file));
        assert!(!is_making("handle_signal", "/srv/nova/service.py"));
    }
}
