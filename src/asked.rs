//! What the user asked for beyond stacks: it decides what is recorded.

use serde::{Deserialize, Serialize};

/// What the user asked for beyond stacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The local variables of every frame.
    pub locals: bool,
    /// Objects, by path from a module: `oslo_config.cfg.CONF.host`.
    pub objects: Vec<String>,
}
