/**
 * A process that has no file descriptor left: `evaluation-without-descriptors.ts IMAGE`. Prints what an
 * evaluation that reads the image twice makes of it before and after that.
 */
import { openSync } from 'node:fs';
import { TexturaError } from '../../model/error.ts';
import { readPhotographs } from '../../serve/evaluation/read-photographs.ts';

const [path = ''] = process.argv.slice(2);

async function outcome(): Promise<string> {
  const files = ['1.png', '2.png'].map((name) => ({ name, path, label: 'a' }));
  try {
    const { skipped } = await readPhotographs(files, [], { maxPixels: 1e6, onProgress: () => {} });
    return `${skipped.length} skipped`;
  } catch (error) {
    return error instanceof TexturaError ? error.code : String(error);
  }
}

const before = await outcome();
try {
  for (;;) openSync('/dev/null', 'r');
} catch {
  // None is left.
}
// Every look at the clock is a minute later, so that nothing waits for a free descriptor.
let nowMs = 0;
performance.now = () => {
  nowMs += 60_000;
  return nowMs;
};
process.stdout.write(`${before}, ${await outcome()}`);
