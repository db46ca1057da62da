// Descriptors that stand for events, and memory files.
import { describeKind } from '../../support/stateKinds';

describeKind({ kind: 'eventfd: counter and semaphore', program: 'events', args: ['eventfd'], expected: 'restored' });
describeKind({ kind: 'timerfd: what remained, unread expirations', program: 'events', args: ['timerfd'], expected: 'restored' });
describeKind({ kind: 'signalfd: its signals', program: 'events', args: ['signalfd'], expected: 'restored' });
describeKind({ kind: 'pidfd', program: 'events', args: ['pidfd'], expected: 'restored', note: 'While the process lives, or has not been waited for' });
describeKind({ kind: 'Memory files (memfd): size, content, holes', program: 'memfds', expected: 'restored', warnings: /shared mapping of/ });
describeKind({ kind: 'inotify watches, under their numbers', program: 'inotify', expected: 'restored', warnings: /open for writing/ });
describeKind({ kind: 'epoll sets: items, edges, stale numbers, sets within sets', program: 'epollset', expected: 'restored', warnings: /pipe ends are open/ });
