/**
 * Silence while TensorFlow's libraries are being loaded: they greet on stderr before they read their own log
 * level.
 */
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { hushName } from './location.ts';

interface Hush {
  hush(): void;
  speak(): void;
}

/**
 * Runs `work` with the process's stderr leading nowhere, where setup built the means beside `binding`; else
 * simply runs it. What `work` throws still arrives.
 */
export function withoutStderr<T>(binding: string, work: () => T): T {
  const hush = hushBeside(binding);
  hush?.hush();
  try {
    return work();
  } finally {
    hush?.speak();
  }
}

function hushBeside(binding: string): Hush | undefined {
  const path = join(dirname(realpathSync(binding)), hushName);
  return existsSync(path) ? (createRequire(import.meta.url)(path) as Hush) : undefined;
}
