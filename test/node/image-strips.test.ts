import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { randomStream } from '../../model/random.ts';
import { decodeImage, openImageStrips } from '../../node/image-decoder.ts';
import { bmpOfRgb } from '../support/bmp.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const [width, height] = [150, 137];
const random = randomStream(3, 'pixels of strips');
const rgb = Uint8Array.from({ length: 3 * width * height }, () => random.integer(0, 255));
const picture = () => sharp(rgb, { raw: { width, height, channels: 3 } });

test.each<[string, () => Promise<Buffer>]>([
  ['JPEG', () => picture().jpeg().toBuffer()],
  ['PNG with alpha', () => picture().ensureAlpha(0.4).png().toBuffer()],
  ['grey PNG with a profile', () => picture().toColourspace('b-w').withIccProfile('srgb').png().toBuffer()],
  ['tiled TIFF', () => picture().tiff({ tile: true, tileWidth: 32, tileHeight: 32 }).toBuffer()],
  ['turned JPEG', () => picture().withMetadata({ orientation: 6 }).jpeg().toBuffer()],
  ['PNG of 16 bits', () => picture().toColourspace('rgb16').png().toBuffer()],
  ['BMP', async () => bmpOfRgb({ data: rgb, width, height })],
])('the strips of a %s are the rows of the image', async (_, encode) => {
  const bytes = await encode();
  const path = join(await temporaryFolder({ image: bytes }), 'image');
  const whole = await decodeImage(bytes, 'image');
  const strips = await openImageStrips(path, 'image', 1e6);
  expect([strips.width, strips.height]).toEqual([whole.width, whole.height]);
  for (const [top, count] of [
    [0, 40],
    [31, 77],
    [whole.height - 5, 5],
  ] as const) {
    const strip = await strips.rows(top, count);
    const rows = whole.data.subarray(top * whole.width, (top + count) * whole.width);
    expect([strip.width, strip.height]).toEqual([whole.width, count]);
    expect(Buffer.from(strip.data).equals(rows), `rows ${top} to ${top + count}`).toBe(true);
  }
});

test('an image that is too large, damaged or none is refused with its name', async () => {
  const folder = await temporaryFolder({ text: 'no image' });
  const bytes = await picture().jpeg().toBuffer();
  await writeFile(join(folder, 'cut'), bytes.subarray(0, bytes.length / 2));
  await writeFile(join(folder, 'whole'), bytes);
  const opening = (name: string) => openImageStrips(join(folder, name), name, 20_000);
  await expect(opening('text')).rejects.toMatchObject({ code: 'image-type-unsupported' });
  await expect(opening('missing')).rejects.toMatchObject({ code: 'file-unreadable' });
  await expect(opening('whole')).rejects.toThrow('whole: expected 20000 pixels or fewer');
  const cut = await openImageStrips(join(folder, 'cut'), 'cut', 1e6);
  await expect(cut.rows(100, 37)).rejects.toThrow(/^cut: the JPEG file is truncated or corrupt/);
});
