import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { servePage } from '../../bench/web/page-server.ts';
import { describeModel } from '../../graph/onnx/description.ts';
import { metadataKeys } from '../../model/model-file.ts';
import { patchBytes } from '../../model/patch.ts';
import { decodeImage } from '../../node/image-decoder.ts';
import { listModelFolder, readReport } from '../../serve/registry/model-folder.ts';
import { SandboxCheck, sandboxRequestOf } from '../../serve/registry/sandbox-check.ts';
import { modelCheckOf } from '../../serve/registry/self-check.ts';
import { runHere } from '../support/command.ts';
import { largestDifference, runOnPatches } from '../support/onnx-session.ts';
import { openPage, openSettings, readBars, sharedPage } from '../support/page-browser.ts';
import { openWith, pageFixture } from '../support/page-fixture.ts';
import { pythonAnswer } from '../support/python-answer.ts';
import { writeRandomModel } from '../support/random-network.ts';
import { collect } from '../support/teach-page.ts';
import { overconfidentValidation, sixTextures } from '../support/trained-run.ts';
import { tolerances } from '../tolerances.ts';

const fixture = pageFixture({
  models: [
    { variant: 'lab-baseline', labels: sixTextures, validation: overconfidentValidation(6) },
    { variant: 'no-relu4', labels: sixTextures, top1err: 0.125 },
  ],
});

async function openView(view: string, options = {}) {
  const { browser, server } = fixture();
  const opened = await openPage(browser, `${server.origin}/#${view}`, options);
  await opened.page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
  return opened;
}

test('Compare shows every model on the patch, sorts them, and plots their errors against their times', async () => {
  const { page } = await openView('compare');
  const rows = page.locator('.compare-table tbody tr');
  await rows.nth(1).locator('.latency', { hasText: 'ms' }).waitFor();
  expect(await rows.count()).toBe(2);
  expect(await rows.nth(1).locator('.model').textContent()).toContain('without relu4');
  expect(sixTextures).toContain(await rows.nth(0).locator('.top').textContent());
  expect(await rows.nth(1).locator('.agrees').textContent()).toMatch(/same|differs/);
  expect(await rows.nth(1).locator('.size').textContent()).toMatch(/^1[0-9]\.\d MB$/);
  // The error of the run, with the interval of its validation if it has one.
  expect(await rows.nth(0).locator('.error').textContent()).toMatch(/^25\.0 % \d+\.\d to \d+\.\d$/);
  expect((await rows.nth(1).locator('.error').textContent())?.trim()).toBe('12.5 %');
  // The bar is on a track, and as long as the probability.
  const track = await page.evaluate<string>(
    "getComputedStyle(document.querySelector('.compare-table .meter')).backgroundImage",
  );
  const share = await rows
    .nth(0)
    .locator('.meter')
    .evaluate((bar) => bar.style.getPropertyValue('--share'));
  expect(track).toContain('linear-gradient');
  const probability = (await rows.nth(0).locator('.probability').textContent()) ?? '';
  expect(100 * Number(share)).toBeCloseTo(Number.parseFloat(probability), 0);

  // A long name wraps: the table stays in its column.
  const tooWide = `(() => {
    document.querySelector('.compare-table .top').textContent = 'Sandpaper, grit 80 (worn, from the workshop)';
    const { right } = document.querySelector('.compare-table').getBoundingClientRect();
    return right - document.querySelector('.tab-panel:not([hidden])').getBoundingClientRect().right;
  })()`;
  for (const width of [390, 1280, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate<number>(tooWide), `${width} px`).toBeLessThan(1);
  }

  const names = () => page.locator('.compare-table tbody strong').allTextContents();
  const heading = page.getByRole('columnheader', { name: 'Validation error' });
  expect(await heading.getAttribute('aria-sort')).toBeNull();
  await heading.getByRole('button').focus();
  await page.keyboard.press('Enter');
  expect(await names()).toEqual(['no-relu4', 'lab-baseline']);
  expect(await heading.getAttribute('aria-sort')).toBe('ascending');
  await page.keyboard.press('Enter');
  expect(await names()).toEqual(['lab-baseline', 'no-relu4']);
  await page.getByRole('columnheader', { name: 'Size' }).getByRole('button').click();
  await page.getByRole('columnheader', { name: 'Size' }).getByRole('button').click();
  expect(await names()).toEqual(['no-relu4', 'lab-baseline']);
  expect(await heading.getAttribute('aria-sort')).toBeNull();

  const plot = page.getByRole('img', { name: 'Validation error against time' });
  const points = await plot
    .locator('circle')
    .evaluateAll((circles) =>
      circles.map((circle) => ({ words: circle.textContent, y: Number(circle.getAttribute('cy')) })),
    );
  expect(points.map(({ words }) => words)).toEqual([
    expect.stringMatching(/^lab-baseline: 25\.0 %, [\d.]+ ms$/),
    expect.stringMatching(/^no-relu4: 12\.5 %, [\d.]+ ms$/),
  ]);
  // The larger error is higher, in proportion.
  const zero = Number((await plot.locator('.chart-axis').getAttribute('d'))?.split(' ')[1]?.split('H')[0]);
  expect((zero - (points[0]?.y ?? 0)) / (zero - (points[1]?.y ?? 0))).toBeCloseTo(2, 5);
}, 120_000);

