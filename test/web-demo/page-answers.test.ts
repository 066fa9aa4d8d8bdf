/** What the page shows if an answer fails, is late or never arrives. The page runs on WebAssembly, without WebGPU. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { startPageServer } from '../../bench/web/page-server.ts';
import { openPage, readBars } from '../support/page-browser.ts';
import { brickCamera, openWith, ourHeaders, pageFixture } from '../support/page-fixture.ts';

const fixture = pageFixture({ args: brickCamera });
/** Waits for a text about the provider, which may be behind the settings. */
const stated = (page: Page, text: string | RegExp) =>
  page.locator('.provider-state', { hasText: text }).waitFor({ state: 'attached' });

test('a worker that crashes is replaced, and its own message goes to the console', async () => {
  const { page, complaints } = await openWith(
    fixture(),
    "new BroadcastChannel('die').onmessage = () => { throw new Error('/onnxruntime/core/session.cc:1 abort'); };",
  );
  const die = () => page.evaluate("new BroadcastChannel('die').postMessage('')");
  await readBars(page);
  for (let i = 0; i < 2; i++) {
    await die();
    await stated(page, /^Starting/);
    await stated(page, /^WebAssembly/);
    expect(await readBars(page)).toHaveLength(5);
  }
  // The third loss is not replaced.
  await die();
  await page.getByText(/WebAssembly is not used: an unexpected error/).waitFor();
  await page.locator('#top-class', { hasText: 'No model available' }).waitFor();
  expect(await page.locator('.bars').isVisible()).toBe(false);
  expect(await page.evaluate('document.body.innerText')).not.toContain('.cc');
  expect(complaints.join()).toContain('session.cc');
}, 60_000);

/** Answers fail, or are held back until they may arrive, as a test says on the channel `mode`; it is told `obeyed`. */
const obedient = `const post = self.postMessage.bind(self);
  let mode = 'arrive';
  let held = [];
  const isHeld = ({ output }) => mode === 'hold' || (mode === 'hold heat maps' && output?.stridePx);
  new BroadcastChannel('mode').onmessage = ({ data }) => {
    mode = data;
    const earlier = held;
    held = [];
    if (mode === 'arrive') earlier.forEach((message) => post(message));
    new BroadcastChannel('obeyed').postMessage('');
  };
  const fault = { code: 'failed', values: {}, detail: '/onnxruntime/core/session.cc:1 abort' };
  self.postMessage = (message) => {
    if (mode === 'fail') return post({ id: message.id, status: 'failed', fault });
    if (!isHeld(message)) return post(message);
    held.push(message);
    new BroadcastChannel('held').postMessage('');
  };`;
const answers = (page: Page, mode: 'arrive' | 'fail' | 'hold' | 'hold heat maps') =>
  page.evaluate(`new Promise((resolve) => {
    new BroadcastChannel('obeyed').onmessage = resolve;
    new BroadcastChannel('mode').postMessage('${mode}');
  }).then(() => {})`);

test('the label is hidden if a classification fails, if another picture is shown, and if the answer to a camera frame is late', async () => {
  const { page } = await openWith(fixture(), obedient, ['camera']);
  const label = page.locator('#top-class');
  await readBars(page);
  await answers(page, 'fail');
  for (const n of [3, 4]) {
    await page.locator('.swatch').nth(n).click();
    await page.getByText('The picture could not be classified: an unexpected error').waitFor();
    expect(await label.isVisible()).toBe(false);
    expect(await page.evaluate('document.body.innerText')).not.toContain('.cc');
  }
  await answers(page, 'arrive');
  await page.locator('.swatch').nth(5).click();
  await label.waitFor();
  await page.getByText('The picture could not be classified').waitFor({ state: 'hidden' });

  await answers(page, 'hold');
  await page.locator('.swatch').nth(4).click();
  await page.locator('.swatch').nth(4).and(page.locator('[aria-pressed="true"]')).waitFor();
  await label.waitFor({ state: 'hidden' });
  await answers(page, 'arrive');
  await label.waitFor();

  await page.locator('#camera-button').click();
  await page.locator('#frames-per-second', { hasText: /^[1-9]/ }).waitFor();
  await label.waitFor();
  await answers(page, 'hold');
  await label.waitFor({ state: 'hidden' });
  for (const part of ['.bars', '.square-caption', '.patch']) {
    expect(await page.locator(part).isVisible()).toBe(false);
  }
}, 120_000);

test('a heat map that arrives after See was left is not drawn over the picture', async () => {
  const { page } = await openWith(fixture(), obedient);
  await readBars(page);
  await answers(page, 'hold heat maps');
  const held = page.evaluate(
    "new Promise((resolve) => { new BroadcastChannel('held').onmessage = () => resolve(true); })",
  );
  await page.getByRole('tab', { name: 'See' }).click();
  expect(await held).toBe(true);
  await page.getByRole('tab', { name: 'Teach' }).click();
  await answers(page, 'arrive');
  // The Live view is read after the heat map has arrived.
  await page.getByRole('tab', { name: 'Live' }).click();
  await page.locator('.layout:not(.stale) .bars .bar[data-probability]').first().waitFor();
  expect(await page.evaluate("document.querySelector('.stage-overlay').width")).toBe(1);
}, 60_000);

test('five quick clicks between views and samples end with the last ones, without console messages', async () => {
  const { browser, server } = fixture();
  const { page, complaints } = await openPage(browser, server.origin);
  await readBars(page);
  for (const view of ['See', 'Compare', 'Live', 'See', 'Live']) {
    await page.getByRole('tab', { name: view }).click();
    await page.locator('.swatch').nth(view.length).click();
  }
  await page.locator('.swatch').nth(4).and(page.locator('[aria-pressed="true"]')).waitFor();
  await page.locator('.layout:not(.stale) .bars .bar[data-probability]').first().waitFor();
  expect(await readBars(page)).toHaveLength(5);
  expect(await page.getByRole('tab', { name: 'Live' }).getAttribute('aria-selected')).toBe('true');
  expect(complaints.filter((complaint) => !complaint.startsWith('warning'))).toEqual([]);
}, 90_000);

test('the page works offline after the first visit', async () => {
  const { browser, page: folder, models } = fixture();
  const server = await startPageServer({ page: folder, models }, ourHeaders());
  const { page, context } = await openPage(browser, server.origin);
  const before = await readBars(page);
  await page.evaluate('navigator.serviceWorker.ready.then(() => true)');
  const isCached = "caches.keys().then((names) => names.some((name) => name.startsWith('textura-page-')))";
  await expect.poll(() => page.evaluate(isCached)).toBe(true);
  await server.close();
  await context.setOffline(true);
  await page.reload();
  expect(await readBars(page)).toEqual(before);
}, 90_000);
