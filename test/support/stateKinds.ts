// The battery that every kind of kernel-held state has to pass, on a self-checking program made with debuggees/state.h.
// Must not know any kind: a test file names its program and what is expected, describeKind() declares the tests.
//
//   describeKind({ kind: 'Pipe contents', program: 'pipes', expected: 'restored' });
//
// `restored`    comes back for an ordinary user: the tests below, each capture exact, no warning anywhere
// `privileged`  the same as root; for an ordinary user as `told`
// `told`        a warning like `warnings` at the capture or the rollback, the session lives on, the program ends well
//
// The tests of a kind that comes back: A at `armed`, B at `changed`.
//  1. A → changed → B → A → changed → B → to the end: PASS
//  2. fifty times (ten as root) back and forth between A and B, in many orders, the program verifying each time, verify() too
//  3. from another branch: C, taken where the program went on differently from A; then A, B and C in turn
//  4. as 2, with ten threads of the program running beside it
//  5. in a soak (npm run soak): a random walk over a tree of snapshots that come and go, with the ten threads
//  6. nothing is left behind: no descriptor, thread or process of ours, no file, also when killed at `changed`
// The outcome goes to test/output/kinds/USER/KIND.json ($ROLLPOINT_KINDS/KIND.json in a test run), from which
// .config/whatComesBack.mjs makes the table of README.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import type { CaptureResult, LaunchOptions, RollbackResult } from '../../adapter/core/native';
import { Rig, type RigOptions } from './native';

export type Outcome = 'restored' | 'privileged' | 'told';

export interface StateKind {
  /** In words for the user; the row of the table. One kind, one describeKind(). */
  kind: string;
  /** A debuggee that includes state.h. */
  program: string;
  args?: string[];
  expected: Outcome;
  /** Required for `told` and `privileged`: what the user is told. For `restored`: which warnings are allowed. */
  warnings?: RegExp;
  /** A sentence for the table where the kind needs one: what is lost, what has to be set. */
  note?: string;
  /** More options of the launch, as they are in LaunchOptions. */
  launch?: Partial<LaunchOptions>;
  rig?: RigOptions;
  /** Written to its terminal once it has said "ready". */
  typed?: string;
  files?: 'rewind' | 'keep';
  /** Only root's programs can have it: there is no result of the ordinary user. */
  rootOnly?: true;
  /** Test 4 is left out, and the walk of 5 has no threads: only for a kind that is about threads itself, or signals them all. */
  threads?: false;
}

/** What is in a result file. */
export interface KindResult {
  kind: string;
  expected: Outcome;
  note: string | undefined;
  program: string;
  /** From the root of the checkout. */
  test: string;
  user: 'root' | 'ordinary';
  rootOnly: true | undefined;
  passed: boolean;
  /** Distinct, as the user read them. */
  warnings: string[];
}

const root = join(import.meta.dirname, '..', '..');
const user = process.getuid!() === 0 ? 'root' : 'ordinary';
/** In the environment of the program, to find again what it leaves running. */
const markName = 'ROLLPOINT_KIND_RUN';
const soak = process.env.ROLLPOINT_SOAK !== undefined;

