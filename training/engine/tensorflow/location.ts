/**
 * Paths of TensorFlow. The wheel and the binding that is built against it are in a cache outside
 * node_modules, so that after `npm ci` only a link has to be restored:
 *
 *     CACHE/tensorflow-2.21.0-cpu/tensorflow/libtensorflow_cc.so.2 ...        the wheel, whole or absent
 *     CACHE/tensorflow-2.21.0-cpu/binding/4.22.0-linux-x64-r1/*.node          Node-API: serves every version of Node
 *     node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node -> the binding; this link is all that an install is
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../../node/cache-folder.ts';
import { isInstalled } from '../../../node/optional-packages.ts';

export const tensorflowVersion = '2.21.0';
export const tfjsVersion = '4.22.0';
/** Increased when the build changes, so that an older build in the cache is not used. */
const bindingRecipe = 1;

export const bindingName = 'tfjs_binding.node';
/** Built alongside the binding: see quiet.ts. */
export const hushName = 'hush.node';

/** `cpu`: kernels for the processor; `cuda`: those and the ones for NVIDIA GPUs, with NVIDIA's libraries. */
export const flavours = ['cpu', 'cuda'] as const;
export type Flavour = (typeof flavours)[number];

export function wheelFolder(flavour: Flavour, cache = cacheFolder()): string {
  return join(cache, `tensorflow-${tensorflowVersion}-${flavour}`);
}

export function cachedBindingPath(flavour: Flavour, cache = cacheFolder()): string {
  const key = `${tfjsVersion}-${process.platform}-${process.arch}-r${bindingRecipe}`;
  return join(wheelFolder(flavour, cache), 'binding', key, bindingName);
}

/** The folder of the npm package @tensorflow/tfjs-node-gpu, found as Node finds it. */
export function tfjsPackageFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json'));
}

/**
 * Where the package looks for its binding: Node-API 8 is the highest it knows, and every Node from 20 on has
 * it.
 */
export function installedBindingPath(): string {
  return join(tfjsPackageFolder(), 'lib', 'napi-v8', bindingName);
}

/** Whether the package and the binding exist (they are not loaded); a dangling link counts as missing. */
export function tensorflowInstalled(): boolean {
  return isInstalled('@tensorflow/tfjs-node-gpu') && existsSync(installedBindingPath());
}
