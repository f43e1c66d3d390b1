//! Which layout the greenlets have: the one that all of them agree with.

use std::collections::BTreeSet;

use super::layout::{Body, GreenletLayout, LAYOUTS, MAX_HANDLE};
use super::object::{Greenlet, Reader};
use crate::addr::Addr;
use crate::runtime::python::objects::Objects;
use crate::target::memory::MemoryExt as _;

/// Of so many greenlets one may make no sense: it was moving while it was read.
const TOLERANCE: usize = 50;

/// How many places are held against every layout: their frames lie in as many pages.
const SAMPLE: usize = 2000;

/// Finds the layout by which the most of these places hold greenlets that make sense, and reads
/// them by it. `None` where all contradict themselves by every layout.
pub fn settle(
    objects: Objects<'_>,
    types: &BTreeSet<Addr>,
    root: Addr,
    places: &[Addr],
) -> Option<(&'static GreenletLayout, Vec<Greenlet>)> {
    let size = objects.memory.u64(root.wrapping_add(objects.layout.object.basic_size)).ok()?;
    let python = objects.layout.version.minor();
    let mut best: Option<(&GreenletLayout, usize)> = None;
    let mut candidates: Vec<&GreenletLayout> = LAYOUTS
        .iter()
        .filter(|layout| match layout.body {
            Body::Object => size > MAX_HANDLE,
            Body::Apart { pointer, .. } => {
                size <= MAX_HANDLE && pointer == objects.layout.object.header + 16
            }
        })
        .collect();
    // Where greenlets do not tell two apart, the one made for this Python is taken.
    candidates.sort_by_key(|layout| layout.python.abs_diff(python));
    for layout in candidates {
        let reader = Reader { objects, types, layout };
        let sample = places.iter().step_by(places.len().div_ceil(SAMPLE).max(1));
        let found = sample.filter_map(|place| reader.read(*place).ok().flatten());
        let (sound, odd): (Vec<_>, Vec<_>) =
            found.partition(|greenlet| reader.makes_sense(greenlet));
        let better = best.as_ref().is_none_or(|(_, best)| sound.len() > *best);
        if better && !sound.is_empty() && odd.len() <= sound.len() / TOLERANCE {
            best = Some((layout, sound.len()));
        }
    }
    let (layout, _) = best?;
    let reader = Reader { objects, types, layout };
    Some((layout, places.iter().filter_map(|place| reader.read(*place).ok().flatten()).collect()))
}
