import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { writeFilm } from '../../bench/web/camera-film.ts';
import { servePage } from '../../bench/web/page-server.ts';
import { drawTexture } from '../../textures/textures.ts';
import { type OpenPage, openPage, readBars, softwareWebGpu } from '../support/page-browser.ts';
import { ourHeaders, pageFixture } from '../support/page-fixture.ts';
import { tolerances } from '../tolerances.ts';

const fixture = pageFixture({
  async args(folder) {
    const film = join(folder, 'film.y4m');
    await writeFilm(film, [drawTexture('brick', 5, 1, 640, 480)]);
    return [
      ...softwareWebGpu,
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-video-capture=${film}`,
    ];
  },
});
const state = (page: Page, text: string | RegExp) => page.locator('.provider-state', { hasText: text });

async function choose(page: Page, provider: 'auto' | 'wasm' | 'webgpu'): Promise<void> {
  await page.locator('#provider').selectOption(provider);
}

/** Whether this browser has a WebGPU adapter; tests that need one are skipped otherwise. */
async function hasWebGpu(page: Page): Promise<boolean> {
  return page.evaluate('navigator.gpu?.requestAdapter().then((adapter) => adapter !== null) ?? false');
}

/** Opens the page with a script in front of its inference worker's code. */
async function openWith(script: string, permissions: string[] = []): Promise<OpenPage> {
  const { browser, server } = fixture();
  // A service worker would serve the original file.
  const opened = await openPage(browser, 'about:blank', { serviceWorkers: 'block', permissions });
  await opened.page.route('**/workers/inference-worker.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${script}\n${await response.text()}` });
  });
  await opened.page.goto(server.origin);
  return opened;
}

