//! Configuration of the target: which files it reads, what is in them, and what must not be shown.
//!
//! Everything here is a pure function over text and paths: nothing opens a file, and nothing knows
//! a process. The promise of the layer: no parser fails (what it cannot read becomes a
//! [`ParseNote`] or a plain line), everything is bounded by a named cap, and every text that leaves
//! the crate has been through [`mask`](crate::mask).
//!
//! A file is masked as a whole ([`mask_config_text`](crate::mask::mask_config_text)) before it is parsed or recorded. So a
//! replay parses the same bytes as the live run did, and no parser ever holds a secret it does not
//! need.

pub mod dialect;
pub mod generic;
mod glob;
mod group;
pub mod include;
pub mod lookup;
pub mod named;
pub mod oslo;
pub mod servers;
pub mod settings;
pub mod sources;
pub mod unit;

pub use group::{COMMAND_LINE, ConfigGroup, ConfigOption, ConfigValue, ParseNote, Parsed};

/// Configuration files larger than this are read up to here only: 1 MiB. The sample file of nova,
/// the longest that OpenStack ships, has 0.4 MiB.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// Lines of one file that are parsed.
pub const MAX_LINES: usize = 50_000;
/// Options of one file that are kept.
pub const MAX_OPTIONS: usize = 10_000;
