// Sockets: what is in flight between two ends of the program, its listeners; what leads out of it is told.
import { createServer, type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { Rig } from '../../support/native';
import { describeKind } from '../../support/stateKinds';

const program = 'sockets';

describeKind({ kind: 'Socket pairs: streams, packets and datagrams in flight, options, flags', program, args: ['pairs'], expected: 'restored' });
describeKind({ kind: 'Socket pairs: ends closed and shut down since', program, args: ['ends'], expected: 'restored' });
describeKind({ kind: 'TCP within the program: bytes in flight both ways, options', program, args: ['tcp'], expected: 'restored' });
describeKind({
  kind: 'Listening sockets and TCP connections closed since',
  program,
  args: ['listen'],
  expected: 'restored',
});
describeKind({ kind: 'UDP within the program: datagrams in flight, a socket closed since', program, args: ['udp'], expected: 'restored' });
describeKind({ kind: 'Threads that wait in recv, accept and poll on sockets', program, args: ['blocked'], expected: 'restored' });
describeKind({ kind: 'Unix sockets with names: connections, listeners, files of sockets', program, args: ['named'], expected: 'restored' });
describeKind({ kind: 'Connections that wait to be accepted', program, args: ['backlog'], expected: 'restored' });
describeKind({ kind: 'Descriptors in flight over unix sockets (SCM_RIGHTS)', program, args: ['rights'], expected: 'restored' });
describeKind({
  kind: 'Empty datagrams in flight over unix sockets',
  program,
  args: ['empty'],
  expected: 'told',
  warnings: /^An empty datagram is in flight to the socket at descriptor \d+/,
});
describeKind({ kind: 'Options of sockets: TCP, UDP, IPv6, unix, listening', program: 'socketfacts', args: ['options'], expected: 'restored' });
describeKind({ kind: 'Multicast groups of sockets', program: 'socketfacts', args: ['groups'], expected: 'restored' });
describeKind({ kind: 'Filters of sockets (SO_ATTACH_FILTER)', program: 'socketfacts', args: ['filter'], expected: 'restored' });
describeKind({ kind: 'Urgent data of sockets (MSG_OOB)', program: 'socketfacts', args: ['urgent'], expected: 'told', warnings: /^Urgent data waits at the socket at descriptor \d+/ });
describeKind({ kind: 'Errors of sockets that wait to be told (SO_ERROR)', program: 'socketfacts', args: ['error'], expected: 'told', warnings: /^An error waits to be told at the socket at descriptor \d+/ });
describeKind({ kind: 'Sockets between the program and its child', program, args: ['tree'], expected: 'restored' });

describe('programs of the kernel at sockets (eBPF)', () => {
  it('are told where the user may have them, stay, and let through what they let through', async () => {
    const rig = await Rig.launch('socketfacts', ['ebpf']);
    try {
      await rig.breakAt('at_armed', 'at_changed');
      await rig.continueToBreakpoint();
      const { id, warnings } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      const told = (await rig.readInt('attached')) > 0;
      expect(warnings.map(({ message }) => message).join()).to.match(told ? /^What arrives at the socket at descriptor \d+ is filtered by a program of the kernel's \(eBPF\)/ : /^$/);
      for (let turn = 0; turn < 3; ++turn) {
        await rig.continueToBreakpoint();
        await rig.core.rollback(id);
        expect(await rig.core.verify(id)).to.deep.equal([]);
      }
    } finally {
      await rig.dispose();
    }
  });
});

describe('sockets that a process outside the tree has, too', () => {
  it('have the options that they had, also where they are closed or made anew in the program', async () => {
    const rig = await Rig.launch('sharedsockets', [], { children: 'ignore' });
    try {
      await rig.breakAt('at_armed', 'at_changed', 'at_checked');
      await rig.continueToBreakpoint();
      const { id } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      for (let turn = 0; turn < 3; ++turn) {
        await rig.continueToBreakpoint();
        await rig.core.rollback(id);
      }
      await rig.continueToBreakpoint();
      await rig.continueToBreakpoint();
      await rig.clearBreakpoints();
      let event = await rig.continue();
      while (event.type === 'stopped') event = await rig.continue();
      expect(event, await rig.allOutput()).to.deep.include({ type: 'exited', code: 0 });
    } finally {
      await rig.dispose();
    }
  });
});

describe('a connection to another program', () => {
  const args = ['outside'];
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket));
  before((done) => {
    server.listen(0, '127.0.0.1', () => {
      args.push(String((server.address() as AddressInfo).port));
      done();
    });
  });
  after((done) => {
    server.close(done);
  });

  it('is told before a rollback, with the bytes that have passed', async () => {
    const rig = await Rig.launch(program, args);
    try {
      await rig.breakAt('at_armed', 'at_changed');
      await rig.continueToBreakpoint();
      const { id, exact, warnings } = await rig.core.capture({ tid: rig.pid, files: 'rewind' });
      expect(exact).to.equal(false);
      expect(warnings.map(({ message }) => message).join()).to.match(/The connection to 127\.0\.0\.1:\d+ \(descriptor \d+\) leads out of the program/);
      expect(await rig.core.passedOutside(id)).to.deep.equal([]);
      expect(await rig.core.checkRollback(id)).to.deep.equal([]);
      await rig.continueToBreakpoint();
      const passed = await rig.core.passedOutside(id);
      expect(passed).to.have.length(1);
      expect(passed[0]).to.match(/^Since the snapshot 12 bytes went to 127\.0\.0\.1:\d+ and 12 bytes came from there/);
      expect(await rig.core.checkRollback(id)).to.deep.equal([{ kind: 'connection', message: passed[0] }]);
      expect((await rig.core.rollback(id)).warnings.map(({ message }) => message)).to.include(passed[0]);
    } finally {
      await rig.dispose();
    }
  });

  describeKind({
    kind: 'Connections that lead out of the program',
    program,
    args,
    expected: 'told',
    warnings: /^Since the snapshot 12 bytes went to 127\.0\.0\.1:\d+ and 12 bytes came from there/,
    note: 'Told at the capture, and with the number of bytes that have passed since at the rollback.',
  });
});
