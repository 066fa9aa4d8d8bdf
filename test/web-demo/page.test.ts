import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { drawTexture } from '../../model/textures/textures.ts';
import { chromiumMissing, findChromium } from '../../node/chromium.ts';
import { runScript } from '../support/command.ts';
import { writeFilm } from '../support/fake-camera.ts';
import { give, launchChromium, openPage, readBars } from '../support/page-browser.ts';
import { buildPage, type PageServer, servePage } from '../support/page-server.ts';
import { exportModels } from '../support/running-service.ts';
import { sixTextures } from '../support/trained-run.ts';
import { tolerances } from '../tolerances.ts';

let folder: string;
let models: string;
let built: Awaited<ReturnType<typeof buildPage>> | undefined;
let server: PageServer;
let browser: Browser;
const hasBrowser = findChromium() !== undefined;

beforeAll(async () => {
  if (!hasBrowser) return;
  folder = await mkdtemp(join(tmpdir(), 'textura-page-test-'));
  models = join(folder, 'models');
  built = await buildPage();
  await exportModels(models, [
    { variant: 'lab-baseline', labels: sixTextures },
    { variant: 'no-relu4', labels: sixTextures },
  ]);
  const film = join(folder, 'film.y4m');
  await writeFilm(film, [drawTexture('brick', 5, 1, 640, 480)]);
  server = await servePage({ page: built.folder, models }, 'ours');
  browser = await launchChromium([
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-video-capture=${film}`,
  ]);
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await built?.remove();
  if (hasBrowser) await rm(folder, { recursive: true, force: true });
});

beforeEach((context) => {
  context.skip(!hasBrowser, chromiumMissing);
});

/** A picture file, and what `npm run classify` says of it with the model that the page has. */
async function classified(name: string, bytes: Buffer): Promise<{ path: string; predictions: Prediction[] }> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  const model = join(models, 'lab-baseline.onnx');
  const { stdout, stderr } = await runScript('serve/classify.ts', ['--model', model, '--json', path], {
    cwd: folder,
  });
  expect(stderr).toBe('');
  return { path, predictions: JSON.parse(stdout).results[0].predictions };
}
interface Prediction {
  readonly label: string;
  readonly probability: number;
}

/** A coloured picture with structure of every size, wider than high. */
function colourPicture(width: number, height: number): Sharp {
  const { data } = drawTexture('marble', 6, 2, width, height);
  const { data: other } = drawTexture('plaid', 6, 3, width, height);
  const pixels = Buffer.from(Array.from(data).flatMap((level, i) => [level, other[i] ?? 0, 255 - level]));
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

async function readWhole(page: Page, expected: readonly Prediction[]) {
  await page.getByText('the whole picture', { exact: true }).click();
  await page.locator('.specimen-remark', { hasText: 'patches, averaged' }).waitFor();
  await page.locator('.bars li:first-child .bar-label', { hasText: expected[0]?.label ?? '' }).waitFor();
  return readBars(page);
}

describe('a picture', () => {
  test('by file is read with the probabilities of npm run classify, and nothing complains', async () => {
    const { path, predictions } = await classified(
      'wide.png',
      await colourPicture(300, 210).png().toBuffer(),
    );
    const { page, complaints } = await openPage(browser, server.origin);
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

  test('turned by EXIF, dropped or pasted, is read as npm run classify reads it', async () => {
    const turned = await colourPicture(200, 260).withMetadata({ orientation: 6 }).png().toBuffer();
    const { path, predictions } = await classified('turned.png', turned);
    for (const how of ['drop', 'paste'] as const) {
      const { page } = await openPage(browser, server.origin);
      await readBars(page);
      await give(page, how, path, 'turned.png', 'image/png');
      const bars = await readWhole(page, predictions);
      expect(Math.abs((bars[0]?.probability ?? 0) - (predictions[0]?.probability ?? 0))).toBeLessThan(
        tolerances.pageProbability,
      );
    }
  }, 120_000);

  test('that is none, or a kind that browsers do not decode, is refused with what to do', async () => {
    const { page } = await openPage(browser, server.origin);
    const text = join(folder, 'notes.txt');
    await writeFile(text, 'no picture');
    await page.locator('#picture-file').setInputFiles(text);
    await page.getByText('This file is no picture').waitFor();
    const heic = join(folder, 'photo.heic');
    await writeFile(heic, Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic0000mif1heic')]));
    await page.locator('#picture-file').setInputFiles(heic);
    await page.getByText('HEIC picture').waitFor();
  }, 60_000);
});

describe('a camera', () => {
  test('is read live, frame after frame, with the rate and the times shown', async () => {
    const { page } = await openPage(browser, server.origin, { permissions: ['camera'] });
    await readBars(page);
    await page.locator('#camera-button').click();
    await page.locator('#frames-per-second', { hasText: /^[1-9]/ }).waitFor();
    const video = page.locator('video');
    expect(await video.getAttribute('playsinline')).toBe('');
    expect(await page.evaluate("document.querySelector('video').muted")).toBe(true);
    await page.locator('#camera-button').click();
    // The last frame stays, as a still picture that goes on being read.
    await page.locator('.stage-picture canvas').waitFor();
    expect(await readBars(page)).not.toEqual([]);
  }, 90_000);

  test('that was not allowed is explained, and the page goes on with its picture', async () => {
    const { page } = await openPage(browser, server.origin);
    await readBars(page);
    await page.locator('#camera-button').click();
    await page.getByText('The camera was not allowed').waitFor();
    expect(await page.locator('.stage-picture canvas').count()).toBe(1);
  }, 60_000);
});
