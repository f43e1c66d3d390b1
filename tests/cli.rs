//! guru's command line: what it takes, what it prints where, and how it exits.

use crate::support::guru;

#[test]
fn the_binary_can_be_run() {
    assert!(guru(&["--version"]).status.success());
}
