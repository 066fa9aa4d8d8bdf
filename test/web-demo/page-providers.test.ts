import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { softwareWebGpu } from '../../bench/web/bench-browser.ts';
import { startPageServer } from '../../bench/web/page-server.ts';
import { openPage, openSettings, readBars } from '../support/page-browser.ts';
import { brickCamera, openWith, ourHeaders, pageFixture } from '../support/page-fixture.ts';
import { sixTextures } from '../support/trained-run.ts';
import { tolerances } from '../tolerances.ts';

const fixture = pageFixture({
  // A tenth of the filters: WebGPU is computed by the processor here.
  models: [
    { variant: 'lab-baseline', width: 0.1 },
    { variant: 'no-relu4', width: 0.1, labels: sixTextures },
  ],
  args: async (folder) => [...softwareWebGpu, ...(await brickCamera(folder))],
});
/** Waits for a text about the provider, which may be behind the settings. */
const stated = (page: Page, text: string | RegExp) =>
  page.locator('.provider-state', { hasText: text }).waitFor({ state: 'attached' });

async function choose(page: Page, provider: 'auto' | 'wasm' | 'webgpu'): Promise<void> {
  await openSettings(page);
  await page.locator('#provider').selectOption(provider);
}

/** Whether this browser has a WebGPU adapter; tests that need one are skipped otherwise. */
async function hasWebGpu(page: Page): Promise<boolean> {
  return page.evaluate('navigator.gpu?.requestAdapter().then((adapter) => adapter !== null) ?? false');
}

describe('the provider', () => {
  test('is WebAssembly, with several threads on an isolated page and one thread with the reason elsewhere', async () => {
    const { browser, server, page: folder, models } = fixture();
    const { page } = await openPage(browser, server.origin);
    await stated(page, /WebAssembly, \d threads/);
    const plain = await startPageServer({ page: folder, models });
    onTestFinished(() => plain.close());
    const { page: other } = await openPage(browser, plain.origin);
    await stated(other, 'WebAssembly, 1 thread');
    await stated(other, 'Cross-Origin-Opener-Policy');
    expect(await readBars(other)).toHaveLength(5);
  }, 120_000);

  test('can be WebGPU, with the probabilities of WebAssembly', async (context) => {
    const { browser, server } = fixture();
    const { page, complaints } = await openPage(browser, server.origin);
    if (!(await hasWebGpu(page)))
      return context.skip('this Chromium finds no WebGPU adapter, not even SwiftShader');
    await stated(page, 'WebAssembly');
    const onWasm = await readBars(page);
    await choose(page, 'webgpu');
    await stated(page, /^WebGPU/);
    const onWebGpu = await readBars(page);
    expect(onWebGpu.map(({ label }) => label)).toEqual(onWasm.map(({ label }) => label));
    onWebGpu.forEach(({ probability }, i) => {
      expect(Math.abs(probability - (onWasm[i]?.probability ?? 0))).toBeLessThan(tolerances.probability);
    });
    // Calls during a run wait for it, or are superseded.
    for (const view of ['Compare', 'Live', 'Compare', 'Live']) {
      await page.getByRole('tab', { name: view }).click();
      await page.locator('.swatch').nth(view.length).click();
    }
    await page.locator('.swatch').nth(4).and(page.locator('[aria-pressed="true"]')).waitFor();
    await page.locator('#top-class').waitFor();
    await stated(page, /^WebGPU/);
    expect(complaints.filter((complaint) => complaint.startsWith('error'))).toEqual([]);
    // A file without its report cannot be checked, so it runs on WebAssembly; with the report on both.
    const [onnx, report] = ['onnx', 'report.json'].map((type) =>
      join(fixture().models, `lab-baseline.${type}`),
    ) as [string, string];
    await page.locator('#model-file').setInputFiles(onnx);
    await stated(page, /^WebAssembly.*WebGPU is not used: this model came without its report/);
    expect(await readBars(page)).toHaveLength(onWasm.length);
    await page.locator('#model-file').setInputFiles([onnx, report]);
    await page.locator('.provider-check', { hasText: /^Verified/ }).waitFor();
    expect(await page.locator('.provider-state').textContent()).not.toContain('without its report');
  }, 180_000);

  test('can change while Compare loads its models, which are then loaded on the new one', async (context) => {
    const { browser, server } = fixture();
    const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
    // The processor computes WebGPU here.
    page.setDefaultTimeout(120_000);
    const held: (() => void)[] = [];
    await page.route('**/models/no-relu4.onnx', async (route) => {
      await new Promise<void>((resolve) => held.push(resolve));
      await route.continue();
    });
    await page.goto(`${server.origin}/#compare`);
    if (!(await hasWebGpu(page)))
      return context.skip('this Chromium finds no WebGPU adapter, not even SwiftShader');
    await page.getByText('Loading model 2 of 2').waitFor();
    await choose(page, 'webgpu');
    await stated(page, /^WebGPU/);
    await expect.poll(() => held.length).toBe(2);
    // Models load on WebAssembly first; the page must still say WebGPU.
    held[0]?.();
    await sleep(1000);
    await stated(page, /^WebGPU/);
    held[1]?.();
    await page.locator('.compare-table .latency', { hasText: 'ms' }).nth(1).waitFor();
    await stated(page, /^WebGPU/);
    expect(await page.locator('.compare-table').textContent()).not.toContain('cannot be used');
  }, 180_000);

  test('is not a WebGPU with wrong results: the page shows the difference and uses WebAssembly', async (context) => {
    // Simulates a faulty graphics processor: values read back are 10 % too large.
    const { page } = await openWith(
      fixture(),
      `const range = GPUBuffer.prototype.getMappedRange;
      GPUBuffer.prototype.getMappedRange = function (...where) {
        const bytes = range.apply(this, where);
        if (this.usage & GPUBufferUsage.MAP_READ) {
          const values = new Float32Array(bytes, 0, bytes.byteLength >> 2);
          values.forEach((value, i) => { values[i] = 1.1 * value; });
        }
        return bytes;
      };`,
    );
    if (!(await hasWebGpu(page)))
      return context.skip('this Chromium finds no WebGPU adapter, not even SwiftShader');
    await stated(page, 'WebAssembly');
    const onWasm = await readBars(page);
    await choose(page, 'webgpu');
    await stated(page, /WebGPU is not used: its results are wrong .*differ by/);
    await stated(page, /^WebAssembly/);
    expect(await readBars(page)).toEqual(onWasm);
  }, 180_000);

  test('shows no class for a model that fails its self-check', async () => {
    const { browser, page: folder, models, folder: own } = fixture();
    const damaged = join(own, 'damaged-models');
    await cp(models, damaged, { recursive: true });
    const path = join(damaged, 'lab-baseline.report.json');
    const report = JSON.parse(await readFile(path, 'utf8'));
    report.selfCheck[0].probabilities.reverse();
    await writeFile(path, JSON.stringify(report));
    const server = await startPageServer({ page: folder, models: damaged }, ourHeaders());
    onTestFinished(() => server.close());
    const { page } = await openPage(browser, server.origin);
    await page.getByText(/lab-baseline cannot be used: .*differ by/).waitFor();
    expect(await page.locator('#top-class').textContent()).toBe('No model available');
    expect(await page.locator('.bars .bar:not([hidden])').count()).toBe(0);
  }, 60_000);
});

