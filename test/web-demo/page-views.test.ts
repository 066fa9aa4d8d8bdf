import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startPageServer } from '../../bench/web/page-server.ts';
import { openPage, openSettings, readBars } from '../support/page-browser.ts';
import { fetched, openView, pageFixture } from '../support/page-fixture.ts';
import { writeRandomModel } from '../support/random-network.ts';
import { overconfidentValidation, sixTextures } from '../support/trained-run.ts';

const fixture = pageFixture({
  models: [
    { variant: 'lab-baseline', labels: sixTextures, validation: overconfidentValidation(6) },
    { variant: 'no-relu4', labels: sixTextures, top1err: 0.125 },
  ],
});

test('Compare shows every model on the patch, sorts them, and plots their errors against their times', async () => {
  const { page } = await openView(fixture(), 'compare');
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
  const shown = "getComputedStyle(document.querySelector('.compare-table')).display";
  for (const [width, display] of [
    [390, 'block'],
    [1280, 'table'],
    [1440, 'table'],
  ] as const) {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate<number>(tooWide), `${width} px`).toBeLessThan(1);
    expect(await page.evaluate<string>(shown), `${width} px`).toBe(display);
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
  // One measurement for both.
  const times = await rows.locator('.latency').allTextContents();
  expect(times.toSorted()).toEqual(points.map(({ words }) => words?.split(', ')[1]).toSorted());
  // The larger error is higher, in proportion.
  const zero = Number((await plot.locator('.chart-axis').getAttribute('d'))?.split(' ')[1]?.split('H')[0]);
  expect((zero - (points[0]?.y ?? 0)) / (zero - (points[1]?.y ?? 0))).toBeCloseTo(2, 5);
  // One of the models has an interval.
  const compare = page.locator('.compare');
  expect(await plot.locator('.plot-interval').count()).toBe(1);
  expect(await compare.getByText('Below it is its 95 % interval.').isVisible()).toBe(true);
  expect(await compare.getByText('Lines are 95 % intervals.').isVisible()).toBe(true);
}, 120_000);

test('Compare has the chosen model, also if it was opened or taught, and says that its classes are others', async () => {
  const { page } = await openView(fixture(), 'compare');
  const path = join(fixture().folder, 'mine.onnx');
  await writeRandomModel(path, 'texture-net', ['a', 'b']);
  await page.locator('#model-file').setInputFiles(path);
  const row = page.locator('.compare-table tbody tr').nth(2);
  await row.locator('.latency', { hasText: 'ms' }).waitFor();
  expect(await row.locator('strong').textContent()).toBe('mine');
  expect(['a', 'b']).toContain(await row.locator('.top').textContent());
  expect((await row.locator('.agrees').textContent())?.trim()).toBe('other classes');
  await page.getByRole('button', { name: 'Español' }).click();
  expect(await row.locator('.agrees').getAttribute('data-heading')).toBe('Coincide');
  await openSettings(page);
  await page.locator('#model').selectOption('no-relu4');
  await expect.poll(() => page.locator('.compare-table tbody tr').count()).toBe(2);
}, 60_000);

test('Compare does not mention intervals if no model has one', async () => {
  const { browser, server } = fixture();
  const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
  await page.route('**/models/index.json', async (route) => {
    const response = await fetched(route);
    const index = await response.json();
    for (const model of index.models) delete model.top1errInterval;
    await route.fulfill({ response, json: index });
  });
  await page.goto(`${server.origin}/#compare`);
  await page.locator('.plot .plot-point').nth(1).waitFor();
  const compare = page.locator('.compare');
  expect(await compare.getByText('95 %').filter({ visible: true }).count()).toBe(0);
  expect(await compare.locator('.plot-interval').count()).toBe(0);
}, 60_000);

test('Compare without the reference compares with the preferred network; labels of crowded points stay in the plot', async () => {
  const { browser, server } = fixture();
  const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
  await page.route('**/models/index.json', async (route) => {
    const response = await fetched(route);
    const index = await response.json();
    const [model, other] = index.models;
    // Several models with one file: the same error and about the same time.
    const copies = ['a', 'b', 'c', 'd', 'e', 'texture-net'].map((name) => ({ ...model, name }));
    await route.fulfill({ response, json: { ...index, models: [...copies, other] } });
  });
  await page.goto(`${server.origin}/#compare`);
  await page.locator('.plot .plot-point').nth(6).waitFor();
  await page.locator('.compare-table .agrees', { hasText: 'baseline' }).waitFor();
  expect(await page.locator('.compare-table tbody strong').allTextContents()).toEqual([
    'texture-net',
    'a',
    'b',
    'c',
    'd',
    'e',
    'no-relu4',
  ]);
  const agrees = (await page.locator('.compare-table .agrees > span').allTextContents()).map((text) =>
    text.trim(),
  );
  expect(agrees.slice(0, 6)).toEqual(['baseline', 'same', 'same', 'same', 'same', 'same']);
  expect(agrees[6]).toMatch(/^(same|differs)$/);
  expect(await page.locator('.compare').textContent()).toContain('Agrees: with texture-net, the baseline');
  const labels = await page
    .locator('.plot > text:not([class])')
    .filter({ hasText: /^([a-e]|texture-net|no-relu4)$/ })
    .evaluateAll((texts) =>
      texts.map((text) => {
        const { left, right, top, bottom } = text.getBoundingClientRect();
        return { left, right, middle: (top + bottom) / 2, height: bottom - top };
      }),
    );
  const plot = await page.locator('.plot').boundingBox();
  expect(labels.length).toBe(7);
  for (const [i, label] of labels.entries()) {
    expect(label.middle).toBeGreaterThan((plot?.y ?? 0) + label.height);
    for (const other of labels.slice(i + 1)) {
      const isApart = other.left >= label.right || label.left >= other.right;
      if (!isApart) expect(Math.abs(other.middle - label.middle)).toBeGreaterThan(0.7 * label.height);
    }
  }
}, 60_000);

test('See and Compare without a model say what to do, and nothing else', async () => {
  const { browser, server } = fixture();
  const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
  await page.route('**/models/lab-baseline.onnx', (route) => route.fulfill({ status: 404 }));
  await page.goto(`${server.origin}/#see`);
  await page.locator('.provider-check', { hasText: 'Not usable' }).waitFor();
  const needed = 'This view needs a model. Choose or open one above.';
  const shown = (view: string) =>
    page.locator(`.${view} :is(h2, h3, p, label, button)`).filter({ visible: true }).allTextContents();
  expect(await shown('see')).toEqual(['What the model sees', needed]);
  await page.getByRole('tab', { name: 'Compare' }).click();
  expect(await shown('compare')).toEqual(['All models on this patch', needed]);
  await page.getByRole('tab', { name: 'See' }).click();
  await page.locator('#model').selectOption('no-relu4');
  await page.getByRole('heading', { name: 'Heat map' }).waitFor();
  expect(await shown('see')).not.toContain(needed);
}, 90_000);

test('the download of a model shows its progress and can be cancelled; the model before it stays', async () => {
  const { browser, page: folder, models } = fixture();
  const bytes = await readFile(join(models, 'no-relu4.onnx'));
  let held = '/no-relu4.onnx';
  // Half of the file, and then nothing. With the service's header.
  const server = await startPageServer({ page: folder, models }, (request, response, next) => {
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
  await page.getByText(`${half} MB of ${(bytes.length / 1e6).toFixed(1)} MB`).waitFor();
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
