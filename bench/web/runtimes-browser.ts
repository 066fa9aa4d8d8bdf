/** Chromium with the page of runtimes-page.ts in it. Nothing is fetched from elsewhere: every request is answered here. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { TexturaError } from '../../model/error.ts';
import type { VariantName } from '../../model/network.ts';
import { chromiumMissing, findChromium } from '../../node/chromium.ts';
import type { BurstPlan } from '../burst.ts';
import type { WebRuntime } from './runtimes-page.ts';

/** In the page: what runtimes-page.ts exports. */
declare const runtimesPage: typeof import('./runtimes-page.ts');

export interface RuntimesBrowser {
  readonly versions: Readonly<Record<string, string>>;
  probabilities(runtime: WebRuntime): Promise<readonly number[]>;
  burst(runtime: WebRuntime, plan: BurstPlan): Promise<{ readonly steps: number; readonly seconds: number }>;
  close(): Promise<void>;
}

const origin = 'http://localhost';
const resolve = createRequire(import.meta.url).resolve;

/** Errors: `engine-unavailable` where there is no browser. */
export async function openRuntimesBrowser(variant: VariantName, classes: number): Promise<RuntimesBrowser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new TexturaError('engine-unavailable', chromiumMissing);
  const browser = await chromium.launch({ executablePath });
  try {
    const page = await browser.newPage();
    await answerRequests(page);
    await page.goto(`${origin}/`);
    await page.waitForFunction('globalThis.runtimesPage !== undefined');
    const request = {
      variant,
      classes,
      onnxruntimeWasm: `${origin}/ort-wasm-simd-threaded.wasm`,
      tensorflowFolder: `${origin}/`,
    };
    const versions = await page.evaluate((each) => runtimesPage.open(each), request);
    return browserOf(browser, page, versions);
  } catch (error) {
    await browser.close();
    throw error;
  }
}

function browserOf(
  browser: Browser,
  page: Page,
  versions: Readonly<Record<string, string>>,
): RuntimesBrowser {
  return {
    versions: { ...versions, Chromium: browser.version() },
    probabilities: (runtime) => page.evaluate((each) => runtimesPage.probabilities(each), runtime),
    burst: (runtime, plan) =>
      page.evaluate(([each, turn]) => runtimesPage.burst(each, turn), [runtime, plan] as const),
    close: () => browser.close(),
  };
}

const html = `<!doctype html><title>Runtimes</title><link rel="icon" href="data:,">
<script type="module">import * as page from '/page.js'; globalThis.runtimesPage = page;</script>`;

async function answerRequests(page: Page): Promise<void> {
  const script = await bundledPage();
  await page.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === '/') await route.fulfill({ contentType: 'text/html', body: html });
    else if (pathname === '/page.js') await route.fulfill({ contentType: 'text/javascript', body: script });
    else if (pathname.endsWith('.wasm')) {
      await route.fulfill({ contentType: 'application/wasm', body: await readFile(wasmFile(pathname)) });
    } else await route.abort();
  });
}

function wasmFile(pathname: string): string {
  const name = basename(pathname);
  return name.startsWith('ort')
    ? resolve(`onnxruntime-web/${name}`)
    : resolve(`@tensorflow/tfjs-backend-wasm/dist/${name}`);
}

async function bundledPage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./runtimes-page.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    write: false,
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}
