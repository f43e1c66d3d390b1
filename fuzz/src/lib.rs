//! The parsers of what a process controls, as coverage-guided fuzzing calls them: those that the tests feed
//! with mutated inputs.

#[path = "../../tests/mutants/files.rs"]
mod files;
#[path = "../../tests/mutants/parsers.rs"]
pub mod parsers;

/// Names of configuration files, one of each form; that of the last one tells nothing.
pub const CONFIGURATIONS: [&str; 13] = [
    "a.ini",
    "a.properties",
    "a.json",
    "nginx.conf",
    "a.hcl",
    "redis.conf",
    "postgresql.conf",
    "apache2.conf",
    "a.yaml",
    "a.toml",
    "fstab",
    "advanced.config",
    "",
];
