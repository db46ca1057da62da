// What the gdb side of the adapter makes of text and records, without a gdb.
import { expect } from 'chai';
import { childExpression, elementCount } from '../../adapter/gdb/expressions';
import { parseGdbVersion } from '../../adapter/gdb/gdbProcess';
import { HandleTree } from '../../adapter/gdb/handleTree';
import { parseHitCondition, parseLogMessage } from '../../adapter/gdb/hitCondition';
import { inFrame, listOf, quote } from '../../adapter/gdb/mi';
import { describeThread, sourceOf } from '../../adapter/gdb/stack';
import { isMarker, programEnd, signalName, type StopContext, stopReport } from '../../adapter/gdb/stopReason';
import type { Child, VariableObject } from '../../adapter/gdb/variableObjects';

describe('gdb: text', () => {
  it('quotes for MI, on one line', () => {
    expect(quote('a "b" \\ c')).to.equal('"a \\"b\\" \\\\ c"');
    expect(quote('x +\n  y')).to.equal('"x + y"');
    expect(inFrame({ threadId: 2, level: 0 })).to.equal(' --thread 2 --frame 0');
    expect(inFrame(undefined)).to.equal('');
    expect(listOf(undefined)).to.deep.equal([]);
    expect(listOf({ a: 1 })).to.deep.equal([{ a: 1 }]);
  });

  it('reads the version that each distribution prints', () => {
    const versions = {
      'GNU gdb (Debian 13.1-3) 13.1\nCopyright': '13.1',
      'GNU gdb (Ubuntu 12.1-0ubuntu1~22.04.2) 12.1': '12.1',
      'GNU gdb (GDB) Red Hat Enterprise Linux 10.2-13.el9': '10.2',
      'GNU gdb (GDB) Fedora Linux 15.2-1.fc41': '15.2',
      'GNU gdb (GDB) 16.0.50.20250101-git': '16.0.50',
      'cat (GNU coreutils) 9.1': undefined,
    };
    for (const [text, version] of Object.entries(versions)) {
      expect(parseGdbVersion(text), text).to.equal(version);
    }
  });

  it('reads hit conditions', () => {
    expect(parseHitCondition('5')).to.deep.equal({ operator: '==', count: 5 });
    expect(parseHitCondition(' >= 3 ')).to.deep.equal({ operator: '>=', count: 3 });
    expect(parseHitCondition('%2')).to.deep.equal({ operator: '%', count: 2 });
    expect(parseHitCondition('= 7')).to.deep.equal({ operator: '==', count: 7 });
    for (const wrong of ['', '%0', 'x', '5 times', '!=3']) {
      expect(parseHitCondition(wrong), wrong).to.equal(null);
    }
  });

  it('splits log messages', () => {
    expect(parseLogMessage('a {b} c')).to.deep.equal([{ text: 'a ' }, { expression: 'b' }, { text: ' c' }]);
    expect(parseLogMessage('{f(std::pair<int, int>{1, 2}.first)}')).to.deep.equal([{ expression: 'f(std::pair<int, int>{1, 2}.first)' }]);
    expect(parseLogMessage('\\{not\\} {} {open')).to.deep.equal([{ text: '{not} {} {open' }]);
  });
});