test('the class at the square stays in the picture wherever the square is, however long its name', async () => {
  const { page } = await openView('live', { viewport: { width: 390, height: 844 } });
  await readBars(page);
  // Runs in the page. How far the label is outside the picture, in pixels.
  const outside = `(() => {
    const label = document.querySelector('.square-caption');
    label.textContent = 'Sandpaper, grit 80 (worn, from the workshop) 97 %';
    label.hidden = false;
    const [inner, outer] = [label, document.querySelector('.stage-frame')].map((one) => one.getBoundingClientRect());
    return Math.max(outer.left - inner.left, inner.right - outer.right, outer.top - inner.top, inner.bottom - outer.bottom);
  })()`;
  const steps = { ArrowRight: [0, 35, 20, 30], ArrowDown: [0, 24, 12, 20] } as const;
  for (const [key, counts] of Object.entries(steps)) {
    for (const count of counts) {
      for (let step = 0; step < count; step++) await page.locator('#square').press(key);
      expect(await page.evaluate<number>(outside), `${key} ${count}`).toBeLessThan(1);
    }
  }
  await page.locator('#square-side').fill('480');
  expect(await page.evaluate<number>(outside), 'the largest square').toBeLessThan(1);
}, 60_000);

test('names of classes without spaces do not make the page wider than the screen', async () => {
  const { page } = await openView('live', { viewport: { width: 320, height: 640 } });
  const path = join(fixture().folder, 'long-names.onnx');
  await writeRandomModel(
    path,
    'texture-net',
    ['a', 'b'].map((end) => `${'Oberflächenbeschaffenheit'.repeat(3)}_${end}`),
  );
  await page.locator('#model-file').setInputFiles(path);
  const name = page.locator('#top-class', { hasText: 'Oberfl' });
  const screens = {
    Live: name,
    See: page.getByText(/^In all, the logit of Oberfl/),
    Compare: undefined,
    Teach: undefined,
  };
  for (const [view, shown] of Object.entries(screens)) {
    await page.getByRole('tab', { name: view }).click();
    await shown?.waitFor();
    if (view === 'See') await page.locator('#heat-stats', { hasText: 'positions' }).waitFor();
    expect(await page.evaluate<number>('document.documentElement.scrollWidth'), view).toBe(320);
  }
}, 60_000);

test('on a touch screen a tap on a map marks its position, and a second finger does not move the square', async () => {
  const { page, context } = await openView('see', { hasTouch: true, viewport: { width: 390, height: 844 } });
  await page.locator('#heat-stats', { hasText: 'positions' }).waitFor();
  await page.locator('.maps canvas').nth(2).tap();
  await page.locator('.stage-mark').waitFor();

  await page.evaluate('scrollTo(0, 0)');
  const { x = 0, y = 0, width = 0 } = (await page.locator('.stage-frame').boundingBox()) ?? {};
  const square = page.locator('#square');
  const touches = await context.newCDPSession(page);
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...places: readonly [number, number][]) => {
    const touchPoints = places.map(([left, top], id) => ({ x: x + left * width, y: y + top * width, id }));
    return touches.send('Input.dispatchTouchEvent', { type, touchPoints });
  };
  await touch('touchStart', [0.5, 0.4]);
  const label = await square.getAttribute('aria-label');
  await touch('touchStart', [0.5, 0.4], [0.8, 0.6]);
  await touch('touchMove', [0.5, 0.4], [0.9, 0.65]);
  expect(await square.getAttribute('aria-label')).toBe(label);
  // The first finger still has it.
  await touch('touchMove', [0.3, 0.4], [0.9, 0.65]);
  await expect.poll(() => square.getAttribute('aria-label')).not.toBe(label);
  await touch('touchEnd');
}, 60_000);

