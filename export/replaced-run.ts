/** Which run's model an export replaces: runs of one network are exported under one name. */
import { z } from 'zod';
import { describeModel } from '../graph/onnx/description.ts';
import { moment } from '../model/format.ts';
import { jsonOf } from '../model/issue-text.ts';
import { metadataKeys } from '../model/model-file.ts';
import { readIfThere } from '../node/optional-file.ts';
import type { TrainedModel } from './trained-run.ts';

/** `textura.run`, as far as it identifies a run. Files of earlier versions have no time. */
const originSchema = z.object({ name: z.string(), startedAt: z.iso.datetime().optional() });

/**
 * `run texture-net-2, started 25 November 2026, 14:03 UTC` if the file at `path` is the model of another run.
 */
export async function replacedRun(path: string, origin: TrainedModel['origin']): Promise<string | undefined> {
  const before = originSchema.safeParse(await originOfFile(path)).data;
  if (before === undefined) return undefined;
  const { name, startedAt } = before;
  if (name === origin.name && (startedAt ?? origin.startedAt) === origin.startedAt) return undefined;
  return startedAt === undefined ? `run ${name}` : `run ${name}, started ${moment(startedAt)}`;
}

async function originOfFile(path: string): Promise<unknown> {
  const bytes = await readIfThere(path);
  if (bytes === undefined) return undefined;
  try {
    return jsonOf(describeModel(bytes, path).metadata[metadataKeys.run] ?? '');
  } catch {
    // Another tool's file.
    return undefined;
  }
}