describe('gdb: stops', () => {
  const context: StopContext = {
    pauseRequested: false,
    kindOf: (number) => ({ '2': { kind: 'function' as const }, '3': { kind: 'exception' as const, label: 'Rust panic' } })[number],
  };

  it('knows the end of a program', () => {
    expect(programEnd({ reason: 'exited-normally' })).to.deep.equal({ exitCode: 0 });
    expect(programEnd({ reason: 'exited', 'exit-code': '052' })).to.deep.equal({ exitCode: 42 });
    expect(programEnd({ reason: 'exited-signalled', 'signal-name': 'SIGSEGV' })?.exitCode).to.equal(139);
    expect(programEnd({ reason: 'exited-signalled', 'signal-name': 'SIG34' })?.exitCode).to.equal(162);
    expect(programEnd({ reason: 'breakpoint-hit' })).to.equal(undefined);
    expect(signalName(15)).to.equal('SIGTERM');
  });

  it('tells a restore and a pause from signals of the program', () => {
    const interrupt = { reason: 'signal-received', 'signal-name': 'SIGINT', 'signal-meaning': 'Interrupt' };
    expect(isMarker({ reason: 'signal-received', 'signal-name': '0' })).to.equal(true);
    expect(isMarker(interrupt)).to.equal(false);
    expect(stopReport(interrupt, { ...context, pauseRequested: true }).reason).to.equal('pause');
    expect(stopReport(interrupt, context)).to.include({ reason: 'exception', description: 'Interrupt (SIGINT)' });
  });

  it('tells the stop before the end from one on a signal', () => {
    const marker = { reason: 'signal-received', 'signal-name': '0', 'signal-meaning': 'Signal 0' };
    const crash = { reason: 'signal-received', 'signal-name': 'SIGSEGV', 'signal-meaning': 'Segmentation fault' };
    expect(stopReport(marker, { ...context, ending: { exitCode: 3 } })).to.include({ reason: 'exit', description: 'About to exit with code 3' });
    expect(stopReport(marker, { ...context, ending: { signal: 14 } })).to.include({ reason: 'exception', description: 'About to be ended by SIGALRM' });
    const fatal = stopReport(crash, { ...context, ending: { signal: 11 } });
    expect(fatal).to.include({ reason: 'exception', description: 'Segmentation fault (SIGSEGV)' });
    expect(fatal.exception?.breakMode).to.equal('unhandled');
    expect(stopReport(crash, context).exception?.breakMode).to.equal('always');
  });

  it('names the kind of breakpoint', () => {
    const at = (bkptno: string) => stopReport({ reason: 'breakpoint-hit', bkptno, 'thread-id': '4' }, context);
    expect(at('1')).to.include({ reason: 'breakpoint', threadId: 4, breakpoint: '1' });
    expect(at('2').reason).to.equal('function breakpoint');
    expect(at('3')).to.deep.include({ reason: 'exception', description: 'Rust panic' });
    const watch = { reason: 'watchpoint-trigger', wpt: { number: '7', exp: 'x' }, value: { old: '1', new: '2' } };
    expect(stopReport(watch, context)).to.include({ reason: 'data breakpoint', text: '1 → 2', breakpoint: '7' });
  });

  it('describes threads and sources', () => {
    expect(describeThread({ id: '2', 'target-id': 'Thread 10.12', name: 'worker' })).to.deep.equal({ id: 2, name: 'worker (12)', tid: 12 });
    expect(describeThread({ id: '1', 'target-id': 'Thread 0x7ff (LWP 99)' })).to.deep.equal({ id: 1, name: 'Thread 99', tid: 99 });
    expect(sourceOf({ fullname: './stdlib/exit.c', line: '45' })).to.deep.equal({});
    expect(sourceOf({ fullname: '/a/b.c', line: '45' })).to.deep.equal({ path: '/a/b.c', line: 45 });
  });
});

describe('gdb: values', () => {
  const object = (more: Partial<VariableObject>): VariableObject => ({
    name: 'v',
    value: '{...}',
    type: 'P',
    childCount: 1,
    dynamic: false,
    hint: undefined,
    hasChildren: true,
    ...more,
  });
  const child = (label: string, type = 'int'): Child => ({ ...object({ type }), label });
  const parent = { expression: 'p', evaluateName: 'p' };

  it('writes the expressions of children', () => {
    expect(childExpression(parent, object({}), child('x'), 0).evaluateName).to.equal('p.x');
    expect(childExpression(parent, object({ type: 'P *' }), child('x'), 0).evaluateName).to.equal('p->x');
    expect(childExpression(parent, object({ type: 'int *' }), child('*p'), 0).evaluateName).to.equal('*p');
    expect(childExpression({ ...parent, expression: 'a + b', evaluateName: 'a + b' }, object({ type: 'int [3]' }), child('2'), 2).evaluateName).to.equal('(a + b)[2]');
    expect(childExpression(parent, object({ dynamic: true }), child('[4]'), 4)).to.deep.equal({ expression: '$_rollpoint_child(p, 4)', evaluateName: undefined });
    expect(childExpression(parent, object({}), child('Base', 'Base'), 0).expression).to.equal("*('Base' *)&p");
  });

  it('counts elements without making them', () => {
    expect(elementCount(object({ type: 'int [7]', childCount: 7 }), undefined)).to.equal(7);
    expect(elementCount(object({ type: '[i32; 7]', childCount: 7 }), undefined)).to.equal(7);
    expect(elementCount(object({ childCount: 7 }), undefined)).to.equal(undefined);
    expect(elementCount(object({ dynamic: true }), 'std::vector of length 12, capacity 16')).to.equal(12);
    expect(elementCount(object({ dynamic: true }), 'std::map with 1 element')).to.equal(1);
    expect(elementCount(object({ dynamic: true }), 'Vec(size=3)')).to.equal(3);
  });

  it('keeps the handle of a path', () => {
    const tree = new HandleTree<{ path: string; value: number }>();
    const first = tree.put('a/b', () => ({ path: 'a/b', value: 1 }));
    const again = tree.put('a/b', () => ({ path: 'a/b', value: 2 }), (node) => (node.value = 3));
    expect(again.id).to.equal(first.id);
    expect(tree.get(first.id)?.value).to.equal(3);
    expect(tree.put('a/c', () => ({ path: 'a/c', value: 4 })).id).not.to.equal(first.id);
    expect(tree.find('a/x')).to.equal(undefined);
  });
});