test('See says that it computes the heat map of a new picture', async () => {
  const { page } = await openWith(
    fixture(),
    `const listen = self.addEventListener.bind(self);
    self.addEventListener = (type, handler) =>
      listen(type, (event) => setTimeout(handler, event.data?.call === 'heatMap' ? 2000 : 0, event));`,
  );
  const computing = page.getByRole('status').filter({ hasText: 'Computing the heat map …' });
  const stats = page.locator('#heat-stats', { hasText: 'positions' });
  await page.getByRole('tab', { name: 'See' }).click();
  await computing.waitFor();
  await stats.waitFor();
  expect(await computing.count()).toBe(0);
  // Another square of the same picture does not need another map.
  await page.locator('#square').press('ArrowLeft');
  await page.getByRole('button', { name: 'Sample texture brick' }).click();
  await computing.waitFor();
  await stats.waitFor();
}, 60_000);

test('See draws the heat map, one class, the maps of a layer, the filters, and saves the picture', async () => {
  const { page } = await openView('see', { acceptDownloads: true });
  await page.locator('#heat-stats', { hasText: 'positions' }).waitFor();
  /** The map's alpha at the corner of the picture, and its smallest and largest value elsewhere. */
  const painted = `(() => {
    const { width, height } = document.querySelector('.stage-overlay');
    const { data } = document.querySelector('.stage-overlay').getContext('2d').getImageData(0, 0, width, height);
    const alphas = data.filter((_, i) => i % 4 === 3);
    const sorted = alphas.filter((alpha) => alpha > 0).sort();
    return { border: alphas[0], least: sorted[0], most: sorted.at(-1) };
  })()`;
  const all = (await page.evaluate(painted)) as { border: number; most: number };
  expect(all.most).toBeGreaterThan(0);
  expect(all.border).toBe(0);
  await page.locator('.legend li', { hasText: 'Border: no whole square fits there' }).waitFor();
  // The surface of one class stays visible: the rest is veiled.
  const label = (await page.locator('.legend li[data-class]').first().getAttribute('data-class')) ?? '';
  await page.locator('#heat-class').selectOption({ label });
  await page.locator('.legend li', { hasText: `${label}: clear, with an outline` }).waitFor();
  await page.locator('.legend li', { hasText: 'Veiled: something else' }).waitFor();
  const one = (await page.evaluate(painted)) as { border: number; least: number; most: number };
  expect(one.border).toBe(0);
  expect(one.least).toBeLessThan(one.most);
  await page.locator('#heat-class').selectOption('');
  const waiting = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save picture' }).click();
  const path = join(fixture().folder, 'heat-map.png');
  await (await waiting).saveAs(path);
  const saved = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  expect(saved.info.width).toBe(640);
  expect(saved.info.height).toBeGreaterThan(480 + 24);

  // The file's kernels, with their numbers.
  const filters = page.locator('.filters figure');
  expect(await filters.last().locator('figcaption').textContent()).toBe(String(await filters.count()));
  expect((await filters.first().boundingBox())?.width).toBeGreaterThan(50);
  await page.locator('#see-layer').selectOption('pool2');
  await page.locator('#see-field', { hasText: /^50 x 13 x 13: .*\. Shown: the 20 strongest\.$/ }).waitFor();
  await page.locator('.maps').focus();
  await page.keyboard.press('ArrowRight');
  // A value of pool2 sees 16 of the patch's 64 pixels, 4 pixels from its neighbour's.
  const mark = await page.locator('.stage-mark').boundingBox();
  const square = await page.locator('.square').boundingBox();
  expect((mark?.width ?? 0) / (square?.width ?? 1)).toBeCloseTo(16 / 64, 1);
  expect(((mark?.x ?? 0) - (square?.x ?? 0)) / (square?.width ?? 1)).toBeCloseTo(4 / 64, 1);

  // Only for a network whose classes follow from statistics of positions.
  const why = page.locator('.why');
  expect(await why.isVisible()).toBe(false);
  const labels = ['knit', 'moss', 'sand'];
  const explained = join(fixture().folder, 'explained.onnx');
  await writeRandomModel(explained, 'texture-net', labels);
  await page.locator('#model-file').setInputFiles(explained);
  await why.getByText(/^In all, the logit of/).waitFor();
  const [, first, total, second] =
    /of (\w+) is ([\d.]+) above that of (\w+)\.$/.exec((await why.textContent()) ?? '') ?? [];
  expect(Number(total)).toBeGreaterThan(0);
  expect(labels).toContain(first);
  expect(await why.locator('.legend li').allTextContents()).toEqual([
    `speaks for ${first}`,
    `speaks for ${second}`,
  ]);
  const [orange, blue] = (await page.evaluate(`(() => {
    const { data } = document.querySelector('.why canvas').getContext('2d').getImageData(0, 0, 64, 64);
    const redder = Array.from({ length: 64 * 64 }, (_, i) => data[4 * i] - data[4 * i + 2]);
    return [redder.filter((by) => by > 20).length, redder.filter((by) => by < -20).length];
  })()`)) as [number, number];
  expect(Math.min(orange, blue)).toBeGreaterThan(0);
  expect(orange + blue).toBeGreaterThan(1000);

  // The link to the panel stays in the view.
  await page.getByRole('link', { name: 'Skip to the result' }).press('Enter');
  await page.locator('#panel:focus').waitFor();
  expect(await page.locator('#tab-see').getAttribute('aria-selected')).toBe('true');
  expect(new URL(page.url()).hash).toBe('#see');
  // Another view in the address of the page that is open.
  await page.evaluate("location.hash = '#live'");
  await page.locator('#tab-live[aria-selected="true"]').waitFor();
  expect(await why.isVisible()).toBe(false);
}, 120_000);

