//! guru: a Guru Meditation Report of any running Linux process, assembled from outside.
//!
//! One short, harmless look at a process, and then work on what was seen:
//!
//! ```text
//! target ──(rehearse · hold · record · let go)──> evidence ──(unwind · walk · resolve)──> report ──> renderer
//! ```
//!
//! Everything left of [`evidence`] touches the world; everything right of it is a pure function
//! of the evidence.
//!
//! A program that embeds guru calls [`inspect::inspect`], [`assemble::report`] and a
//! [`render::Renderer`]; [`section`] shows how, with a section of its own.

pub mod addr;
pub mod analysis;
pub mod arch;
pub mod asked;
pub mod assemble;
pub mod config;
pub mod data;
pub mod error;
pub mod evidence;
pub mod formats;
pub mod gmr;
pub mod inspect;
pub mod mask;
pub mod merge;
pub mod module;
pub mod native;
pub mod new_file;
pub mod note;
pub mod own;
pub mod package;
pub mod part;
pub mod path;
pub mod processes;
pub mod render;
pub mod report;
pub mod repr;
pub mod runtime;
pub mod section;
pub mod stack;
pub mod symbol;
pub mod target;
pub mod text;
pub mod trigger;
pub mod value;
pub mod worker;
