/** Chromium without a window, with a module of ours in its page. Nothing is served or fetched: every request is answered here. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { TexturaError } from '../../model/error.ts';
import { chromiumMissing, findChromium } from '../../node/chromium.ts';

export const pageOrigin = 'http://localhost';

export interface AnsweredPage {
  readonly browser: Browser;
  readonly page: Page;
}

/**
 * Opens a page whose global `exports` is what the module exports. A request for NAME.wasm is answered with the file that
 * `wasmFile` knows. Errors: `engine-unavailable` where there is no browser.
 */
export async function openAnsweredPage(
  module: URL,
  exports: string,
  wasmFile: (name: string) => string,
): Promise<AnsweredPage> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new TexturaError('engine-unavailable', chromiumMissing);
  const browser = await chromium.launch({ executablePath });
  try {
    const page = await browser.newPage();
    await answerRequests(page, await bundled(module), exports, wasmFile);
    await page.goto(`${pageOrigin}/`);
    await page.waitForFunction(`globalThis.${exports} !== undefined`);
    return { browser, page };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

async function answerRequests(
  page: Page,
  script: string,
  exports: string,
  wasmFile: (name: string) => string,
): Promise<void> {
  const html = `<!doctype html><title>${exports}</title><link rel="icon" href="data:,">
<script type="module">import * as module from '/page.js'; globalThis.${exports} = module;</script>`;
  await page.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === '/') await route.fulfill({ contentType: 'text/html', body: html });
    else if (pathname === '/page.js') await route.fulfill({ contentType: 'text/javascript', body: script });
    else if (pathname.endsWith('.wasm')) {
      const body = await readFile(wasmFile(basename(pathname)));
      await route.fulfill({ contentType: 'application/wasm', body });
    } else await route.abort();
  });
}

async function bundled(module: URL): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(module)],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    write: false,
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}
