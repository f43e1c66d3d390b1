//! How far a report has come that has begun.

use super::line::Place;
use crate::gmr::heading;

/// A report that has begun.
#[derive(Debug)]
pub(super) struct Inside {
    /// Where it begins.
    pub begin: usize,
    /// Whether it has no header: that is so with the views for machines.
    pub bare: bool,
    /// In which section the last line lies.
    pub place: Place,
    /// Which of the standard sections were seen.
    pub seen: [bool; 5],
    /// Where the text of the section Configuration begins.
    pub configuration: usize,
    /// Where a line begins that is certainly another's.
    pub other: Option<usize>,
    /// The same, before the last heading.
    pub other_before: Option<usize>,
    /// How many further writes there were.
    pub writes: usize,
}

impl Inside {
    /// One that begins there.
    pub(super) fn new(begin: usize, bare: bool) -> Inside {
        Inside {
            begin,
            bare,
            place: Place::Elsewhere,
            seen: [false; 5],
            configuration: 0,
            other: None,
            other_before: None,
            writes: 0,
        }
    }

    /// A section begins, whose text begins there.
    pub(super) fn enter(&mut self, title: &[u8], text: usize) {
        self.other_before = self.other.take();
        self.place = Place::Elsewhere;
        let nth = heading::STANDARD.iter().position(|name| name.as_bytes() == title);
        let Some(seen) = nth.and_then(|nth| self.seen.get_mut(nth)) else { return };
        if !std::mem::replace(seen, true) && title == b"Configuration" {
            self.place = Place::Configuration;
            self.configuration = text;
        }
    }
}
