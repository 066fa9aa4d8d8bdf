/**
 * The onnx engine on WebGPU: whole steps run on the device (the engine does not allow a fallback to the CPU),
 * with correct results.
 */
import { describe, expect, test } from 'vitest';
import { trainingStepGraph } from '../../../graph/step/step.ts';
import type { Layer } from '../../../model/layer.ts';
import { type Network, networkOf } from '../../../model/network.ts';
import { runProgram } from '../../../node/program.ts';
import { startArguments } from '../../support/command.ts';
import { type DeviceAnswer, type DeviceRequest, deviceSteps } from '../../support/device-steps.ts';
import { largestDifference } from '../../support/onnx-session.ts';
import { softwareVulkan } from '../../support/software-vulkan.ts';
import { tolerances } from '../../tolerances.ts';

const classes = 3;
const convolution = (name: string, kernelPx: number, filters: number): Layer => ({
  kind: 'convolution',
  name,
  kernelPx,
  filters,
});
const pool = (name: string, sizePx: number): Layer => ({ kind: 'maxPool', name, sizePx });

/** Every kind of layer, and convolutions both direct and in tiles, small enough for a software GPU. */
const small: readonly Network[] = [
  {
    name: 'of the reference kind, a part of it in tiles',
    classes,
    layers: [
      { kind: 'standardise', name: 'standardise', varianceFloor: 1 },
      pool('pool0', 6),
      convolution('conv1', 3, 96),
      { kind: 'relu', name: 'relu1' },
      pool('pool1', 2),
      convolution('conv2', 3, 96),
      { kind: 'relu', name: 'relu2' },
      pool('pool2', 2),
      { ...convolution('conv3', 1, classes), initialDeviation: 0.01 } as Layer,
      { kind: 'globalAverage', name: 'average' },
    ],
  },
  {
    name: 'that ends in many positions',
    classes,
    layers: [
      { kind: 'subtractMean', name: 'centre', meanGrey: 120 },
      pool('pool0', 5),
      pool('pool1', 2),
      { kind: 'standardise', name: 'standardise', varianceFloor: 1 },
      convolution('conv1', 3, 4),
      { ...convolution('conv2', 2, classes), initialDeviation: 0.01 } as Layer,
      { kind: 'globalAverage', name: 'average' },
    ],
  },
  {
    name: 'of the kind of texture-net',
    classes,
    layers: [
      { kind: 'standardise', name: 'standardise', varianceFloor: 1 },
      pool('pool0', 4),
      { kind: 'convolution', name: 'conv1', kernelPx: 3, filters: 3, stridePx: 2, hasBias: false },
      { kind: 'batchNorm', name: 'norm1', epsilon: 1e-5 },
      { kind: 'relu', name: 'relu1' },
      { kind: 'convolution', name: 'conv2', kernelPx: 3, filters: 4, hasBias: false },
      { kind: 'batchNorm', name: 'norm2', epsilon: 1e-5 },
      pool('pool2', 2),
      { kind: 'relu', name: 'relu2' },
      { kind: 'globalStatistics', name: 'statistics', of: ['relu1', 'relu2'], varianceFloor: 1e-4 },
      { ...convolution('linear', 1, classes), initialDeviation: 0.01 } as Layer,
      { kind: 'globalAverage', name: 'average' },
    ],
  },
];

const vulkan = softwareVulkan();

/** The steps in a process in which WebGPU finds its device. */
async function webgpuSteps(request: DeviceRequest, env: Readonly<Record<string, string>>) {
  const args = [...startArguments('test/support/device-steps.ts'), JSON.stringify(request)];
  const { status, stdout, stderr } = await runProgram(process.execPath, args, { env });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as DeviceAnswer;
}

type Steps = Omit<DeviceRequest, 'device'>;

async function expectSameSteps(request: Steps): Promise<void> {
  if ('missing' in vulkan) throw new Error(vulkan.missing);
  const expected = await deviceSteps({ ...request, device: 'cpu' });
  const got = await webgpuSteps({ ...request, device: 'webgpu' }, vulkan.env);
  expect(got.losses).toHaveLength(request.steps);
  expect(largestDifference(got.losses, expected.losses)).toBeLessThan(tolerances.stepsLoss);
  const size = Math.max(1, ...expected.logits.map(Math.abs));
  expect(largestDifference(got.logits, expected.logits) / size).toBeLessThan(tolerances.stepsLogit);
  // The steps were steps: the batch is learned.
  expect(expected.losses.at(-1)).toBeLessThan((expected.losses[0] ?? 0) * 0.98);
}

describe('the onnx engine on WebGPU', () => {
  test('the first of these networks has tiles there', () => {
    const [first] = small as [Network];
    const { nodes } = trainingStepGraph(first, { batch: 2, target: 'webgpu' }).content();
    const names = nodes.map(({ name }) => name);
    expect(names).toContain('conv2.tiles');
    expect(names).toContain('conv1.unfolded');
  });

  test.for(small)(
    'takes the same steps of a network $name as the CPU',
    {
      timeout: 240_000,
    },
    async (network, context) => {
      if ('missing' in vulkan) return context.skip(vulkan.missing);
      await expectSameSteps({ network, batch: 2, steps: 5, learningRate: 0.01 });
    },
  );

  test('takes the same ten steps whether its state stays on the device or is copied after each', {
    timeout: 240_000,
  }, async (context) => {
    if ('missing' in vulkan) return context.skip(vulkan.missing);
    const [, network] = small as [Network, Network];
    const request = { network, device: 'webgpu', batch: 2, steps: 10, learningRate: 0.01 } as const;
    const kept = await webgpuSteps(request, vulkan.env);
    const copied = await webgpuSteps({ ...request, copied: true }, vulkan.env);
    expect(kept.losses).toHaveLength(10);
    expect(kept).toEqual(copied);
  });

  test('takes the same step of the reference as the CPU', { timeout: 3_600_000 }, async (context) => {
    if ('missing' in vulkan) return context.skip(vulkan.missing);
    const wanted = process.env.TEXTURA_TEST_WEBGPU !== undefined;
    context.skip(!wanted, 'set TEXTURA_TEST_WEBGPU=1 for it: a quarter of an hour on software');
    const network = networkOf('reference', classes);
    await expectSameSteps({ network, batch: 1, steps: 2, learningRate: 1e-4 });
  });
});
