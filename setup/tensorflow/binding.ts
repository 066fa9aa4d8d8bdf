/**
 * Builds tfjs_binding.node from the package's C++ sources with node-gyp, against the wheel's headers and
 * libraries. The package's own binding links to a TensorFlow of 2022. Node-API is stable, so one build works
 * with every version of Node.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TexturaError } from '../../model/error.ts';
import { type ProgramResult, runProgram } from '../../node/program.ts';
import { bindingName, hushName, tfjsPackageFolder } from '../../training/engine/tensorflow/location.ts';
import { lastLines } from '../stage.ts';
import { makeWholeFolder } from '../whole-folder.ts';

/**
 * Builds `binding`, and `hush.node` in the same folder, against the wheel in `wheel`. The folder is complete
 * or absent.
 * Errors: `engine-unavailable` with the compiler's last lines, `interrupted`.
 */
export async function buildBinding(wheel: string, binding: string): Promise<void> {
  const place = dirname(binding);
  // An existing one did not load.
  await rm(place, { recursive: true, force: true });
  await makeWholeFolder(place, async (working) => {
    await layOutSources(working);
    const args = nodeGypArguments(join(wheel, 'tensorflow'));
    const result = await runProgram(process.execPath, args, { cwd: working, doing: 'building' });
    if (result.status !== 0) throw buildFailure(result);
    const built = join(working, 'built');
    await mkdir(built);
    for (const name of [bindingName, hushName]) {
      await rename(join(working, 'build', 'Release', name), join(built, name));
    }
    return built;
  });
}

/** The build files of `native/` with the package's sources. */
async function layOutSources(folder: string): Promise<void> {
  await cp(fileURLToPath(new URL('native', import.meta.url)), folder, { recursive: true });
  await cp(join(tfjsPackageFolder(), 'binding'), join(folder, 'binding'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"name":"tfjs-binding","version":"0.0.0"}\n');
}

function nodeGypArguments(wheel: string): string[] {
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const headers = nodeHeadersPrefix();
  return [
    nodeGyp,
    'rebuild',
    ...(headers === undefined ? [] : [`--nodedir=${headers}`]),
    '--',
    `-Dwheel=${wheel}`,
  ];
}

/** The prefix of this Node's headers; undefined if it has none and node-gyp has to download them. */
export function nodeHeadersPrefix(execPath = process.execPath): string | undefined {
  const prefix = dirname(dirname(execPath));
  const complete = ['node_api.h', 'common.gypi'].every((file) =>
    existsSync(join(prefix, 'include', 'node', file)),
  );
  return complete ? prefix : undefined;
}

/** Makes `place` a link to `binding`, atomically. */
export async function linkBinding(binding: string, place: string): Promise<void> {
  const temporary = `${place}.${process.pid}.tmp`;
  await mkdir(dirname(place), { recursive: true });
  await rm(temporary, { force: true });
  await symlink(binding, temporary);
  await rename(temporary, place);
}

/** Whether `place` is a link to `binding` and the file exists. */
export async function isLinked(binding: string, place: string): Promise<boolean> {
  if (!existsSync(place)) return false;
  return (await readlink(place).catch(() => undefined)) === binding;
}

function buildFailure(result: ProgramResult): TexturaError {
  const errors = `${result.stdout}\n${result.stderr}`
    .split('\n')
    .filter((line) => /error|not found/i.test(line) && !/^gyp \S+ stack +at /.test(line))
    .slice(0, 8);
  const tail = errors.length > 0 ? errors.join('\n') : lastLines(result);
  const headers =
    nodeHeadersPrefix() === undefined
      ? `This Node (${process.execPath}) has no headers, so node-gyp downloads them from nodejs.org; that may have failed. ` +
        'A Node from nodejs.org has them.\n'
      : '';
  return new TexturaError('engine-unavailable', `building TensorFlow's binding failed.\n${headers}${tail}`);
}
