/** Chromium with the page of runtimes-page.ts in it. */
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import type { VariantName } from '../../model/network.ts';
import type { BurstPlan } from '../burst.ts';
import { openAnsweredPage, pageOrigin } from './answered-page.ts';
import type { WebRuntime } from './runtimes-page.ts';

/** In the page: what runtimes-page.ts exports. */
declare const runtimesPage: typeof import('./runtimes-page.ts');

export interface RuntimesBrowser {
  readonly versions: Readonly<Record<string, string>>;
  probabilities(runtime: WebRuntime): Promise<readonly number[]>;
  burst(runtime: WebRuntime, plan: BurstPlan): Promise<{ readonly steps: number; readonly seconds: number }>;
  close(): Promise<void>;
}

const resolve = createRequire(import.meta.url).resolve;

/** Errors: `engine-unavailable` where there is no browser. */
export async function openRuntimesBrowser(variant: VariantName, classes: number): Promise<RuntimesBrowser> {
  const { browser, page } = await openAnsweredPage(
    new URL('./runtimes-page.ts', import.meta.url),
    'runtimesPage',
    wasmFile,
  );
  try {
    const request = {
      variant,
      classes,
      onnxruntimeWasm: `${pageOrigin}/ort-wasm-simd-threaded.wasm`,
      tensorflowFolder: `${pageOrigin}/`,
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

function wasmFile(name: string): string {
  const owner = name.startsWith('ort') ? 'onnxruntime-web' : '@tensorflow/tfjs-backend-wasm/dist';
  return resolve(`${owner}/${name}`);
}
