import { expect, test } from 'vitest';
import { benchSettings, randomBatches } from '../../../bench/sample.ts';
import { openRuntimesBrowser, openStepBrowser, softwareWebGpu } from '../../../bench/web/bench-browser.ts';
import { chromiumMissing, findChromium } from '../../../bench/web/chromium.ts';
import { webRuntimes } from '../../../bench/web/runtimes-page.ts';
import { networkOf } from '../../../model/network.ts';
import { initialParameters, zeroParameters } from '../../../model/parameters.ts';
import { addScores, meanScores, noScores } from '../../../model/scores.ts';
import { onnxEngine } from '../../../training/engine/onnx-engine.ts';
import { largestDifference } from '../../support/onnx-session.ts';
import { tolerances } from '../../tolerances.ts';

const classes = 6;
const batch = 3;
const onWasm = { variant: 'reference', classes, batch, provider: 'wasm', width: 1 } as const;
// Small, because a software graphics processor computes it.
const onWebGpu = { variant: 'lab-baseline', classes, batch, provider: 'webgpu', width: 0.05 } as const;

/** Logits of five steps in onnxruntime-node, with the batches and initial values of the page. */
async function stepsInNode({ variant, width }: typeof onWasm | typeof onWebGpu) {
  const network = networkOf(variant, classes, { width });
  const engine = await onnxEngine(network, { batch });
  await engine.write({ parameters: initialParameters(network, 1), momentum: zeroParameters(network) });
  const batches = randomBatches(4, batch, classes);
  const logits: Float32Array[] = [];
  for (const own of [...batches, ...batches.slice(0, 1)]) logits.push(await engine.step(own, benchSettings));
  await engine.dispose();
  return logits;
}

test('the training step in Chromium gives the losses and logits of onnxruntime-node', {
  timeout: 120_000,
}, async (context) => {
  context.skip(findChromium() === undefined, chromiumMissing);
  const expected = await stepsInNode(onWasm);
  const browser = await openStepBrowser(onWasm);
  try {
    expect(browser.versions['onnxruntime-web']).toMatch(/^\d+\.\d+/);
    const batches = randomBatches(4, batch, classes);
    for (const [i, logits] of expected.entries()) {
      const { labels } = batches[i % batches.length] ?? { labels: new Int32Array() };
      const inPage = Float32Array.from(await browser.nextLogits());
      const lossOf = (own: Float32Array) => meanScores(addScores(noScores, own, labels, classes)).objective;
      expect(largestDifference(inPage, logits), `step ${i}`).toBeLessThan(tolerances.stepsLogit);
      expect(Math.abs(lossOf(inPage) - lossOf(logits)), `step ${i}`).toBeLessThan(tolerances.stepsLoss);
    }
    // The fifth step has the batch of the first, with other weights.
    expect(largestDifference(expected[4] ?? [], expected[0] ?? [])).toBeGreaterThan(0.01);
    const { steps, seconds } = await browser.sample({ warmUpSteps: 1, steps: 2, limitSeconds: 60 });
    expect(steps).toBe(2);
    expect(seconds).toBeGreaterThan(0);
    expect(await browser.peakBytes()).toBeGreaterThan(2 ** 26);
    expect(await browser.bytes('renderer')).toBeLessThanOrEqual(await browser.peakBytes());
    for (const type of ['renderer', 'GPU'] as const)
      expect(await browser.bytes(type), type).toBeGreaterThan(2 ** 24);
  } finally {
    await browser.close();
  }
});

test('steps on WebGPU, whose parameters stay there, are those of onnxruntime-node', {
  timeout: 240_000,
}, async (context) => {
  context.skip(findChromium() === undefined, chromiumMissing);
  // A software graphics processor compiles its shaders for a quarter of a minute.
  context.skip(process.env.TEXTURA_TEST_WEBGPU === undefined, 'set TEXTURA_TEST_WEBGPU=1 to run it');
  const expected = (await stepsInNode(onWebGpu)).slice(0, 3);
  const browser = await openStepBrowser(onWebGpu, softwareWebGpu);
  try {
    for (const logits of expected) {
      const inPage = await browser.nextLogits();
      expect(largestDifference(Float32Array.from(inPage), logits)).toBeLessThan(tolerances.stepsLogit);
    }
  } finally {
    await browser.close();
  }
});

test.for(['lab-baseline', 'texture-net'] as const)(
  'onnxruntime-web and both backends of TensorFlow.js give the same probabilities with %s',
  {
    timeout: 120_000,
  },
  async (network, context) => {
    context.skip(findChromium() === undefined, chromiumMissing);
    const browser = await openRuntimesBrowser(network, 7);
    try {
      const first = await browser.probabilities(webRuntimes[0]);
      expect(first.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
      for (const runtime of webRuntimes) {
        const probabilities = await browser.probabilities(runtime);
        expect(largestDifference(probabilities, first), runtime).toBeLessThan(tolerances.probability);
        const plan = { warmUpSteps: 1, steps: 2, limitSeconds: 30 };
        const { steps, seconds } = await browser.sample(runtime, plan);
        expect(steps).toBe(2);
        expect(seconds).toBeGreaterThan(0);
      }
    } finally {
      await browser.close();
    }
  },
);
