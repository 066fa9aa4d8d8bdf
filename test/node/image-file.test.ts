import { renameSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  blockingAccess,
  type FileAccess,
  readImageFile,
  readImageStream,
  readSteadyImageFile,
} from '../../node/image-file.ts';
import { pngFile } from '../support/pictures.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Calls `change` at the first read of each of the first `times` times that the file is opened. */
function changedWhileRead(change: () => void, times: number): FileAccess {
  let opened = 0;
  return {
    ...blockingAccess,
    open(path) {
      const file = blockingAccess.open(path);
      let isFirst = ++opened <= times;
      return {
        ...file,
        read(...how) {
          if (isFirst) change();
          isFirst = false;
          return file.read(...how);
        },
      };
    },
  };
}

async function picture() {
  const path = join(await temporaryFolder(), 'a.png');
  const bytes = await pngFile(1);
  writeFileSync(path, bytes);
  let second = 0;
  const touch = () => utimesSync(path, ++second, second);
  return { path, bytes: new Uint8Array(bytes), touch };
}

test('a file that does not change is read at once, whichever way', async () => {
  const { path, bytes } = await picture();
  expect(await readImageFile(path, 'a.png')).toEqual(bytes);
  expect(await readSteadyImageFile(path, 'a.png')).toEqual(bytes);
});

test('a file that is longer than the first read is read to its end', async () => {
  const path = join(await temporaryFolder(), 'a.pgm');
  writeFileSync(path, Buffer.concat([Buffer.from('P5 1000 1000 255\n'), Buffer.alloc(1e6, 7)]));
  expect(await readSteadyImageFile(path, 'a.pgm')).toEqual(new Uint8Array(await readFile(path)));
});

test('a file that changes while it is read is read again', async () => {
  const { path, bytes, touch } = await picture();
  expect(await readSteadyImageFile(path, 'a.png', changedWhileRead(touch, 2))).toEqual(bytes);
});

test('a file that is replaced while it is read is read again', async () => {
  const { path } = await picture();
  const newer = new Uint8Array(await pngFile(2));
  const replace = () => {
    writeFileSync(`${path}.new`, newer);
    renameSync(`${path}.new`, path);
  };
  expect(await readSteadyImageFile(path, 'a.png', changedWhileRead(replace, 1))).toEqual(newer);
});

test('a file that keeps changing is refused', async () => {
  const { path, touch } = await picture();
  await expect(readSteadyImageFile(path, 'a.png', changedWhileRead(touch, 3))).rejects.toMatchObject({
    code: 'file-unreadable',
    message: 'a.png: the file changed while it was read',
  });
});

test('standard input that does not end is read up to the largest size of a file', async () => {
  const part = new Uint8Array(2 ** 20);
  let parts = 0;
  async function* endless() {
    for (;;) {
      parts++;
      yield part;
    }
  }
  await expect(readImageStream(endless(), '-')).rejects.toMatchObject({
    code: 'image-too-large',
    message: '-: a file can have 536870912 bytes at most',
  });
  expect(parts).toBe(513);
});