describe('the provider', () => {
  test('is WebAssembly, with several threads on an isolated page and one thread with the reason elsewhere', async () => {
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

  test('can be WebGPU, with the probabilities of WebAssembly', async (context) => {
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
    // Calls during a run wait for it, or are superseded.
    for (const view of ['Compare', 'Live', 'Compare', 'Live']) {
      await page.getByRole('tab', { name: view }).click();
      await page.locator('.swatch').nth(view.length).click();
    }
    await page.locator('.swatch').nth(4).and(page.locator('[aria-pressed="true"]')).waitFor();
    await page.locator('#top-class').waitFor();
    await state(page, /^WebGPU/).waitFor();
    expect(complaints.filter((complaint) => complaint.startsWith('error'))).toEqual([]);
  }, 180_000);

  test('is not a WebGPU with wrong results: the page shows the difference and uses WebAssembly', async (context) => {
    // Simulates a faulty graphics processor: values read back are 10 % too large.
    const { page } = await openWith(
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
    await state(page, 'WebAssembly').waitFor();
    const onWasm = await readBars(page);
    await choose(page, 'webgpu');
    await state(page, /WebGPU is not used: its results are wrong .*differ by/).waitFor();
    await state(page, /^WebAssembly/).waitFor();
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
    const server = await servePage({ page: folder, models: damaged }, ourHeaders());
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
    const { page } = await openWith(losable, ['camera']);
    if (!(await hasWebGpu(page)))
      return context.skip('this Chromium finds no WebGPU adapter, not even SwiftShader');
    await state(page, 'WebAssembly').waitFor();
    await page.locator('#camera-button').click();
    await choose(page, 'webgpu');
    await state(page, /^WebGPU/).waitFor();
    await readBars(page);
    expect(await page.evaluate(msUntilWasmReads)).toBeLessThan(1000);
    await state(page, /WebGPU is not used: the graphics processor was lost/).waitFor();
    await page.locator('#frames-per-second', { hasText: /^[1-9]/ }).waitFor();
    // It is not used again until a person chooses it.
    expect(await page.locator('#provider').inputValue()).toBe('auto');
  }, 120_000);

  for (const [name, script, reason] of [
    [
      'has no device to give',
      "requestDevice = () => Promise.reject(new Error('11942016'))",
      'could not be opened',
    ],
    ['never answers', 'requestDevice = () => new Promise(() => {})', 'it did not respond within 5 seconds'],
  ] as const) {
    test(`because it ${name}: the page says why and uses WebAssembly`, async (context) => {
      const { page } = await openWith(`GPUAdapter.prototype.${script};`);
      if (!(await hasWebGpu(page)))
        return context.skip('this Chromium finds no WebGPU adapter, not even SwiftShader');
      await choose(page, 'webgpu');
      await state(
        page,
        `WebGPU is not used: ${name === 'never answers' ? '' : 'the graphics processor '}${reason}`,
      ).waitFor();
      await state(page, /^WebAssembly/).waitFor();
      expect(await readBars(page)).toHaveLength(5);
      expect(await page.locator('.provider-state').textContent()).not.toContain('11942016');
    }, 60_000);
  }

  test('because there is no adapter, or none that responds: the page says why and uses WebAssembly', async () => {
    for (const [adapter, reason] of [
      ['Promise.resolve(null)', 'no graphics processor was found'],
      ['new Promise(() => {})', 'it did not respond within 5 seconds'],
    ] as const) {
      const { page } = await openWith(
        `Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: () => ${adapter} } });`,
      );
      expect(await readBars(page)).toHaveLength(5);
      await state(page, new RegExp(`^WebAssembly.*WebGPU is not used: ${reason}`)).waitFor();
    }
  }, 60_000);
});

test('a worker that crashes is replaced, and its own message goes to the console', async () => {
  const { page, complaints } = await openWith(
    "new BroadcastChannel('die').onmessage = () => { throw new Error('/onnxruntime/core/session.cc:1 abort'); };",
  );
  const die = () => page.evaluate("new BroadcastChannel('die').postMessage('')");
  await readBars(page);
  for (let i = 0; i < 2; i++) {
    await die();
    await page.waitForFunction(
      "document.querySelector('.provider-state').textContent.startsWith('Starting')",
    );
    await state(page, /^WebAssembly/).waitFor();
    expect(await readBars(page)).toHaveLength(5);
  }
  // The third loss is not replaced.
  await die();
  await page.getByText(/WebAssembly is not used: an unexpected error/).waitFor();
  await page.locator('#top-class', { hasText: 'No model available' }).waitFor();
  expect(await page.evaluate('document.body.innerText')).not.toContain('.cc');
  expect(complaints.join()).toContain('session.cc');
}, 60_000);

test('a failed classification hides the label and shows a message, and the next one works', async () => {
  const { page } = await openWith(
    `const post = self.postMessage.bind(self);
    let fails = false;
    new BroadcastChannel('fail').onmessage = ({ data }) => { fails = data; };
    const fault = { code: 'failed', values: {}, detail: '/onnxruntime/core/session.cc:1 abort' };
    self.postMessage = (reply) => post(fails ? { id: reply.id, status: 'failed', fault } : reply);`,
  );
  const fail = (fails: boolean) => page.evaluate(`new BroadcastChannel('fail').postMessage(${fails})`);
  await readBars(page);
  await fail(true);
  for (const n of [3, 4]) {
    await page.locator('.swatch').nth(n).click();
    await page.getByText('The picture could not be classified: an unexpected error').waitFor();
    expect(await page.locator('#top-class').isVisible()).toBe(false);
    expect(await page.evaluate('document.body.innerText')).not.toContain('.cc');
  }
  await fail(false);
  await page.locator('.swatch').nth(5).click();
  await page.locator('#top-class').waitFor();
  await page.getByText('The picture could not be classified').waitFor({ state: 'hidden' });
}, 60_000);

test('the label of an earlier camera frame is hidden if the next answer is late', async () => {
  const { page } = await openWith(
    `const post = self.postMessage.bind(self);
    let holds = false;
    new BroadcastChannel('hold').onmessage = ({ data }) => { holds = data; };
    self.postMessage = (message) => { if (!holds) post(message); };`,
    ['camera'],
  );
  const hold = (holds: boolean) => page.evaluate(`new BroadcastChannel('hold').postMessage(${holds})`);
  const label = page.locator('#top-class');
  await readBars(page);
  await page.locator('#camera-button').click();
  await page.locator('#frames-per-second', { hasText: /^[1-9]/ }).waitFor();
  expect(await label.isVisible()).toBe(true);
  await hold(true);
  await label.waitFor({ state: 'hidden' });
  for (const part of ['.bars', '.square-caption', '.patch']) {
    expect(await page.locator(part).isVisible()).toBe(false);
  }
}, 60_000);

test('the label is hidden as soon as another picture is shown', async () => {
  const { page } = await openWith(
    `const post = self.postMessage.bind(self);
    let holds = false;
    new BroadcastChannel('hold').onmessage = ({ data }) => { holds = data; };
    self.postMessage = (message) => { if (!holds) post(message); };`,
  );
  await readBars(page);
  await page.evaluate("new BroadcastChannel('hold').postMessage(true)");
  await page.locator('.swatch').nth(4).click();
  await page.locator('.swatch').nth(4).and(page.locator('[aria-pressed="true"]')).waitFor();
  expect(await page.locator('#top-class').isVisible()).toBe(false);
}, 60_000);

test('a heat map that arrives after See was left is not drawn over the picture', async () => {
  const { page } = await openWith(
    `const post = self.postMessage.bind(self);
    self.postMessage = (message) => setTimeout(() => post(message), message.output?.stridePx ? 1000 : 0);`,
  );
  await readBars(page);
  await page.getByRole('tab', { name: 'See' }).click();
  await page.locator('#see-field', { hasText: 'depends on' }).waitFor();
  await page.getByRole('tab', { name: 'Teach' }).click();
  await page.waitForTimeout(2500);
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
  await page.waitForTimeout(1500);
  expect(await readBars(page)).toHaveLength(5);
  expect(await page.getByRole('tab', { name: 'Live' }).getAttribute('aria-selected')).toBe('true');
  expect(complaints.filter((complaint) => !complaint.startsWith('warning'))).toEqual([]);
}, 90_000);

test('the page works offline after the first visit', async () => {
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
