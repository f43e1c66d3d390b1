"""For gdb's own interpreter: one JSON line for each frame of each thread, innermost first.

Left out are the frames that gdb infers from debug information where a function ended in a jump to
another one (TAILCALL_FRAME): they are on no stack.
"""
import json

import gdb

KINDS = {gdb.INLINE_FRAME: 'inlined', gdb.SIGTRAMP_FRAME: 'signal'}


def describe(tid, level, frame):
    sal = frame.find_sal()
    function = frame.function()
    return {
        'tid': tid,
        'level': level,
        'address': frame.pc(),
        'function': frame.name(),
        'linkage_name': function.linkage_name if function else None,
        'file': sal.symtab.fullname() if sal.symtab else None,
        'line': sal.line or None,
        'kind': KINDS.get(frame.type(), 'normal'),
    }


def frames():
    frame = gdb.newest_frame()
    while frame is not None:
        yield frame
        try:
            frame = frame.older()
        except gdb.error:  # a stack that gdb cannot follow further
            return


def is_inferred(frame):
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    return frame.type() == gdb.TAILCALL_FRAME


for thread in sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.ptid[1]):
    thread.switch()
    seen = [frame for frame in frames() if not is_inferred(frame)]
    for level, frame in enumerate(seen):
        print(json.dumps(describe(thread.ptid[1], level, frame)))
