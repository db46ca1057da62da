// Framing, numbers, thread ids, signals and resume actions of the remote protocol: values in, values out.
import { expect } from 'chai';
import { parseAddress } from '../../adapter/rsp/address';
import { parseBreakpoint } from '../../adapter/rsp/breakpoints';
import { parseCommandLine } from '../../adapter/rsp/commandLine';
import { packetName } from '../../adapter/rsp/dispatcher';
import { hexToBytes, parseHexBig, parseRange, splitOnce } from '../../adapter/rsp/encoding';
import { crc32 } from '../../adapter/rsp/memory';
import { encodePacket, escapePayload, PacketDecoder, unescapePayload, type PacketEvent } from '../../adapter/rsp/packet';
import { parseVCont, resumeAgain } from '../../adapter/rsp/resume';
import { signalName, toLinuxSignal, toProtocolSignal } from '../../adapter/rsp/signals';
import { ALL, formatThreadId, parseThreadId } from '../../adapter/rsp/threadId';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('packets', () => {
  it('frames a payload with the sum of its bytes', () => {
    expect(encodePacket('OK').toString('latin1')).to.equal('$OK#9a');
    expect(encodePacket('').toString('latin1')).to.equal('$#00');
  });

  it('escapes what has a meaning in the framing, and takes it back', () => {
    const raw = 'a#b$c}d*e\x00\xff';
    const escaped = escapePayload(raw);
    expect(escaped).to.equal('a}\x03b}\x04c}\x5dd}\x0ae\x00\xff');
    expect(unescapePayload(escaped)).to.equal(raw);
  });

  it('finds packets, acknowledgements and the interrupt byte in a stream', () => {
    expect(new PacketDecoder().push(latin1('+$qC#b4-\x03$?#3f'))).to.deep.equal([
      { kind: 'ack' },
      { kind: 'packet', payload: 'qC' },
      { kind: 'nack' },
      { kind: 'interrupt' },
      { kind: 'packet', payload: '?' },
    ]);
  });

  it('keeps what is incomplete, wherever the stream is cut', () => {
    const wire = Buffer.concat([encodePacket('X1000,3:}#$'), latin1('\x03'), encodePacket('g')]);
    for (let cut = 0; cut <= wire.length; cut++) {
      const decoder = new PacketDecoder();
      const events: PacketEvent[] = [...decoder.push(wire.subarray(0, cut)), ...decoder.push(wire.subarray(cut))];
      expect(events).to.deep.equal([
        { kind: 'packet', payload: 'X1000,3:}#$' },
        { kind: 'interrupt' },
        { kind: 'packet', payload: 'g' },
      ]);
    }
  });

  it('does not take 0x03 inside a packet for an interrupt', () => {
    expect(new PacketDecoder().push(encodePacket('X0,1:\x03'))).to.deep.equal([{ kind: 'packet', payload: 'X0,1:\x03' }]);
  });

  it('tells a damaged packet', () => {
    expect(new PacketDecoder().push(latin1('$g#00'))).to.deep.equal([{ kind: 'badChecksum' }]);
    expect(new PacketDecoder().push(latin1('$g#zz'))).to.deep.equal([{ kind: 'badChecksum' }]);
  });

  it('names packets by word or by letter', () => {
    expect(['qXfer:features:read:x', 'vCont?', 'vCont;c', 'bc', 'm1,2', 'Hgp1.1', 'qRcmd,61', 'QPassSignals:e', 'T1'].map(packetName)).to.deep.equal([
      'qXfer', 'vCont?', 'vCont', 'bc', 'm', 'H', 'qRcmd', 'QPassSignals', 'T',
    ]);
  });
});

describe('numbers and ids of the protocol', () => {
  it('reads addresses beyond 53 bits', () => {
    expect(parseRange('ffffffffff600000,8')).to.deep.equal({ address: 0xffffffffff600000n, length: 8 });
    expect(() => parseHexBig('12g')).to.throw('not a number');
    expect(() => parseRange('1000')).to.throw();
    expect(() => hexToBytes('abc')).to.throw('not hex');
    expect(splitOnce('a:b:c', ':')).to.deep.equal(['a', 'b:c']);
  });

  it('reads and writes thread ids with and without processes', () => {
    expect(parseThreadId('p1f.20')).to.deep.equal({ pid: 0x1f, tid: 0x20 });
    expect(parseThreadId('p1f.-1')).to.deep.equal({ pid: 0x1f, tid: ALL });
    expect(parseThreadId('p1f')).to.deep.equal({ pid: 0x1f, tid: ALL });
    expect(parseThreadId('-1')).to.deep.equal({ pid: null, tid: ALL });
    expect(parseThreadId('0')).to.deep.equal({ pid: null, tid: 0 });
    expect(() => parseThreadId('')).to.throw();
    expect(formatThreadId(0x1f, 0x20, true)).to.equal('p1f.20');
    expect(formatThreadId(0x1f, 0x20, false)).to.equal('20');
  });

  it('translates every Linux signal there and back', () => {
    for (let signal = 1; signal <= 64; signal++) {
      if (signal === 16) continue; // SIGSTKFLT has no number in the protocol.
      expect(toLinuxSignal(toProtocolSignal(signal)), `signal ${signal}`).to.equal(signal);
    }
    expect(toProtocolSignal(10)).to.equal(30);
    expect(toProtocolSignal(11)).to.equal(11);
    expect(toProtocolSignal(16)).to.equal(143);
    expect(toLinuxSignal(20)).to.equal(17);
    expect(toLinuxSignal(0)).to.equal(0);
    expect(signalName(11)).to.equal('SIGSEGV');
    expect(signalName(34)).to.equal('SIG34');
  });

  it('computes the checksum of compare-sections', () => {
    expect(crc32(latin1('123456789'))).to.equal(0x0376e6e7);
    expect(crc32(latin1('56789'), crc32(latin1('1234')))).to.equal(0x0376e6e7);
  });
});

