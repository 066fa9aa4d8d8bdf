/**
 * A process that has no file descriptor left: `no-descriptors.ts IMAGE`. Prints as JSON the length of the
 * image, which is read once some are free again, how often opening it was tried, and what opening it gives
 * when none ever is.
 */
import { closeSync, openSync } from 'node:fs';
import { TexturaError } from '../../model/error.ts';
import { whenDescriptorsAreFree } from '../../node/descriptors.ts';
import { readImageFile } from '../../node/image-file.ts';

const [image = ''] = process.argv.slice(2);
const taken: number[] = [];

function takeAll(): void {
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    // None is left.
  }
}

function giveBack(count: number): void {
  for (const descriptor of taken.splice(-count)) closeSync(descriptor);
}

// Everything that opens files by itself has been loaded by now.
await readImageFile(image, 'first');
takeAll();
const reading = readImageFile(image, 'second');
let tries = 0;
const opening = whenDescriptorsAreFree(async () => {
  tries++;
  return openSync(image, 'r');
});
setTimeout(() => giveBack(8), 100);
const { length } = await reading;
closeSync(await opening);

const fault: unknown = await whenDescriptorsAreFree(async () => {
  // Some may have become free elsewhere.
  takeAll();
  return openSync(image, 'r');
}, 60).catch((error: unknown) => error);
giveBack(8);
const { code, message } = fault instanceof TexturaError ? fault : { code: 'none', message: String(fault) };
process.stdout.write(JSON.stringify({ length, tries, code, message }));
