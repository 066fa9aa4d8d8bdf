/** The model that Teach trains: training it in a worker, and listing it next to the exported ones. */
import { noTemperatures } from '../../../model/calibration.ts';
import { selfCheckTolerance } from '../../../model/self-check.ts';
import { superseded } from '../../shared/run-queue.ts';
import type {
  TaughtResult,
  TeachingApi,
  TeachingProgress,
  TeachingRequest,
} from '../../shared/teaching-api.ts';
import { WorkerClient } from '../../shared/worker-calls.ts';
import { runtimeFolder } from '../inference/backend.ts';
import { freeName, type ListedModel } from '../inference/model-list.ts';

export interface Teaching {
  /** Undefined if it was stopped. Errors: those of the worker. */
  readonly result: Promise<TaughtResult | undefined>;
  stop(): void;
}

/** Trains in a worker that is closed afterwards, which frees all of its memory. */
export function teach(
  request: Omit<TeachingRequest, 'folder'>,
  onProgress: (progress: TeachingProgress) => void,
): Teaching {
  const client = new WorkerClient<TeachingApi, TeachingProgress>('teaching-worker', { onProgress });
  const result = client
    .callLatest('train', { ...request, folder: runtimeFolder() })
    .then((output) => (output === superseded ? undefined : output))
    .finally(() => client.close());
  return { result, stop: () => client.close() };
}

/** Under a name that none of `others` has. */
export function namedFreely(result: TaughtResult, others: readonly ListedModel[]): TaughtResult {
  return { ...result, name: freeName(result.name, others) };
}

export function listedTaught({
  name,
  model,
  labels,
  colours,
  selfCheck,
  heldOut,
}: TaughtResult): ListedModel {
  return {
    name,
    labels,
    colours,
    bytes: model.length,
    temperatures: noTemperatures,
    top1err: heldOut.wrong / heldOut.count,
    origin: 'taught',
    file: model,
    check: async () => ({ selfCheck, tolerance: selfCheckTolerance }),
  };
}
