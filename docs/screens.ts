/** npm run docs:screens: pictures of the page's views, at a desktop's and at a phone's width, light and dark. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { z } from 'zod';
import { chromiumMissing, findChromium } from '../bench/web/chromium.ts';
import { buildPage, isolated, startPageServer } from '../bench/web/page-server.ts';
import { TexturaError } from '../model/error.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { runCommand } from '../node/command-line.ts';

const options = z.strictObject({
  models: z
    .string()
    .min(1)
    .default('models')
    .describe('folder of exported models: reference and some variants'),
  out: z.string().min(1).default('docs/screens').describe('folder for the pictures'),
});

const widths = {
  desktop: { viewport: { width: 1440, height: 960 }, deviceScaleFactor: 1 },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
} as const satisfies Record<string, BrowserContextOptions>;

/** What a view does before its picture is taken. */
const views = {
  live: readSquare,
  compare: compareAll,
  see: seeLayers,
  teach: teachThree,
} as const satisfies Record<string, (page: Page) => Promise<void>>;

async function takeScreens({ models, out }: z.infer<typeof options>): Promise<void> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new TexturaError('engine-unavailable', chromiumMissing);
  const built = await buildPage();
  const server = await startPageServer({ page: built.folder, models }, isolated);
  const browser = await chromium.launch({ executablePath });
  await mkdir(out, { recursive: true });
  try {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const [device, settings] of Object.entries(widths)) {
        for (const [view, prepare] of Object.entries(views)) {
          const path = join(out, `${view}-${device}${colorScheme === 'dark' ? '-dark' : ''}.webp`);
          await takeScreen(browser, `${server.origin}/#${view}`, { ...settings, colorScheme }, prepare, path);
          process.stdout.write(`${path}\n`);
        }
      }
    }
  } finally {
    await browser.close();
    await server.close();
    await built.remove();
  }
}

async function takeScreen(
  browser: Browser,
  address: string,
  settings: BrowserContextOptions,
  prepare: (page: Page) => Promise<void>,
  path: string,
): Promise<void> {
  const context = await browser.newContext({ ...settings, locale: 'en' });
  const page = await context.newPage();
  page.setDefaultTimeout(180_000);
  await page.goto(address);
  await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
  await prepare(page);
  await page.evaluate('scrollTo(0, 0)');
  const shot = await page.screenshot({ fullPage: true });
  await writeFileAtomically(path, await sharp(shot).webp({ quality: 80 }).toBuffer());
  await context.close();
}

async function readSquare(page: Page): Promise<void> {
  await page.locator('.bars .bar[data-probability]').first().waitFor();
}

async function compareAll(page: Page): Promise<void> {
  await page.locator('.compare-table .latency', { hasText: 'ms' }).first().waitFor();
}

async function seeLayers(page: Page): Promise<void> {
  await page.locator('#heat-stats', { hasText: /\d+ x \d+/ }).waitFor();
  // Every network has it.
  await page.locator('#see-layer').selectOption('relu2');
  await page.locator('#see-field', { hasText: /\d+ x \d+/ }).waitFor();
}

async function teachThree(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Add a surface' }).click();
  for (const [row, texture] of ['denim', 'wood', 'gravel'].entries()) {
    await page.getByRole('button', { name: `Sample texture ${texture}` }).click();
    await page.locator('.swatch[aria-pressed="true"]', { hasText: texture }).waitFor();
    const surface = page.locator('.surface').nth(row);
    await surface.locator('input').fill(texture);
    await surface.locator('.hold').focus();
    await page.keyboard.down(' ');
    await surface.locator('.thumb').nth(29).waitFor();
    await page.keyboard.up(' ');
  }
  await page.locator('#train').click();
  await page.locator('#held-out', { hasText: 'wrong' }).waitFor();
  await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
}

await runCommand(
  {
    name: 'docs:screens',
    summary: 'Takes pictures of the page’s views, at both widths, in light and dark.',
    options,
    run: takeScreens,
  },
  process.argv.slice(2),
);
