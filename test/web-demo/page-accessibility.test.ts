/** Whether everyone can use the page: assistive technology, contrast, language, small screens, keys, themes. */
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { openPage, openSettings, readBars, sharedPage } from '../support/page-browser.ts';
import { openView, pageFixture } from '../support/page-fixture.ts';
import { collect } from '../support/teach-page.ts';
import { overconfidentValidation, sixTextures } from '../support/trained-run.ts';

const fixture = pageFixture({
  models: [
    { variant: 'lab-baseline', labels: sixTextures, validation: overconfidentValidation(6) },
    { variant: 'no-relu4', labels: sixTextures, top1err: 0.125 },
  ],
});

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
  const { page } = await openView(fixture(), 'live', {
    viewport: { width: 360, height: 740 },
    bypassCSP: true,
  });
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

test('high contrast shows which tab and option are selected, and the bars', async () => {
  const { page } = await openView(fixture(), 'live', { forcedColors: 'active' });
  await readBars(page);
  const [tab, otherTab, option, otherOption] = (await page.evaluate(`[
    '#tab-live', '#tab-see', '[for="scope-square"]', '[for="scope-whole"]',
  ].map((which) => getComputedStyle(document.querySelector(which)).backgroundColor)`)) as string[];
  expect(tab).not.toBe(otherTab);
  expect(option).not.toBe(otherOption);
  const fill = "getComputedStyle(document.querySelector('.bar-fill'), '::before').backgroundImage";
  // The colour of bars, which high contrast would remove.
  expect(await page.evaluate(fill)).toContain('rgb(168, 48, 29)');
}, 60_000);

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
  expect(await page.evaluate('globalThis.shifts.reduce((sum, shift) => sum + shift, 0)')).toBeLessThan(0.02);
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
  // The buttons above the picture are in one row, also on small phones and in landscape.
  for (const [width, height] of [
    [360, 640],
    [667, 375],
  ] as const) {
    await page.setViewportSize({ width, height });
    const tops = await page
      .locator('.source-buttons > :not(input):visible')
      .evaluateAll((all) => all.map((button) => button.getBoundingClientRect().top));
    expect(tops).toEqual([tops[0], tops[0], tops[0]]);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole('button', { name: 'English' }).click();
  await page.getByRole('tab', { name: 'Teach' }).click();
  await page.locator('#train').scrollIntoViewIfNeeded();
  expect((await page.locator('.stage-strip').boundingBox())?.y).toBe(0);
  expect(
    await page.evaluate("getComputedStyle(document.querySelector('.stage-strip')).backgroundImage"),
  ).toContain('repeating-linear-gradient');
  // In landscape the whole picture stays in view next to the panel.
  await page.setViewportSize({ width: 844, height: 390 });
  const hold = page.locator('.hold').first();
  await hold.evaluate((button) => button.scrollIntoView({ block: 'center' }));
  const { x, y, width, height } = (await page.locator('.stage-frame').boundingBox()) ?? assert.fail();
  expect(height).toBeGreaterThan(180);
  expect(y + height).toBeLessThanOrEqual(390);
  expect((await hold.boundingBox())?.x).toBeGreaterThan(x + width);
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

test('the focus stays where a key pressed a control that disappears or is disabled by it', async () => {
  const { page } = shared();
  await collect(page, 0, 'brick', 'wall', 6);
  await collect(page, 1, 'knit', 'scarf', 6);
  const focused = page.locator(':focus');
  const label = () => focused.getAttribute('aria-label');
  await page.getByRole('button', { name: 'Remove patch 2 of wall' }).press('Enter');
  expect(await label()).toBe('Remove patch 2 of wall');
  await page.locator('#train').press('Enter');
  expect(await focused.textContent()).toBe('Stop');
  await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
  await expect.poll(() => focused.textContent()).toBe('Train');
  await page.getByRole('button', { name: 'Remove wall and its patches' }).press('Enter');
  await page.getByRole('button', { name: 'Delete now' }).press('Enter');
  expect(await label()).toBe('Remove scarf and its patches');
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
