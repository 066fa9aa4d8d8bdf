/** Opens a model in a thread of its own: onnxruntime blocks its thread during a run. */
import { messageOf, TexturaError } from '../../model/error.ts';
import { InferenceSession } from '../../node/onnxruntime.ts';
import { lowerPriority } from '../../node/thread.ts';
import type { InferenceDevice } from './devices.ts';

export interface SessionSettings {
  readonly device: InferenceDevice;
  /** CPU threads of one run. */
  readonly threads: number;
  /** Nice value of its threads, on Linux; default: `serviceNiceness`. A thread keeps the highest. */
  readonly niceness?: number;
}

/** The main thread of the service, which answers requests, goes first. */
const serviceNiceness = 10;

/** Errors: `model-unusable` if onnxruntime cannot load the bytes on this device. */
export async function openSession(
  bytes: Uint8Array,
  { device, threads, niceness = serviceNiceness }: SessionSettings,
): Promise<InferenceSession> {
  // The threads of a session inherit the priority.
  lowerPriority(niceness);
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: [device],
      intraOpNumThreads: threads,
      // Idle threads would spin and take the cores from decoding and answering.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw new TexturaError('model-unusable', `onnxruntime cannot load it on ${device}: ${messageOf(error)}`);
  }
}
