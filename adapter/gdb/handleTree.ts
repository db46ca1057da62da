// Numbers for what a client may ask about later, kept by path so that they survive a stop.
// Must not know gdb or what a node stands for.

/** A node keeps its number as long as the session lives: the same path gives the same number at the next stop. */
export class HandleTree<Node extends { path: string }> {
  private readonly byPath = new Map<string, number>();
  private readonly nodes = new Map<number, Node>();
  private next = 1;

  /** The node at `path`: the one there is, renewed by `renew`, or the one that `make` gives. */
  put(path: string, make: () => Node, renew?: (node: Node) => void): { id: number; node: Node } {
    const id = this.byPath.get(path);
    const known = id === undefined ? undefined : this.nodes.get(id);
    if (id !== undefined && known) {
      renew?.(known);
      return { id, node: known };
    }
    const node = make();
    const fresh = this.next++;
    this.byPath.set(path, fresh);
    this.nodes.set(fresh, node);
    return { id: fresh, node };
  }

  find(path: string): { id: number; node: Node } | undefined {
    const id = this.byPath.get(path);
    const node = id === undefined ? undefined : this.nodes.get(id);
    return id === undefined || !node ? undefined : { id, node };
  }

  get(id: number): Node | undefined {
    return this.nodes.get(id);
  }
}
