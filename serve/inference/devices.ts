/**
 * Which devices to try on this machine, in order. `model-host.ts` then checks and times them for each model.
 */
import { readdirSync } from 'node:fs';
import { nvidiaGpus } from '../../node/machine.ts';
import { cudaPrecision } from '../../node/native-environment.ts';

/** onnxruntime's execution providers that the service uses. */
const inferenceDevices = ['cpu', 'cuda', 'webgpu'] as const;
export type InferenceDevice = (typeof inferenceDevices)[number];

export const inferenceDeviceOptions = ['auto', ...inferenceDevices] as const;

/** The CPU comes last: every model runs on it. */
export async function devicesToTry(
  option: (typeof inferenceDeviceOptions)[number],
): Promise<readonly InferenceDevice[]> {
  if (option === 'cpu') return ['cpu'];
  if (option !== 'auto') return [option, 'cpu'];
  const hasNvidia = (await nvidiaGpus()).length > 0;
  return [
    ...(hasNvidia ? (['cuda'] as const) : []),
    ...(hasNvidia || hasGraphics() ? (['webgpu'] as const) : []),
    'cpu',
  ];
}

/** Whether there may be a WebGPU driver. Without one, trying would only print onnxruntime's errors. */
function hasGraphics(): boolean {
  if (process.platform !== 'linux') return true;
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return true;
  try {
    return readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
  } catch {
    return false;
  }
}

/** A device, for messages about results. TensorFloat-32 is the most likely reason for a failed self-check. */
export function deviceText(device: InferenceDevice): string {
  if (device !== 'cuda' || cudaPrecision() === 'float32') return device;
  return 'cuda in TensorFloat-32 (NVIDIA_TF32_OVERRIDE=0 turns it off)';
}