describe('resume actions', () => {
  const thread = (text: string): number => parseThreadId(text).tid;

  it('reads vCont', () => {
    expect(parseVCont('s:p1.2;C0e:p1.3;r401000,40100a:p1.4;c', thread)).to.deep.equal([
      { tid: 2, kind: 'step', signal: 0 },
      { tid: 3, kind: 'continue', signal: 14 },
      { tid: 4, kind: 'range', signal: 0, start: 0x401000n, end: 0x40100an },
      { tid: ALL, kind: 'continue', signal: 0 },
    ]);
    expect(parseVCont('S1e:p1.2', thread)).to.deep.equal([{ tid: 2, kind: 'step', signal: 10 }]);
  });

  it('refuses what it does not know', () => {
    expect(() => parseVCont('', thread)).to.throw();
    expect(() => parseVCont('q:1', thread)).to.throw('vCont action q');
  });

  it('goes on after a passed signal: the thread gets it, no other signal comes twice', () => {
    const actions = parseVCont('S05:p1.2;c', thread);
    expect(resumeAgain(actions, 3, 14)).to.deep.equal([
      { tid: 3, kind: 'continue', signal: 14 },
      { tid: 2, kind: 'step', signal: 0 },
      { tid: ALL, kind: 'continue', signal: 0 },
    ]);
    expect(resumeAgain(actions, 2, 14)[0]).to.deep.equal({ tid: 2, kind: 'step', signal: 14 });
  });

  it('reads breakpoints of all five kinds', () => {
    expect(parseBreakpoint('0,401136,1')).to.deep.equal({ type: 'software', address: 0x401136n, length: 1 });
    expect(['1', '2', '3', '4'].map((n) => parseBreakpoint(`${n},10,8`)?.type)).to.deep.equal(['hardware', 'write', 'read', 'access']);
    expect(parseBreakpoint('9,10,8')).to.equal(null);
  });
});

describe('the command line of rollpoint-server', () => {
  const parse = (line: string) => {
    const invocation = parseCommandLine(line.split(' ').filter(Boolean));
    if (invocation.kind !== 'serve') throw new Error(`${line}: ${invocation.kind}`);
    return invocation.command;
  };

  it("is gdbserver's", () => {
    expect(parse(':0 prog -x --once')).to.include({ comm: ':0', program: 'prog', once: false, mode: 'program', shell: true });
    expect(parse(':0 prog -x --once').args).to.deep.equal(['-x', '--once']);
    expect(parse('--once --multi localhost:2345')).to.include({ mode: 'multi', once: true, program: null });
    expect(parse('--attach :1234 77')).to.include({ mode: 'attach', pid: 77 });
    expect(parse(':1234 --attach 77')).to.include({ mode: 'attach', pid: 77 });
    expect(parse('--wrapper env A=1 -- --no-startup-with-shell - prog')).to.deep.include({ wrapper: ['env', 'A=1'], comm: '-', shell: false });
    expect(parse('--no-disable-randomization stdio prog').disableAslr).to.equal(false);
    expect([...parse('--disable-packet=vCont,qC :0 prog').disabledPackets]).to.deep.equal(['vCont', 'qC']);
  });

  it('says what is missing', () => {
    expect(parseCommandLine([])).to.include({ kind: 'wrong' });
    expect(parseCommandLine([':0'])).to.include({ kind: 'wrong', message: 'The program to debug is missing.' });
    expect(parseCommandLine(['--attach', ':0', 'x'])).to.include({ kind: 'wrong' });
    expect(parseCommandLine(['--frobnicate', ':0', 'x'])).to.include({ kind: 'wrong', message: 'Unknown option "--frobnicate".' });
    expect(parseCommandLine(['--help']).kind).to.equal('help');
  });

  it('reads where to listen', () => {
    expect(parseAddress(':0')).to.deep.equal({ kind: 'tcp', host: null, port: 0 });
    expect(parseAddress('tcp:localhost:2345')).to.deep.equal({ kind: 'tcp', host: 'localhost', port: 2345 });
    expect(parseAddress('[::1]:80')).to.deep.equal({ kind: 'tcp', host: '::1', port: 80 });
    expect(parseAddress('/tmp/a:b')).to.deep.equal({ kind: 'unix', path: '/tmp/a:b' });
    expect(parseAddress('socket')).to.deep.equal({ kind: 'unix', path: 'socket' });
    expect(parseAddress('-')).to.deep.equal({ kind: 'stdio' });
    expect(() => parseAddress('host:port')).to.throw('Not a port number');
  });
});
