// Loaded by mocha before the tests: after a failed one, what its adapters said last. The log is all that a CI leaves.
// Must not know any test.
import { clientsOfTest } from './dapClient';

export const mochaHooks = {
  beforeEach(): void {
    clientsOfTest.length = 0;
  },
  afterEach(this: Mocha.Context): void {
    if (this.currentTest?.state !== 'failed') return;
    for (const client of clientsOfTest) console.error(client.story());
  },
};
