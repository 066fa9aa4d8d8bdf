import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { servePage } from '../../bench/web/page-server.ts';
import { openPage, readBars, softwareWebGpu } from '../support/page-browser.ts';
import { ourHeaders, pageFixture } from '../support/page-fixture.ts';
import { tolerances } from '../tolerances.ts';

const fixture = pageFixture({ args: async () => softwareWebGpu });
const state = (page: Page, text: string | RegExp) => page.locator('.provider-state', { hasText: text });

async function choose(page: Page, provider: 'auto' | 'wasm' | 'webgpu'): Promise<void> {
  await page.locator('#provider').selectOption(provider);
}

/** Whether this browser has a WebGPU adapter; without one the tests that need it say so. */
async function hasWebGpu(page: Page): Promise<boolean> {
  return page.evaluate('navigator.gpu?.requestAdapter().then((adapter) => adapter !== null) ?? false');
}

describe('what computes', () => {
  test('is WebAssembly with threads where the page is isolated, and one thread that says why elsewhere', async () => {
    const { browser, server, page: folder, models } = fixture();
    const { page } = await openPage(browser, server.origin);
    await state(page, /WebAssembly, \d threads/).waitFor();
    const plain = await servePage({ page: folder, models });
    onTestFinished(() => plain.close());
    const { page: other } = await openPage(browser, plain.origin);
    await state(other, 'WebAssembly, 1 thread').waitFor();
    await state(other, 'Cross-Origin-Opener-Policy').waitFor();
    expect(await readBars(other)).toHaveLength(5);
  }, 120_000);

  test('can be WebGPU, which gives the probabilities of WebAssembly', async (context) => {
    const { browser, server } = fixture();
    const { page, complaints } = await openPage(browser, server.origin);
    if (!(await hasWebGpu(page)))
      return context.skip('this Chromium finds no WebGPU adapter, not even SwiftShader');
    await state(page, 'WebAssembly').waitFor();
    const onWasm = await readBars(page);
    await choose(page, 'webgpu');
    await state(page, /^WebGPU/).waitFor();
    const onWebGpu = await readBars(page);
    expect(onWebGpu.map(({ label }) => label)).toEqual(onWasm.map(({ label }) => label));
    onWebGpu.forEach(({ probability }, i) => {
      expect(Math.abs(probability - (onWasm[i]?.probability ?? 0))).toBeLessThan(tolerances.probability);
    });
    expect(complaints.filter((complaint) => complaint.startsWith('error'))).toEqual([]);
  }, 180_000);

  test('is never a WebGPU that gives wrong numbers: it is refused with them, and WebAssembly answers', async (context) => {
    const { browser, server } = fixture();
    // The service worker would answer for the file that is exchanged below.
    const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
    // A graphics processor that computes wrongly: what the worker reads back from it is a tenth too large.
    const damage = `const range = GPUBuffer.prototype.getMappedRange;
      GPUBuffer.prototype.getMappedRange = function (...where) {
        const bytes = range.apply(this, where);
        if (this.usage & GPUBufferUsage.MAP_READ) {
          const values = new Float32Array(bytes, 0, bytes.byteLength >> 2);
          values.forEach((value, i) => { values[i] = 1.1 * value; });
        }
        return bytes;
      };`;
    await page.route('**/workers/inference-worker.js', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${damage}\n${await response.text()}` });
    });
    await page.goto(server.origin);
    if (!(await hasWebGpu(page)))
      return context.skip('this Chromium finds no WebGPU adapter, not even SwiftShader');
    await state(page, 'WebAssembly').waitFor();
    const onWasm = await readBars(page);
    await choose(page, 'webgpu');
    await state(page, /WebGPU is not used: it gives wrong numbers .*differ by/).waitFor();
    await state(page, /^WebAssembly/).waitFor();
    expect(await readBars(page)).toEqual(onWasm);
  }, 180_000);

  test('names no class for a model that does not repeat its proof', async () => {
    const { browser, page: folder, models, folder: own } = fixture();
    const damaged = join(own, 'damaged-models');
    await cp(models, damaged, { recursive: true });
    const path = join(damaged, 'lab-baseline.report.json');
    const report = JSON.parse(await readFile(path, 'utf8'));
    report.selfCheck[0].probabilities.reverse();
    await writeFile(path, JSON.stringify(report));
    const server = await servePage({ page: folder, models: damaged }, ourHeaders());
    onTestFinished(() => server.close());
    const { page } = await openPage(browser, server.origin);
    await page.getByText(/lab-baseline cannot be used: .*differ by/).waitFor();
    expect(await page.locator('#top-class').textContent()).toBe('Waiting for a picture');
    expect(await page.locator('.bars .bar:not([hidden])').count()).toBe(0);
  }, 60_000);
});

test('five quick clicks between views and networks end with the last one, and nothing complains', async () => {
  const { browser, server } = fixture();
  const { page, complaints } = await openPage(browser, server.origin);
  await readBars(page);
  for (const view of ['See', 'Compare', 'Live', 'See', 'Live']) {
    await page.getByRole('tab', { name: view }).click();
    await page.locator('.swatch').nth(view.length).click();
  }
  await page.waitForTimeout(1500);
  expect(await readBars(page)).toHaveLength(5);
  expect(await page.getByRole('tab', { name: 'Live' }).getAttribute('aria-selected')).toBe('true');
  expect(complaints.filter((complaint) => !complaint.startsWith('warning'))).toEqual([]);
}, 90_000);

test('the page opens without a network once it has been visited, and reads', async () => {
  const { browser, page: folder, models } = fixture();
  const server = await servePage({ page: folder, models }, ourHeaders());
  const { page, context } = await openPage(browser, server.origin);
  const before = await readBars(page);
  await page.evaluate('navigator.serviceWorker.ready.then(() => true)');
  await page.waitForFunction(
    "caches.keys().then((names) => names.some((name) => name.startsWith('textura-page-')))",
  );
  await server.close();
  await context.setOffline(true);
  await page.reload();
  expect(await readBars(page)).toEqual(before);
}, 90_000);
