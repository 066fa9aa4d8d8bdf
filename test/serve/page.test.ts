import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openPage, readBars } from '../support/page-browser.ts';
import { pageFixture } from '../support/page-fixture.ts';
import { proxyUnderPrefix } from '../support/prefix-proxy.ts';
import { runService } from '../support/running-service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const fixture = pageFixture({});

test('the page works from the service, isolated and under its content security policy', {
  timeout: 120_000,
}, async () => {
  const running = await runService(fixture().models, {}, {}, fixture().page);
  const { page, complaints } = await openPage(fixture().browser, running.address);
  const bars = await readBars(page);
  expect(bars.length).toBeGreaterThan(1);
  expect(await page.evaluate('crossOriginIsolated')).toBe(true);
  expect(complaints).toEqual([]);
  await page.goto('about:blank');
  await running.close();
});

test('the page works behind a proxy that serves it under a path prefix', {
  timeout: 120_000,
}, async () => {
  const running = await runService(fixture().models, {}, {}, fixture().page);
  const proxy = await proxyUnderPrefix(running.address);
  const { page, complaints } = await openPage(fixture().browser, `${proxy.address}/`);
  expect((await readBars(page)).length).toBeGreaterThan(1);
  expect(complaints).toEqual([]);
  await page.goto('about:blank');
  proxy.close();
  await running.close();
});

test('browsers cache the page’s files with a hash and revalidate the others', async () => {
  const running = await runService(fixture().models, {}, {}, fixture().page);
  const index = await (await fetch(running.address)).text();
  const [script = ''] = /assets\/[\w.-]+\.js/.exec(index) ?? [];
  const cacheOf = async (path: string) =>
    (await fetch(`${running.address}/${path}`)).headers.get('cache-control');
  expect(await cacheOf(script)).toBe('public, max-age=31536000, immutable');
  expect(await cacheOf('')).toBe('no-cache');
  expect((await fetch(`${running.address}/..%2f..%2fpackage.json`)).status).toBe(404);
  await running.close();
});

test('in a folder that is itself called assets, too', async () => {
  const folder = join(
    await temporaryFolder({
      'assets/web/onnxruntime/ort-wasm-simd-threaded.wasm': '',
      'assets/web/assets/main-a1b2c3d4.js': '',
    }),
    'assets/web',
  );
  const running = await runService(fixture().models, {}, {}, folder);
  const cacheOf = async (path: string) =>
    (await fetch(`${running.address}/${path}`)).headers.get('cache-control');
  expect(await cacheOf('onnxruntime/ort-wasm-simd-threaded.wasm')).toBe('no-cache');
  expect(await cacheOf('assets/main-a1b2c3d4.js')).toBe('public, max-age=31536000, immutable');
  await running.close();
});

test('if it has not been built, / says how to build it', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'textura-no-page-'));
  const running = await runService(fixture().models, {}, {}, empty);
  const response = await fetch(running.address);
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('npm run build');
  await running.close();
  await rm(empty, { recursive: true });
});
