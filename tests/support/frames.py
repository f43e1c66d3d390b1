"""For gdb's own interpreter: one JSON line for each frame of each thread, innermost first."""
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


for thread in sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.ptid[1]):
    thread.switch()
    frame = gdb.newest_frame()
    level = 0
    while frame is not None:
        print(json.dumps(describe(thread.ptid[1], level, frame)))
        level += 1
        try:
            frame = frame.older()
        except gdb.error:  # a stack that gdb cannot follow further
            break
