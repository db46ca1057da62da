// Breakpoints at addresses that have no memory yet: gdb sets each as soon as a library brings some, before that runs.
// Must not know DAP, or which other breakpoints there are.
import type { Gdb } from './backend';
import type { Stopping } from './breakpointInsert';

// While gdb reads a library the program stands, and gdb takes no commands: so it is done there. It does not find the
// library's symbols by address yet (solib.c: inhibit_section_map_updates), and a condition of its own would be refused.
const script = `
class RollpointAwaited:
    def __init__(self):
        self.places = {}
        gdb.events.new_objfile.connect(self.look)

    def add(self, text):
        place = json.loads(text)
        self.places[place["id"]] = place

    def drop(self, id):
        self.places.pop(id, None)

    def look(self, event):
        for place in list(self.places.values()):
            try:
                gdb.selected_inferior().read_memory(int(place["address"], 16), 1)
            except gdb.error:
                continue
            del self.places[place["id"]]
            answer = {"id": place["id"]}
            try:
                answer["number"] = self.set(place)
            except gdb.error as error:
                answer["message"] = str(error)
            gdb.write("\\x01rollpoint-placed " + json.dumps(answer).encode().hex() + "\\n")
            gdb.flush()

    def set(self, place):
        breakpoint = gdb.Breakpoint("*" + place["address"])
        if place["stopping"]:
            rollpoint_breakpoints.configure(breakpoint.number, json.dumps(place["stopping"]))
            breakpoint.condition = "$_rollpoint_hit(%d)" % breakpoint.number
        return str(breakpoint.number)

rollpoint_awaited = RollpointAwaited()
`;

export class AwaitedBreakpoints {
  private loaded: Promise<unknown> | undefined;

  constructor(private readonly gdb: Gdb) {}

  /** False where this gdb cannot wait. */
  async add(id: number, address: string, stopping: Stopping): Promise<boolean> {
    if (!this.gdb.hasPython) {
      return false;
    }
    this.loaded ??= this.gdb.python(script);
    await this.loaded;
    const place = Buffer.from(JSON.stringify({ id, address, stopping })).toString('hex');
    await this.gdb.console(`python rollpoint_awaited.add(bytes.fromhex('${place}').decode())`);
    return true;
  }

  async drop(id: number): Promise<void> {
    await this.gdb.console(`python rollpoint_awaited.drop(${id})`);
  }
}
