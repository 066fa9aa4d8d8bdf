/** The graphics device that WebGPU computes on: ours, so that the page hears of its loss and can say why there is none. */
import { type Fault, fault, InferenceError } from '../shared/faults.ts';
import { within } from './time-limit.ts';

/** A driver that is there answers within a fraction of a second. */
const requestLimitMs = 5000;

/** onnxruntime's kernels are quicker with it, and do without. */
const wishedFeatures = ['subgroups'] as const;

/** A device has the least of these unless asked for more; onnxruntime takes what the adapter has. */
const wishedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** Errors: `no-webgpu`, `no-adapter`, `no-device`, `no-answer`. `onLost` is called when the device goes by itself. */
export async function openDevice(onLost: (fault: Fault) => void): Promise<GPUDevice> {
  if (!('gpu' in navigator)) throw new InferenceError(fault('no-webgpu'));
  const adapter = await within(
    requestLimitMs,
    navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }),
  );
  if (adapter === null) throw new InferenceError(fault('no-adapter'));
  const asked = adapter.requestDevice({
    requiredFeatures: wishedFeatures.filter((name) => adapter.features.has(name)),
    requiredLimits: Object.fromEntries(wishedLimits.map((name) => [name, adapter.limits[name]])),
  });
  const device = await within(requestLimitMs, asked).catch((cause: unknown) => {
    throw cause instanceof InferenceError ? cause : new InferenceError(fault('no-device', {}, cause));
  });
  void device.lost.then(({ reason, message }) => onLost(fault('device-lost', {}, `${reason}: ${message}`)));
  return device;
}
