// The Python that looks at several moments within one command of gdb's, so that nobody else sees anything but the moment
// that is on screen. What a moment is the server knows ("monitor _view N").

export const momentScript = `
import gdb, hashlib, json, re

class RollpointMoments:
    """Leads gdb to other moments; with "with", back to the one on screen, whatever happens."""
    def __init__(self, screen):
        self.screen = screen

    def __enter__(self):
        self.calls = gdb.parameter("may-call-functions")
        gdb.execute("set may-call-functions off", to_string=True)
        # Once: where another moment is shown, gdb would forget the threads that are not there.
        self.known = {rollpoint_tid(thread): thread for thread in gdb.selected_inferior().threads()}
        self.first = min(self.known.values(), key=lambda thread: (thread.ptid[1] != thread.ptid[0], thread.global_num))
        # gdb caches stacks and code; with this all memory, in pieces that hold what a container has in a row.
        self.line = gdb.parameter("dcache line-size")
        self.cached = not re.search("^[0-9]", gdb.execute("info mem", to_string=True), re.M)
        if self.cached:
            gdb.execute("set dcache line-size 512", to_string=True)
            gdb.execute("mem 0 0 rw cache", to_string=True)
        return self

    def __exit__(self, *_):
        try:
            self.show(self.screen)
        finally:
            if self.cached:
                gdb.execute("delete mem", to_string=True)
                gdb.execute("mem auto", to_string=True)
                gdb.execute("set dcache line-size %d" % self.line, to_string=True)
            if self.calls:
                gdb.execute("set may-call-functions on", to_string=True)

    def show(self, moment, lent=None):
        self.moment, self.lent = moment, lent
        # After each of these gdb looks at the frame that is selected, and fails where its thread is not there at that
        # moment: the first thread is there as long as the process is.
        self.first.switch()
        gdb.execute("monitor _view %s %s" % ("now" if moment is None else moment, "" if lent is None else lent), to_string=True)
        try:
            gdb.execute("maintenance flush register-cache", to_string=True)
        except gdb.error:
            gdb.execute("flushregs", to_string=True)
        for cache in ("stack-cache", "code-cache"):
            if gdb.parameter(cache):
                gdb.execute("set %s off" % cache, to_string=True)
                gdb.execute("set %s on" % cache, to_string=True)

    def select(self, tid):
        """The thread as it was at that moment. One that gdb does not know lends its registers to the first."""
        thread = self.known.get(tid)
        lent = tid if thread is None else None
        if lent != self.lent:
            self.show(self.moment, lent)
        (thread or self.first).switch()

def rollpoint_tid(thread):
    return thread.ptid[1] or thread.ptid[2]

def rollpoint_base(frame):
    """What tells two calls of one function apart: where the caller's stack ends; None for the outermost."""
    try:
        caller = frame.older()
        return int(caller.read_register("rsp")) if caller is not None else None
    except gdb.error:
        return None

def rollpoint_frame(function, base):
    """The frame of that call, else of the innermost call of that function; None where it is not running."""
    frame, found, steps = gdb.newest_frame(), None, 0
    while frame is not None and steps < 500:
        if frame.name() == function:
            own = rollpoint_base(frame)
            if found is None or own == base:
                found = frame
            if base is None or own is None or own >= base:
                break
        frame, steps = frame.older(), steps + 1
    return found

def rollpoint_select(level, function, base, strict):
    """Selects that frame of the selected thread."""
    if function is None:
        frame = gdb.newest_frame()
        for _ in range(level):
            frame = frame.older() or frame
        frame.select()
        return
    found = rollpoint_frame(function, base)
    if found is None and strict:
        raise gdb.GdbError('"%s" was not running.' % function)
    (found or gdb.newest_frame()).select()

def rollpoint_select_in(moments, tids, request, base):
    """Selects the frame in the first of the threads that has it; gives that thread."""
    for tid in tids if request["function"] is not None else ():
        try:
            moments.select(tid)
            found = rollpoint_frame(request["function"], base if tid == request["tid"] else None)
        except gdb.error:
            continue
        if found is not None:
            found.select()
            return tid
    if not tids:
        raise gdb.GdbError("Thread %d was not there." % request["tid"])
    moments.select(tids[0])
    rollpoint_select(request["level"], request["function"], base, request["strict"])
    return tids[0]

def rollpoint_text(value):
    """As a client shows it, its type, and all of it as a digest."""
    if value.is_lazy:
        value.fetch_lazy()
    full = value.format_string(max_elements=200)
    summary = rollpoint_summary(value)
    text = summary if summary is not None else value.format_string()
    return {"value": text, "type": str(value.type), "digest": hashlib.sha1(full.encode("utf-8", "replace")).hexdigest()}

def rollpoint_evaluate(expressions, tid):
    result = []
    for expression in expressions:
        try:
            value = rollpoint_text(gdb.parse_and_eval(expression))
            value["tid"] = tid
            result.append(value)
        except Exception as error:
            result.append({"message": str(error)})
    return result

def rollpoint_answer(result):
    gdb.write(json.dumps(result).encode("utf-8", "replace").hex() + "\\n")

def rollpoint_last_line(_):
    """The source line that has just been carried out, in the innermost frame that has one."""
    frame = gdb.newest_frame()
    name, sal = frame.name(), gdb.find_pc_line(frame.pc() - 1)
    while frame is not None and (frame.function() is None or sal.symtab is None):
        # Code without a source did it, for its caller.
        frame = frame.older()
        sal = frame.find_sal() if frame is not None else sal
    if frame is not None:
        name = frame.name()
    path = sal.symtab.fullname() if frame is not None else None
    rollpoint_answer({"name": name, "path": path, "line": sal.line if path is not None else None})

def rollpoint_values(text):
    """Expressions at moments, in one frame, of the first thread of each that has it; a list for each moment, and the frame's base."""
    request = json.loads(text)
    selected = gdb.selected_thread()
    base, result = request["base"], []
    try:
        if base is None and request["function"] is not None:
            rollpoint_select(request["level"], None, None, False)
            base = rollpoint_base(gdb.selected_frame())
    except gdb.error:
        pass
    try:
        with RollpointMoments(request["screen"]) as moments:
            for moment, tids in zip(request["moments"], request["threads"]):
                try:
                    moments.show(moment)
                    tid = rollpoint_select_in(moments, tids, request, base)
                    result.append(rollpoint_evaluate(request["expressions"], tid))
                except Exception as error:
                    result.append([{"message": str(error)} for _ in request["expressions"]])
    finally:
        if selected is not None:
            selected.switch()
    rollpoint_answer({"base": base, "values": result})
`;
