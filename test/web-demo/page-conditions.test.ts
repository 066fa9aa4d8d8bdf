import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findChromium } from '../../bench/web/chromium.ts';
import { startPageServer } from '../../bench/web/page-server.ts';
import { drawTexture } from '../../textures/textures.ts';
import { openPage, openSettings, readBars } from '../support/page-browser.ts';
import { fetched, ourHeaders, pageFixture } from '../support/page-fixture.ts';
import { collect } from '../support/teach-page.ts';

/** Not localhost, so that the page has no secure context. */
const lanHost = 'page.test';

const fixture = pageFixture({ args: async () => [`--host-resolver-rules=MAP ${lanHost} 127.0.0.1`] });

/** The visible text of the page. */
const textOf = (page: Page) => page.evaluate<string>('document.body.innerText');

describe('a browser that stores nothing', () => {
  test('because all site data are blocked runs the whole page, which says what is not stored', async () => {
    const { folder, server } = fixture();
    const profile = join(folder, 'profile');
    await mkdir(join(profile, 'Default'), { recursive: true });
    const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
    await writeFile(join(profile, 'Default/Preferences'), JSON.stringify(preferences));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: findChromium() ?? '',
      args: ['--no-sandbox'],
      locale: 'en',
    });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    const thrown: string[] = [];
    page.on('pageerror', ({ message }) => thrown.push(message));
    await page.goto(server.origin);
    // The setting is active.
    expect(
      await page.evaluate('(() => { try { return String(localStorage); } catch (e) { return e.name; } })()'),
    ).toBe('SecurityError');
    expect(await readBars(page)).toHaveLength(5);
    await page
      .getByText(
        'Not stored: the chosen language, your surfaces and the trained model, the page for offline use.',
      )
      .waitFor();
    expect(await textOf(page)).not.toContain('works offline');
    await page.getByRole('button', { name: 'Español' }).click();
    await page.getByText('No se guarda: el idioma elegido, sus superficies y el modelo entrenado').waitFor();
    await page.getByRole('tab', { name: 'Enseñar' }).click();
    await page.getByText('Este navegador no guarda datos de esta página').waitFor();
    await collect(page, 0, 'brick', 'a', 6, 'Textura de muestra');
    await collect(page, 1, 'knit', 'b', 6, 'Textura de muestra');
    await page.locator('#train').click();
    await page.locator('#held-out', { hasText: 'recortes de prueba mal clasificados' }).waitFor();
    expect(thrown).toEqual([]);
  }, 120_000);

  const refusing = "{ throw new DOMException('denied', 'SecurityError'); }";
  const refusals = {
    localStorage: {
      script: `Object.defineProperty(window, 'localStorage', { get() ${refusing} });`,
      lost: 'the chosen language.',
    },
    'localStorage.setItem': {
      script: `Storage.prototype.setItem = () => ${refusing};`,
      lost: 'the chosen language.',
    },
    indexedDB: {
      script: `IDBFactory.prototype.open = () => ${refusing};`,
      lost: 'your surfaces and the trained model.',
    },
    CacheStorage: {
      script: `CacheStorage.prototype.open = async () => ${refusing};`,
      lost: 'the page for offline use.',
    },
  } as const;
  for (const [name, { script, lost }] of Object.entries(refusals)) {
    test(`because it refuses ${name} runs the page with its models, which says what is not stored`, async () => {
      const { browser, server } = fixture();
      const { page, complaints } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
      await page.addInitScript(script);
      await page.route('**/workers/*.js', async (route) => {
        const response = await fetched(route);
        const body = `${name === 'CacheStorage' ? script : ''}\n${await response.text()}`;
        await route.fulfill({ response, body });
      });
      await page.goto(server.origin);
      expect(await readBars(page)).toHaveLength(5);
      // Playwright also blocks service workers.
      await page.locator('.foot .notice', { hasText: lost.slice(0, -1) }).waitFor();
      await page.getByRole('button', { name: 'Español' }).click();
      await page.getByRole('tab', { name: 'En vivo' }).waitFor();
      await page.getByRole('tab', { name: 'Enseñar' }).click();
      expect(await page.locator('.surface').count()).toBe(2);
      expect(await textOf(page)).not.toContain('Todavía no hay modelos');
      expect(complaints.filter((text) => !text.includes('blocked by Playwright'))).toEqual([]);
    }, 60_000);
  }
});

