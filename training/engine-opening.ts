/** Opens the engine that was chosen. The runtimes are loaded here, on demand: one that is missing hurts only who asked for it. */
import { TexturaError } from '../model/error.ts';
import type { Network } from '../model/network.ts';
import type { Engine } from './engine.ts';
import type { EngineChoice } from './engine-choice.ts';
import { loadTensorflow } from './tensorflow/load.ts';

export interface EngineOpening {
  readonly threads: number;
  /** The usual batch, which the onnx engine's graph is built for. */
  readonly batch: number;
}

/** The engine with zero values. Errors: `engine-unavailable`, with what to do. */
export async function openEngine(
  { engine, device }: EngineChoice,
  network: Network,
  { threads, batch }: EngineOpening,
): Promise<Engine> {
  switch (engine) {
    case 'tfjs':
      return openTfjs(network, device, threads);
    case 'onnx': {
      const { onnxEngine } = await import('./onnx-engine.ts');
      return onnxEngine(network, { device: device === 'gpu' ? 'webgpu' : 'cpu', threads, batch });
    }
    default:
      return engine satisfies never;
  }
}

async function openTfjs(network: Network, device: EngineChoice['device'], threads: number): Promise<Engine> {
  const tf = await loadTensorflow({ threads, device });
  const { isUsingGpuDevice } = tf.backend() as unknown as { readonly isUsingGpuDevice: boolean };
  if (device === 'gpu' && !isUsingGpuDevice) {
    throw new TexturaError(
      'engine-unavailable',
      '--device gpu: TensorFlow sees no GPU; npm run doctor tells what it sees',
    );
  }
  const { tfjsEngine } = await import('./tfjs-engine.ts');
  return tfjsEngine(tf, network, isUsingGpuDevice ? 'gpu' : 'cpu');
}
