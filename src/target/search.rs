//! A search of the whole memory of a process for words: what is wanted, and what was found. It is
//! plain data; nothing here reads memory.

use serde::{Deserialize, Serialize};

use crate::addr::Addr;
use crate::target::Tid;
use crate::text::Text;

/// What is to be searched for in the whole memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchRequest {
    /// Pointers: every aligned word of memory that has one of these values is a finding. For
    /// objects, the addresses of their types.
    pub words: Vec<Addr>,
    /// A table that nothing leads to.
    pub tables: TableRequest,
    /// What the visitor wants to be told again in [`Search::marks`], to find what was made since.
    pub marks: Vec<Addr>,
}

/// A table to be searched for: an entry of zeros, then so many of two words: 0 or 1, and a pointer to
/// an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableRequest {
    /// Where it may lie: areas of memory with their lengths in bytes.
    pub areas: Vec<(Addr, u64)>,
    /// How many entries it has beside that of zeros.
    pub entries: usize,
}

/// Where something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Its address: that of the word, and once the visitor has looked at it, that of the object.
    pub addr: Addr,
    /// The thread that alone changes it, as far as that is known: while it is stopped, what is
    /// there stays.
    pub owner: Option<Tid>,
    /// What the visitor made of its state when it looked: where it is the same later, what it
    /// leads to is the same memory.
    pub state: u64,
}

/// An object that was found, and what holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldObject {
    /// The object.
    pub addr: Addr,
    /// What holds it, the most telling first.
    pub held_by: Vec<Text>,
}

/// What a search of the whole memory found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// Where the words were found, sorted. What was there may be gone by now.
    pub places: Vec<Place>,
    /// As what the visitor reads what lies there, once it has looked at all of it.
    pub layout: Option<Text>,
    /// Objects of another kind that the visitor found among them: those that hold the options of
    /// oslo.config.
    #[serde(default)]
    pub registries: Vec<HeldObject>,
    /// Objects that hold the settings of programs of other makes.
    #[serde(default)]
    pub settings: Vec<HeldObject>,
    /// Where tables may lie; once the visitor has looked at them, the one that is really there.
    #[serde(default)]
    pub tables: Vec<Addr>,
    /// [`SearchRequest::marks`].
    pub marks: Vec<Addr>,
    /// How much memory was searched, in bytes; 0 where nothing was searched for.
    pub bytes: u64,
    /// How long before the stop it began, in microseconds.
    pub age_us: u64,
    /// Why not everything was searched, if it was not.
    pub cut: Option<Text>,
}
