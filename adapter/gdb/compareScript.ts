// The Python that reads the typed values of two moments and tells which differ. Needs momentScript.

export const compareScript = `
import gdb, json, os, re

def rollpoint_try(work):
    try:
        return work()
    except Exception:
        return None

def rollpoint_place(frame):
    sal = frame.find_sal()
    path = sal.symtab.fullname() if sal.symtab is not None else None
    return {"name": frame.name() or "??", "path": path, "line": sal.line if path is not None else None}

def rollpoint_locals(frame):
    """Of the frame's function, innermost block first: what an inner block hides is left out."""
    block, result = rollpoint_try(frame.block), {}
    while block is not None:
        for symbol in block:
            if (symbol.is_variable or symbol.is_argument) and symbol.name not in result and not symbol.name.startswith("__for_") and len(result) < 200:
                result[symbol.name] = rollpoint_try(lambda: rollpoint_text(symbol.value(frame)))
        if block.function is not None:
            break
        block = block.superblock
    return result

def rollpoint_own(symtab):
    """A source that the user writes: none of a library that is merely there, with its debug information or its headers."""
    path = symtab.fullname()
    return not re.match("/usr/|/rustc/", path) and (symtab.objfile == gdb.objfiles()[0] or os.path.exists(path))

def rollpoint_frames(limit):
    """(function, base) to the locals of each frame of the selected thread that has a source of the user's."""
    result, frame = {}, gdb.newest_frame()
    while frame is not None and len(result) < limit:
        if frame.function() is not None and frame.find_sal().symtab is not None and rollpoint_own(frame.find_sal().symtab):
            key = (frame.name(), rollpoint_base(frame))
            # Printers look types up in the language and the scope of the frame that is selected.
            frame.select()
            result[key] = rollpoint_try(lambda: rollpoint_locals(frame)) or {}
        frame = rollpoint_try(frame.older)
    return result

class RollpointGlobals:
    """Variables of the program with static storage that can change, from the files that are its own."""
    def __init__(self):
        self.symbols = {}

    def add(self, file):
        blocks = set()
        for sal in gdb.decode_line('"%s":1' % file)[1] or ():
            for block in (sal.symtab.global_block(), sal.symtab.static_block()):
                if (block.start, block.is_global) in blocks:
                    continue
                blocks.add((block.start, block.is_global))
                for symbol in block:
                    if symbol.is_variable and symbol.addr_class == gdb.SYMBOL_LOC_STATIC and len(self.symbols) < 1000:
                        self.keep(symbol)

    def keep(self, symbol):
        kind = symbol.type.strip_typedefs()
        constant = kind.code != gdb.TYPE_CODE_PTR and kind == kind.const()
        if not constant and not symbol.name.startswith(("std::", "__")) and "__ioinit" not in symbol.name:
            self.symbols[(symbol.name, symbol.symtab.filename)] = symbol

    def values(self):
        return [rollpoint_try(lambda: rollpoint_text(symbol.value())) for symbol in self.symbols.values()]

rollpoint_globals = RollpointGlobals()

def rollpoint_moment(request, moments, tids, watching):
    at = {"places": {}, "frames": {}}
    for tid in sorted(tids, key=lambda tid: (tid not in moments.known, tid)):
        def look():
            moments.select(tid)
            at["places"][tid] = rollpoint_place(gdb.newest_frame())
            at["frames"][tid] = rollpoint_frames(request["frames"])
        rollpoint_try(look)
    first = sorted(tids, key=lambda tid: tid != watching)
    rollpoint_try(lambda: rollpoint_select_in(moments, first, request, request["base"]))
    at["globals"] = rollpoint_globals.values()
    at["watches"] = [rollpoint_try(lambda: rollpoint_text(gdb.parse_and_eval(text))) for text in request["watches"]]
    return at

def rollpoint_compare(text):
    request = json.loads(text)
    for file in request["files"]:
        rollpoint_try(lambda: rollpoint_globals.add(file))
    selected = gdb.selected_thread()
    try:
        with RollpointMoments(request["screen"]) as moments:
            seen = []
            for moment, there, watching in zip((request["from"], request["to"]), request["threads"], request["watching"]):
                moments.show(moment)
                seen.append(rollpoint_moment(request, moments, there, watching))
    finally:
        if selected is not None:
            rollpoint_try(selected.switch)
    before, after = seen
    variables = []
    def tell(scope, name, a, b, **more):
        if (a and a["digest"]) != (b and b["digest"]):
            kind = (b or a)["type"]
            variables.append({"scope": scope, "name": name, "type": kind, "from": a and a["value"], "to": b and b["value"], **more})
    def tell_frame(function, former, latter, **more):
        for name in latter:
            if name in former:
                tell("local", name, former[name], latter[name], function=function, **more)
    started, stopped = request["stopped"]
    if started != stopped:
        # The same function, stopped in by one thread and by another: the innermost calls.
        calls = {}
        for (function, _), names in before["frames"].get(started, {}).items():
            calls.setdefault(function, names)
        for (function, _), names in after["frames"].get(stopped, {}).items():
            tell_frame(function, calls.pop(function, {}), names, tid=stopped, fromTid=started)
    for thread in sorted(after["frames"], key=lambda number: (number != stopped, number)):
        for key, names in after["frames"][thread].items():
            tell_frame(key[0], before["frames"].get(thread, {}).get(key, {}), names, tid=thread)
    for (name, _), a, b in zip(rollpoint_globals.symbols, before["globals"], after["globals"]):
        tell("global", name, a, b)
    for name, a, b in zip(request["watches"], before["watches"], after["watches"]):
        tell("watch", name, a, b)
    rollpoint_answer({"variables": variables, "places": [before["places"], after["places"]]})
`;
