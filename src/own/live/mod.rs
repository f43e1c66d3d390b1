//! The inspecting side: the files that define sections, and the commands that sections run. It
//! touches the world, and never the inspected process.

mod command;
mod directories;
mod surroundings;
mod way;

pub use command::run;
pub use directories::definitions;