test('the download of a model shows its progress and can be cancelled; the model before it stays', async () => {
  const { browser, page: folder, models } = fixture();
  const bytes = await readFile(join(models, 'no-relu4.onnx'));
  let held = '/no-relu4.onnx';
  // Half of the file, and then nothing. With the service's header.
  const server = await servePage({ page: folder, models }, (request, response, next) => {
    response.setHeader('X-Textura-Commands', 'npm run');
    if (!request.url?.endsWith(held)) return next();
    response.writeHead(200, { 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, bytes.length / 2));
  });
  onTestFinished(() => server.close());
  const { page, complaints } = await openPage(browser, server.origin, { serviceWorkers: 'block' });
  const before = await readBars(page);
  await openSettings(page);
  await page.locator('#model').selectOption('no-relu4');
  await page.locator('.provider-check', { hasText: 'Loading' }).waitFor();
  const half = (bytes.length / 2e6).toFixed(1);
  await page.getByText(`${half} of ${(bytes.length / 1e6).toFixed(1)} MB`).waitFor();
  expect(
    await page.getByRole('progressbar', { name: 'Download of the model' }).evaluate((bar) => bar.value),
  ).toBeCloseTo(0.5, 2);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
  await page.getByRole('button', { name: 'Cancel' }).waitFor({ state: 'hidden' });
  expect(await page.locator('#model').inputValue()).toBe('lab-baseline');
  expect(await readBars(page)).toEqual(before);
  const api = page.getByRole('link', { name: 'API documentation' });
  expect(await api.evaluate((link) => link.href)).toBe(`${server.origin}/docs`);

  // Without a model before it, the page waits for another choice.
  held = '.onnx';
  await page.reload();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('lab-baseline cannot be used: loading was cancelled.').waitFor();
  held = 'nothing';
  await page.getByRole('button', { name: 'Try again' }).click();
  expect(await readBars(page)).toEqual(before);
  expect(complaints.filter((text) => text.startsWith('error'))).toEqual([]);
}, 90_000);

