/**
 * `npm run bench -- web-training`: memory of Chromium while a network trains with its state on WebGPU. Without
 * a graphics processor, Chromium's software renderer computes it; its buffers count as the GPU process's memory.
 */
import { z } from 'zod';
import { trainedNames } from '../model/network.ts';
import type { Terminal } from '../node/terminal.ts';
import { textureNames } from '../textures/textures.ts';
import { mebibytes } from './bench-page.ts';
import { openStepBrowser, softwareWebGpu } from './web/bench-browser.ts';

export const webTrainingBenchOptions = z.strictObject({
  variant: z.enum(trainedNames).default('lab-baseline').describe('network'),
  width: z.number().positive().default(0.05).describe('factor on the filters of every layer'),
  batch: z.int().min(1).default(16).describe('patches of a step'),
  steps: z.int().min(1).default(500).describe('training steps'),
  every: z.int().min(1).default(100).describe('steps between two readings of the memory'),
});

export async function benchWebTraining(
  { variant, width, batch, steps, every }: z.infer<typeof webTrainingBenchOptions>,
  terminal: Terminal,
): Promise<void> {
  const network = { variant, width, batch, classes: textureNames.length, provider: 'webgpu' } as const;
  const browser = await openStepBrowser(network, softwareWebGpu);
  try {
    terminal.line(`${variant}, width ${width}, batch ${batch}, Chromium ${browser.versions.Chromium}`);
    const print = async (step: number) => {
      const [page, gpu] = [await browser.bytes('renderer'), await browser.bytes('GPU')];
      terminal.line(`step ${String(step).padStart(5)}  page ${mebibytes(page)}  GPU ${mebibytes(gpu)}`);
    };
    for (let step = 1; step <= steps; step++) {
      await browser.nextLogits();
      if (step === 1 || step % every === 0 || step === steps) await print(step);
    }
  } finally {
    await browser.close();
  }
}
