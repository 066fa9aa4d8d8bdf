/**
 * A process that has no file descriptor left: `no-descriptors.ts IMAGE`. Prints as JSON what reading the
 * image gives when one is free after a moment, and what opening it gives when none is.
 */
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TexturaError } from '../../model/error.ts';
import { whenDescriptorsAreFree } from '../../node/descriptors.ts';
import { readImageFile } from '../../node/image-file.ts';

const [image = ''] = process.argv.slice(2);

const taken: number[] = [];

/** Until nothing that was being opened or closed meanwhile has left one over. */
async function takeAll(): Promise<void> {
  for (let last = -1; last !== taken.length; await sleep(50)) {
    last = taken.length;
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch {
      // None is left.
    }
  }
}

// Everything that opens files by itself has been loaded by now.
await readImageFile(image, 'first');
await takeAll();
const startedAt = performance.now();
setTimeout(() => closeAll(taken.splice(-8)), 150);
const { length } = await readImageFile(image, 'second');
const waitedMs = performance.now() - startedAt;

await takeAll();
const open = async () => openSync(image, 'r');
const fault: unknown = await whenDescriptorsAreFree(open, 60).catch((error: unknown) => error);
closeAll(taken);
const { code, message } = fault instanceof TexturaError ? fault : { code: 'none', message: String(fault) };
process.stdout.write(JSON.stringify({ length, waitedMs, code, message }));

function closeAll(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeSync(descriptor);
}
