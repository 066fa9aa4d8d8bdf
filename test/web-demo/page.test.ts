import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { codeBytes } from '../../bench/web/page-figures.ts';
import { greyFromPixels } from '../../model/image.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { drawTexture } from '../../textures/textures.ts';
import { bmpOfRgb } from '../support/bmp.ts';
import { rawFiles } from '../support/camera-raw.ts';
import { runHere } from '../support/command.ts';
import { give, openPage, readBars } from '../support/page-browser.ts';
import { brickCamera, pageFixture } from '../support/page-fixture.ts';
import { encoder, pgmOf16, pngColourTypes, ppmOfRgb, rawPng, rgbPicture } from '../support/pictures.ts';
import { tolerances } from '../tolerances.ts';

const fixture = pageFixture({ args: brickCamera });

/** A picture file, and the predictions of `npm run classify` for it with the page's model. */
async function classified(name: string, bytes: Buffer): Promise<{ path: string; predictions: Prediction[] }> {
  const { folder, models } = fixture();
  const path = join(folder, name);
  await writeFile(path, bytes);
  const model = join(models, 'lab-baseline.onnx');
  const { stdout, stderr } = await runHere('serve/classify.ts', ['--model', model, '--json', path], {
    cwd: folder,
  });
  expect(stderr).toBe('');
  return { path, predictions: JSON.parse(stdout).results[0].predictions };
}
interface Prediction {
  readonly label: string;
  readonly probability: number;
}

