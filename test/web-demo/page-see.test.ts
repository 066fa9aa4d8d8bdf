import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { readBars } from '../support/page-browser.ts';
import { openView, openWith, pageFixture } from '../support/page-fixture.ts';
import { writeRandomModel } from '../support/random-network.ts';
import { overconfidentValidation, sixTextures } from '../support/trained-run.ts';

const fixture = pageFixture({
  models: [
    { variant: 'lab-baseline', labels: sixTextures, validation: overconfidentValidation(6) },
    { variant: 'no-relu4', labels: sixTextures, top1err: 0.125 },
  ],
});

test('the class at the square stays in the picture wherever the square is, however long its name', async () => {
  const { page } = await openView(fixture(), 'live', { viewport: { width: 390, height: 844 } });
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
  const { page } = await openView(fixture(), 'live', { viewport: { width: 320, height: 640 } });
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
  // The buttons of the project, one below the other, are all seen as buttons.
  const borders = await page.evaluate(`[...document.querySelectorAll('.project .teach-actions > :not(input)')]
    .map((button) => getComputedStyle(button).borderLeftColor)`);
  expect(borders).toHaveLength(3);
  expect(new Set(borders as string[]).size).toBe(1);
}, 60_000);

test('See says of places that are none of the classes what Live says', async () => {
  const { page } = await openView(fixture(), 'live');
  const path = join(fixture().folder, 'unknown.onnx');
  const labels = ['a', 'b'];
  // 24 + 24 features of a quarter of the filters, twice; no score reaches the thresholds.
  const features = 72;
  const zeros = (count: number) => new Float32Array(count);
  await writeRandomModel(path, 'texture-net', labels, {
    ...{ features, classes: 2, classKernel: zeros(2 * features), classBias: zeros(2) },
    ...{ spreadKernel: zeros(2 * features), spreadBias: zeros(2), thresholds: { photograph: 5, patch: 5 } },
  });
  await page.locator('#model-file').setInputFiles(path);
  await page.locator('#top-class', { hasText: 'None of these surfaces' }).waitFor();
  const why = (await page.locator('.prediction-remark').textContent()) ?? '';
  expect(why).toMatch(/^It differs from all surfaces/);
  await page.getByRole('tab', { name: 'See' }).click();
  await page.locator('#heat-stats', { hasText: 'positions' }).waitFor();
  expect(await page.locator('.legend li[data-class]').allTextContents()).toEqual([
    'None of these surfaces100 %',
  ]);
  // Why the square has a class: it has none.
  await page.locator('.why').getByText(why).waitFor();
  await page.locator('#heat-class').selectOption('a');
  expect(await page.locator('.legend-clear').textContent()).toContain('0 %');
}, 60_000);

test('a file that stores its weights in another form is classified, and See says which file it needs', async () => {
  const { page } = await openView(fixture(), 'live');
  await page
    .locator('#model-file')
    .setInputFiles(join(fixture().folder, 'models/lab-baseline.throughput.onnx'));
  await page.locator('.settings-model', { hasText: 'lab-baseline.throughput (opened file)' }).waitFor();
  expect(await readBars(page)).not.toEqual([]);
  await page.getByRole('tab', { name: 'See' }).click();
  await page
    .locator('.notice')
    .getByText('could not be classified: See needs the portable float32 file of this model.')
    .waitFor();
}, 60_000);

test('the legend of See has each name in one line', async () => {
  const { page } = await openView(fixture(), 'see');
  const path = join(fixture().folder, 'words.onnx');
  const labels = ['honeycomb', 'galvanised corrugated metal', 'hand-woven wickerwork', 'herringbone'];
  await writeRandomModel(path, 'texture-net', labels);
  await page.locator('#model-file').setInputFiles(path);
  await page.locator('#heat-class option', { hasText: 'herringbone' }).waitFor({ state: 'attached' });
  await page.locator('#heat-stats', { hasText: 'positions' }).waitFor();
  // Runs in the page. The names that are on more than one line, of a legend with all names.
  const broken = `(() => {
    const [row] = document.querySelectorAll('.legend li[data-class]');
    const label = row.querySelector('.legend-key + span');
    return ${JSON.stringify(labels)}.filter((name) => {
      label.textContent = name;
      const range = document.createRange();
      range.selectNodeContents(label);
      return range.getClientRects().length > 1;
    });
  })()`;
  for (const width of [390, 1024, 1280, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate(broken), `${width} px`).toEqual([]);
  }
}, 60_000);

test('on a touch screen a tap on a map marks its position, and a second finger does not move the square', async () => {
  const { page, context } = await openView(fixture(), 'see', {
    hasTouch: true,
    viewport: { width: 390, height: 844 },
  });
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
  const { page } = await openView(fixture(), 'see', { acceptDownloads: true });
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
  // Those with maps: the last two layers have one position.
  expect(await page.locator('#see-layer option').allTextContents()).toEqual([
    'conv1',
    'relu1',
    'pool1',
    'conv2',
    'relu2',
    'pool2',
  ]);
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
  // The places of the patch speak for the class in all, so many are orange.
  const orange = (await page.evaluate(`(() => {
    const { data } = document.querySelector('.why canvas').getContext('2d').getImageData(0, 0, 64, 64);
    const redder = Array.from({ length: 64 * 64 }, (_, i) => data[4 * i] - data[4 * i + 2]);
    return redder.filter((by) => by > 20).length;
  })()`)) as number;
  expect(orange).toBeGreaterThan(1000);

  // The link to the panel stays in the view.
  await page.getByRole('link', { name: 'Skip to the result' }).press('Enter');
  await page.locator('#panel:focus').waitFor();
  expect(await page.locator('#tab-see').getAttribute('aria-selected')).toBe('true');
  await expect.poll(() => new URL(page.url()).hash).toBe('#see');
  // Another view in the address of the page that is open.
  await page.evaluate("location.hash = '#live'");
  await page.locator('#tab-live[aria-selected="true"]').waitFor();
  expect(await why.isVisible()).toBe(false);
}, 120_000);
