/**
 * Collects the libraries that CUDA needs in one folder: from this machine, from a folder that the user names,
 * or from Python wheels. A download is checked against its pinned hash before it enters the folder; a library of
 * the user's is linked.
 */
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TexturaError } from '../../model/error.ts';
import {
  bindingFolder,
  cudaFolder,
  cudaLibraries,
  isCudaLibrary,
  providerLibraries,
} from '../../node/cuda-libraries.ts';
import { runProgram } from '../../node/program.ts';
import { pipInstall } from '../pip.ts';
import { withWorkingFolder } from '../whole-folder.ts';
import type { PinnedLibrary, PinnedWheel } from './wheels.ts';

/** What is wrong with a file of the pinned library `pin`; undefined if nothing is. */
async function faultOfLibrary(path: string, pin: PinnedLibrary): Promise<string | undefined> {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) return 'it is missing';
  if (file.size !== pin.bytes) return `expected ${pin.bytes} bytes, got ${file.size}`;
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const digest = hash.digest('hex');
  return digest === pin.sha256 ? undefined : `expected SHA-256 ${pin.sha256}, got ${digest}`;
}

/** Whether `folder` has every library of `wheel` with the pinned content. */
export async function hasLibraries(folder: string, wheel: PinnedWheel): Promise<boolean> {
  for (const pin of wheel.libraries) {
    if ((await faultOfLibrary(join(folder, pin.name), pin)) !== undefined) return false;
  }
  return true;
}

/**
 * The folders of the user's libraries that NVIDIA's in `folder` are links to; none if they are downloads or
 * incomplete.
 */
export function linkedFolders(folder: string): string[] {
  const paths = cudaLibraries.map((name) => join(folder, name));
  if (!paths.every((path) => existsSync(path))) return [];
  const links = paths.filter((path) => lstatSync(path).isSymbolicLink());
  return [...new Set(links.map((link) => dirname(readlinkSync(link))))];
}

/**
 * Downloads `wheel` and moves its libraries to `folder` when all are as pinned; an interrupted setup goes on
 * with the next wheel. Errors: `engine-unavailable` with pip's last lines or the library that differs,
 * `interrupted`.
 */