test('a browser whose storage is full says that the page is not stored for offline use', async () => {
  const { browser, server } = fixture();
  const { page, context } = await openPage(browser, 'about:blank');
  const devtools = await context.newCDPSession(page);
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize: 1000 });
  await page.goto(server.origin);
  expect(await readBars(page)).toHaveLength(5);
  await page.locator('.foot .notice', { hasText: 'Not stored: the page for offline use.' }).waitFor();
  expect(await page.getByText('the page works offline').isVisible()).toBe(false);
}, 60_000);

describe('the list of models', () => {
  test('is said to be loading while the server has not answered', async () => {
    const { browser, server } = fixture();
    const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route('**/models/index.json', async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(server.origin);
    const listing = page.getByRole('status').filter({ hasText: 'Loading the list of models …' });
    await listing.waitFor();
    answer();
    expect(await readBars(page)).toHaveLength(5);
    expect(await listing.count()).toBe(0);
  }, 60_000);

  test('is empty if the server has no index, and an error with a retry button if the server fails', async () => {
    const { browser, server } = fixture();
    const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
    let status = 404;
    await page.route('**/models/index.json', (route) =>
      status === 200 ? route.continue() : route.fulfill({ status, body: 'nothing' }),
    );
    await page.goto(server.origin);
    await page.getByText('There are no models yet').waitFor();
    expect(await page.locator('pre').textContent()).toBe('npm run train\nnpm run export');
    expect(await page.getByRole('tab').allInnerTexts()).toEqual(['Teach']);
    // Teach starts from the pre-trained network of the page, and its model then opens the other views.
    await collect(page, 0, 'brick', 'a', 8);
    await collect(page, 1, 'knit', 'b', 8);
    await page.getByLabel('Name of the model').fill('lab-baseline');
    await page.locator('#train').click();
    await page.locator('#held-out', { hasText: '0 of' }).waitFor();
    await page.getByText('starting from the pre-trained network of this page.').waitFor();
    expect(await textOf(page)).not.toContain('There are no models');
    await page.getByRole('button', { name: 'Try in Live' }).click();
    expect(await readBars(page)).toHaveLength(2);
    expect(await page.getByRole('tab').allInnerTexts()).toHaveLength(4);
    status = 502;
    await page.reload();
    await page.getByText('The list of models is missing: models/index.json could not be loaded').waitFor();
    expect(await textOf(page)).not.toContain('There are no models');
    status = 401;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('the service wants an API key for its models').waitFor();
    status = 200;
    await page.getByRole('button', { name: 'Try again' }).click();
    expect(await readBars(page)).toHaveLength(5);
    // The server has a model of the taught one's name now.
    expect(await page.locator('#model option').allTextContents()).toEqual([
      'lab-baseline',
      'lab-baseline 2 (trained here)',
    ]);
  }, 120_000);
});

describe('a page over plain http from another machine', () => {
  test('classifies, trains and stores, and says what needs https', async () => {
    const { browser, server } = fixture();
    const { port } = new URL(server.origin);
    const { page, complaints } = await openPage(browser, `http://${lanHost}:${port}/`);
    expect(await page.evaluate('[isSecureContext, typeof crypto.randomUUID, typeof caches]')).toEqual([
      false,
      'undefined',
      'undefined',
    ]);
    expect(await readBars(page)).toHaveLength(5);
    const state = page.locator('.provider-state');
    await openSettings(page);
    await state.getByText('WebGPU and several threads need a page opened over https').waitFor();
    // The server does send these headers.
    expect(await state.textContent()).not.toContain('Cross-Origin');
    await page.getByText('works offline only when you open it over https').waitFor();
    await page.locator('#camera-button').click();
    await page.getByText('The camera works only when you open this page over https').waitFor();

    await page.getByRole('tab', { name: 'Teach' }).click();
    await page.getByRole('button', { name: 'Add a surface' }).click();
    expect(await page.locator('.surface').count()).toBe(3);
    await collect(page, 0, 'brick', 'a', 6);
    await collect(page, 1, 'knit', 'b', 6);
    await collect(page, 2, 'water', 'c', 6);
    await page.locator('#train').click();
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    await page.reload();
    await page.locator('#held-out', { hasText: 'held-out patches wrong' }).waitFor();
    expect(await page.locator('.surface').count()).toBe(3);
    // Chromium logs that it ignores the isolation headers.
    expect(
      complaints.filter((text) => !/Cross-Origin-Opener-Policy|Origin-Agent-Cluster/.test(text)),
    ).toEqual([]);
  }, 120_000);
});

describe('files of the page', () => {
  test('are found under any path prefix, with the models', async () => {
    const { browser, page: folder, models } = fixture();
    const server = await startPageServer({ page: folder, models, prefix: '/tools/textura' }, ourHeaders());
    onTestFinished(() => server.close());
    const { page, complaints } = await openPage(browser, `${server.origin}/tools/textura/`);
    expect(await readBars(page)).toHaveLength(5);
    await page.getByRole('tab', { name: 'See' }).click();
    await page.locator('#heat-stats', { hasText: 'positions' }).waitFor();
    expect(complaints).toEqual([]);
  }, 60_000);

  const missing = {
    'onnxruntime/ort-wasm-simd-threaded.wasm': { isRuntime: true },
    'onnxruntime/ort-wasm-simd-threaded.mjs': { isRuntime: true },
    'workers/inference-worker.js': { isRuntime: true },
    'models/lab-baseline.onnx': { isRuntime: false },
  };
  for (const [file, { isRuntime }] of Object.entries(missing)) {
    test(`without ${file}: the page names it and does not wait`, async () => {
      const { browser, page: folder, models } = fixture();
      const headers = ourHeaders();
      const server = await startPageServer({ page: folder, models }, (request, response, next) => {
        if (request.url === `/${file}`) response.writeHead(404).end();
        else headers(request, response, next);
      });
      onTestFinished(() => server.close());
      const { page } = await openPage(browser, server.origin, { serviceWorkers: 'block' });
      const words = isRuntime ? `WebAssembly is not used: ${file}` : `lab-baseline cannot be used: ${file}`;
      await page.getByText(`${words} could not be loaded`).waitFor();
      const shown = await textOf(page);
      for (const text of [
        'Starting',
        'Waiting for a picture',
        'Loading',
        '.cc',
        'TypeError',
        'http://',
        'ERR',
      ]) {
        expect({ text, isShown: shown.includes(text) }).toEqual({ text, isShown: false });
      }
      expect(shown).toContain('No model available');
      await page.getByRole('button', { name: 'Español' }).click();
      await page.getByText(`no se pudo cargar ${file}`).waitFor();
    }, 60_000);
  }

  test('that a host replaces by its page are named too', async () => {
    const { browser, server } = fixture();
    const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
    await page.route('**/onnxruntime/*.wasm', (route) =>
      route.fulfill({ status: 200, contentType: 'text/html', body: '<!doctype html><p>page</p>' }),
    );
    await page.goto(server.origin);
    await page
      .getByText('WebAssembly is not used: onnxruntime/ort-wasm-simd-threaded.wasm could not be loaded')
      .waitFor();
  }, 60_000);

  test('without the texture worker: the page still classifies pictures', async () => {
    const { browser, server, folder } = fixture();
    const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
    await page.route('**/workers/texture-worker.js', (route) => route.fulfill({ status: 404 }));
    await page.goto(server.origin);
    await page.getByText('The sample textures could not be drawn').waitFor();
    const { data } = drawTexture('marble', 6, 2, 90, 80);
    const path = join(folder, 'picture.png');
    await sharp(data, { raw: { width: 90, height: 80, channels: 1 } })
      .png()
      .toFile(path);
    await page.locator('#picture-file').setInputFiles(path);
    expect(await readBars(page)).toHaveLength(5);
  }, 60_000);
});
