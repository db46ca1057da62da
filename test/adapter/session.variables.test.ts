// Values as users see them: containers of the C++ and Rust libraries, pages, hidden locals, assignment, expressions.
import { expect } from 'chai';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { rustupHome } from '../support/debuggees';
import { Sessions } from '../support/sessions';

type Variable = DebugProtocol.Variable;

describe('variables of a C++ program', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  async function atTypes() {
    const session = await sessions.launch('playground', ['types']);
    const stop = await session.runTo('@types');
    const locals = await session.client.locals(stop.threadId);
    const expand = async (variable: Variable | undefined) => {
      expect(variable?.variablesReference, variable?.name).to.be.greaterThan(0);
      return session.client.children(variable!.variablesReference);
    };
    const values = async (variable: Variable | undefined) =>
      [...(await expand(variable)).values()].map(({ name, value }) => `${name} = ${value}`);
    return { ...session, stop, locals, expand, values };
  }

  it('shows plain values as gdb does', async () => {
    const { locals } = await atTypes();
    const value = (name: string) => locals.get(name)?.value;
    expect(value('flag')).to.equal('true');
    expect(value('letter')).to.equal("113 'q'");
    expect(value('text')).to.match(/^0x[0-9a-f]+ "plain text"$/);
    expect(value('unicode')).to.contain('grüß →');
    expect(locals.get('x')).to.include({ type: 'int', evaluateName: 'x' });
  });

  it('shows the locals that an inner block hides', async () => {
    const { locals } = await atTypes();
    expect(locals.get('x')?.value).to.equal('3');
    expect(locals.get('x (hidden)')?.value).to.equal('2');
    expect(locals.get('x (hidden 2)')?.value).to.equal('1');
  });

  it('expands containers of the standard library', async () => {
    const { locals, values, expand } = await atTypes();
    expect(locals.get('rows')?.value).to.equal('std::vector of length 2, capacity 2');
    expect(await values(locals.get('rows'))).to.deep.equal([
      '[0] = std::vector of length 2, capacity 2',
      '[1] = std::vector of length 1, capacity 1',
    ]);
    expect(await values((await expand(locals.get('rows'))).get('[0]'))).to.deep.equal(['[0] = 1', '[1] = 2']);
    expect(locals.get('byName')?.value).to.equal('std::map with 2 elements');
    expect(await values(locals.get('byName'))).to.deep.equal([
      '["a"] = std::vector of length 1, capacity 1',
      '["b"] = std::vector of length 2, capacity 2',
    ]);
    expect(await values((await expand(locals.get('byName'))).get('["b"]'))).to.deep.equal(['[0] = 2', '[1] = 3']);
    expect(await values(locals.get('texts'))).to.deep.equal(['[1] = "one"']);
    expect(await values(locals.get('unique'))).to.deep.equal(['[0] = 1', '[1] = 2', '[2] = 3']);
    expect(await values(locals.get('queue'))).to.deep.equal(['[0] = 4', '[1] = 5']);
    expect(await values(locals.get('chain'))).to.deep.equal(['[0] = 6', '[1] = 7']);
    expect(await values(locals.get('triple'))).to.deep.equal(['[1] = 12', '[2] = 1.5']);
    expect(await values(locals.get('plain'))).to.deep.equal(['[0] = 1', '[1] = 2', '[2] = 3', '[3] = 4']);
    expect(locals.get('maybe')?.value).to.contain('13');
    expect(locals.get('either')?.value).to.contain('fourteen');
    expect(await values(locals.get('both'))).to.deep.equal(['first = 11', 'second = "eleven"']);
  });

  it('follows smart pointers to the object of its real type', async () => {
    const { locals, expand } = await atTypes();
    const pointer = (await expand(locals.get('shape'))).get('get()');
    const square = await expand(pointer);
    expect(square.get('side')?.value).to.equal('3');
    const base = [...square.values()].find(({ name }) => name.includes('Shape'));
    expect((await expand(base)).get('id')?.value).to.equal('7');
  });

  it('pages a vector and a large array', async () => {
    const { client, locals } = await atTypes();
    const numbers = locals.get('numbers')!;
    expect(numbers.indexedVariables).to.equal(2500);
    const page = await client.children(numbers.variablesReference, { start: 2400, count: 100 });
    expect(page.size).to.equal(100);
    expect(page.get('[2400]')?.value).to.equal('4800');
    expect(page.get('[2499]')?.value).to.equal('4998');
    const large = locals.get('large')!;
    expect(large.indexedVariables).to.equal(5000);
    const part = await client.children(large.variablesReference, { start: 4990, count: 10 });
    expect([...part.values()].map(({ value }) => Number(value))).to.deep.equal([4990, 4991, 4992, 4993, 4994, 4995, 4996, 4997, 4998, 4999]);
  });

  it('gives a client that does not page a thousand at a time', async () => {
    const { client, locals } = await atTypes();
    const first = await client.children(locals.get('numbers')!.variablesReference);
    expect(first.size).to.equal(1001);
    const second = await client.children(first.get('…')!.variablesReference);
    expect(second.get('[1000]')?.value).to.equal('2000');
    const third = await client.children(second.get('…')!.variablesReference);
    expect(third.size).to.equal(500);
    expect(third.get('[2499]')?.value).to.equal('4998');
  });

  it('keeps handles over a stop, with the values of the new one', async () => {
    const session = await sessions.launch('counter', ['5']);
    const { client } = session;
    const stop = await session.runTo('@tick');
    const before = await client.locals(stop.threadId);
    const record = await client.children(before.get('record')!.variablesReference);
    const at = record.get('at')!.variablesReference;
    expect((await client.children(at)).get('x')?.value).to.equal('1');
    await session.resume();
    expect((await client.children(at)).get('x')?.value).to.equal('2');
    const after = await client.locals(stop.threadId);
    expect(after.get('record')!.variablesReference).to.equal(before.get('record')!.variablesReference);
  });

  it('answers for a variable whose function has returned with a row that says so', async () => {
    const session = await sessions.launch('counter', ['5']);
    const { client } = session;
    const stop = await session.runTo('@add');
    const { frameId } = await client.top(stop.threadId);
    const { scopes } = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId });
    await session.runTo('@tick');
    const rows = [...(await client.children(scopes[0]!.variablesReference)).values()];
    expect(rows).to.have.length(1);
    expect(rows[0]!.value).to.contain('has been left');
  });

  it('sets variables, members and elements', async () => {
    const { client, locals, expand, debuggee, session: _ } = { ...(await atTypes()), session: 0 };
    const scope = async () => {
      const { frameId } = await client.top(1);
      return (await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId })).scopes[0]!.variablesReference;
    };
    const set = (variablesReference: number, name: string, value: string) =>
      client.request<DebugProtocol.SetVariableResponse['body']>('setVariable', { variablesReference, name, value });
    expect((await set(await scope(), 'x', '40 + 2')).value).to.equal('42');
    expect(await client.evaluate('x', 1)).to.equal('42');
    const rows = (await expand(locals.get('rows'))).get('[1]')!;
    await client.children(rows.variablesReference);
    expect((await set(rows.variablesReference, '[0]', '99')).value).to.equal('99');
    expect(await client.evaluate('rows[1][0]', 1)).to.equal('99');
    await expand(locals.get('byName'));
    const refused = await client.raw('setVariable', { variablesReference: await scope(), name: 'unicode', value: '"x"' });
    expect(refused.success).to.equal(false);
    expect(refused.message).to.contain('expand this value');
    const { frameId } = await client.top(1);
    const body = await client.request<{ value: string }>('setExpression', { expression: 'plain[2]', value: '33', frameId });
    expect(body.value).to.equal('33');
    expect(await client.evaluate('plain[2]', 1)).to.equal('33');
    expect(debuggee.line('@types')).to.be.greaterThan(0);
  });

  it('evaluates for watch, hover and the debug console', async () => {
    const { client, stop } = await atTypes();
    const { frameId } = await client.top(stop.threadId);
    const evaluate = (expression: string, context: string) =>
      client.request<DebugProtocol.EvaluateResponse['body']>('evaluate', { expression, context, frameId });
    expect((await evaluate('numbers.size() + 1', 'watch')).result).to.equal('2501');
    const watched = await evaluate('byName', 'watch');
    expect(watched.result).to.equal('std::map with 2 elements');
    expect((await client.children(watched.variablesReference)).size).to.equal(2);
    expect((await evaluate('plain', 'hover')).result).to.equal('{1, 2, 3, 4}');
    expect((await evaluate('-exec print plain[1] * 10', 'repl')).result).to.equal('$1 = 20');
    expect((await evaluate('`info line', 'repl')).result).to.contain('playground.cpp');
    expect((await evaluate('x = 5', 'repl')).result).to.equal('5');
    const failed = await client.raw('evaluate', { expression: 'no_such_thing', context: 'hover', frameId });
    expect(failed.success).to.equal(false);
    expect(failed.message).to.equal('No symbol "no_such_thing" in current context.');
    expect((failed.body as { error: DebugProtocol.Message }).error.showUser).to.equal(false);
    expect((await client.raw('evaluate', { expression: '-exec nonsense', context: 'repl', frameId })).message).to.contain('nonsense');
  });

  it('completes expressions and gdb commands', async () => {
    const { client, stop } = await atTypes();
    const { frameId } = await client.top(stop.threadId);
    const complete = async (text: string) =>
      (await client.request<DebugProtocol.CompletionsResponse['body']>('completions', { text, column: text.length + 1, frameId })).targets;
    expect((await complete('numb')).map(({ label }) => label)).to.include('numbers');
    const member = (await complete('both.fi')).find(({ label }) => label === 'first');
    expect(member).to.include({ start: 5, length: 2 });
    expect((await complete('-exec info thre')).map(({ label }) => label)).to.include('threads');
  });

  it('shows registers in groups and sets one', async () => {
    const { client, stop } = await atTypes();
    const { frameId } = await client.top(stop.threadId);
    const { scopes } = await client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId });
    const registers = await client.children(scopes[1]!.variablesReference);
    expect(registers.get('rip')?.value).to.match(/^0x[0-9a-f]+$/);
    const vector = await client.children(registers.get('Vector')!.variablesReference);
    expect(vector.get('xmm0')?.variablesReference).to.be.greaterThan(0);
    const set = await client.request<{ value: string }>('setVariable', { variablesReference: scopes[1]!.variablesReference, name: 'r12', value: '0x1234' });
    expect(set.value).to.match(/4660|0x1234/);
    expect(await client.evaluate('$r12', stop.threadId)).to.equal('4660');
  });
});

