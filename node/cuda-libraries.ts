/**
 * Where the CUDA provider of onnxruntime and NVIDIA's libraries are, and how a process finds them without
 * LD_LIBRARY_PATH. `npm run setup:cuda` collects them in one folder outside node_modules, which `npm ci`
 * does not touch:
 *
 *     CACHE/onnxruntime-cuda-1.30.0/libonnxruntime_providers_*.so     linked next to onnxruntime's binding,
 *                                                                     the only place where it looks for them
 *     CACHE/onnxruntime-cuda-1.30.0/libcudart.so.13, libcudnn.so.9..  loaded by path before the provider, which
 *                                                                     then finds them among the loaded libraries
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { messageOf } from '../model/error.ts';
import { cacheFolder } from './cache-folder.ts';

/** The provider's two libraries. */
export const providerLibraries = [
  'libonnxruntime_providers_cuda.so',
  'libonnxruntime_providers_shared.so',
] as const;

/** What the provider loads by name: CUDA 13, and cuDNN 9, whose other libraries are in the same folder. */
export const cudaLibraries = [
  'libcudart.so.13',
  'libnvrtc.so.13',
  'libcublasLt.so.13',
  'libcublas.so.13',
  'libcurand.so.10',
  'libcudnn.so.9',
] as const;

/** A library after those that it needs. NVRTC and cuDNN open their other libraries by name when they run. */
const loadOrder = [
  /^libcudart\.so\.13$/,
  /^libnvrtc-builtins\.so\.13\.\d+$/,
  /^libnvrtc\.so\.13$/,
  /^libcublasLt\.so\.13$/,
  /^libcublas\.so\.13$/,
  /^libcurand\.so\.10$/,
  /^libcudnn_graph\.so\.9$/,
  /^libcudnn_ops\.so\.9$/,
  /^libcudnn_\w+\.so\.9$/,
  /^libcudnn\.so\.9$/,
] as const;

/** Whether `name` is a library of NVIDIA's that the provider uses, directly or not. */
export function isCudaLibrary(name: string): boolean {
  return loadRank(name) >= 0;
}

function loadRank(name: string): number {
  return loadOrder.findIndex((pattern) => pattern.test(name));
}

function packageFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
}

/** Version of the installed onnxruntime-node. Throws if it is not installed. */
export function onnxruntimeVersion(): string {
  return JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')).version;
}

/** The folder of onnxruntime-node's binding. Throws if the package is not installed. */
export function bindingFolder(): string {
  return join(packageFolder(), 'bin', 'napi-v6', process.platform, process.arch);
}

/** The folder of the libraries; it need not exist. */
export function cudaFolder(version = onnxruntimeVersion(), cache = cacheFolder()): string {
  return join(cache, `onnxruntime-cuda-${version}`);
}

/** Whether onnxruntime's CUDA provider is installed. The libraries that it loads may still be missing. */
export function hasCudaProvider(): boolean {
  try {
    return [cudaFolder(), bindingFolder()].some((folder) =>
      providerLibraries.every((name) => existsSync(join(folder, name))),
    );
  } catch {
    // onnxruntime-node is not installed.
    return false;
  }
}

let problems: readonly string[] | undefined;

/**
 * Makes the libraries in the cache available to this process; called before each session on CUDA, effective
 * once. Returns what failed, for the message of a session that then cannot be opened.
 */
export function prepareCuda(): readonly string[] {
  const folder = cudaFolder();
  problems ??= existsSync(folder) ? [...linkProvider(folder, bindingFolder()), ...loadLibraries(folder)] : [];
  return problems;
}

/**
 * Links the provider's libraries in `folder` into `place`, except those that are there. Returns what failed.
 */
export function linkProvider(folder: string, place: string): string[] {
  return providerLibraries.flatMap((name) => {
    const library = join(folder, name);
    const link = join(place, name);
    if (existsSync(link) || !existsSync(library)) return [];
    const temporary = `${link}.${process.pid}.tmp`;
    try {
      // Another process may do the same; renaming replaces its link, or one to a folder that is gone.
      rmSync(temporary, { force: true });
      symlinkSync(library, temporary);
      renameSync(temporary, link);
      return [];
    } catch (error) {
      return [`cannot link ${link} to ${library}: ${messageOf(error)}; make its folder writable`];
    }
  });
}

/** Loads NVIDIA's libraries in `folder`, for the rest of the process. Returns what failed. */
export function loadLibraries(folder: string): string[] {
  return readdirSync(folder)
    .filter(isCudaLibrary)
    .sort((a, b) => loadRank(a) - loadRank(b))
    .flatMap((name) => {
      const problem = loadLibrary(join(folder, name));
      return problem === undefined ? [] : [problem];
    });
}

/** RTLD_NODELETE, which `constants.dlopen` lacks. */
const keepLoaded = 0x1000;

/**
 * Loads a shared library that is not an addon. Node opens it, finds no addon in it, closes it and throws; the
 * flag keeps it loaded, so that the loader finds it by its name. Returns the loader's message if it cannot be
 * opened.
 */
function loadLibrary(path: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | keepLoaded);
    return undefined;
  } catch (error) {
    const message = messageOf(error);
    return message.includes('did not self-register') ? undefined : message;
  }
}