describe('Teach', () => {
  /** The model that the first test downloaded, and one of its training patches. */
  let taught: { readonly model: Uint8Array; readonly patch: Uint8Array } | undefined;

  test('trains on three surfaces, stores them, and downloads an ONNX file that other runtimes load', async () => {
    const { page } = await openView('teach', { acceptDownloads: true });
    // Positions of the patches from the minimal standard generator of Park and Miller (1988).
    await page.evaluate(
      '(() => { let state = 1; Math.random = () => (state = (state * 48271) % 2147483647) / 2147483647; })()',
    );
    await page.getByRole('button', { name: 'Add a surface' }).click();
    const names = ['10', '2', 'é'] as const;
    await collect(page, 0, 'brick', names[2], 20);
    await collect(page, 1, 'knit', names[0], 20);
    await collect(page, 2, 'water', names[1], 20);
    await page.locator('.thumb').first().click();
    await page.getByLabel('Name of the model').fill('lab-baseline');
    await page.getByText('Choose a name for the model that no other model has').waitFor();
    expect(await page.locator('#train').isDisabled()).toBe(true);
    await page.getByLabel('Name of the model').fill('yard');
    await page.locator('#train').click();
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    // On features of an untrained network; guessing has seven or eight wrong.
    expect(await page.locator('#held-out').textContent()).toMatch(/^[0-4] of 1\d /);
    await page
      .locator('#model option:checked', { hasText: 'yard (trained here)' })
      .waitFor({ state: 'attached' });
    await expectColours(page);

    await page.reload();
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    expect(await page.locator('.thumb').count()).toBeGreaterThanOrEqual(59);
    // The model keeps its name when the page is opened again, and gets another one when it is renamed.
    await page.getByLabel('Name of the model').fill('garden');
    await page.keyboard.press('Tab');
    await page.getByText('Saved as garden in the list of models').waitFor();
    await page.locator('#model option', { hasText: 'garden (trained here)' }).waitFor({ state: 'attached' });
    const model = await downloaded(page, 'Download ONNX', 'garden.onnx');
    const project = await downloaded(page, 'Export project', 'garden.textura.zip');
    await expectGoodModel(page, await readFile(model), model, unzipSync(await readFile(project)));
    await expectImport(project);
  }, 240_000);

  /** Every surface has the same colour in its card, in the result, in Live and in the heat map. */
  async function expectColours(page: Page): Promise<void> {
    const dyes = (selector: string) =>
      page.locator(selector).evaluateAll((rows) => rows.map((row) => row.style.getPropertyValue('--dye')));
    const [third, first, second] = await dyes('.surface');
    expect(new Set([first, second, third]).size).toBe(3);
    // In the order of the labels.
    expect(await dyes('.held-out li')).toEqual([first, second, third]);
    // The last fifth of each surface's patches; a slow machine collects more of them.
    const cards = await page.locator('.surface').all();
    const [é = 0, ten = 0, two = 0] = await Promise.all(cards.map((card) => card.locator('.thumb').count()));
    expect(await page.locator('.held-out li .figure').allTextContents()).toEqual(
      [ten, two, é].map((count) => expect.stringMatching(`^\\d+ of ${Math.floor(count / 5)} right$`)),
    );
    await page.getByText(/^Loss 0\.\d+ after step 200 of 200$/).waitFor();
    const texts = await page.locator('.chart text').allTextContents();
    expect(texts).toEqual(expect.arrayContaining(['training step', 'loss', '0', '100', '200']));
    await page.getByRole('tab', { name: 'See' }).click();
    await page.locator('#heat-stats', { hasText: 'positions' }).waitFor();
    const keys = await page
      .locator('.legend li[data-class]')
      .evaluateAll((rows) =>
        rows.map((row) => [
          row.dataset.class,
          (row.firstElementChild?.getAttribute('style') ?? '').replace(/^background: |;$/g, ''),
        ]),
      );
    const colours = new Map([
      ['10', first],
      ['2', second],
      ['é', third],
    ]);
    expect(keys.length).toBeGreaterThan(0);
    for (const [label, colour] of keys) expect([label, colour]).toEqual([label, colours.get(label ?? '')]);
    await page.getByRole('tab', { name: 'Live' }).click();
    const [top] = await readBars(page);
    expect((await dyes('.bar .bar-fill'))[0]).toBe(colours.get(top?.label ?? ''));
    await page.getByRole('tab', { name: 'Teach' }).click();
  }

  /** Another browser continues with the project. */
  async function expectImport(project: string): Promise<void> {
    const { page } = await openView('teach');
    await page.locator('#project-file').setInputFiles({
      name: 'notes.zip',
      mimeType: 'application/zip',
      buffer: Buffer.from('no zip'),
    });
    await page.getByText('notes.zip is not a project').waitFor();
    await page.locator('#project-file').setInputFiles(project);
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    const names = page.locator('.surface input');
    expect(await names.evaluateAll((inputs) => inputs.map((input) => input.value))).toEqual(['é', '10', '2']);
    expect(await page.locator('.thumb').count()).toBeGreaterThanOrEqual(59);
    await page
      .locator('#model option:checked', { hasText: 'garden (trained here)' })
      .waitFor({ state: 'attached' });
    await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
    expect(await page.getByLabel('Name of the model').inputValue()).toBe('garden');
    // Importing it again adds nothing.
    const thumbs = await page.locator('.thumb').count();
    await page.locator('#held-out').evaluate((line) => line.replaceChildren());
    await page.locator('#project-file').setInputFiles(project);
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    expect(await page.locator('.surface').count()).toBe(3);
    expect(await page.locator('.thumb').count()).toBe(thumbs);
  }

  /**
   * Labels in code-point order; the page, onnxruntime-node and npm run classify agree on what was collected.
   */
  async function expectGoodModel(
    page: Page,
    bytes: Buffer,
    path: string,
    files: Readonly<Record<string, Uint8Array>>,
  ): Promise<void> {
    const { metadata } = describeModel(bytes, path);
    const labels: string[] = JSON.parse(metadata[metadataKeys.labels] ?? '');
    expect(labels).toEqual(['10', '2', 'é']);
    const [name, png] = Object.entries(files).find(([file]) => file.startsWith('é/')) ?? [
      '',
      new Uint8Array(),
    ];
    const { data, width } = await decodeImage(png, name);
    expect([data.length, width]).toEqual([patchBytes, 64]);
    taught = { model: bytes, patch: data };
    const { probabilities } = await runOnPatches(bytes, data);
    const image = join(fixture().folder, 'patch.png');
    await writeFile(image, png);
    const { stdout } = await runHere('serve/classify.ts', ['--model', path, '--json', image], {
      cwd: fixture().folder,
    });
    const [top] = JSON.parse(stdout).results[0].predictions;
    expect(top.label).toBe('é');
    expect(probabilities.values[2]).toBeCloseTo(top.probability, 6);

    await expectServable(path);

    // The page can check the file without a report.
    await openSettings(page);
    await page.locator('#model-file').setInputFiles(path);
    await page.locator('.settings-model', { hasText: 'garden 2 (opened file)' }).waitFor();
    await page.locator('.provider-check', { hasText: /^Verified/ }).waitFor();

    await page.locator('#model').selectOption('garden');
    await page.getByRole('tab', { name: 'Live' }).click();
    await page.locator('#picture-file').setInputFiles(image);
    // Until the file is decoded, the bars are those of the picture before it.
    const difference = async () => {
      const [bar] = await readBars(page);
      return bar?.label === 'é' ? Math.abs(bar.probability - top.probability) : 1;
    };
    await expect.poll(difference, { timeout: 10_000 }).toBeLessThan(tolerances.pageProbability);
  }

  /** After an export, the service's check accepts it. */
  async function expectServable(path: string): Promise<void> {
    const out = join(fixture().folder, 'served');
    const { status, stderr } = await runHere('export/export.ts', ['--taught', path, '--out', out], {
      cwd: fixture().folder,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [source] = await listModelFolder(out);
    if (source === undefined || 'fault' in source) throw new Error('the model is not listed');
    const report = await readReport(source);
    const check = new SandboxCheck();
    onTestFinished(() => check.close());
    await check.run(sandboxRequestOf(source, report, modelCheckOf(report, 'garden')));
  }

  test('Python’s onnxruntime loads that file with its labels and computes the same probabilities', async (context) => {
    if (taught === undefined) return context.skip('nothing was trained');
    const answer = await pythonAnswer(taught.model, taught.patch);
    if ('missing' in answer) return context.skip(answer.missing);
    expect(answer.labels).toEqual(['10', '2', 'é']);
    const { probabilities } = await runOnPatches(taught.model, taught.patch);
    const difference = largestDifference(answer.probabilities, probabilities.values);
    expect(difference).toBeLessThan(tolerances.probability);
  }, 300_000);

  async function downloaded(page: Page, button: string, as: string): Promise<string> {
    const waiting = page.waitForEvent('download');
    await page.getByRole('button', { name: button }).click();
    const path = join(fixture().folder, as);
    await (await waiting).saveAs(path);
    return path;
  }
});

describe('removing in Teach', () => {
  async function twoSurfaces(page: Page): Promise<void> {
    await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
    await collect(page, 0, 'brick', 'wall', 6);
    await collect(page, 1, 'knit', 'scarf', 6);
  }
  const names = (page: Page) =>
    page.locator('.surface input').evaluateAll((inputs) => inputs.map((input) => input.value));
  const storedNames = (page: Page) =>
    page.evaluate(`new Promise((resolve) => {
      indexedDB.open('textura').onsuccess = ({ target: { result: database } }) => {
        database.transaction('surfaces').objectStore('surfaces').getAll().onsuccess = ({ target }) => {
          database.close();
          resolve(target.result.map(({ name }) => name).sort());
        };
      };
    })`);
  /** Reloads the page and waits for the stored surfaces. */
  async function reload(page: Page): Promise<void> {
    await page.reload();
    await page.locator('.surface').nth(1).waitFor();
  }

  test('a removed surface is restored by Undo, by keyboard only, or by a reload, and deleted after some seconds', async () => {
    const { page } = await openView('teach');
    await twoSurfaces(page);
    await page.getByRole('button', { name: 'Remove wall and its patches' }).focus();
    await page.keyboard.press('Enter');
    const undo = page.getByRole('button', { name: 'Undo' });
    await undo.waitFor();
    expect(await names(page)).toEqual(['scarf']);
    // The focus is on Undo, which has a description for screen readers.
    expect(await undo.evaluate((button) => button === button.ownerDocument.activeElement)).toBe(true);
    expect(await page.locator('#train').isDisabled()).toBe(true);
    const description = await undo.getAttribute('aria-describedby');
    expect(await page.locator(`#${description}`).textContent()).toMatch(/^Removed wall \(patches: \d+\)\.$/);
    await page.keyboard.press('Enter');
    expect(await names(page)).toEqual(['wall', 'scarf']);
    expect(await page.locator('.surface').nth(0).locator('.thumb').count()).toBeGreaterThanOrEqual(6);
    expect(await page.locator('#train').isDisabled()).toBe(false);
    expect(await storedNames(page)).toEqual(['scarf', 'wall']);

    await page.getByRole('button', { name: 'Remove wall and its patches' }).click();
    await page.getByRole('button', { name: 'Undo' }).waitFor();
    await reload(page);
    expect((await names(page)).toSorted()).toEqual(['scarf', 'wall']);

    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000);
    await page.getByRole('button', { name: 'Remove wall and its patches' }).click();
    await page.locator('#train').hover({ force: true });
    await page.clock.runFor(9000);
    expect(await page.locator('.removal').count()).toBe(1);
    // The time stops while the pointer is on the message.
    await page.locator('.removal').hover();
    await page.clock.runFor(20_000);
    expect(await page.locator('.removal').count()).toBe(1);
    await page.locator('#train').hover({ force: true });
    await page.clock.runFor(2000);
    await page.locator('.removal').waitFor({ state: 'detached' });
    await expect.poll(() => storedNames(page)).toEqual(['scarf']);
  }, 120_000);

  test('Delete everything is undone with the taught model, or done at once; surfaces added in the meantime stay', async () => {
    const { page } = await openView('teach');
    await twoSurfaces(page);
    await page.locator('#train').click();
    await page.locator('#model option:checked', { hasText: 'my-surfaces' }).waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Delete everything' }).click();
    await page
      .getByText(/^Removed everything .surfaces: 2, patches: \d+.* after 10 seconds; reloading the page/)
      .waitFor();
    expect(await names(page)).toEqual(['', '']);
    // The buttons of a surface say which it is, also without a name.
    await page.getByRole('button', { name: 'Hold to collect: surface 2' }).waitFor();
    // Nothing is collected from the picture that is about to be replaced.
    await page.evaluate(`{
      document.querySelector('.swatch').click();
      const hold = document.querySelector('.hold');
      for (const type of ['keydown', 'keyup']) hold.dispatchEvent(new KeyboardEvent(type, { key: ' ' }));
    }`);
    expect(await page.locator('.thumb').count()).toBe(0);
    expect(await page.locator('#model option').allTextContents()).toEqual(['lab-baseline', 'no-relu4']);
    await page.locator('.surface input').nth(1).fill('new');
    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await names(page)).toEqual(['wall', 'scarf', 'new']);
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    await page.locator('#model option:checked', { hasText: 'my-surfaces' }).waitFor({ state: 'attached' });
    await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();

    await page.getByRole('button', { name: 'Español' }).click();
    await page.getByRole('button', { name: 'Borrar todo' }).click();
    await page.locator('.surface input').nth(0).fill('nueva');
    await page.getByText('si recarga la página antes, se recupera').waitFor();
    await page.getByRole('button', { name: 'Borrar ya' }).click();
    await expect.poll(() => storedNames(page)).toEqual(['nueva']);
    await reload(page);
    expect((await names(page)).toSorted()).toEqual(['', 'nueva']);
    expect(await page.getByRole('button', { name: 'Deshacer' }).count()).toBe(0);
  }, 120_000);
});