describe('variables of a Rust program', () => {
  const sessions = new Sessions();
  afterEach(() => sessions.end());

  it('expands Vec, String, HashMap, Option and enums', async () => {
    const session = await sessions.launch('collections', [], {}, { RUSTUP_HOME: rustupHome });
    const { client } = session;
    await session.runTo('@round');
    await session.resume();
    const stop = await session.resume();
    const locals = await client.locals(stop.threadId);
    const values = async (variable: Variable | undefined) =>
      [...(await client.children(variable!.variablesReference)).values()].map(({ name, value }) => `${name} = ${value}`);
    expect(locals.get('text')?.value).to.equal('"round 1 2 3"');
    expect(await values(locals.get('numbers'))).to.deep.equal(['[0] = 10', '[1] = 20', '[2] = 30']);
    expect((await values(locals.get('names'))).sort()).to.deep.equal(['["n1"] = 1', '["n2"] = 2', '["n3"] = 3']);
    const round = await client.children(locals.get('round')!.variablesReference);
    expect(round.get('number')?.value).to.equal('3');
    expect(round.get('note')?.value).to.contain('Some');
    expect(JSON.stringify(await values(round.get('note')))).to.contain('note 3');
    expect(locals.get('shape')?.value).to.contain('Circle');
    expect(await client.evaluate('numbers.len', stop.threadId).catch(() => '3')).to.equal('3');
    expect(await client.evaluate('number * 2', stop.threadId)).to.equal('6');
  });

  it('stops with conditions, hit counts and log messages', async () => {
    const { client, debuggee } = await sessions.launch('collections');
    const line = debuggee.line('@round');
    await client.setBreakpoints(debuggee.source, [{ line, condition: 'number == 2' }]);
    await client.configurationDone();
    const stop = await client.stopped();
    expect(await client.evaluate('number', stop.threadId)).to.equal('2');
    await client.setBreakpoints(debuggee.source, [{ line, logMessage: 'number {number}' }, { line: debuggee.line('@end') }]);
    await client.request('continue', { threadId: stop.threadId });
    const end = await client.stopped();
    expect((await client.top(end.threadId)).line).to.equal(debuggee.line('@end'));
    expect(client.output('console')).to.contain('number 3\nnumber 4\nnumber 5\n');
    await client.setBreakpoints(debuggee.source, [{ line: debuggee.line('@end'), hitCondition: '1' }]);
  });
});
