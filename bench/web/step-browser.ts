/** Chromium with the page of step-page.ts in it. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser } from 'playwright-core';
import type { VariantName } from '../../model/network.ts';
import type { BurstPlan } from '../burst.ts';
import { openAnsweredPage, pageOrigin } from './answered-page.ts';

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

const wasmName = 'ort-wasm-simd-threaded.wasm';

/** Opens the page on a network. Errors: `engine-unavailable` where there is no browser. */
export async function openStepBrowser(request: {
  readonly variant: VariantName;
  readonly classes: number;
  readonly batch: number;
}): Promise<StepBrowser> {
  const wasmFile = createRequire(import.meta.url).resolve(`onnxruntime-web/${wasmName}`);
  const { browser, page } = await openAnsweredPage(
    new URL('./step-page.ts', import.meta.url),
    'stepPage',
    () => wasmFile,
  );
  try {
    const asked = { ...request, wasmUrl: `${pageOrigin}/${wasmName}` };
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