/** Always the same numbers, so that a failure comes again. */
function chooser(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** One run of the program, in a working directory of its own. */
class Run {
  rig!: Rig;
  readonly folder = mkdtempSync(join(tmpdir(), 'rollpoint-kind-'));

  constructor(
    private readonly kind: StateKind,
    private readonly warned: Set<string>,
    private readonly comesBack: boolean,
  ) {}

  async start(...more: string[]): Promise<void> {
    const env = this.kind.rig?.env ?? Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
    this.rig = await Rig.launch(this.kind.program, [...more, ...(this.kind.args ?? [])], {
      cwd: this.folder,
      ...this.kind.rig,
      env: [...env, `${markName}=${this.folder}`],
      ...(this.kind.launch && { launch: this.kind.launch }),
    });
    await this.rig.breakAt('at_armed', 'at_changed', 'at_checked', 'at_branched');
    const armed = this.to('at_armed');
    if (this.kind.typed !== undefined) {
      await this.rig.outputMatching(/ready/);
      this.rig.write(this.kind.typed);
    }
    await armed;
  }

  async to(symbol: string): Promise<void> {
    const { tid } = await this.rig.continueToBreakpoint();
    const pc = await this.rig.register(tid, 'rip');
    if (pc !== this.rig.address(symbol)) {
      throw new Error(`The program should stand at ${symbol} and does not. It wrote:\n${await this.rig.outputSoFar()}`);
    }
  }

  private note({ warnings }: CaptureResult | RollbackResult, doing: string): void {
    for (const { message } of warnings) {
      this.warned.add(message);
      if (this.comesBack && !this.kind.warnings?.test(message)) {
        throw new Error(`${doing} gave a warning: ${message}`);
      }
    }
  }

  async capture(): Promise<number> {
    const result = await this.rig.core.capture({ tid: this.rig.pid, files: this.kind.files ?? 'rewind' });
    this.note(result, 'The capture');
    expect(result.exact, 'exact').to.equal(result.warnings.length === 0);
    return result.id;
  }

  /** What is told before it is what is told of it. */
  async rollbackAsForeseen(id: number): Promise<void> {
    const foreseen = (await this.rig.core.checkRollback(id)).map(({ message }) => message);
    const result = await this.rig.core.rollback(id);
    this.note(result, 'The rollback');
    expect(foreseen, 'what was foreseen').to.have.members(result.warnings.map(({ message }) => message));
    if (this.comesBack) {
      expect(await this.rig.core.verify(id), `verify(${id})`).to.deep.equal([]);
    }
  }

  async rollback(id: number): Promise<void> {
    this.note(await this.rig.core.rollback(id), 'The rollback');
    if (this.comesBack) {
      expect(await this.rig.core.verify(id), `verify(${id})`).to.deep.equal([]);
    }
  }

  async set(variable: 'state_branch' | 'state_left', value: number): Promise<void> {
    await this.rig.core.writeMemory(this.rig.address(variable), new Uint8Array([value, 0, 0, 0]));
  }

  async toTheEnd(): Promise<void> {
    await this.rig.clearBreakpoints();
    let event = await this.rig.continue();
    // While snapshots exist a program stands at its end once more before it goes.
    for (let holds = 0; event.type === 'stopped' && holds < 3; ++holds) {
      event = await this.rig.continue();
    }
    const output = await this.rig.allOutput();
    expect(event, output).to.deep.include({ type: 'exited', code: 0 });
    expect(output).to.match(/(^|\n)PASS\n/);
  }

  /** What the program itself has in its directory now. */
  files(): string[] {
    return readdirSync(this.folder, { recursive: true }).map(String).sort();
  }

  async dispose(): Promise<void> {
    await this.rig?.dispose();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

let warm = false;

/** What this process holds. A debuggee that is gone must leave none of it. */
function held(): Record<string, unknown> {
  const tasks = readdirSync('/proc/self/task');
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: tasks.length,
    children: tasks.flatMap((tid) => readFileSync(`/proc/self/task/${tid}/children`, 'utf8').split(' ').filter(Boolean)),
    temporary: readdirSync(tmpdir()).filter((name) => name.startsWith('rollpoint-kind-')).length === 0 ? 'none' : 'some',
  };
}

/** The program, what it has started and what was cloned from it: all that were launched for `folder` and still live. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${markName}=${folder}\0`);
      } catch {
        return false;
      }
    });
}

/** Declares the tests of one kind. */
export function describeKind(kind: StateKind): void {
  const comesBack = kind.expected === 'restored' || (kind.expected === 'privileged' && user === 'root');
  // Fifty as an ordinary user, who has less to work with; as root it is the same code.
  const turns = soak ? 500 : user === 'root' ? 10 : 50;
  describe(`${kind.kind}: ${comesBack ? 'comes back' : 'is told and left'}`, () => {
    const warned = new Set<string>();
    const runs: Run[] = [];
    const failures: string[] = [];
    let test = '';

    const launch = async (...more: string[]): Promise<Run> => {
      const run = new Run(kind, warned, comesBack);
      runs.push(run);
      await run.start(...more);
      return run;
    };
    const dispose = async () => {
      for (const run of runs.splice(0)) {
        await run.dispose();
      }
    };
    afterEach(async function () {
      test = relative(root, this.currentTest?.file ?? '');
      if (this.currentTest?.state !== 'passed') {
        failures.push(this.currentTest?.title ?? '');
      }
      await dispose();
    });
    after(() => record(kind, { passed: failures.length === 0, test, warnings: [...warned] }));

    if (!comesBack) {
      it('is told, and the program goes on', async () => {
        if (!kind.warnings) {
          throw new Error('A kind that is told needs the expression `warnings`.');
        }
        const run = await launch();
        const armed = await run.capture();
        await run.to('at_changed');
        await run.capture();
        await run.rollbackAsForeseen(armed);
        expect([...warned].some((text) => kind.warnings!.test(text)), `among the warnings:\n${[...warned].join('\n')}`).to.equal(true);
        await run.set('state_left', 1);
        await run.to('at_checked');
        await run.toTheEnd();
      });
      return;
    }

    /** From A or B to where the program verifies it. */
    const backAndForth = async (run: Run) => {
      const armed = await run.capture();
      await run.to('at_changed');
      const changed = await run.capture();
      const choose = chooser(kind.kind.length);
      for (let turn = 0; turn < turns; ++turn) {
        await run.rollback(armed);
        if (choose(3) > 0) {
          await run.to('at_changed');
        }
        await run.rollback(changed);
        if (choose(3) > 0) {
          await run.to('at_checked');
        }
      }
      await run.rollback(armed);
      await run.to('at_changed');
      await run.to('at_checked');
      await run.toTheEnd();
    };

    /** Each step from a snapshot by chance to a place where the program verifies; there often another one is taken. */
    const walk = async (run: Run, steps: number) => {
      const first = { id: await run.capture(), at: 'at_armed' };
      const tree = [first];
      const choose = chooser(11);
      for (let step = 0; step < steps; ++step) {
        const from = tree[choose(tree.length)]!;
        await run.rollback(from.id);
        const branch = from.at === 'at_armed' && choose(3) === 0;
        if (branch) {
          await run.set('state_branch', 1);
        }
        const at = branch ? 'at_branched' : from.at === 'at_armed' ? 'at_changed' : from.at === 'at_changed' ? 'at_checked' : from.at;
        if (from.at !== 'at_checked') {
          await run.to(at);
        }
        if (choose(2) === 0) {
          tree.push({ id: await run.capture(), at });
        }
        // Never the first: the walk must be able to begin anew.
        if (tree.length > 12) {
          await run.rig.core.deleteSnapshot(tree.splice(1 + choose(tree.length - 1), 1)[0]!.id);
        }
      }
      await run.rollback(first.id);
      await run.toTheEnd();
    };

    const once = async (run: Run) => {
      const armed = await run.capture();
      await run.to('at_changed');
      const changed = await run.capture();
      await run.rollbackAsForeseen(armed);
      await run.to('at_changed');
      await run.rollbackAsForeseen(changed);
      await run.to('at_checked');
    };

    it('is there again after a rollback', async () => {
      const run = await launch();
      await once(run);
      await run.toTheEnd();
    });

    it(`comes back ${turns} times, back and forth`, async function () {
      this.timeout(60_000 + turns * 1000);
      await backAndForth(await launch());
    });

    it('comes back from another branch', async () => {
      const run = await launch();
      const armed = await run.capture();
      await run.to('at_changed');
      const changed = await run.capture();
      await run.rollback(armed);
      await run.set('state_branch', 1);
      await run.to('at_branched');
      const branched = await run.capture();
      const choose = chooser(7);
      for (let turn = 0; turn < 12; ++turn) {
        await run.rollback(changed);
        if (choose(2) === 0) {
          await run.to('at_checked');
        }
        await run.rollback(branched);
        if (choose(2) === 0) {
          await run.to('at_branched');
        }
        await run.rollback(armed);
        if (choose(2) === 0) {
          await run.to('at_changed');
        }
      }
      await run.rollback(branched);
      await run.rollback(changed);
      await run.to('at_checked');
      await run.toTheEnd();
    });

    if (kind.threads !== false) {
      it(`comes back ${turns} times with ten threads running beside it`, async function () {
        this.timeout(60_000 + turns * 2000);
        await backAndForth(await launch('--threads'));
      });
    }

    if (soak) {
      it('comes back wherever a random walk over a tree of snapshots leads', async function () {
        this.timeout(60_000 + turns * 4000);
        await walk(await launch(...(kind.threads === false ? [] : ['--threads'])), turns * 2);
      });
    }

    it('leaves nothing behind', async () => {
      const plain = await launch();
      await plain.to('at_changed');
      const ownFiles = plain.files();
      await dispose();
      const whole = async (kill: boolean) => {
        const run = await launch();
        await once(run);
        if (kill) {
          await run.rollback(2);
          await run.rig.dispose();
          expect(run.files(), 'files after a kill').to.deep.equal(ownFiles);
        } else {
          await run.toTheEnd();
          await run.rig.dispose();
          expect(run.files(), 'files after the end').to.deep.equal([]);
        }
        expect(processesOf(run.folder), 'processes').to.deep.equal([]);
        await dispose();
      };
      // The first time warms up what Node itself keeps.
      if (!warm) {
        await whole(false);
        await whole(true);
        warm = true;
      }
      const before = held();
      await whole(false);
      await whole(true);
      expect(held()).to.deep.equal(before);
    });
  });
}

function record({ kind, expected, note, program, rootOnly }: StateKind, outcome: Pick<KindResult, 'passed' | 'test' | 'warnings'>): void {
  const folder = process.env.ROLLPOINT_KINDS ?? join(root, 'test', 'output', 'kinds', user);
  const line: KindResult = { kind, expected, note, program, user, rootOnly, ...outcome };
  try {
    mkdirSync(folder, { recursive: true });
  } catch {
    // Run by hand in a checkout of somebody else: there is no place for results, and nobody asked for them.
    return;
  }
  const name = kind.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(line, undefined, 2)}\n`);
}
