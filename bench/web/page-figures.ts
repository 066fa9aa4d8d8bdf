/** What users wait for on the built page, read from the page in Chromium on one thread. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { sumOf } from '../../model/statistics/descriptive.ts';
import { launchChromium, processBytes } from './bench-browser.ts';
import { startPageServer } from './page-server.ts';

export interface PageFigures {
  /** Gzipped JavaScript, CSS and HTML, without onnxruntime. */
  readonly codeBytes: number;
  /** From opening the page with an empty cache to the first prediction. */
  readonly firstReadingMs: readonly number[];
  readonly framesPerSecond: number;
  /** Inference time of one live frame, as the page shows it. */
  readonly frameMs: number;
  /**
   * Of a 640x480 picture, by the distance of positions in pixels: the page makes a coarse map, then a fine
   * one.
   */
  readonly heatMapMs: ReadonlyMap<number, readonly number[]>;
  /** The number of frames between two readings of the page's memory. */
  readonly frames: number;
  readonly heapBytes: readonly [before: number, after: number];
  readonly processBytes: readonly [before: number, after: number];
}

const liveSeconds = 8;
const warmUpFrames = 500;
const heatMapImages = 7;

/** `film` is a Y4M file for the fake camera. Errors: `engine-unavailable` if there is no browser. */
export async function measurePage(
  { page: folder, models, film }: { readonly page: string; readonly models: string; readonly film: string },
  frames: number,
  onStep: (step: string) => void,
): Promise<PageFigures> {
  const args = ['--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${film}`];
  const browser = await launchChromium(args);
  const server = await startPageServer({ page: folder, models });
  try {
    onStep('first prediction');
    const firstReadingMs = [];
    for (let i = 0; i < 3; i++) firstReadingMs.push(await firstReading(browser, server.origin));
    onStep('heat map');
    const heatMapMs = await heatMaps(browser, server.origin);
    onStep('live camera');
    const live = await liveCamera(browser, server.origin, frames, onStep);
    return { codeBytes: await codeBytes(folder), firstReadingMs, heatMapMs, frames, ...live };
  } finally {
    await browser.close();
    await server.close();
  }
}

async function openPage(browser: Browser, address: string): Promise<Page> {
  const context = await browser.newContext({ permissions: ['camera'], locale: 'en' });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  await page.goto(address);
  return page;
}

async function firstReading(browser: Browser, origin: string): Promise<number> {
  const startedAt = performance.now();
  const page = await openPage(browser, origin);
  await page.locator('.bars .bar[data-probability]').first().waitFor();
  const took = performance.now() - startedAt;
  await page.context().close();
  return took;
}

/** The first maps are not measured: they include building the graph and compiling code. */
async function heatMaps(browser: Browser, origin: string): Promise<PageFigures['heatMapMs']> {
  const page = await openPage(browser, `${origin}/#see`);
  await page.locator('#heat-stats').waitFor({ state: 'attached' });
  // A coarse map may be shown too briefly to be seen from outside the page.
  await page.evaluate(`(() => {
    globalThis.mapTexts = [];
    const stats = document.querySelector('#heat-stats');
    const observer = new MutationObserver(() => globalThis.mapTexts.push(stats.textContent));
    observer.observe(stats, { childList: true, characterData: true, subtree: true });
  })()`);
  const took = new Map<number, number[]>();
  for (let i = 0; i <= heatMapImages; i++) {
    if (i > 0) {
      await page.evaluate('void (globalThis.mapTexts = [])');
      await page.getByRole('button', { name: 'New samples' }).click();
    }
    await page.waitForFunction('new Set(globalThis.mapTexts.filter(Boolean)).size === 2');
    const texts = (await page.evaluate('globalThis.mapTexts')) as readonly string[];
    for (const text of new Set(texts.filter(Boolean))) {
      const [, distance, ms] = /, (\d+) px apart, in ([\d,.]+) ms/.exec(text) ?? [];
      const times = took.get(Number(distance)) ?? [];
      took.set(Number(distance), [...times, numberIn(ms)]);
    }
  }
  await page.context().close();
  return new Map([...took].map(([distance, times]) => [distance, times.slice(1)]));
}

async function liveCamera(browser: Browser, origin: string, frames: number, onStep: (step: string) => void) {
  const page = await openPage(browser, origin);
  await page.locator('.bars .bar[data-probability]').first().waitFor();
  await page.locator('#camera-button').click();
  await page.waitForTimeout(liveSeconds * 1000);
  const framesPerSecond = numberIn((await page.locator('#frames-per-second').textContent()) ?? '');
  const frameMs = numberIn((await page.locator('#infer-ms').textContent()) ?? '');
  // Every prediction writes the attribute.
  await page.evaluate(`(() => {
    globalThis.framesSeen = 0;
    const count = (changes) => { globalThis.framesSeen += changes.length; };
    const first = document.querySelector('.bars .bar');
    new MutationObserver(count).observe(first, { attributeFilter: ['data-probability'] });
  })()`);
  // The buffers of the camera and the runtime grow at first.
  await untilSeen(page, warmUpFrames, onStep);
  const before = await memoryOf(browser, page);
  await untilSeen(page, warmUpFrames + frames, onStep);
  const after = await memoryOf(browser, page);
  return {
    framesPerSecond,
    frameMs,
    heapBytes: [before.heap, after.heap] as const,
    processBytes: [before.process, after.process] as const,
  };
}

async function untilSeen(page: Page, frames: number, onStep: (step: string) => void): Promise<void> {
  for (let seen = 0; seen < frames; ) {
    await page.waitForTimeout(2000);
    seen = Number(await page.evaluate('globalThis.framesSeen'));
    onStep(`live camera, ${seen} of ${frames} frames`);
  }
}

/**
 * The page's JavaScript heap after a garbage collection, and the private memory of the largest renderer,
 * workers included.
 */
async function memoryOf(
  browser: Browser,
  page: Page,
): Promise<{ readonly heap: number; readonly process: number }> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return { heap: usedSize, process: await processBytes(browser, 'renderer', 'RssAnon') };
}

function numberIn(text = ''): number {
  return Number.parseFloat(text.replaceAll(',', ''));
}

/** Gzipped size of the page's code, without onnxruntime and images. */
export async function codeBytes(page: string): Promise<number> {
  const files = await readdir(page, { recursive: true });
  const code = files.filter(
    (file) => /\.(js|css|html)$/.test(file) && !file.startsWith('onnxruntime') && !file.includes('ort.'),
  );
  const sizes = await Promise.all(
    code.map(async (file) => gzipSync(await readFile(join(page, file)), { level: 9 }).length),
  );
  return sumOf(sizes);
}
