/** `loadClassifier` as programs misuse it; installed.test.ts has it in the installed package. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadClassifier } from '../../package/classifier.ts';
import { pngFile } from '../support/pictures.ts';
import { writeRandomModel } from '../support/random-network.ts';

let folder: string;
let model: string;
let picture: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'textura-classifier-'));
  model = join(folder, 'lab-baseline.onnx');
  picture = join(folder, 'picture.png');
  await writeRandomModel(model, 'lab-baseline', ['a', 'b']);
  await writeFile(picture, await pngFile(3, 100, 80));
});
afterAll(() => rm(folder, { recursive: true }));

test('it takes a path, bytes, and an ArrayBuffer such as that of a fetch response, of any context', async () => {
  const classifier = await loadClassifier(model);
  const expected = await classifier.classify(picture);
  const bytes = new Uint8Array(await readFile(picture));
  const elsewhere = runInNewContext('Uint8Array.from(bytes)', { bytes });
  for (const image of [bytes, bytes.buffer, elsewhere, elsewhere.buffer])
    expect(await classifier.classify(image)).toEqual(expected);
  await classifier.close();
});

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  [5, 'a number'],
  [new URL('file:///a.png'), 'an object'],
])('%s is refused with what is expected', async (image, got) => {
  const classifier = await loadClassifier(model);
  await expect(classifier.classify(image as unknown as string)).rejects.toMatchObject({
    code: 'usage',
    message: `image: expected the path of a file, a Uint8Array or an ArrayBuffer, got ${got}`,
  });
  await classifier.close();
});

test('other options and paths are refused with what is expected, not ignored', async () => {
  const classifier = await loadClassifier(model);
  for (const [options, message] of [
    [{ crops: 'centre' }, 'options.crops: expected one of auto, center, got "centre"'],
    [{ top: -1 }, 'options.top: expected 1 or more, got -1'],
    [{ topp: 1 }, 'options.topp: unknown'],
    [{ maxPixels: '5' }, 'options.maxPixels: expected a number, got "5"'],
    [null, 'options: expected an object, got null'],
  ] as const)
    await expect(classifier.classify(picture, options as unknown as object)).rejects.toMatchObject({
      code: 'usage',
      message,
    });
  await classifier.close();
  await expect(loadClassifier(model, { threads: 0 })).rejects.toMatchObject({
    code: 'usage',
    message: 'options.threads: expected 1 or more, got 0',
  });
  await expect(loadClassifier(model, { threads: 1e9 })).rejects.toMatchObject({
    code: 'usage',
    message: 'options.threads: expected 1024 or less, got 1000000000',
  });
  await expect(loadClassifier(undefined as unknown as string)).rejects.toMatchObject({
    code: 'usage',
    message: 'model: expected the path of an ONNX file, got undefined',
  });
});

test('close waits for the images in flight, can be called again, and ends the use of the model', async () => {
  const classifier = await loadClassifier(model);
  const expected = await classifier.classify(picture);
  const inFlight = Promise.allSettled([classifier.classify(picture), classifier.classify('missing.png')]);
  await Promise.all([classifier.close(), classifier.close()]);
  await classifier.close();
  expect(await inFlight).toMatchObject([
    { status: 'fulfilled', value: expected },
    { status: 'rejected', reason: { code: 'file-unreadable' } },
  ]);
  await expect(classifier.classify(picture)).rejects.toMatchObject({
    code: 'usage',
    message: 'lab-baseline is closed; load it again with loadClassifier',
  });
});
