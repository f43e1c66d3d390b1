//! Where a task of asyncio's C implementation keeps what guru reads (`TaskObj` and `FutureObj` of
//! CPython's `Modules/_asynciomodule.c`).
//!
//! From 3.14 on the module tells most of it itself, in its section `.AsyncioDebug`; what came
//! before is a table, read from the debug information of CPython's own builds. It is a claim: each
//! task is held against it before it is believed (see [`super::future`]).

use crate::module::Modules;
use crate::runtime::python::detect::Found;

/// Offsets in a task of C and in its futures, which begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskLayout {
    /// `fut_loop`.
    pub event_loop: u64,
    /// `fut_callback0`: the callback that was added first.
    pub callback: u64,
    /// `fut_state`: an `int`.
    pub state: u64,
    /// `task_fut_waiter`.
    pub waiter: u64,
    /// `task_coro`.
    pub coroutine: u64,
    /// `task_name`.
    pub name: u64,
    /// The lists of tasks (3.14+).
    pub lists: Option<Lists>,
}

/// Where the lists of tasks are that 3.14 and later keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lists {
    /// `asyncio_tasks_head` of an interpreter: tasks that threads left behind when they ended.
    pub of_interpreter: u64,
    /// `asyncio_tasks_head` of a thread.
    pub of_thread: u64,
    /// `task_node`: the links of a task.
    pub node: u64,
    /// `asyncio_running_loop` of a thread.
    pub running_loop: u64,
    /// `asyncio_running_task` of a thread.
    pub running_task: u64,
}

/// `sizeof(PyObject)` of the builds that the table was read from.
const HEADER: u64 = 16;

/// The section in which `_asyncio` describes itself.
const SECTION: &str = ".AsyncioDebug";

/// `struct Py_AsyncioModuleDebugOffsets`: 13 numbers of 64 bits (3.14 and 3.15).
const DESCRIPTION: u64 = 13 * 8;

impl TaskLayout {
    /// The layout of the tasks in the process, if it is known.
    pub fn find(found: &Found, modules: &Modules<'_>) -> Option<TaskLayout> {
        if found.version.minor() < 14 {
            return TaskLayout::table(found.version.minor(), found.layout.object.header);
        }
        let interpreter = modules.find(found.code).map(|module| module.path());
        // The module is a file of its own, or built into the interpreter.
        let candidates = modules.iter().filter(|module| {
            let path = module.path();
            Some(path) == interpreter || path.raw().contains("/_asyncio.")
        });
        let mut sections = candidates.filter_map(|module| module.image().ok()?.section(SECTION));
        sections.find_map(|section| {
            TaskLayout::described(section.to_bytes(DESCRIPTION)?, found.layout.object.header)
        })
    }

    /// What `.AsyncioDebug` says.
    fn described(bytes: &[u8], header: u64) -> Option<TaskLayout> {
        let numbers: Vec<u64> =
            bytes.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let [
            _size,
            name,
            awaited_by,
            is_task,
            _awaited_by_is_set,
            coroutine,
            node,
            _interpreter_size,
            of_interpreter,
            _thread_size,
            running_loop,
            running_task,
            of_thread,
        ] = *numbers.as_slice()
        else {
            return None;
        };
        // It does not tell where the state is: between `fut_awaited_by` and `fut_is_task`; nor
        // `task_fut_waiter`: before `task_coro`.
        let state = awaited_by.checked_add(8)?;
        let lists = Lists { of_interpreter, of_thread, node, running_loop, running_task };
        (state.checked_add(4)? == is_task).then_some(TaskLayout {
            event_loop: header,
            callback: header.checked_add(8)?,
            state,
            waiter: coroutine.checked_sub(8)?,
            coroutine,
            name,
            lists: Some(lists),
        })
    }

    /// What debug information says of 3.8 to 3.13.
    pub(super) fn table(minor: u8, header: u64) -> Option<TaskLayout> {
        let (state, waiter) = match minor {
            8 => (72, 104),
            9 => (80, 144),
            10 => (88, 152),
            11 | 12 => (88, 128),
            13 => (96, 112),
            _ => return None,
        };
        // A free-threaded build has a longer header, and all else behind it.
        let more = header.checked_sub(HEADER)?;
        Some(TaskLayout {
            event_loop: 16 + more,
            callback: 24 + more,
            state: state + more,
            waiter: waiter + more,
            coroutine: waiter + 8 + more,
            name: waiter + 16 + more,
            lists: None,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn description(numbers: [u64; 13]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn a_module_that_describes_itself_is_believed() {
        // Debian's 3.14.10.
        let numbers = [168, 136, 96, 108, 109, 128, 152, 0x37248, 10880, 936, 864, 872, 880];
        let layout = TaskLayout::described(&description(numbers), 16).unwrap();
        assert_eq!((layout.state, layout.waiter, layout.name), (104, 120, 136));
        assert_eq!(layout.lists.unwrap().of_thread, 880);
    }

    #[test]
    fn a_description_that_contradicts_itself_is_not_believed() {
        let numbers = [168, 136, 96, 104, 109, 128, 152, 0, 0, 0, 0, 0, 0];
        assert_eq!(TaskLayout::described(&description(numbers), 16), None);
        assert_eq!(TaskLayout::described(&description([u64::MAX; 13]), 16), None);
        assert_eq!(TaskLayout::described(&[0; 103], 16), None);
    }

    #[test]
    fn a_longer_header_moves_all_fields() {
        let (plain, free) =
            (TaskLayout::table(13, 16).unwrap(), TaskLayout::table(13, 32).unwrap());
        assert_eq!((plain.coroutine, plain.name), (120, 128));
        assert_eq!((free.coroutine, free.event_loop), (136, 32));
        assert_eq!(TaskLayout::table(14, 16), None);
    }
}
