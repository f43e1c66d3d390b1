//! Named numbers: what every source of a layout gives, and [`Layout`] is put together from.

use std::collections::BTreeMap;

use super::*;

/// Offsets by name: `tstate.next`. The names are the columns' keys of `table.tsv`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets(BTreeMap<String, i64>);

impl Offsets {
    /// Sets a number, over what was known.
    pub fn set(&mut self, name: &str, value: i64) {
        self.0.insert(name.to_owned(), value);
    }

    /// Takes over the numbers of a better source: of those that are known here. What else it has
    /// is another version's.
    pub fn overlay(&mut self, better: &Offsets) {
        for (name, value) in &mut self.0 {
            *value = better.signed(name).unwrap_or(*value);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number as it is.
    pub fn signed(&self, name: &str) -> Option<i64> {
        self.0.get(name).copied()
    }

    /// An offset, which is not negative.
    pub fn get(&self, name: &str) -> Option<u64> {
        u64::try_from(self.signed(name)?).ok()
    }

    /// A number that the layout can not do without.
    fn need(&self, name: &'static str) -> Result<u64, Missing> {
        self.get(name).ok_or(Missing(name))
    }

    fn byte(&self, name: &'static str) -> Result<u8, Missing> {
        u8::try_from(self.need(name)?).map_err(|_| Missing(name))
    }

    fn bit(&self, name: &'static str) -> Result<u32, Missing> {
        u32::try_from(self.need(name)?).ok().filter(|bit| *bit < 32).ok_or(Missing(name))
    }
}

/// The number that no source knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing(pub &'static str);

impl Layout {
    /// Puts a layout together; fails where a number is missing that nothing can do without.
    pub fn new(
        name: String,
        version: Version,
        free_threaded: bool,
        offsets: &Offsets,
    ) -> Result<Layout, Missing> {
        let o = offsets;
        Ok(Layout {
            name,
            version,
            free_threaded,
            runtime: RuntimeState {
                initialized: o.get("runtime.initialized"),
                finalizing: o.get("runtime.finalizing"),
                interpreters: o.need("runtime.interpreters_head")?,
            },
            interpreter: InterpreterState {
                next: o.need("interp.next")?,
                id: o.need("interp.id")?,
                next_thread_id: o.get("interp.next_unique_id"),
                threads: o.need("interp.threads_head")?,
                runtime: o.get("interp.runtime"),
                modules: o.need("interp.modules")?,
                sys: o.need("interp.sysdict")?,
            },
            thread: thread(o)?,
            frame: frame(version, o)?,
            frame_of_object: o.get("frameobj.f_frame"),
            code: code(version, o)?,
            object: object(o)?,
            string: Str {
                length: o.need("str.length")?,
                state: o.need("str.state")?,
                kind_shift: o.bit("str.kind")?,
                compact: 1 << o.bit("str.compact")?,
                ascii: 1 << o.bit("str.ascii")?,
                ascii_data: o.need("str.ascii_size")?,
                compact_data: o.need("str.compact_size")?,
                data: o.need("str.data")?,
            },
            bytes_data: o.need("bytes.ob_sval")?,
            int: Int {
                count: match o.get("long.lv_tag") {
                    Some(tag) => DigitCount::Tag(tag),
                    None => DigitCount::Size(o.need("var.ob_size")?),
                },
                digits: o.need("long.ob_digit")?,
            },
            float: o.need("float.ob_fval")?,
            list: o.need("list.ob_item")?,
            tuple: o.need("tuple.ob_item")?,
            set: Set {
                used: o.need("set.used")?,
                mask: o.need("set.mask")?,
                table: o.need("set.table")?,
            },
            dict: dict(o)?,
            instance: instance(version, o)?,
            pointers: Pointers {
                cell: o.need("cell.ob_ref")?,
                function_code: o.need("function.func_code")?,
                // In no table. Between the two are the default values (`Include/funcobject.h`), and to
                // 3.9 the globals.
                function_closure: o
                    .need("function.func_code")?
                    .checked_add(if version.minor() <= 9 { 32 } else { 24 })
                    .ok_or(Missing("function.func_code"))?,
                function_name: o.need("function.func_qualname")?,
                method_function: o.need("method.im_func")?,
                method_self: o.need("method.im_self")?,
                weak_reference: o.need("weakref.wr_object")?,
                module_dict: o.need("module.md_dict")?,
            },
            generator: Generator {
                frame: match o.get("gen.gi_iframe") {
                    Some(frame) => {
                        GeneratorFrame::Inside { frame, state: o.need("gen.gi_frame_state")? }
                    }
                    None => GeneratorFrame::Pointer(o.need("gen.gi_frame")?),
                },
                name: o.need("gen.gi_name")?,
                qualified_name: o.need("gen.gi_qualname")?,
            },
            gil: gil(o),
            gc: gc(o),
        })
    }
}

fn thread(o: &Offsets) -> Result<ThreadState, Missing> {
    let frame = match (o.get("tstate.cframe"), o.get("cframe.current_frame")) {
        (Some(cframe), Some(current)) => InnermostFrame::Indirect { cframe, current },
        _ => match o.get("tstate.current_frame") {
            Some(frame) => InnermostFrame::Direct(frame),
            None => InnermostFrame::Direct(o.need("tstate.frame")?),
        },
    };
    Ok(ThreadState {
        next: o.need("tstate.next")?,
        interpreter: o.need("tstate.interp")?,
        frame,
        ident: o.need("tstate.thread_id")?,
        native_id: o.get("tstate.native_thread_id"),
    })
}

fn frame(version: Version, o: &Offsets) -> Result<Frame, Missing> {
    if version.minor() <= 10 {
        return Ok(Frame::Object(FrameObject {
            previous: o.need("frameobj.f_back")?,
            code: o.need("frameobj.f_code")?,
            instruction: o.need("frameobj.f_lasti")?,
            locals: o.need("frameobj.f_locals")?,
            variables: o.need("frameobj.f_localsplus")?,
            stack: o.need("frameobj.f_valuestack")?,
            stack_end: match o.get("frameobj.f_stackdepth") {
                Some(depth) => StackEnd::Depth(depth),
                None => StackEnd::Pointer(o.need("frameobj.f_stacktop")?),
            },
        }));
    }
    let native = match o.get("frame.owned_by_interpreter") {
        Some(_) => Some(o.byte("frame.owned_by_interpreter")?),
        None => o.get("frame.owned_by_cstack").and_then(|owner| u8::try_from(owner).ok()),
    };
    let last = match o.get("frame.owned_by_cstack") {
        Some(_) => o.byte("frame.owned_by_cstack")?.max(native.unwrap_or_default()),
        None => native.unwrap_or(o.byte("frame.owned_by_frame_object")?),
    };
    Ok(Frame::Internal(InternalFrame {
        code: o.need("frame.code")?,
        previous: o.need("frame.previous")?,
        instruction: o.need("frame.instr_ptr")?,
        is_entry: o.get("frame.is_entry"),
        owner: o.need("frame.owner")?,
        owned_by_generator: o.byte("frame.owned_by_generator")?,
        first_native_owner: native,
        last_owner: last,
        locals: o.need("frame.locals")?,
        variables: o.need("frame.localsplus")?,
        stack_end: match o.get("frame.stackpointer") {
            Some(pointer) => StackEnd::Pointer(pointer),
            None => StackEnd::FromVariables(o.need("frame.stacktop")?),
        },
        copy_index: o.get("frame.tlbc_index"),
    }))
}

fn code(version: Version, o: &Offsets) -> Result<Code, Missing> {
    let minor = version.minor();
    Ok(Code {
        file: o.need("code.filename")?,
        name: o.need("code.name")?,
        qualified_name: o.get("code.qualname"),
        first_line: o.need("code.firstlineno")?,
        lines: match minor {
            0..=9 => LineFormat::Lnotab,
            10 => LineFormat::Pairs,
            _ => LineFormat::Locations,
        },
        line_table: match minor {
            0..=9 => o.need("code.lnotab")?,
            _ => o.need("code.linetable")?,
        },
        first_traceable: o.get("code.first_traceable"),
        instructions: match minor {
            0..=10 => None,
            _ => Some(o.need("code.code_adaptive")?),
        },
        bytecode: o.get("code.code"),
        copies: o.get("code.tlbc"),
        unit: o.need("code.lasti_unit")?,
        flags: o.need("code.flags")?,
        names: match o.get("code.localsplusnames") {
            Some(names) => {
                VariableNames::Together { names, kinds: o.need("code.localspluskinds")? }
            }
            None => VariableNames::Apart {
                locals: o.need("code.varnames")?,
                cells: o.need("code.cellvars")?,
                free: o.need("code.freevars")?,
            },
        },
    })
}

fn object(o: &Offsets) -> Result<Object, Missing> {
    Ok(Object {
        header: o.need("object.size")?,
        kind: o.need("object.ob_type")?,
        size: o.need("var.ob_size")?,
        type_name: o.need("type.tp_name")?,
        basic_size: o.need("type.tp_basicsize")?,
        item_size: o.need("type.tp_itemsize")?,
        type_flags: o.need("type.tp_flags")?,
        dict_offset: o.need("type.tp_dictoffset")?,
        base: o.need("type.tp_base")?,
        mro: o.need("type.tp_mro")?,
        type_dict: o.need("type.tp_dict")?,
        subclasses: o.need("type.tp_subclasses")?,
        qualified_name: o.need("heaptype.ht_qualname")?,
    })
}

fn dict(o: &Offsets) -> Result<Dict, Missing> {
    Ok(Dict {
        used: o.need("dict.ma_used")?,
        keys: o.need("dict.ma_keys")?,
        values: o.need("dict.ma_values")?,
        entries: o.need("dictkeys.nentries")?,
        indices: o.need("dictkeys.indices")?,
        index_size: match o.get("dictkeys.log2_index_bytes") {
            Some(bytes) => IndexSize::Log2 { bytes, kind: o.need("dictkeys.kind")? },
            None => IndexSize::Count(o.need("dictkeys.size")?),
        },
        values_start: o.get("dictvalues.values").unwrap_or(0),
    })
}

fn instance(version: Version, o: &Offsets) -> Result<Instance, Missing> {
    let signed = |name| o.signed(name).ok_or(Missing(name));
    let keys = || o.need("heaptype.ht_cached_keys");
    Ok(match version.minor() {
        0..=10 => Instance::Plain,
        11 => Instance::TwoPointers {
            values: signed("object.managed_values_offset")?,
            dict: signed("object.managed_dict_offset")?,
            keys: keys()?,
        },
        12 => Instance::Tagged { pointer: signed("object.managed_dict_offset")?, keys: keys()? },
        minor => Instance::Inline {
            dict: signed("object.managed_dict_offset")?,
            keys: keys()?,
            after_basic_size: minor >= 14,
            valid: o.need("dictvalues.valid")?,
        },
    })
}

fn gil(o: &Offsets) -> Option<Gil> {
    if let Some(last_holder) = o.get("runtime.gil_last_holder") {
        let locked = o.get("runtime.gil_locked")?;
        return Some(Gil { place: GilPlace::Runtime, last_holder, locked });
    }
    Some(Gil {
        place: GilPlace::Interpreter(o.get("interp.ceval_gil_ptr")?),
        last_holder: o.get("gil.last_holder")?,
        locked: o.get("gil.locked")?,
    })
}

fn gc(o: &Offsets) -> Option<Gc> {
    let in_runtime = o.get("runtime.gc");
    Some(Gc {
        in_runtime: in_runtime.is_some(),
        start: in_runtime.or_else(|| o.get("interp.gc"))?,
        generations: o.get("gc.generations"),
        collecting: o.get("gc.collecting")?,
    })
}
