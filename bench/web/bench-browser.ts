/**
 * Chromium with one of the benchmark pages, step-page.ts or runtimes-page.ts. There is no server and no
 * network: every request of the page is answered from here.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { TexturaError } from '../../model/error.ts';
import type { NetworkName } from '../../model/network.ts';
import type { SamplePlan, Timing } from '../sample.ts';
import { chromiumMissing, findChromium } from './chromium.ts';
import type { WebRuntime } from './runtimes-page.ts';

/** In the page: the exports of its module. */
declare const stepPage: typeof import('./step-page.ts');
declare const runtimesPage: typeof import('./runtimes-page.ts');

interface BenchBrowser {
  /** Versions of the browser and of the runtimes in it. */
  readonly versions: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

interface StepBrowser extends BenchBrowser {
  /** Runs the next training step and returns the logits `[batch, classes]` from before its update. */
  nextLogits(): Promise<readonly number[]>;
  sample(plan: SamplePlan): Promise<Timing>;
  /** Peak memory of the page's process; 0 if the system doesn't report it. */
  peakBytes(): Promise<number>;
  /** Memory of the page's or the GPU's process now, without files; 0 if the system doesn't report it. */
  bytes(process: ProcessType): Promise<number>;
}

interface RuntimesBrowser extends BenchBrowser {
  probabilities(runtime: WebRuntime): Promise<readonly number[]>;
  sample(runtime: WebRuntime, plan: SamplePlan): Promise<Timing>;
}

/** WebGPU without a graphics processor: Chromium's own software renderer. */
export const softwareWebGpu = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

const origin = 'http://localhost';
const wasmName = 'ort-wasm-simd-threaded.wasm';

/**
 * Opens step-page.ts on a network. `args` are the browser's, for example those that allow WebGPU. Errors:
 * `engine-unavailable` if there is no browser.
 */
export function openStepBrowser(
  network: Omit<Parameters<typeof stepPage.open>[0], 'folder'>,
  args: readonly string[] = [],
): Promise<StepBrowser> {
  return openPage('step-page.ts', 'stepPage', args, async (browser, page) => {
    const request = { ...network, folder: `${origin}/` };
    const version = await page.evaluate((each) => stepPage.open(each), request);
    return {
      versions: { 'onnxruntime-web': version, Chromium: browser.version() },
      nextLogits: () => page.evaluate(() => stepPage.nextLogits()),
      sample: (plan) => page.evaluate((each) => stepPage.sample(each), plan),
      peakBytes: () => processBytes(browser, 'renderer', 'VmHWM'),
      bytes: async (process) =>
        (await processBytes(browser, process, 'RssAnon')) +
        (await processBytes(browser, process, 'RssShmem')),
      close: () => browser.close(),
    };
  });
}

/** Opens runtimes-page.ts on a network. Errors: `engine-unavailable` if there is no browser. */
export function openRuntimesBrowser(variant: NetworkName, classes: number): Promise<RuntimesBrowser> {
  return openPage('runtimes-page.ts', 'runtimesPage', [], async (browser, page) => {
    const request = {
      variant,
      classes,
      onnxruntimeWasm: `${origin}/${wasmName}`,
      tensorflowFolder: `${origin}/`,
    };
    const versions = await page.evaluate((each) => runtimesPage.open(each), request);
    return {
      versions: { ...versions, Chromium: browser.version() },
      probabilities: (runtime) => page.evaluate((each) => runtimesPage.probabilities(each), runtime),
      sample: (runtime, plan) =>
        page.evaluate(([each, turn]) => runtimesPage.sample(each, turn), [runtime, plan] as const),
      close: () => browser.close(),
    };
  });
}

/**
 * Opens a page whose global `name` is what the module exports; `start` gets it. Closes the browser if
 * anything fails.
 */
async function openPage<B>(
  module: string,
  name: string,
  args: readonly string[],
  start: (browser: Browser, page: Page) => Promise<B>,
): Promise<B> {
  const browser = await launchChromium(args);
  try {
    const page = await browser.newPage();
    await servePageFiles(page, await bundled(module), name);
    await page.goto(`${origin}/`);
    await page.waitForFunction(`globalThis.${name} !== undefined`);
    return await start(browser, page);
  } catch (error) {
    await browser.close();
    throw error;
  }
}

async function servePageFiles(page: Page, script: string, name: string): Promise<void> {
  const html = `<!doctype html><title>${name}</title><link rel="icon" href="data:,">
<script type="module">import * as module from '/page.js'; globalThis.${name} = module;</script>`;
  await page.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === '/') await route.fulfill({ contentType: 'text/html', body: html });
    else if (pathname === '/page.js') await route.fulfill({ contentType: 'text/javascript', body: script });
    else if (/\.(wasm|mjs)$/.test(pathname)) {
      const body = await readFile(runtimeFile(basename(pathname)));
      const contentType = pathname.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
      await route.fulfill({ contentType, body });
    } else await route.abort();
  });
}

function runtimeFile(name: string): string {
  const owner = name.startsWith('ort') ? 'onnxruntime-web' : '@tensorflow/tfjs-backend-wasm/dist';
  return createRequire(import.meta.url).resolve(`${owner}/${name}`);
}

async function bundled(module: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(module, import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    write: false,
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}

/** Errors: `engine-unavailable` if there is no browser. */
export async function launchChromium(args: readonly string[]): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new TexturaError('engine-unavailable', chromiumMissing);
  return chromium.launch({ executablePath, args: [...args] });
}

type ProcessType = 'renderer' | 'GPU';

/**
 * Memory of the largest of the browser's processes of a type: `VmHWM` is the peak, `RssAnon` the private memory
 * now, `RssShmem` the shared one. 0 if the system doesn't report it.
 */
export async function processBytes(
  browser: Browser,
  type: ProcessType,
  field: 'VmHWM' | 'RssAnon' | 'RssShmem',
): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const sizes = processInfo
    .filter((process) => process.type === type)
    .map(async ({ id }) => {
      const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
      return Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024;
    });
  return Math.max(0, ...(await Promise.all(sizes)));
}
