// What the extension checks before a session, what it offers as configurations, and that package.json says the same.
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { commandIds, contextKeys, debugType, settingsSection, toolNames, viewId } from '../../extension/contributions';
import { attachConfiguration, launchConfiguration, withSettings } from '../../extension/launchDefaults';
import { problemWith, type Attributes, type Surroundings } from '../../extension/preconditions';
import { findCommand, findPrograms, programBeside, stateOfProgram } from '../../extension/programs';

interface Attribute {
  type?: unknown;
  description?: string;
  default?: unknown;
}

interface AttributeSet {
  properties: Record<string, Attribute> & { snapshots: { properties: Record<'auto' | 'memoryLimit' | 'files', Attribute> } };
}

interface Tool {
  name: string;
  displayName: string;
  userDescription: string;
  modelDescription: string;
  inputSchema: { type: string; required?: string[]; properties: Record<string, { description: string }> };
}

interface Manifest {
  icon: string;
  contributes: {
    commands: { command: string }[];
    languageModelTools: Tool[];
    walkthroughs: { icon: string; steps: { id: string; description: string; media: { markdown?: string; image?: string }; completionEvents: string[] }[] }[];
    breakpoints: { language: string }[];
    configuration: { properties: Record<string, unknown> };
    debuggers: [{ type: string; languages: string[]; configurationAttributes: Record<'launch' | 'attach', AttributeSet> }];
  };
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
const texts = JSON.parse(readFileSync('package.nls.json', 'utf8')) as Record<string, string>;

describe('the start of a session', () => {
  let folder: string;
  const at = (...parts: string[]): string => path.join(folder, ...parts);

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'rollpoint-unit-'));
    mkdirSync(at('build/CMakeFiles'), { recursive: true });
    writeFileSync(at('hello.c'), 'int main(void) { return 0; }\n');
    for (const output of ['hello', 'build/other', 'build/CMakeFiles/probe']) {
      expect(spawnSync('gcc', ['-o', at(output), at('hello.c')]).status).to.equal(0);
    }
    expect(spawnSync('gcc', ['-shared', '-fPIC', '-o', at('build/libhello.so.1'), at('hello.c')]).status).to.equal(0);
    writeFileSync(at('script'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(at('plain'), 'text');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('finds the programs of a folder, the youngest first', async () => {
    spawnSync('touch', ['-d', '1 hour ago', at('hello')]);
    expect(await findPrograms(folder)).to.deep.equal([at('build/other'), at('hello')]);
    expect(await programBeside(at('hello.c'))).to.equal(at('hello'));
    expect(await programBeside(at('world.c'))).to.equal(undefined);
  });

  it('tells programs from other files', async () => {
    const states = await Promise.all(['hello', 'nothing', 'build', 'plain', 'script'].map((name) => stateOfProgram(at(name))));
    expect(states).to.deep.equal(['ok', 'missing', 'directory', 'notExecutable', 'notElf']);
  });

  it('finds commands on PATH', async () => {
    expect(await findCommand('hello', `/nowhere:${folder}`)).to.equal(at('hello'));
    expect(await findCommand('build', folder)).to.equal(undefined);
    expect(await findCommand(at('hello'), '')).to.equal(at('hello'));
    expect(await findCommand(at('plain'), '')).to.equal(undefined);
  });

  describe('is refused with a message that says what to do', () => {
    const here: Surroundings = {
      platform: 'linux',
      architecture: 'x64',
      searchPath: process.env['PATH'] ?? '',
      trusted: true,
    };
    const refusal = async (config: Attributes, surroundings: Partial<Surroundings> = {}): Promise<string | undefined> =>
      (await problemWith(config, { ...here, ...surroundings }))?.message;
    const launch = (name: string, gdb?: string): Attributes => ({
      request: 'launch',
      program: at(name),
      ...(gdb ? { gdb } : {}),
    });

    it('not at all when all is well', async () => {
      expect(await refusal(launch('hello'))).to.equal(undefined);
      expect(await refusal({ request: 'attach', pid: '123' })).to.equal(undefined);
    });

    for (const [what, config, surroundings, words] of [
      ['another system', () => launch('hello'), { platform: 'darwin' }, /Linux only.*darwin/],
      ['another processor', () => launch('hello'), { architecture: 'arm64' }, /x86-64 only.*arm64/],
      ['a folder without trust', () => launch('hello'), { trusted: false }, /Trust the folder/],
      ['no program', (): Attributes => ({ request: 'launch' }), {}, /Set "program"/],
      ['a missing program', () => launch('nothing'), {}, /does not exist\. Build it/],
      ['a folder as program', () => launch('build'), {}, /is not a file/],
      ['a file that is not executable', () => launch('plain'), {}, /not executable\. Run "chmod \+x"/],
      ['a script', () => launch('script'), {}, /interpreter/],
      ['gdb missing on PATH', () => launch('hello'), { searchPath: '/nowhere' }, /apt install gdb/],
      ['gdb missing at its path', () => launch('hello', '/nowhere/gdb'), {}, /not found at \/nowhere\/gdb/],
      ['no process to attach to', (): Attributes => ({ request: 'attach' }), {}, /Set "pid"/],
      ['a process id that is none', (): Attributes => ({ request: 'attach', pid: 'me' }), {}, /Set "pid"/],
    ] as [string, () => Attributes, Partial<Surroundings>, RegExp][]) {
      it(`for ${what}`, async () => {
        expect(await refusal(config(), surroundings)).to.match(words);
      });
    }
  });
});

describe('launch configurations', () => {
  it('are written relative to the workspace folder', () => {
    expect(launchConfiguration('/home/user/app/build/app', '/home/user/app')).to.deep.equal({
      type: 'rollpoint',
      request: 'launch',
      name: 'Debug app',
      program: '${workspaceFolder}/build/app',
      args: [],
      cwd: '${workspaceFolder}',
    });
    expect(launchConfiguration('/opt/tool', '/home/user/app').program).to.equal('/opt/tool');
    expect(launchConfiguration('/opt/tool').cwd).to.equal('/opt');
    expect(attachConfiguration().pid).to.equal('${command:pickProcess}');
  });

  it('take from the settings what they leave open', () => {
    const settings = { gdb: '/opt/gdb', auto: 'off', memoryLimit: '2GiB', files: 'keep' } as const;
    expect(withSettings({ program: '/p' }, settings)).to.deep.equal({
      program: '/p',
      gdb: '/opt/gdb',
      snapshots: { auto: 'off', memoryLimit: '2GiB', files: 'keep' },
    });
    expect(withSettings({ gdb: 'gdb-14', snapshots: { auto: 'everyStop' } }, settings)).to.deep.equal({
      gdb: 'gdb-14',
      snapshots: { auto: 'everyStop', memoryLimit: '2GiB', files: 'keep' },
    });
    expect(withSettings({ program: '/p' }, {})).to.deep.equal({ program: '/p', snapshots: {} });
  });
});

describe('package.json', () => {
  const contributes = manifest.contributes;

  it('contributes every command that the extension registers, and no other', () => {
    const contributed = contributes.commands.map(({ command }) => command);
    expect(contributed).to.have.members(Object.values(commandIds));
  });

  it('contributes every tool for language models, with a schema that says what each input is', () => {
    expect(contributes.languageModelTools.map(({ name }) => name)).to.have.members(Object.values(toolNames));
    for (const { name, displayName, userDescription, modelDescription, inputSchema } of contributes.languageModelTools) {
      for (const text of [displayName, userDescription]) expect(text, name).to.match(/^%.+%$/);
      expect(modelDescription, name).to.match(/\.$/);
      expect(inputSchema.type, name).to.equal('object');
      expect(Object.keys(inputSchema.properties), name).to.include.members(inputSchema.required ?? []);
      for (const { description } of Object.values(inputSchema.properties)) expect(description, name).to.match(/^[A-Z].*\.$/);
    }
  });

  it('has a walkthrough whose steps have a button, a picture or a page, and an end', () => {
    const [{ icon, steps } = { icon: '', steps: [] }] = contributes.walkthroughs;
    expect(readFileSync(icon)).to.not.have.length(0);
    expect(steps).to.have.length.greaterThan(5);
    const ours = new Set<string>([...Object.values(commandIds), `${viewId}.focus`]);
    for (const { id, description, media, completionEvents } of steps) {
      const [, name = ''] = /^%(.+)%$/.exec(description) ?? [];
      const [, called = ''] = /\[[A-Z][^\]]+\]\(command:([\w.]+)\)$/.exec(texts[name] ?? '') ?? [];
      expect(called.startsWith('workbench.') || ours.has(called), `${id} calls ${called}`).to.equal(true);
      expect(readFileSync(media.markdown ?? media.image ?? ''), id).to.not.have.length(0);
      for (const event of completionEvents) expect(event, id).to.match(/^on(Command|Context):[\w.]+$/);
      expect(completionEvents, id).to.not.have.length(0);
    }
  });

  it('names no command, view or context key that does not exist', () => {
    const known = new Set<string>([
      ...Object.values(commandIds),
      ...Object.values(contextKeys),
      ...Object.keys(contributes.configuration.properties),
      viewId,
    ]);
    const text = JSON.stringify({ ...contributes, configuration: undefined });
    const named = [...text.matchAll(/rollpoint\.[A-Za-z.]*[A-Za-z]/g)].map(([name]) => name);
    expect(named.filter((name) => !known.has(name) && name !== `${settingsSection}.snapshots`)).to.deep.equal([]);
  });

  it('debugs C, C++ and Rust, and sets breakpoints in them and in assembly', () => {
    const [debuggerEntry] = contributes.debuggers;
    expect(debuggerEntry.type).to.equal(debugType);
    expect(debuggerEntry.languages).to.deep.equal(['c', 'cpp', 'rust']);
    const languages = contributes.breakpoints.map(({ language }) => language);
    expect(languages).to.include.members(['c', 'cpp', 'rust', 'assembly']);
  });

  it('gives every attribute a type, a description and, where it can be left out, a default', () => {
    const { launch, attach } = contributes.debuggers[0].configurationAttributes;
    const attributes = [launch, attach].flatMap(({ properties }) => [
      ...Object.entries<Attribute>(properties).filter(([name]) => name !== 'snapshots'),
      ...Object.entries<Attribute>(properties.snapshots.properties),
    ]);
    for (const [name, attribute] of attributes) {
      expect(attribute, name).to.include.keys('type', 'description', 'default');
    }
    const { auto, memoryLimit, files } = launch.properties.snapshots.properties;
    expect([auto.default, memoryLimit.default, files.default]).to.deep.equal(['breakpoints', '1GiB', 'rewind']);
  });

  it('has a text for every key that it names, and no other', () => {
    const named = [...JSON.stringify(manifest).matchAll(/"%([^"%]+)%"/g)].map(([, key]) => key);
    expect(Object.keys(texts)).to.have.members([...new Set(named)]);
    for (const [key, text] of Object.entries(texts)) expect(text, key).to.be.a('string').and.not.equal('');
  });

  it('keeps the texts of what it contributes apart', () => {
    const { commands, configuration, debuggers } = contributes;
    const attributes = debuggers.flatMap(({ configurationAttributes: { launch, attach } }) => [launch, attach]);
    const shown: [string, string][] = [];
    JSON.stringify([commands, configuration, attributes], (name: string, value: unknown) => {
      const texts = Array.isArray(value) ? (value as unknown[]) : [value];
      if (/^(title|shortTitle|(markdownD|d)escription|(markdownE|e)numDescriptions|patternErrorMessage)$/.test(name)) {
        shown.push(...texts.filter((text) => typeof text === 'string').map((text): [string, string] => [name, text]));
      }
      return value;
    });
    expect(shown).to.not.have.length(0);
    for (const [name, text] of shown) expect(text, name).to.match(/^%.+%$/);
  });

  it('has the files that it names', () => {
    expect(readFileSync(manifest.icon).subarray(1, 4).toString()).to.equal('PNG');
  });
});
