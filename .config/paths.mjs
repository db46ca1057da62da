// Where things lie in the checkout, shared by the build, the setup and the test runner.
// Must not import anything from node_modules: the setup runs before they are installed.
import { fileURLToPath } from 'node:url';
import * as path from 'node:path';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
export const at = (...parts) => path.join(root, ...parts);
export const dist = at('dist');
export const addon = at('native/build/Release/rollpoint.node');
