/** Which devices are worth trying on this machine, in their order. What they are worth is then measured, model by model. */
import { readdirSync } from 'node:fs';
import { cudaPrecision } from '../../node/native-environment.ts';
import { nvidiaGpus } from '../../node/nvidia.ts';
import type { InferenceDevice } from './inference-lane.ts';

export type DeviceWish = 'auto' | InferenceDevice;

/** A device that is asked for by name is tried before the processor, on which everything can be computed. */
export async function devicesToTry(wish: DeviceWish): Promise<readonly InferenceDevice[]> {
  if (wish === 'cpu') return ['cpu'];
  if (wish !== 'auto') return [wish, 'cpu'];
  const hasNvidia = (await nvidiaGpus()).length > 0;
  return [
    ...(hasNvidia ? (['cuda'] as const) : []),
    ...(hasNvidia || hasGraphics() ? (['webgpu'] as const) : []),
    'cpu',
  ];
}

/** Whether there may be a driver for WebGPU: trying without one costs nothing but loud complaints of onnxruntime's. */
function hasGraphics(): boolean {
  if (process.platform !== 'linux') return true;
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return true;
  try {
    return readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
  } catch {
    return false;
  }
}

/** A device for messages about what it computes: TensorFloat-32 is the likeliest reason why a model fails its check. */
export function deviceText(device: InferenceDevice): string {
  if (device !== 'cuda' || cudaPrecision() === 'float32') return device;
  return 'cuda in TensorFloat-32 (NVIDIA_TF32_OVERRIDE=0 turns it off)';
}
