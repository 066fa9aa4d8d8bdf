import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { codeBytes } from '../../bench/web/page-figures.ts';
import { greyFromPixels } from '../../model/image.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { drawTexture } from '../../textures/textures.ts';
import { bmpOfRgb } from '../support/bmp.ts';
import { rawFiles } from '../support/camera-raw.ts';
import { downloadedText, give, openPage, readBars, sharedPage } from '../support/page-browser.ts';
import { brickCamera, classified, pageFixture } from '../support/page-fixture.ts';
import {
  colourPicture,
  encoder,
  pgmOf16,
  pngColourTypes,
  ppmOfRgb,
  rawPng,
  rgbPicture,
} from '../support/pictures.ts';
import { tolerances } from '../tolerances.ts';

const fixture = pageFixture({ args: brickCamera });

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

/** Classifies the whole picture on the stage, which is `widthPx` wide. */
async function readWhole(page: Page, widthPx: number) {
  await page.locator(`.stage-picture canvas[width="${widthPx}"]`).waitFor();
  await page.getByText('the whole picture', { exact: true }).click();
  const remark = page.locator('.layout:not(.stale) .prediction-remark');
  await remark.filter({ hasText: /average of \d+ patches/ }).waitFor();
  // The square and its patch are not what was classified.
  expect(await page.locator('.square').isVisible()).toBe(false);
  expect(await page.locator('.stage-controls .note').textContent()).toBe(
    'The model reads the whole picture.',
  );
  expect(await page.locator('.prediction-patch').isVisible()).toBe(false);
  return readBars(page);
}

const shared = sharedPage(() => ({ browser: fixture().browser, address: fixture().server.origin }));

