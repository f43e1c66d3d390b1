//! Programs that are not oslo's: their configurations, from the evidence to blocks.

use super::block;
use super::file::{Found, InRoot};
use super::program::Program;
use crate::config::Parsed;
use crate::config::include::Tree;
use crate::config::sources::{self, Sources};
use crate::config::unit::Unit;
use crate::evidence::Evidence;
use crate::note::Note;
use crate::report::Block;
use crate::target::{TargetFacts, cgroup, environment};

/// The configurations of a program, each a block; one without files if there are none.
pub fn blocks(program: &Program<'_>, evidence: &Evidence, notes: &mut Vec<Note>) -> Vec<Block> {
    let target = &evidence.snapshot.target;
    let executable = target.executable.as_ref().map_or("", |path| path.raw());
    let first = target.process.command.first().map_or("", |word| word.raw());
    // `nginx: master process …`, `postgres: checkpointer`
    let first = first.split([' ', ':']).next().unwrap_or_default();
    let names = [executable, first, program.name()];
    let words = program.words();
    let variables: Vec<(String, String)> = program
        .environment()
        .iter()
        .filter(|(name, _)| environment::names_configuration(name))
        .cloned()
        .collect();
    let open: Vec<&str> = target.open_files.paths.iter().map(|path| path.raw()).collect();
    let sources = Sources {
        process: program.process(&names),
        words: &words,
        variables: &variables,
        open: &open,
        unit: unit(program, target),
    };
    if target.open_files.more {
        let what = "it holds more files open than were looked at for configuration";
        notes.push(Note::remark("configuration", what));
    }
    let trees = sources::configurations(&sources, &InRoot(&evidence.files));
    if trees.is_empty() {
        let secrets = evidence.snapshot.asked.secrets;
        return vec![block(Parsed::default(), Vec::new(), secrets, notes)];
    }
    shown(trees, evidence, notes)
}

/// The configurations of the unit that a program belongs to.
pub fn unit_blocks(
    program: &Program<'_>,
    evidence: &Evidence,
    notes: &mut Vec<Note>,
) -> Vec<Block> {
    let unit = unit(program, &evidence.snapshot.target);
    shown(sources::of_unit(unit, &InRoot(&evidence.files)), evidence, notes)
}

/// The unit of systemd that a process belongs to.
fn unit<'a>(program: &'a Program<'_>, target: &'a TargetFacts) -> Option<Unit<'a>> {
    let unit = cgroup::unit(target.cgroup.as_ref()?.raw())?;
    Some(Unit { name: unit.name, of_user: unit.user.is_some(), home: program.home() })
}

fn shown(trees: Vec<Tree>, evidence: &Evidence, notes: &mut Vec<Note>) -> Vec<Block> {
    let (target, secrets) = (&evidence.snapshot.target, evidence.snapshot.asked.secrets);
    let blocks = trees.into_iter().map(|tree| {
        let found: Vec<Found> = tree
            .files
            .into_iter()
            .map(|file| match file.doubt {
                Some(doubt) => Found::doubtful(file.path, file.why, doubt),
                None => Found::read(target, &evidence.files, file.path, &file.why),
            })
            .collect();
        notes.extend(found.iter().flat_map(Found::notes));
        block(tree.parsed, found, secrets, notes)
    });
    blocks.collect()
}
