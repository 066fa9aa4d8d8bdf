/** Chromium without a window, with the page of step-page.ts in it. Nothing is served or fetched: every request is answered here. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { TexturaError } from '../../model/error.ts';
import type { VariantName } from '../../model/network.ts';
import { chromiumMissing, findChromium } from '../../node/chromium.ts';
import type { BurstPlan } from '../burst.ts';

/** In the page: what step-page.ts exports. */
declare const stepPage: typeof import('./step-page.ts');

export interface StepBrowser {
  /** Versions of the browser and of the runtime in it. */
  readonly versions: Readonly<Record<string, string>>;
  /** Takes the next step and gives the logits `[batch, classes]` from before it. */
  nextLogits(): Promise<readonly number[]>;
  burst(plan: BurstPlan): Promise<{ readonly steps: number; readonly seconds: number }>;
  /** The most memory that the page's process has held; 0 where the system does not tell. */
  peakBytes(): Promise<number>;
  close(): Promise<void>;
}

const origin = 'http://localhost';
const wasmPath = '/onnxruntime.wasm';

/** Opens the page on a network. Errors: `engine-unavailable` where there is no browser. */
export async function openStepBrowser(request: {
  readonly variant: VariantName;
  readonly classes: number;
  readonly batch: number;
}): Promise<StepBrowser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new TexturaError('engine-unavailable', chromiumMissing);
  const browser = await chromium.launch({ executablePath });
  try {
    const page = await browser.newPage();
    await answerRequests(page);
    await page.goto(`${origin}/`);
    await page.waitForFunction('globalThis.stepPage !== undefined');
    const asked = { ...request, wasmUrl: origin + wasmPath };
    const runtime = await page.evaluate((each) => stepPage.open(each), asked);
    return {
      versions: { 'onnxruntime-web': runtime, Chromium: browser.version() },
      nextLogits: () => page.evaluate(() => stepPage.nextLogits()),
      burst: (plan) => page.evaluate((each) => stepPage.burst(each), plan),
      peakBytes: () => rendererPeakBytes(browser),
      close: () => browser.close(),
    };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

const html = `<!doctype html><title>Training step</title><link rel="icon" href="data:,">
<script type="module">import * as stepPage from '/step-page.js'; globalThis.stepPage = stepPage;</script>`;

async function answerRequests(page: Page): Promise<void> {
  const script = await bundledPage();
  const wasm = await readFile(
    createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'),
  );
  const answers: Readonly<Record<string, { readonly contentType: string; readonly body: string | Buffer }>> =
    {
      '/': { contentType: 'text/html', body: html },
      '/step-page.js': { contentType: 'text/javascript', body: script },
      [wasmPath]: { contentType: 'application/wasm', body: wasm },
    };
  await page.route('**/*', async (route) => {
    const answer = answers[new URL(route.request().url()).pathname];
    await (answer === undefined ? route.abort() : route.fulfill(answer));
  });
}

async function bundledPage(): Promise<string> {
  const entry = fileURLToPath(new URL('./step-page.ts', import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

/** The page's process is the largest of the browser's renderers. */
async function rendererPeakBytes(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const renderers = processInfo.filter(({ type }) => type === 'renderer');
  return Math.max(0, ...(await Promise.all(renderers.map(({ id }) => peakOf(id)))));
}

async function peakOf(processId: number): Promise<number> {
  const status = await readFile(`/proc/${processId}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
