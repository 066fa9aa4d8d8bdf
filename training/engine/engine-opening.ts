/**
 * Opens the chosen engine. The runtimes are loaded on demand, so a missing one only affects runs that need
 * it.
 */
import { TexturaError } from '../../model/error.ts';
import type { Network } from '../../model/network.ts';
import { commandText } from '../../node/shell.ts';
import type { Engine } from './engine.ts';
import { chooseEngine, type EngineChoice, type EngineRequest } from './engine-choice.ts';
import { loadTensorflow, tensorflowDevices } from './tensorflow/load.ts';

interface EngineOpening {
  readonly threads: number;
  /** The usual batch size; the onnx engine builds its graph for it. */
  readonly batch: number;
}

/** The engine for a request. Looks for TensorFlow's GPUs, which takes a second, only if that matters. */
export async function chosenEngine(request: EngineRequest): Promise<EngineChoice> {
  const { engine, device } = request;
  const matters = engine !== 'onnx' && (device === 'auto' || device === 'gpu');
  return chooseEngine(request, matters ? await tensorflowDevices() : undefined);
}

/** An engine whose parameters are zero. Errors: `engine-unavailable`, with how to fix it. */
export async function openEngine(
  { engine, device }: EngineChoice,
  network: Network,
  { threads, batch }: EngineOpening,
): Promise<Engine> {
  switch (engine) {
    case 'tfjs':
      return openTfjs(network, device, threads);
    case 'onnx':
      return openOnnx(network, device, { threads, batch });
    default:
      return engine satisfies never;
  }
}

/** On a GPU: with CUDA if it is available, otherwise with WebGPU. */
async function openOnnx(
  network: Network,
  device: EngineChoice['device'],
  opening: EngineOpening,
): Promise<Engine> {
  const { onnxEngine } = await import('./onnx-engine.ts');
  if (device !== 'gpu') return onnxEngine(network, { device, ...opening });
  const reasons: string[] = [];
  for (const way of ['cuda', 'webgpu'] as const) {
    try {
      return await onnxEngine(network, { device: way, ...opening });
    } catch (error) {
      if (!(error instanceof TexturaError) || error.code !== 'engine-unavailable') throw error;
      reasons.push(error.message);
    }
  }
  throw new TexturaError('engine-unavailable', `--device gpu: ${reasons.join('; ')}`);
}

async function openTfjs(network: Network, asked: EngineChoice['device'], threads: number): Promise<Engine> {
  const device = asked === 'cpu' ? 'cpu' : 'gpu';
  const tf = await loadTensorflow({ threads, device });
  const { isUsingGpuDevice } = tf.backend() as unknown as { readonly isUsingGpuDevice: boolean };
  if (device === 'gpu' && !isUsingGpuDevice) {
    throw new TexturaError(
      'engine-unavailable',
      `--device gpu: TensorFlow sees no GPU; ${commandText('doctor')} shows what it sees`,
    );
  }
  const { tfjsEngine } = await import('./tfjs-engine.ts');
  return tfjsEngine(tf, network, isUsingGpuDevice ? 'gpu' : 'cpu');
}
