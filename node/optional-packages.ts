/**
 * Packages that only some commands need: optional peers in package.json, which npm does not install with the
 * package. The repository has them as development packages.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { productFile } from './own-module.ts';

/** Of a study whose runs are on a queue. */
export const queuePackages = ['bullmq', 'ioredis'] as const;

/** Of training with TensorFlow: its bindings, and what builds them. */
export const tensorflowPackages = ['@tensorflow/tfjs-node-gpu', 'node-gyp'] as const;

/** Whether Node would find the package; it is not loaded. */
export function isInstalled(name: string): boolean {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return folders.some((folder) => existsSync(join(folder, name)));
}

/**
 * `purpose` is what needs them, such as `--queue`. Errors: `engine-unavailable`, with the command that installs
 * the missing ones.
 */
export function requirePackages(names: readonly string[], purpose: string): void {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const what = missing.length === 1 ? 'a package that is' : 'packages that are';
  throw new TexturaError(
    'engine-unavailable',
    `${purpose} needs ${what} not installed: ${installText(missing)}`,
  );
}

/** Without their install scripts, which download what Textura does not use. */
function installText(names: readonly string[]): string {
  const { peerDependencies }: { peerDependencies: Readonly<Record<string, string>> } = JSON.parse(
    readFileSync(productFile('package.json'), 'utf8'),
  );
  return ['npm install --ignore-scripts', ...names.map((name) => `${name}@${peerDependencies[name]}`)].join(
    ' ',
  );
}
