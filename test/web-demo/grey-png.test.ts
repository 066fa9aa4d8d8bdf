import sharp from 'sharp';
import { expect, test } from 'vitest';
import { greyPng } from '../../web-demo/page/teach/grey-png.ts';
import { randomPatches } from '../support/random-network.ts';

test.each([64, 1, 4096])('libpng reads the levels back from a picture %i pixels wide', async (width) => {
  const levels = randomPatches(1, 3);
  const { data, info } = await sharp(greyPng(levels, width)).raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width, height: 4096 / width });
  const grey = info.channels === 1 ? data : data.filter((_, i) => i % info.channels === 0);
  expect(new Uint8Array(grey)).toEqual(levels);
});
