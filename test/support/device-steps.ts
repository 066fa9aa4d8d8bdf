/**
 * Steps of the onnx engine on a device, with everything decided by the arguments, so that two devices can be
 * compared. Run as a program it takes its arguments as JSON and prints the answers, for devices that want a
 * process of their own.
 */
import { createHash } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import type { Target } from '../../graph/builder.ts';
import type { Network } from '../../model/network.ts';
import { initialParameters, zeroParameters } from '../../model/parameters.ts';
import { addScores, meanScores, noScores } from '../../model/scores.ts';
import { onnxEngine } from '../../training/engine/onnx-engine.ts';
import { randomPatches } from './random-network.ts';

export interface DeviceRequest {
  readonly network: Network;
  readonly device: Target;
  readonly batch: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Whether the state is read and written back after each step. */
  readonly copied?: boolean;
}

export interface DeviceAnswer {
  /** The loss of the batch before each step. */
  readonly losses: readonly number[];
  /** Logits of the batch after the last step, from the graphs of an evaluation. */
  readonly logits: readonly number[];
  /** Hash of all parameters and momentum buffers after the last step. */
  readonly stateHash: string;
}

/** Steps on one batch from the initial values of seed 1. */
export async function deviceSteps(request: DeviceRequest): Promise<DeviceAnswer> {
  const { network, device, batch, steps, learningRate, copied = false } = request;
  const { classes } = network;
  const engine = await onnxEngine(network, { device, batch });
  await engine.write({ parameters: initialParameters(network, 1), momentum: zeroParameters(network) });
  const patches = randomPatches(batch, 21);
  const labels = Int32Array.from({ length: batch }, (_, i) => (2 * i + 1) % classes);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const settings = { learningRate, momentum: 0.9, weightDecay: 5e-4 };
    const logits = await engine.step({ patches, labels }, settings);
    losses.push(meanScores(addScores(noScores, logits, labels, classes)).objective);
    if (copied) await engine.write(await engine.read());
  }
  const logits = Array.from(await engine.logits(patches));
  const hash = createHash('sha256');
  for (const values of Object.values(await engine.read()))
    for (const data of values.values()) hash.update(data);
  await engine.dispose();
  return { losses, logits, stateHash: hash.digest('hex') };
}

const [, program = '', request] = process.argv;
if (request !== undefined && import.meta.url === pathToFileURL(program).href) {
  process.stdout.write(JSON.stringify(await deviceSteps(JSON.parse(request))));
}
