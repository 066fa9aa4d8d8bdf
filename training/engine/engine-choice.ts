/**
 * Chooses the engine and the device for --engine and --device, with the reason that the log and run.json
 * state.
 */
import { TexturaError } from '../../model/error.ts';
import type { EngineName } from '../../model/run-file.ts';
import type { BindingFacts } from './tensorflow/probe.ts';

export const engineOptions = ['auto', 'tfjs', 'onnx'] as const;
/** `gpu` is whatever GPU backend the engine has; `webgpu` and `cuda` are backends of the onnx engine. */
export const deviceOptions = ['auto', 'cpu', 'gpu', 'webgpu', 'cuda'] as const;
export type RequestedEngine = (typeof engineOptions)[number];
export type RequestedDevice = (typeof deviceOptions)[number];

export interface EngineRequest {
  readonly engine: RequestedEngine;
  readonly device: RequestedDevice;
}

export interface EngineChoice {
  readonly engine: EngineName;
  readonly device: Exclude<RequestedDevice, 'auto'>;
  readonly why: string;
}

/**
 * `auto` is tfjs if TensorFlow sees a GPU, otherwise onnx. `tensorflow` is what TensorFlow reports, or
 * undefined if it is not installed. Errors: `usage` for a device that the requested engine does not support.
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
    // Whether onnxruntime can use a GPU shows only when a session opens, so it uses one only on request.
    const own = engine === 'tfjs' ? seen : 'cpu';
    return { engine, device: device === 'auto' ? own : device, why: `--engine ${engine}` };
  }
  if (device === 'cpu' || isOfOnnx) return { engine: 'onnx', device, why: `--device ${device}` };
  if (seen === 'gpu') return { engine: 'tfjs', device: seen, why: 'TensorFlow sees a GPU' };
  const why = tensorflow === undefined ? 'TensorFlow is not set up' : 'TensorFlow sees no GPU';
  return { engine: 'onnx', device: device === 'auto' ? 'cpu' : device, why };
}
