/** `npm run bench -- train --profile`: steps of the onnx engine with onnxruntime's record of every operator. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trainingStepGraph } from '../graph/step/step.ts';
import { networkOf } from '../model/network.ts';
import { initialParameters, zeroParameters } from '../model/parameters.ts';
import { textureNames } from '../textures/textures.ts';
import { onnxEngine } from '../training/engine/onnx-engine.ts';
import { benchSettings } from './burst.ts';
import { randomBatches, repeated } from './random-batches.ts';
import { type StepProfile, stepProfile } from './step-profile.ts';
import type { Contest } from './train-contenders.ts';

const warmUpSteps = 2;

/** Takes `steps` recorded steps, after two that do not count. */
export async function profileStep(
  { variant, batch, threads }: Omit<Contest, 'data'>,
  steps: number,
): Promise<StepProfile & { readonly versions: Readonly<Record<string, string>> }> {
  const network = networkOf(variant, textureNames.length);
  const folder = await mkdtemp(join(tmpdir(), 'textura-profile-'));
  try {
    const engine = await onnxEngine(network, { threads, batch, profilePrefix: join(folder, 'step') });
    await engine.write({ parameters: initialParameters(network, 1), momentum: zeroParameters(network) });
    const batches = repeated(randomBatches(4, batch, textureNames.length));
    for (let i = 0; i < warmUpSteps + steps; i++) await engine.step(batches.next().value, benchSettings);
    await engine.dispose();
    const [file = ''] = await readdir(folder);
    const text = await readFile(join(folder, file), 'utf8');
    const { versions } = engine;
    return { versions, ...stepProfile(text, network, trainingStepGraph(network, { batch }), warmUpSteps) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
