// What VS Code calls inside its extension host: runs the suite with mocha.
import Mocha from 'mocha';

export async function run(): Promise<void> {
  process.setSourceMapsEnabled(true);
  const mocha = new Mocha({ ui: 'bdd', timeout: 180_000, slow: 5000, forbidOnly: true, forbidPending: true });
  mocha.suite.emit(Mocha.Suite.constants.EVENT_FILE_PRE_REQUIRE, globalThis, '', mocha);
  await import('./contributions.test');
  await import('./configuration.test');
  await import('./session.test');
  await import('./consent.test');
  await import('./tools.test');
  await import('./attach.test');
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  if (failures > 0) throw new Error(`${failures} of the extension's tests failed.`);
}
