import { crc32 } from 'node:zlib';
import { zlibSync } from 'fflate';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { greyPng, greyPngLevels } from '../../web-demo/page/teach/grey-png.ts';
import { randomPatches } from '../support/random-network.ts';

test.each([64, 1, 4096])('libpng reads the levels back from a picture %i pixels wide', async (width) => {
  const levels = randomPatches(1, 3);
  const { data, info } = await sharp(greyPng(levels, width)).raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width, height: 4096 / width });
  const grey = info.channels === 1 ? data : data.filter((_, i) => i % info.channels === 0);
  expect(new Uint8Array(grey)).toEqual(levels);
});

test('a file that was written is read back; others are not read: another size, cut, changed, filtered', () => {
  const levels = Uint8Array.from({ length: 12 * 12 }, (_, i) => (i * 37) % 256);
  const file = greyPng(levels, 12);
  expect(greyPngLevels(file, 12)).toEqual(levels);
  expect(greyPngLevels(file, 13)).toBeUndefined();
  for (const bytes of [0, 20, 40, 60]) expect(greyPngLevels(file.subarray(0, bytes), 12)).toBeUndefined();
  const coloured = Uint8Array.from(file, (byte, i) => (i === 25 ? 2 : byte));
  expect(greyPngLevels(coloured, 12)).toBeUndefined();
  // A changed bit of the compressed levels may unpack to other levels.
  for (let at = 41; at < file.length - 16; at++) {
    const changed = Uint8Array.from(file, (byte, i) => (i === at ? byte ^ 1 : byte));
    expect(greyPngLevels(changed, 12)).toBeUndefined();
  }
  const rows = new Uint8Array(12 * 13).fill(1);
  const packed = zlibSync(rows);
  const filtered = new Uint8Array(45 + packed.length);
  filtered.set(file.subarray(0, 41));
  filtered.set(packed, 41);
  const view = new DataView(filtered.buffer);
  view.setUint32(33, packed.length);
  view.setUint32(41 + packed.length, crc32(filtered.subarray(37, 41 + packed.length)));
  expect(greyPngLevels(filtered, 12)).toBeUndefined();
});