/** A coloured picture with structure at every scale. */
function colourPicture(width: number, height: number): Sharp {
  const { data } = drawTexture('marble', 6, 2, width, height);
  const { data: other } = drawTexture('plaid', 6, 3, width, height);
  const pixels = Buffer.from(Array.from(data).flatMap((level, i) => [level, other[i] ?? 0, 255 - level]));
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** A script that decodes a JPEG as the page does, and returns its pixels. */
function pixelsInPage(jpeg: Buffer): string {
  return `(async () => {
    const bytes = Uint8Array.from(atob('${jpeg.toString('base64')}'), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes]), { imageOrientation: 'from-image' });
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    return [...context.getImageData(0, 0, bitmap.width, bitmap.height).data];
  })()`;
}

async function readWhole(page: Page, expected: readonly Prediction[]) {
  await page.getByText('the whole picture', { exact: true }).click();
  await page.locator('.prediction-remark', { hasText: /average of \d+ patches/ }).waitFor();
  await page.locator('.bars li:first-child .bar-label', { hasText: expected[0]?.label ?? '' }).waitFor();
  return readBars(page);
}

describe('a picture', () => {
  test('from a file has the probabilities of npm run classify, without console messages', async () => {
    const { path, predictions } = await classified(
      'wide.png',
      await colourPicture(300, 210).png().toBuffer(),
    );
    const { page, complaints } = await openPage(fixture().browser, fixture().server.origin);
    await readBars(page);
    await page.locator('#picture-file').setInputFiles(path);
    const bars = await readWhole(page, predictions);
    expect(bars.map(({ label }) => label)).toEqual(predictions.map(({ label }) => label));
    bars.forEach(({ probability }, i) => {
      expect(Math.abs(probability - (predictions[i]?.probability ?? 0))).toBeLessThan(
        tolerances.pageProbability,
      );
    });
    expect(complaints).toEqual([]);
  }, 120_000);

  test('rotated by EXIF, dropped or pasted, has the probabilities of npm run classify', async () => {
    const turned = await colourPicture(200, 260).withMetadata({ orientation: 6 }).png().toBuffer();
    const { path, predictions } = await classified('turned.png', turned);
    for (const how of ['drop', 'paste'] as const) {
      const { page } = await openPage(fixture().browser, fixture().server.origin);
      await readBars(page);
      await give(page, how, path, 'turned.png', 'image/png');
      const bars = await readWhole(page, predictions);
      expect(Math.abs((bars[0]?.probability ?? 0) - (predictions[0]?.probability ?? 0))).toBeLessThan(
        tolerances.pageProbability,
      );
    }
  }, 120_000);

  test('in JPEG differs from the trainer’s decoder by a few levels, and has the same top class', async () => {
    const noise = Buffer.from(drawTexture('granite', 8, 1, 384, 128).data);
    const jpeg = await sharp(noise, { raw: { width: 128, height: 128, channels: 3 } })
      .jpeg({ quality: 90, chromaSubsampling: '4:2:0' })
      .toBuffer();
    const { path, predictions } = await classified('noise.jpg', jpeg);
    const ours = await decodeImage(jpeg, 'noise.jpg');
    const { page } = await openPage(fixture().browser, fixture().server.origin);
    await readBars(page);
    const levels: number[] = await page.evaluate(pixelsInPage(jpeg));
    const theirs = greyFromPixels({ data: Uint8Array.from(levels), width: 128, height: 128, channels: 4 });
    const largest = theirs.data.reduce(
      (most, level, i) => Math.max(most, Math.abs(level - (ours.data[i] ?? 0))),
      0,
    );
    expect(largest).toBeLessThanOrEqual(tolerances.jpegDecoderLevels);
    await page.locator('#picture-file').setInputFiles(path);
    const [top] = await readWhole(page, predictions);
    expect(top?.label).toBe(predictions[0]?.label);
  }, 60_000);

  test('of an unsupported format, or a file that is not a picture, is rejected with a solution', async () => {
    const { page } = await openPage(fixture().browser, fixture().server.origin);
    await readBars(page);
    const text = join(fixture().folder, 'notes.txt');
    await writeFile(text, 'no picture');
    await page.locator('#picture-file').setInputFiles(text);
    await page.getByText('This file is not a picture').waitFor();
    const heic = join(fixture().folder, 'photo.heic');
    await writeFile(heic, Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic0000mif1heic')]));
    await page.locator('#picture-file').setInputFiles(heic);
    await page.getByText('HEIC picture').waitFor();
    const raw = join(fixture().folder, 'photo.dng');
    await writeFile(raw, rawFiles['DNG (camera raw)'] as Buffer);
    await page.locator('#picture-file').setInputFiles(raw);
    await page.getByText('This DNG (camera raw) picture cannot be opened here').waitFor();
    const cut = join(fixture().folder, 'cut.ppm');
    await writeFile(cut, ppmOfRgb(rgbPicture(70, 66, 1)).subarray(0, 500));
    await page.locator('#picture-file').setInputFiles(cut);
    await page.getByText('the file is incomplete, damaged or of an unusual type').waitFor();
  }, 60_000);

  test('that browsers do not decode bit-exactly has the grey levels of npm run classify', async () => {
    const { page } = await openPage(fixture().browser, fixture().server.origin);
    await readBars(page);
    const sensor = (width: number, channels = 1) =>
      Uint16Array.from({ length: width * 66 * channels }, (_, i) => (i * 61) % 4096);
    const bigEndian = (samples: Uint16Array) => Buffer.from(samples.slice().buffer).swap16();
    const transparent = Uint16Array.from({ length: 83 * 66 * 4 }, (_, i) => (i * 7919) % 65_536);
    const files: readonly (readonly [string, number, Buffer])[] = [
      ['photo.bmp', 71, bmpOfRgb(rgbPicture(71, 66, 3))],
      ['photo.ppm', 73, ppmOfRgb(rgbPicture(73, 66, 4))],
      ['sensor.pgm', 77, pgmOf16(sensor(77), 77)],
      ['sensor.png', 79, rawPng(79, 66, 16, pngColourTypes.grey, bigEndian(sensor(79)))],
      ['sensor-rgb.png', 81, rawPng(81, 66, 16, pngColourTypes.rgb, bigEndian(sensor(81, 3)))],
      ['transparent.png', 83, rawPng(83, 66, 16, pngColourTypes.rgba, bigEndian(transparent))],
    ];
    for (const [name, width, bytes] of files) {
      const path = join(fixture().folder, name);
      await writeFile(path, bytes);
      await page.locator('#picture-file').setInputFiles(path);
      await page.locator(`.stage-picture canvas[width="${width}"]`).waitFor();
      const levels: number[] = await page.evaluate(
        `[...document.querySelector('.stage-picture canvas').getContext('2d').getImageData(0, 0, ${width}, 66).data]`,
      );
      const theirs = greyFromPixels({ data: Uint8Array.from(levels), width, height: 66, channels: 4 });
      const ours = await decodeImage(bytes, name);
      expect([name, [...theirs.data]]).toEqual([name, [...ours.data]]);
      const isSensor = name.startsWith('sensor');
      expect([name, ours.stretchedFromBits]).toEqual([name, isSensor ? 12 : undefined]);
      if (isSensor) await page.getByText('uses only 12 bits').waitFor();
      else await page.getByText('uses only 12 bits').waitFor({ state: 'hidden' });
    }
  }, 60_000);

  test('smaller than a patch or larger than the limit is rejected with its size', async () => {
    const { browser, server, folder } = fixture();
    const { page } = await openPage(browser, `${server.origin}/?max-image-pixels=9000`);
    await readBars(page);
    for (const [name, width, height] of [
      ['small.png', 70, 63],
      ['large.png', 100, 91],
      ['fitting.png', 100, 90],
    ] as const) {
      await writeFile(
        join(folder, name),
        await encoder(rgbPicture(width, height, 1))
          .png()
          .toBuffer(),
      );
    }
    await page.locator('#picture-file').setInputFiles(join(folder, 'small.png'));
    await page.getByText('This picture is 70 x 63 pixels, but each side needs at least 64').waitFor();
    await page.getByText('Waiting for a picture').waitFor();
    await page.locator('#picture-file').setInputFiles(join(folder, 'large.png'));
    await page.getByText('more than 9000 pixels').waitFor();
    await page.locator('#picture-file').setInputFiles(join(folder, 'fitting.png'));
    await page.getByText('each side needs').waitFor({ state: 'hidden' });
    expect(await readBars(page)).not.toEqual([]);
  }, 60_000);
});

describe('a camera', () => {
  test('is classified live, with frame rate and times', async () => {
    const { page } = await openPage(fixture().browser, fixture().server.origin, { permissions: ['camera'] });
    await readBars(page);
    await page.locator('#camera-button').click();
    await page.locator('#frames-per-second', { hasText: /^[1-9]/ }).waitFor();
    const video = page.locator('video');
    expect(await video.getAttribute('playsinline')).toBe('');
    expect(await page.evaluate("document.querySelector('video').muted")).toBe(true);
    await page.locator('#camera-button').click();
    // The last frame stays as a still picture and is classified.
    await page.locator('.stage-picture canvas').waitFor();
    expect(await readBars(page)).not.toEqual([]);
  }, 90_000);

  test('that is blocked is explained, and the page keeps its picture', async () => {
    const { page } = await openPage(fixture().browser, fixture().server.origin);
    await readBars(page);
    await page.locator('#camera-button').click();
    await page.getByText('Camera access is blocked').waitFor();
    expect(await page.locator('.stage-picture canvas').count()).toBe(1);
  }, 60_000);
});

describe('the build', () => {
  test('has less than 130 kB of code, gzipped, without onnxruntime', async () => {
    expect(await codeBytes(fixture().page)).toBeLessThan(130_000);
  });

  test('requests only its own files and the models next to it', async () => {
    const { page } = await openPage(fixture().browser, 'about:blank');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).origin));
    await page.goto(fixture().server.origin);
    await readBars(page);
    expect(new Set(asked)).toEqual(new Set([fixture().server.origin]));
  }, 60_000);
});
