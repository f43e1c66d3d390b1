//! Values of variables and objects, as the report shows them.
//!
//! A value is plain data with bounds: whoever makes one cuts it, masks secrets in it, and marks
//! both.

use serde::{Deserialize, Serialize};

use crate::addr::Addr;
use crate::text::Text;

/// A variable with its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Local {
    /// Its name.
    pub name: Text,
    /// Its value.
    pub value: Value,
}

/// An object of the process, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// Its type: `int`, `oslo_config.cfg.ConfigOpts`. Empty where it could not be read.
    pub type_name: Text,
    /// Where it lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Addr>,
    /// How the language writes it, if it has no parts: `'abc'`, `-42`, `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Text>,
    /// How many items a container really has; of a text that is cut, how many characters or
    /// bytes. What has parts and no size has attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its parts, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// What is odd about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The key of an item of a mapping, or the name of an attribute (as a `str`); absent in a
    /// sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// The value.
    pub value: Value,
}

/// What is odd about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It is one of those that it is a part of.
    Cycle,
    /// It goes on: a limit was reached.
    Cut,
    /// A secret was replaced by `***`.
    Masked,
    /// It could not be read, or is no object.
    Unreadable,
}