describe('accessibility', () => {
  /** In the page: whether the selected texts of all visible selects fit, with room for the arrow. */
  const selectedTexts = `[...document.querySelectorAll('select')].filter((select) => select.checkVisibility()).map((select) => {
    const text = select.selectedOptions[0].textContent;
    const { font, paddingLeft, paddingRight } = getComputedStyle(select);
    const context = document.createElement('canvas').getContext('2d');
    context.font = font;
    const room = select.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight) - 20;
    return { text, fits: context.measureText(text).width <= room };
  })`;

  const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

  test('axe finds nothing serious in any view, light or dark', async () => {
    const { page } = await openView('live', { viewport: { width: 360, height: 740 }, bypassCSP: true });
    await readBars(page);
    await page.addScriptTag({ path: axe });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const view of ['Live', 'Compare', 'See', 'Teach']) {
        await page.getByRole('tab', { name: view }).click();
        const found = (await page.evaluate(
          'axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map(({ html }) => html.slice(0, 120)) })))',
        )) as readonly { readonly impact: string }[];
        const serious = found.filter(({ impact }) => impact !== 'minor');
        expect({ colorScheme, view, serious }).toEqual({ colorScheme, view, serious: [] });
        // No horizontal scrolling on a phone.
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
      }
    }
  }, 120_000);

  test('the page is in Spanish if the browser prefers it, and has a switch', async () => {
    const { browser, server } = fixture();
    const { page } = await openPage(browser, server.origin, { locale: 'es-CO' });
    await readBars(page);
    expect(await page.getByRole('tab').allTextContents()).toEqual(['En vivo', 'Comparar', 'Ver', 'Enseñar']);
    expect(await page.evaluate('document.documentElement.lang')).toBe('es');
    await page.getByRole('button', { name: 'English' }).click();
    expect(await page.getByRole('tab').allTextContents()).toEqual(['Live', 'Compare', 'See', 'Teach']);
  }, 60_000);

  test('on a phone the first screen has the result, nothing moves while it loads, and the picture sticks', async () => {
    const { browser, server } = fixture();
    const { page } = await openPage(browser, 'about:blank', { viewport: { width: 390, height: 844 } });
    await page.addInitScript(`
      globalThis.shifts = [];
      new PerformanceObserver((list) => globalThis.shifts.push(...list.getEntries().map(({ value }) => value)))
        .observe({ type: 'layout-shift', buffered: true });`);
    await page.goto(server.origin);
    await readBars(page);
    await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
    const bottom = async (selector: string) => {
      const box = await page.locator(selector).boundingBox();
      return (box?.y ?? 0) + (box?.height ?? 0);
    };
    expect(await bottom('#top-probability')).toBeLessThan(844);
    await page.getByText('Drag the square to move it, its dot to resize it.').waitFor();
    expect(await page.evaluate('globalThis.shifts.reduce((sum, shift) => sum + shift, 0)')).toBeLessThan(
      0.02,
    );
    await openSettings(page);
    // No choice is cut, also in longer words.
    await page.getByRole('button', { name: 'Español' }).click();
    await page.getByRole('tab', { name: 'Ver' }).click();
    await page.locator('#see-layer option').first().waitFor({ state: 'attached' });
    expect(await page.evaluate(selectedTexts)).toEqual([
      { text: 'lab-baseline', fits: true },
      { text: 'Automático', fits: true },
      { text: 'clase más probable', fits: true },
      { text: 'conv1', fits: true },
    ]);
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('tab', { name: 'Teach' }).click();
    await page.locator('#train').scrollIntoViewIfNeeded();
    expect((await page.locator('.stage-strip').boundingBox())?.y).toBe(0);
    expect(
      await page.evaluate("getComputedStyle(document.querySelector('.stage-strip')).backgroundImage"),
    ).toContain('repeating-linear-gradient');
  }, 90_000);

  const shared = sharedPage(() => ({ browser: fixture().browser, address: fixture().server.origin }), {
    colorScheme: 'dark',
  });

  test('keys move and scale the square, and arrow keys change tabs', async () => {
    const { page } = shared();
    await page.locator('.provider-check', { hasText: 'Verified' }).waitFor();
    await page.locator('#square').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Shift+ArrowDown');
    expect(await page.locator('#square').getAttribute('aria-label')).toContain('64 pixels wide, at 216, 209');
    await page.keyboard.press('+');
    expect(await page.locator('#square').getAttribute('aria-label')).toContain('70 pixels wide');
    await page.getByRole('tab', { name: 'Live' }).focus();
    await page.keyboard.press('ArrowLeft');
    expect(await page.getByRole('tab', { name: 'Teach' }).getAttribute('aria-selected')).toBe('true');
  }, 60_000);

  test('the theme is the system’s, or the chosen one, also after a reload', async () => {
    const { page } = shared();
    const ground = () => page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    const [light, dark] = ['rgb(243, 238, 226)', 'rgb(25, 23, 19)'];
    expect(await ground()).toBe(dark);
    // A static server has no API.
    expect(await page.getByRole('link', { name: 'API documentation' }).count()).toBe(0);
    await page.getByText('light', { exact: true }).click();
    expect(await ground()).toBe(light);
    await page.reload();
    expect(await ground()).toBe(light);
    expect(await page.evaluate('getComputedStyle(document.documentElement).colorScheme')).toBe('light');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.getByText('dark', { exact: true }).click();
    expect(await ground()).toBe(dark);
    await page.getByText('as the system').click();
    expect(await ground()).toBe(light);
  }, 60_000);
});
