/** Which run a model was exported from, by what its metadata say of the run. */
import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { describeModel } from '../../graph/onnx/description.ts';
import { compareCodePoints } from '../../model/code-point-order.ts';
import { TexturaError } from '../../model/error.ts';
import { jsonOf } from '../../model/issue-text.ts';
import { metadataKeys } from '../../model/model-file.ts';
import { type Run, runsFolder } from '../../model/run-file.ts';
import { readRun } from '../../node/records.ts';
import { commandText } from '../../node/shell.ts';
import { isPortable } from '../model.ts';

/** `textura.run`, as far as it identifies a run. */
const originSchema = z.object({
  name: z.string().optional(),
  variant: z.string().optional(),
  seed: z.number().optional(),
  epoch: z.number().optional(),
  data: z.string().optional(),
  /** Files that earlier versions exported lack it. */
  startedAt: z.string().optional(),
});
type Origin = z.infer<typeof originSchema>;

/** Where a model comes from; an empty object if its metadata do not say. */
export function originOf(metadata: Readonly<Record<string, string>>): Origin {
  return originSchema.safeParse(jsonOf(metadata[metadataKeys.run] ?? '')).data ?? {};
}

/**
 * The path of the portable file of fp32 in `models` that was exported from `directory`, and the run's record.
 * Errors: `model-not-found`, with the export command.
 */
export async function exportedFrom(
  directory: string,
  models: string,
): Promise<{ readonly path: string; readonly run: Run }> {
  const run = await readRun(directory);
  const entries = await readdir(models, { withFileTypes: true }).catch(() => []);
  const files = entries.filter(({ name }) => isPortable(name));
  // Links last, so that a model has its own name.
  const order = (a: Dirent, b: Dirent) =>
    Number(a.isSymbolicLink()) - Number(b.isSymbolicLink()) || compareCodePoints(a.name, b.name);
  for (const file of files.toSorted(order)) {
    const path = join(models, file.name);
    const metadata = await readMetadata(path);
    const isReduced = metadata[metadataKeys.precision] !== undefined;
    if (!isReduced && isOriginOf(originOf(metadata), directory, run)) return { path, run };
  }
  const out = models === 'models' ? [] : ['--out', models];
  throw new TexturaError(
    'model-not-found',
    `${models}/ has no model of ${directory}: run ${commandText('export', '--run', directory, ...out)} first`,
  );
}

/** The run in runs/ that a model was exported from, if it is still there. */
export async function runOfModel(
  path: string,
): Promise<{ readonly directory: string; readonly run: Run } | undefined> {
  const origin = originOf(await readMetadata(path));
  if (origin.name === undefined) return undefined;
  const directory = join(runsFolder, basename(origin.name));
  const run = await readRun(directory).catch(() => undefined);
  return run !== undefined && isOriginOf(origin, directory, run) ? { directory, run } : undefined;
}

function isOriginOf(origin: Origin, directory: string, run: Run): boolean {
  return (
    origin.name === basename(resolve(directory)) &&
    origin.variant === run.config.variant &&
    origin.seed === run.config.seed &&
    origin.epoch === run.best?.epoch &&
    origin.data === run.data.fingerprint &&
    (origin.startedAt ?? run.startedAt) === run.startedAt
  );
}

async function readMetadata(path: string): Promise<Readonly<Record<string, string>>> {
  try {
    return describeModel(await readFile(path), path).metadata;
  } catch {
    // Another tool's file.
    return {};
  }
}
