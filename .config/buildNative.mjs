// Compiles native/src into native/build/Release/rollpoint.node, incrementally, with the flags of native/binding.gyp.
// Calls g++ itself instead of node-gyp: Node-API headers come from npm, so neither Python nor a download is needed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import * as path from 'node:path';
import { addon, at } from './paths.mjs';

const require = createRequire(import.meta.url);
const native = at('native');
const objects = at('native/build/objects');
const compiler = process.env.CXX || 'g++';

/** native/binding.gyp is kept as plain JSON so that it can be the one description of the build. */
function description() {
  const target = JSON.parse(readFileSync(path.join(native, 'binding.gyp'), 'utf8')).targets[0];
  const packageOf = (entry) => /require\('([^']+)'\)/.exec(entry)?.[1];
  const includes = target.include_dirs.map((entry) => {
    const name = packageOf(entry);
    if (!name) return path.join(native, entry);
    const folder = path.dirname(require.resolve(`${name}/package.json`));
    return name === 'node-api-headers' ? path.join(folder, 'include') : folder;
  });
  return {
    // The headers of others are not held to our warnings.
    compile: [
      ...target.cflags_cc,
      ...[`NODE_GYP_MODULE_NAME=${target.target_name}`, 'BUILDING_NODE_EXTENSION', ...target.defines].map((d) => `-D${d}`),
      ...includes.flatMap((folder) => [folder.startsWith(native) ? '-I' : '-isystem', folder]),
    ],
    link: ['-shared', ...target.ldflags],
  };
}

function run(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler, args, { stdio: ['ignore', 'inherit', 'inherit'], cwd: native });
    child.once('error', (error) =>
      reject(error.code === 'ENOENT' ? new Error(`${compiler} is missing: install the package g++.`) : error),
    );
    child.once('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${compiler} failed (${signal ?? code}): ${args.at(-1)}`)),
    );
  });
}

/** True when `output` is missing or older than one of the files that its depfile names. */
function outdated(output, depfile) {
  if (!existsSync(output) || !existsSync(depfile)) return true;
  const built = statSync(output).mtimeMs;
  const inputs = readFileSync(depfile, 'utf8').replace(/\\\n/g, ' ').replace(/^[^:]*:/, '').trim().split(/\s+/);
  return inputs.some((file) => {
    const full = path.resolve(native, file);
    return !existsSync(full) || statSync(full).mtimeMs > built;
  });
}

/** `.cc` files below `folder`, a folder of the checkout. */
function sourcesIn(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.cc'))
    .sort()
    .map((file) => path.join(folder, file));
}

/** Says how far a long build is: the first one takes minutes. Returns what is called after each file. */
function progress(files) {
  if (files < 20) return () => undefined;
  console.log(`native: compiling ${files} files …`);
  let done = 0;
  return () => {
    done += 1;
    const quarter = Math.floor((done * 4) / files);
    if (done < files && quarter > Math.floor(((done - 1) * 4) / files)) console.log(`native: ${done} of ${files}`);
  };
}

/**
 * Compiles what is out of date into a folder of `objects` that belongs to these flags alone.
 * Returns the object files, in the order of `sources`, and how many were compiled.
 */
async function compileAll(sources, flags, jobs) {
  const hash = createHash('sha256').update(JSON.stringify([compiler, flags])).digest('hex').slice(0, 12);
  const folder = path.join(objects, hash);
  mkdirSync(folder, { recursive: true });
  const units = sources.map((source) => {
    const object = path.join(folder, path.relative(at(), source).replaceAll('/', '-') + '.o');
    return { source, object, depfile: `${object}.d` };
  });
  const pending = units.filter((unit) => outdated(unit.object, unit.depfile));
  const compiled = pending.length;
  const tell = progress(compiled);
  let failure = null;
  const worker = async () => {
    for (let unit = pending.shift(); unit && !failure; unit = pending.shift()) {
      // Written under another name first: an interrupted compiler must not leave half an object behind.
      const fresh = `${unit.object}.${process.pid}`;
      const begin = new Date();
      try {
        await run([...flags, '-MMD', '-MF', unit.depfile, '-c', '-o', fresh, unit.source]);
        // As old as its beginning: a source saved meanwhile is compiled again next time.
        utimesSync(fresh, begin, begin);
        renameSync(fresh, unit.object);
        tell();
      } catch (error) {
        rmSync(fresh, { force: true });
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  if (failure) throw failure;
  return { files: units.map((unit) => unit.object), compiled };
}

/** Links `files` into `output` when that is older or was made of others; true when it did. */
async function link(output, flags, files) {
  const recipe = JSON.stringify([flags, files]);
  const recipeFile = path.join(objects, `${path.basename(output)}.recipe`);
  const linked = existsSync(output) ? statSync(output).mtimeMs : 0;
  const same = existsSync(recipeFile) && readFileSync(recipeFile, 'utf8') === recipe;
  if (same && files.every((file) => statSync(file).mtimeMs <= linked)) return false;
  mkdirSync(path.dirname(output), { recursive: true });
  // A new inode: a process that has the old file mapped keeps it.
  const fresh = `${output}.${process.pid}`;
  try {
    await run([...flags, '-o', fresh, ...files]);
    renameSync(fresh, output);
  } finally {
    rmSync(fresh, { force: true });
  }
  writeFileSync(recipeFile, recipe);
  return true;
}

const workers = Math.min(availableParallelism(), 8);

export async function buildNative() {
  const { compile, link: linkFlags } = description();
  const { files, compiled } = await compileAll(sourcesIn(path.join(native, 'src')), compile, workers);
  return { compiled, linked: await link(addon, linkFlags, files) };
}