export async function installLibraries(wheel: PinnedWheel, folder: string): Promise<void> {
  const what = `${wheel.name} ${wheel.version}`;
  await mkdir(folder, { recursive: true });
  await withWorkingFolder(folder, async (working) => {
    const requirements = join(working, 'requirements.txt');
    await writeFile(requirements, `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
    const unpacked = await pipInstall({ what, requirements, platforms: [wheel.platform] }, working);
    for (const pin of wheel.libraries) {
      const fault = await faultOfLibrary(join(unpacked, wheel.folder, pin.name), pin);
      if (fault === undefined) continue;
      throw new TexturaError('engine-unavailable', `${pin.name} in the wheel of ${what} differs: ${fault}`);
    }
    for (const { name } of wheel.libraries) {
      await rename(join(unpacked, wheel.folder, name), join(folder, name));
    }
  });
}

/**
 * The libraries in `source` and the folders below it, by name: the provider's, if they are as pinned, and
 * NVIDIA's, if all that the provider loads are there. A Python environment may have both PyTorch for CUDA and
 * another onnxruntime, whose provider is then left out.
 * Errors: `usage` if `source` has neither, or only a provider of another version.
 */
export async function librariesIn(source: string, provider: PinnedWheel): Promise<Map<string, string>> {
  const names = providerLibraries.join(' and ');
  if (!statSync(source, { throwIfNoEntry: false })?.isDirectory()) {
    throw new TexturaError('usage', `--from: ${source} is not a folder`);
  }
  const paths = new Map(
    readdirSync(source, { recursive: true, encoding: 'utf8' })
      .map((path) => resolve(source, path))
      // Not what an earlier setup collected: it is about to be replaced.
      .filter((path) => dirname(path) !== cudaFolder())
      .map((path) => [basename(path), path]),
  );
  const found = new Map(hasAllLibraries(paths) ? [...paths].filter(([name]) => isCudaLibrary(name)) : []);
  for (const pin of provider.libraries) {
    const path = paths.get(pin.name);
    if (path === undefined) continue;
    const fault = await faultOfLibrary(path, pin);
    if (fault === undefined) found.set(pin.name, path);
    else if (!hasAllLibraries(found)) {
      const message = `--from: ${path} is not from ${provider.name} ${provider.version}: ${fault}`;
      throw new TexturaError('usage', `${message}; install that version there, or name another folder`);
    }
  }
  if (found.size > 0) return found;
  const message = `--from: ${source} has neither ${names} nor all of ${cudaLibraries.join(', ')}`;
  throw new TexturaError('usage', `${message}; name a folder that has them or has them in folders below it`);
}

/** NVIDIA's libraries of this machine, by name, as the loader finds them; none if one is missing. */
export async function librariesOfMachine(): Promise<Map<string, string>> {
  const found = await systemLibraries(cudaLibraries);
  if (!hasAllLibraries(found)) return new Map();
  // Those that NVRTC and cuDNN open when they run are in the same folders.
  const folders = [...new Set([...found.values()].map((path) => dirname(path)))];
  const neighbours = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter(isCudaLibrary)
      .map((name) => [name, join(folder, name)] as const),
  );
  return new Map([...neighbours, ...found]);
}

/**
 * Where a session on CUDA would find the provider's libraries and NVIDIA's, by name, without those that are
 * missing. Links are followed.
 */
export async function installedLibraries() {
  return {
    provider: Object.fromEntries([
      ...pathsIn(cudaFolder, providerLibraries),
      ...pathsIn(bindingFolder, providerLibraries),
    ]),
    libraries: Object.fromEntries([
      ...(await systemLibraries(cudaLibraries)),
      ...pathsIn(cudaFolder, cudaLibraries),
    ]),
  };
}

/** Those of `names` that are in a folder of onnxruntime's; none if onnxruntime-node is not installed. */
function pathsIn(folderOf: () => string, names: readonly string[]): [name: string, path: string][] {
  try {
    const folder = folderOf();
    return names
      .filter((name) => existsSync(join(folder, name)))
      .map((name) => [name, realpathSync(join(folder, name))]);
  } catch {
    return [];
  }
}

/** Whether `libraries` has all that the provider loads. */
export function hasAllLibraries(libraries: ReadonlyMap<string, string>): boolean {
  return cudaLibraries.every((name) => libraries.has(name));
}

/**
 * Links `libraries`, paths by name, into `folder`. If NVIDIA's are among them, those in the folder go, so that
 * versions are not mixed.
 */
export async function linkLibraries(libraries: ReadonlyMap<string, string>, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (hasAllLibraries(libraries)) {
    for (const name of readdirSync(folder).filter(isCudaLibrary)) await rm(join(folder, name));
  }
  for (const [name, path] of libraries) {
    await rm(join(folder, name), { force: true });
    await symlink(path, join(folder, name));
  }
}

/** Removes the links to NVIDIA's libraries in `folder`. */
export async function removeLinks(folder: string): Promise<void> {
  for (const name of readdirSync(folder).filter(isCudaLibrary)) {
    const path = join(folder, name);
    if (lstatSync(path).isSymbolicLink()) await rm(path);
  }
}

/**
 * Paths of libraries on this machine, as the loader finds them by name: in LD_LIBRARY_PATH, then in its cache.
 */
export async function systemLibraries(names: readonly string[]): Promise<Map<string, string>> {
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean);
  const cache = await loaderCache();
  const found = new Map<string, string>();
  for (const name of names) {
    const folder = folders.find((folder) => existsSync(join(folder, name)));
    const path = folder === undefined ? cache.get(name) : join(folder, name);
    if (path !== undefined) found.set(name, path);
  }
  return found;
}

/** Libraries in the loader's cache, by name. */
async function loaderCache(): Promise<Map<string, string>> {
  for (const program of ['ldconfig', '/sbin/ldconfig']) {
    const { status, stdout } = await runProgram(program, ['-p'], { timeoutMs: 20_000 });
    if (status === 0) return parseLoaderCache(stdout);
  }
  return new Map();
}

/** The first path of each library of this architecture in the output of `ldconfig -p`. */
export function parseLoaderCache(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = '', path = ''] of text.matchAll(/^\s+(\S+) \([^)]*x86-64[^)]*\) => (.+)$/gm)) {
    if (!found.has(name)) found.set(name, path);
  }
  return found;
}
