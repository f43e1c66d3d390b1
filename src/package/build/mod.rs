//! What a program's build left in it: the modules of a Go program, the crates of a Rust program.

pub mod go;
mod rust;

use super::Fields;
use crate::module::Image;
use crate::text::Text;

/// What a build left in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Build {
    /// Of Go.
    Go(go::BuildInfo),
    /// Of Rust, by cargo-auditable.
    Rust(rust::Crates),
}

impl Build {
    /// What the build of this program left in it, if anything.
    pub fn of(image: &Image<'_>) -> Option<Build> {
        go::of_image(image).map(Build::Go).or_else(|| rust::of_image(image).map(Build::Rust))
    }

    /// The program's own version, where it has one.
    pub fn version(&self) -> Option<Text> {
        match self {
            Build::Go(info) => info.module.as_ref()?.version.clone(),
            Build::Rust(crates) => crates.root.as_ref().map(|(_, version)| version.clone()),
        }
    }

    /// What there is to show of it.
    pub(super) fn show(self, fields: &mut Fields) {
        match self {
            Build::Go(info) => info.show(fields),
            Build::Rust(crates) => crates.show(fields),
        }
    }
}
