/** Which engine trains, on what, and why; and opening it. */
import { TexturaError } from '../model/error.ts';
import type { Network } from '../model/network.ts';
import type { EngineName } from '../model/run-file.ts';
import type { Engine } from './engine.ts';
import type { BindingFacts } from './tensorflow/binding.ts';
import { loadTensorflow } from './tensorflow/load.ts';
import { tfjsEngine } from './tfjs-engine.ts';

export const engineWishes = ['auto', 'tfjs', 'onnx'] as const;
export const deviceWishes = ['auto', 'cpu', 'gpu'] as const;
export type EngineWish = (typeof engineWishes)[number];
export type DeviceWish = (typeof deviceWishes)[number];

export interface EngineRequest {
  readonly engine: EngineWish;
  readonly device: DeviceWish;
}

export interface EngineChoice {
  readonly engine: EngineName;
  readonly device: 'cpu' | 'gpu';
  readonly why: string;
}

/**
 * `auto` is tfjs where TensorFlow sees a GPU, else onnx. `tensorflow` is what TensorFlow sees; undefined where it is not set up.
 */
export function chooseEngine(
  { engine, device }: EngineRequest,
  tensorflow: BindingFacts | undefined,
): EngineChoice {
  const seen = tensorflow?.gpu === true ? 'gpu' : 'cpu';
  if (engine !== 'auto')
    return { engine, device: device === 'auto' ? seen : device, why: `--engine ${engine}` };
  if (device === 'cpu') return { engine: 'onnx', device, why: '--device cpu' };
  if (seen === 'gpu') return { engine: 'tfjs', device: seen, why: 'TensorFlow sees a GPU' };
  const why = tensorflow === undefined ? 'TensorFlow is not set up' : 'TensorFlow sees no GPU';
  return { engine: 'onnx', device: device === 'auto' ? 'cpu' : device, why };
}

/** Opens the engine with zero values. Errors: `engine-unavailable`, with what to do. */
export async function openEngine(
  { engine, device }: EngineChoice,
  network: Network,
  threads: number,
): Promise<Engine> {
  switch (engine) {
    case 'tfjs':
      return openTfjs(network, device, threads);
    case 'onnx':
      throw new TexturaError('engine-unavailable', 'the onnx engine is not built yet');
    default:
      return engine satisfies never;
  }
}

async function openTfjs(network: Network, device: EngineChoice['device'], threads: number): Promise<Engine> {
  // Read by TensorFlow when it loads: no device is visible, so it stays on the CPU.
  if (device === 'cpu') process.env.CUDA_VISIBLE_DEVICES = '-1';
  const tf = await loadTensorflow({ threads });
  const { isUsingGpuDevice } = tf.backend() as unknown as { readonly isUsingGpuDevice: boolean };
  if (device === 'gpu' && !isUsingGpuDevice) {
    throw new TexturaError(
      'engine-unavailable',
      '--device gpu: TensorFlow sees no GPU; npm run doctor tells what it sees',
    );
  }
  return tfjsEngine(tf, network, isUsingGpuDevice ? 'gpu' : 'cpu');
}
