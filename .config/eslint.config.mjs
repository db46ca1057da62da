// ESLint: TypeScript's type-checked recommendations, and the arrows between the parts (imports go one way).
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Forbids what a folder must not import; `group` holds gitignore patterns matched against the import as written. */
const boundary = (files, forbidden, ignores = []) => ({
  files,
  ignores,
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: forbidden.map(([group, message]) => ({ group: [group].flat(), message })) },
    ],
  },
});

const noVscode = ['vscode', 'Only extension/ runs inside VS Code.'];
const noExtension = ['**/extension/**', 'Imports go one way: the adapter does not know the extension.'];
const noAddon = [['*.node', '**/native', '**/native/**', '!**/core/native'], 'Only adapter/core loads the addon.'];
const apart = (...folders) => [
  folders.map((folder) => `**/${folder}/**`),
  'adapter/rsp, adapter/snapshots and adapter/gdb do not import one another; the session wires them.',
];

export default tseslint.config(
  {
    ignores: [
      '**/*.mjs',
      '**/*.js',
      'dist/**',
      'native/**',
      'node_modules/**',
      'test/sample/**',
      'test/debuggees/**',
      'test/output/**',
      '**/.vscode-host/**',
      '**/*.d.ts',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: ['tsconfig.json'], tsconfigRootDir: root } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      'max-lines': ['warn', { max: 400, skipBlankLines: true, skipComments: true }],
      'no-console': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'interface', format: ['PascalCase'], custom: { regex: '^I[A-Z]', match: false } },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Async methods without await keep a promise-returning interface uniform.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowAny: true, allowNullish: true },
      ],
    },
  },
  boundary(['extension/**/*.ts'], [
    [
      ['**/adapter/**', '!**/adapter/protocol'],
      'The extension knows the adapter only through adapter/protocol.ts.',
    ],
    noAddon,
  ]),
  boundary(['adapter/**/*.ts'], [noVscode, noExtension, noAddon], [
    'adapter/core/**',
    'adapter/rsp/**',
    'adapter/snapshots/**',
    'adapter/gdb/**',
    'adapter/protocol.ts',
  ]),
  boundary(['adapter/core/**/*.ts'], [noVscode, noExtension, apart('gdb', 'snapshots')]),
  boundary(['adapter/rsp/**/*.ts'], [noVscode, noExtension, noAddon, apart('snapshots', 'gdb')]),
  boundary(['adapter/snapshots/**/*.ts'], [noVscode, noExtension, noAddon, apart('rsp', 'gdb')]),
  boundary(['adapter/gdb/**/*.ts'], [noVscode, noExtension, noAddon, apart('rsp', 'snapshots')]),
  {
    files: ['adapter/protocol.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ group: ['*'], message: 'The contract imports nothing.' }] }],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // chai's `expect(x).to.be.true` is an expression.
      '@typescript-eslint/no-unused-expressions': 'off',
      'max-lines': 'off',
    },
  },
);