describe('a picture', () => {
  test('from a file has the probabilities of npm run classify, without console messages', async () => {
    const { path, predictions } = await classified(
      fixture(),
      'wide.png',
      await colourPicture(300, 210).png().toBuffer(),
    );
    const { page, complaints } = shared();
    await readBars(page);
    await page.locator('#picture-file').setInputFiles(path);
    const bars = await readWhole(page, 300);
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
    const { path, predictions } = await classified(fixture(), 'turned.png', turned);
    const { page } = shared();
    for (const how of ['drop', 'paste'] as const) {
      await page.locator('.swatch').first().click();
      await page.locator('.stage-picture canvas[width="640"]').waitFor();
      await give(page, how, path, 'turned.png', 'image/png');
      const bars = await readWhole(page, 260);
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
    const { path, predictions } = await classified(fixture(), 'noise.jpg', jpeg);
    const ours = await decodeImage(jpeg, 'noise.jpg');
    const { page } = shared();
    const levels: number[] = await page.evaluate(pixelsInPage(jpeg));
    const theirs = greyFromPixels({ data: Uint8Array.from(levels), width: 128, height: 128, channels: 4 });
    const largest = theirs.data.reduce(
      (most, level, i) => Math.max(most, Math.abs(level - (ours.data[i] ?? 0))),
      0,
    );
    expect(largest).toBeLessThanOrEqual(tolerances.jpegDecoderLevels);
    await page.locator('#picture-file').setInputFiles(path);
    const [top] = await readWhole(page, 128);
    expect(top?.label).toBe(predictions[0]?.label);
  }, 60_000);

  test('that takes long to decode does not replace one that was opened later', async () => {
    const { page } = shared();
    const paths = [];
    for (const width of [160, 96]) {
      const path = join(fixture().folder, `${width}.png`);
      await writeFile(path, await colourPicture(width, 80).png().toBuffer());
      paths.push(path);
    }
    // Runs in the page.
    await page.evaluate(`(() => {
      const native = createImageBitmap;
      globalThis.createImageBitmap = async (...request) => {
        globalThis.createImageBitmap = native;
        await new Promise((resolve) => setTimeout(resolve, 300));
        globalThis.isFirstDecoded = true;
        return native(...request);
      };
    })()`);
    for (const path of paths) await page.locator('#picture-file').setInputFiles(path);
    await page.locator('.stage-picture canvas[width="96"]').waitFor();
    await expect.poll(() => page.evaluate('globalThis.isFirstDecoded'), { timeout: 20_000 }).toBe(true);
    await page.waitForTimeout(100);
    expect(await page.locator('.stage-picture canvas').getAttribute('width')).toBe('96');
  }, 60_000);

  test('of an unsupported format, or a file that is not a picture, is rejected with a solution', async () => {
    const { page } = shared();
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
    await page.getByText('the file is incomplete, damaged, too large or of an unusual type').waitFor();
  }, 60_000);

  test('that browsers do not decode bit-exactly has the grey levels of npm run classify', async () => {
    const { page } = shared();
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
    // So large that the browser refuses to decode it.
    const huge = (await readFile(join(folder, 'large.png'))).fill(0x7f, 17, 20).fill(0x7f, 21, 24);
    await page
      .locator('#picture-file')
      .setInputFiles({ name: 'huge.png', mimeType: 'image/png', buffer: huge });
    await page.getByText('more than 9,000 pixels').waitFor();
    await page.locator('#picture-file').setInputFiles(join(folder, 'small.png'));
    await page.getByText('This picture is 70 x 63 pixels, but each side needs at least 64').waitFor();
    await page.getByText('Waiting for a picture').waitFor();
    await page.locator('#picture-file').setInputFiles(join(folder, 'large.png'));
    await page.getByText('more than 9,000 pixels').waitFor();
    await page.locator('#picture-file').setInputFiles(join(folder, 'fitting.png'));
    await page.getByText('each side needs').waitFor({ state: 'hidden' });
    expect(await readBars(page)).not.toEqual([]);
    // The square is as large again as before the small picture.
    expect(await page.locator('#square').getAttribute('aria-label')).toContain('64 pixels wide');
  }, 60_000);
});

test('a result is copied as text and saved as JSON, and nothing is requested from elsewhere', async () => {
  const { page } = await openPage(fixture().browser, 'about:blank', {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const asked = new Set<string>();
  page.on('request', (request) => asked.add(new URL(request.url()).origin));
  await page.goto(fixture().server.origin);
  const bars = await readBars(page);
  await page.getByRole('button', { name: 'Copy result' }).click();
  await page.getByText('Copied.').waitFor();
  const copied: string = await page.evaluate('navigator.clipboard.readText()');
  expect(copied.split('\n')).toEqual([
    ...bars.map(({ label, probability }) => `${label}\t${(100 * probability).toFixed(1)} %`),
    'lab-baseline',
  ]);
  const { savedAt, ...saved } = JSON.parse(await downloadedText(page, 'Save result'));
  expect(saved).toEqual({
    model: 'lab-baseline',
    picture: { width: 640, height: 480 },
    square: { x: 208, y: 208, sidePx: 64 },
    patches: 1,
    predictions: bars,
  });
  expect(Date.parse(savedAt)).not.toBeNaN();
  expect(asked).toEqual(new Set([fixture().server.origin]));
}, 60_000);

test('a camera that is blocked is explained; one that is allowed is classified live', async () => {
  const { page, context } = await openPage(fixture().browser, fixture().server.origin);
  await readBars(page);
  expect(await page.locator('#frames-per-second').isVisible()).toBe(false);
  await page.locator('#camera-button').click();
  await page.getByText('Camera access is blocked').waitFor();
  expect(await page.locator('.stage-picture canvas').count()).toBe(1);

  await context.grantPermissions(['camera']);
  await page.evaluate(`{
    globalThis.tracks = [];
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await open(constraints);
      globalThis.tracks.push(...stream.getTracks());
      return stream;
    };
  }`);
  // A double click opens one camera.
  await page.locator('#camera-button').evaluate((button) => {
    button.click();
    button.click();
  });
  await page.locator('#frames-per-second', { hasText: /^[1-9]/ }).waitFor();
  // The picture is none of the samples now: there are no new ones of its kind.
  expect(await page.locator('[aria-pressed="true"]').allTextContents()).toEqual(['English']);
  expect(await page.getByRole('button', { name: 'New samples' }).isVisible()).toBe(false);
  const video = page.locator('video');
  expect(await video.getAttribute('playsinline')).toBe('');
  expect(await page.evaluate("document.querySelector('video').muted")).toBe(true);
  await page.locator('#camera-button').click();
  // The last frame stays as a still picture and is classified.
  await page.locator('.stage-picture canvas').waitFor();
  await page.locator('#frames-per-second').waitFor({ state: 'hidden' });
  expect(await readBars(page)).not.toEqual([]);
  expect(await page.evaluate('globalThis.tracks.map((track) => track.readyState)')).toEqual([
    'ended',
    'ended',
  ]);

  // A sample that is chosen while the browser opens the camera is not replaced by it.
  await page.evaluate(`document.querySelector('#camera-button').click();
    document.querySelector('.swatch-patchwork').click()`);
  await expect
    .poll(() => page.evaluate('globalThis.tracks.map((track) => track.readyState)'))
    .toEqual(['ended', 'ended', 'ended']);
  await page.locator('.swatch-patchwork[aria-pressed="true"]').waitFor();
  expect(await page.locator('video').count()).toBe(0);
}, 120_000);

test('the last frame of a camera stays when it is turned off, and when another camera does not start', async () => {
  const { page } = await openPage(fixture().browser, fixture().server.origin, { permissions: ['camera'] });
  await readBars(page);
  await page.evaluate(`{
    globalThis.waitingForFrames = 0;
    const request = HTMLVideoElement.prototype.requestVideoFrameCallback;
    HTMLVideoElement.prototype.requestVideoFrameCallback = function (call) {
      globalThis.waitingForFrames++;
      return request.call(this, (...frame) => {
        globalThis.waitingForFrames--;
        call(...frame);
      });
    };
  }`);
  const camera = page.locator('#camera-button');
  const still = page.locator('.stage-picture canvas');
  // Red of the brightest of some pixels.
  const brightest = `Math.max(...document.querySelector('.stage-picture canvas').getContext('2d')
    .getImageData(0, 0, 64, 64).data.filter((_, i) => i % 4 === 0))`;
  await camera.click();
  await page.locator('#frames-per-second', { hasText: /^[1-9]/ }).waitFor();
  await camera.click();
  await still.waitFor();
  expect(await page.evaluate<number>(brightest)).toBeGreaterThan(0);

  await camera.click();
  await page.locator('#frames-per-second', { hasText: /^[1-9]/ }).waitFor();
  // Each frame is read once, also when the camera was on before.
  await expect.poll(() => page.evaluate('globalThis.waitingForFrames')).toBe(1);
  await page.evaluate(`{
    navigator.mediaDevices.getUserMedia = async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      throw new DOMException('in use', 'NotReadableError');
    };
    document.querySelector('#camera-which').dispatchEvent(new Event('change'));
  }`);
  await page.getByText('The camera did not start').waitFor();
  await still.waitFor();
  expect(await page.evaluate<number>(brightest)).toBeGreaterThan(0);
}, 120_000);

test('a camera that is turned off while it starts shows no settings, and changes no other picture', async () => {
  const { page, complaints } = await openPage(fixture().browser, fixture().server.origin, {
    permissions: ['camera'],
  });
  await readBars(page);
  // The video plays late, and the list of cameras comes late.
  await page.evaluate(`{
    globalThis.waiting = [];
    const later = () => new Promise((resolve) => globalThis.waiting.push(resolve));
    const play = HTMLVideoElement.prototype.play;
    HTMLVideoElement.prototype.play = async function () {
      await later();
      return play.call(this);
    };
    navigator.mediaDevices.enumerateDevices = async () => {
      await later();
      return [1, 2].map((number) => ({ kind: 'videoinput', deviceId: String(number), label: '' }));
    };
  }`);
  const answer = async () => {
    await expect.poll(() => page.evaluate('globalThis.waiting.length')).toBe(1);
    await page.evaluate('globalThis.waiting.pop()()');
  };
  const settings = page.locator('.camera-settings');
  const camera = page.locator('#camera-button');
  await camera.click();
  await answer();
  await page.locator('#frames-per-second', { hasText: /^[1-9]/ }).waitFor();
  await camera.click();
  await answer();
  await expect.poll(() => page.evaluate('document.querySelectorAll("#camera-which option").length')).toBe(0);
  expect(await settings.isVisible()).toBe(false);

  await camera.click();
  await expect.poll(() => page.evaluate('globalThis.waiting.length')).toBe(1);
  const small = await encoder(rgbPicture(90, 80, 1))
    .png()
    .toBuffer();
  await page
    .locator('#picture-file')
    .setInputFiles({ name: 'small.png', mimeType: 'image/png', buffer: small });
  await page.locator('.stage-picture canvas[width="90"]').waitFor();
  await page.evaluate('globalThis.waiting.pop()()');
  expect(await page.locator('#square-side').getAttribute('max')).toBe('80');
  expect(complaints.filter((text) => !text.startsWith('warning'))).toEqual([]);
}, 120_000);

test('the build has less than 125 kB of code, gzipped, without onnxruntime', async () => {
  const bytes = await codeBytes(fixture().page);
  process.stdout.write(`code of the page, gzipped: ${(bytes / 1000).toFixed(1)} kB\n`);
  expect(bytes).toBeLessThan(125_000);
});
