/** Silences stderr while TensorFlow's libraries load: they log before they read their log level. */
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { hushName } from './location.ts';

interface Hush {
  hush(): void;
  speak(): void;
}

/**
 * Runs `work` with stderr redirected to nowhere, if setup built the add-on for it next to `binding`;
 * otherwise just runs it. Errors of `work` are passed on.
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
