/** Which engine trains, on what, and why. */
import { TexturaError } from '../../model/error.ts';
import type { EngineName } from '../../model/run-file.ts';
import type { BindingFacts } from './tensorflow/probe.ts';

export const engineWishes = ['auto', 'tfjs', 'onnx'] as const;
/** `gpu` is the engine's own way to one; `webgpu` and `cuda` are ways of the onnx engine. */
export const deviceWishes = ['auto', 'cpu', 'gpu', 'webgpu', 'cuda'] as const;
export type EngineWish = (typeof engineWishes)[number];
export type DeviceWish = (typeof deviceWishes)[number];

export interface EngineRequest {
  readonly engine: EngineWish;
  readonly device: DeviceWish;
}

export interface EngineChoice {
  readonly engine: EngineName;
  readonly device: Exclude<DeviceWish, 'auto'>;
  readonly why: string;
}

/**
 * `auto` is tfjs where TensorFlow sees a GPU, else onnx. `tensorflow` is what TensorFlow sees; undefined where it is not set up.
 * Errors: `usage` for a device that the engine asked for does not have.
 */
export function chooseEngine(
  { engine, device }: EngineRequest,
  tensorflow: BindingFacts | undefined,
): EngineChoice {
  const seen = tensorflow?.gpu === true ? 'gpu' : 'cpu';
  const isOfOnnx = device === 'webgpu' || device === 'cuda';
  if (engine === 'tfjs' && isOfOnnx) {
    throw new TexturaError('usage', `--engine tfjs: expected --device auto, cpu or gpu, got ${device}`);
  }
  if (engine !== 'auto') {
    // The onnx engine has not been measured on a GPU yet: it goes there on request only.
    const own = engine === 'tfjs' ? seen : 'cpu';
    return { engine, device: device === 'auto' ? own : device, why: `--engine ${engine}` };
  }
  if (device === 'cpu' || isOfOnnx) return { engine: 'onnx', device, why: `--device ${device}` };
  if (seen === 'gpu') return { engine: 'tfjs', device: seen, why: 'TensorFlow sees a GPU' };
  const why = tensorflow === undefined ? 'TensorFlow is not set up' : 'TensorFlow sees no GPU';
  return { engine: 'onnx', device: device === 'auto' ? 'cpu' : device, why };
}
