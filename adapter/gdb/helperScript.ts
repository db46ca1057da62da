// The Python that runs inside gdb: conditions that count hits, log messages, locals hidden by a block's own.
// It alone decides at a breakpoint without stopping there, so that a step over a log point stays a step.

/** Opens a console line that carries a log point's message, in hex. */
export const loggedLinePrefix = '\u0001rollpoint-log ';
/** Opens a console line that says what became of an awaited breakpoint (`Placed` as JSON), in hex. */
export const placedLinePrefix = '\u0001rollpoint-placed ';

export const helperScript = `
import gdb, itertools, json, re

class RollpointBreakpoints(gdb.Function):
    """$_rollpoint_hit(N): whether the breakpoint N is to stop now."""
    def __init__(self):
        super().__init__("_rollpoint_hit")
        self.entries = {}

    def configure(self, number, text):
        entry = json.loads(text)
        entry["count"] = 0
        self.entries[number] = entry

    def forget(self, number):
        self.entries.pop(number, None)

    def invoke(self, number):
        entry = self.entries.get(int(number))
        if entry is None:
            return True
        log = entry.get("log")
        try:
            if entry.get("condition") and not bool(gdb.parse_and_eval(entry["condition"])):
                return False
        except gdb.error as error:
            if log is None:
                raise
            self.emit("<condition: %s>" % error)
            return False
        entry["count"] += 1
        hit = entry.get("hit")
        if hit is not None and not self.due(hit, entry["count"]):
            return False
        if log is None:
            return True
        self.emit("".join(p["text"] if "text" in p else self.value(p["expression"]) for p in log))
        return False

    def due(self, hit, count):
        n = hit["count"]
        return {
            "==": count == n, ">=": count >= n, ">": count > n,
            "<=": count <= n, "<": count < n, "%": count % n == 0,
        }[hit["operator"]]

    def value(self, expression):
        try:
            return gdb.parse_and_eval(expression).format_string()
        except (gdb.error, RuntimeError, ValueError) as error:
            return "<%s>" % error

    def emit(self, text):
        gdb.write("\\x01rollpoint-log " + text.encode("utf-8", "replace").hex() + "\\n")
        gdb.flush()

rollpoint_breakpoints = RollpointBreakpoints()

class RollpointHidden(gdb.Function):
    """$_rollpoint_hidden("x", N): the local x that N inner blocks hide by an x of their own."""
    def __init__(self):
        super().__init__("_rollpoint_hidden")

    def invoke(self, name, depth):
        name, depth = name.string(), int(depth)
        frame = gdb.selected_frame()
        block = frame.block()
        while block is not None:
            for symbol in block:
                if symbol.name == name and (symbol.is_variable or symbol.is_argument):
                    if depth == 0:
                        return symbol.value(frame)
                    depth -= 1
                    break
            if block.function is not None:
                break
            block = block.superblock
        raise gdb.GdbError("No such variable in this frame.")

RollpointHidden()

class RollpointChild(gdb.Function):
    """$_rollpoint_child(value, N): the Nth child that the pretty-printer of value makes."""
    def __init__(self):
        super().__init__("_rollpoint_child")

    def invoke(self, value, index):
        for child in rollpoint_children(value, int(index), int(index) + 1):
            return child[1]
        raise gdb.GdbError("No such element.")

RollpointChild()

def rollpoint_children(value, start, end):
    printer = gdb.default_visualizer(value)
    if printer is None or not hasattr(printer, "children"):
        return []
    return itertools.islice(printer.children(), start, end)

class RollpointRustEnum:
    """A Rust enum with data: the fields of the variant that it holds, where gdb alone lists them all."""
    def __init__(self, value, variant):
        self.value, self.name = value[variant], variant.name

    def fields(self):
        return [f for f in self.value.type.fields() if not f.artificial]

    def to_string(self):
        return self.name

    def children(self):
        for field in self.fields():
            yield field.name.removeprefix("__"), self.value[field]

    def summary(self):
        parts = [(f.name, self.value[f].format_string(max_elements=16, max_depth=2)) for f in self.fields()]
        if not parts:
            return self.name
        if all(name.startswith("__") for name, _ in parts):
            return "%s(%s)" % (self.name, ", ".join(text for _, text in parts))
        return "%s {%s}" % (self.name, ", ".join("%s: %s" % part for part in parts))

def rollpoint_rust_enum(value):
    if value.type.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        return None
    # gdb resolves the type of such a value to the discriminant, without a name, and the one variant.
    fields = value.type.fields()
    if len(fields) == 2 and fields[0].name is None and fields[0].artificial and fields[1].name:
        return RollpointRustEnum(value, fields[1])
    return None

rollpoint_rust_enum.__name__ = "rollpoint-rust-enum"
gdb.pretty_printers.append(rollpoint_rust_enum)

def rollpoint_summary(value):
    """One line on a value that has children; None where gdb's own text is as good."""
    try:
        if not isinstance(value, gdb.Value):
            return str(value)
        printer = gdb.default_visualizer(value)
        if hasattr(printer, "summary"):
            return printer.summary()
        hint = getattr(printer, "display_hint", lambda: None)()
        if printer is not None and hasattr(printer, "children") and hint not in ("array", "map"):
            return value.format_string(max_elements=16, max_depth=2)
        if printer is not None and hasattr(printer, "to_string"):
            text = printer.to_string()
            if isinstance(text, gdb.Value):
                text = text.format_string()
            elif text is not None and hasattr(text, "value"):
                text = text.value().format_string()
            if text is not None:
                text = str(text)
                if hint == "string" and not text.endswith('"'):
                    text = json.dumps(text, ensure_ascii=False)
                if not hasattr(printer, "children"):
                    return None
                # What tells no count, such as a list, shows its first elements instead.
                if re.search("(of length|with|size=) ?[0-9]", text):
                    return text
                return value.format_string(max_elements=16, max_depth=2)
        if value.type.strip_typedefs().code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY):
            return value.format_string(max_elements=16, max_depth=2)
        return None
    except Exception:
        return None

def rollpoint_describe(text):
    """Summaries of expressions, or of the children start to end of the expression parent; a line of JSON in hex."""
    request = json.loads(text)
    result = []
    if "parent" in request:
        try:
            parent = gdb.parse_and_eval(request["parent"])
            for _, child in rollpoint_children(parent, request["start"], request["end"]):
                result.append(rollpoint_summary(child))
        except Exception:
            pass
    else:
        for expression in request["expressions"]:
            try:
                result.append(rollpoint_summary(gdb.parse_and_eval(expression)))
            except Exception:
                result.append(None)
    gdb.write(json.dumps(result).encode("utf-8", "replace").hex() + "\\n")
`;