describe('WebGPU that is lost', () => {
  /** The page can trigger the loss of the worker's device, as after a driver restart. */
  const losable = `const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      const device = await request.apply(this, options);
      new BroadcastChannel('lose').onmessage = () => device.destroy();
      return device;
    };`;
  /** In the page: loses the device, and returns the milliseconds until WebAssembly shows a result. */
  const msUntilWasmReads = `new Promise((resolve) => {
    const lostAt = performance.now();
    new BroadcastChannel('lose').postMessage('');
    const look = () => {
      const state = document.querySelector('.provider-state').textContent;
      const isRead = document.querySelector('.layout:not(.stale) .bars .bar:not([hidden])') !== null;
      if (state.startsWith('WebAssembly') && isRead) resolve(performance.now() - lostAt);
      else requestAnimationFrame(look);
    };
    look();
  })`;

  test('while a camera is on: WebAssembly takes over within a second, and the page says why', async (context) => {
    const { page } = await openWith(fixture(), losable, ['camera']);
    if (!(await hasWebGpu(page)))
      return context.skip('this Chromium finds no WebGPU adapter, not even SwiftShader');
    await stated(page, 'WebAssembly');
    await page.locator('#camera-button').click();
    await choose(page, 'webgpu');
    await stated(page, /^WebGPU/);
    await readBars(page);
    expect(await page.evaluate(msUntilWasmReads)).toBeLessThan(1000);
    await stated(page, /WebGPU is not used: the graphics processor was lost/);
    await page.locator('#frames-per-second', { hasText: /^[1-9]/ }).waitFor();
    // It is not used again until a person chooses it.
    expect(await page.locator('#provider').inputValue()).toBe('auto');
  }, 120_000);

  test('because it has no device to give, or does not respond: the page says why and uses WebAssembly', async (context) => {
    const reasons = [
      [
        "requestDevice = () => Promise.reject(new Error('11942016'))",
        'the graphics processor could not be opened',
      ],
      ['requestDevice = () => new Promise(() => {})', 'it did not respond within 5 seconds'],
    ] as const;
    const lacks = await Promise.all(
      reasons.map(async ([script, reason]) => {
        const { page } = await openWith(fixture(), `GPUAdapter.prototype.${script};`);
        if (!(await hasWebGpu(page))) return true;
        await choose(page, 'webgpu');
        await stated(page, `WebGPU is not used: ${reason}`);
        await stated(page, /^WebAssembly/);
        expect(await readBars(page)).toHaveLength(5);
        expect(await page.locator('.provider-state').textContent()).not.toContain('11942016');
        return false;
      }),
    );
    context.skip(lacks.includes(true), 'this Chromium finds no WebGPU adapter, not even SwiftShader');
  }, 120_000);

  test('because there is no adapter, or none that responds: the page says why and uses WebAssembly', async () => {
    const reasons = [
      ['Promise.resolve(null)', 'no graphics processor was found'],
      ['new Promise(() => {})', 'it did not respond within 5 seconds'],
    ] as const;
    await Promise.all(
      reasons.map(async ([adapter, reason]) => {
        const { page } = await openWith(
          fixture(),
          `Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: () => ${adapter} } });`,
        );
        expect(await readBars(page)).toHaveLength(5);
        await stated(page, new RegExp(`^WebAssembly.*WebGPU is not used: ${reason}`));
      }),
    );
  }, 60_000);
});
