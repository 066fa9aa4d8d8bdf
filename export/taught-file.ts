/**
 * Reads an ONNX file that the page's Teach view trained. The export builds the graph again from the network
 * and the parameters, so that the file's own graph never runs, and compares it with the outputs that the page
 * stored in the file.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { describeModel } from '../graph/onnx/description.ts';
import { modelParameters } from '../graph/onnx/initializers.ts';
import { TexturaError } from '../model/error.ts';
import { jsonOf } from '../model/issue-text.ts';
import {
  labelsSchema,
  metadataKeys,
  metadataValue,
  modelInputSchema,
  modelName,
} from '../model/model-file.ts';
import { networkSchema } from '../model/network.ts';
import { embeddedPatches } from '../model/self-check.ts';
import { wilsonInterval } from '../model/statistics/wilson.ts';
import { commandText } from '../node/shell.ts';
import type { TrainedModel } from './trained-run.ts';

const ending = /\.onnx$/i;

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'this is a folder; --taught takes the .onnx file, and --run a run directory',
};

/** What the page writes to `textura.run`. */
export const taughtOriginSchema = z.looseObject({
  base: z.string().optional(),
  depth: z.enum(['head', 'all']).optional(),
  trainingPatches: z.int().min(0).optional(),
  heldOut: z.object({ wrong: z.int().min(0), count: z.int().min(1) }).optional(),
});

/**
 * The model has the name of the file. Errors: `file-unreadable`; `model-unusable`, naming the file and what
 * is wrong with it; `file-damaged` for parameters that do not fit the network.
 */
export async function readTaughtFile(path: string): Promise<TrainedModel> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const why = unreadable[cause.code ?? ''] ?? `cannot be read (${cause.code})`;
    throw new TexturaError('file-unreadable', `${path}: ${why}`, { cause });
  });
  // macOS may write accents as characters of their own.
  const name = basename(path).normalize('NFC').replace(ending, '');
  if (!modelName.test(name))
    throw new TexturaError(
      'model-unusable',
      `${path}: rename it: a model has the name of its file, which may have letters, digits, spaces, ".", "_" and "-", and starts with a letter or digit`,
    );
  if (/\.throughput$/i.test(name))
    throw new TexturaError(
      'model-unusable',
      `${path}: rename it: NAME.throughput.onnx is the name of a second file of the model NAME`,
    );
  const { metadata } = describeModel(bytes, path);
  const labels = metadataValue(metadata, metadataKeys.labels, labelsSchema, path);
  const { patchPx } = metadataValue(metadata, metadataKeys.input, modelInputSchema, path);
  const network = metadataValue(metadata, metadataKeys.network, networkSchema, path);
  if (network.classes !== labels.length)
    throw new TexturaError(
      'model-unusable',
      `${path}: has ${labels.length} labels, but its network has ${network.classes} classes`,
    );
  const patches = embeddedPatches(metadata, labels.length, path);
  if (patches === undefined)
    throw new TexturaError(
      'model-unusable',
      `${path}: has no self-check (${metadataKeys.selfCheck}); a file that ${commandText('export')} wrote can be served as it is; if the page's Teach view of an earlier version trained it, train there again and download the file`,
    );
  const origin = taughtOriginSchema.safeParse(jsonOf(metadata[metadataKeys.run] ?? '')).data ?? {};
  const { wrong, count } = origin.heldOut ?? {};
  const hasHeldOut = wrong !== undefined && count !== undefined;
  return {
    name,
    labels,
    patchPx,
    origin,
    top1err: hasHeldOut ? wrong / count : undefined,
    // As if the patches were of as many pictures: the page does not store which come from one.
    top1errInterval: hasHeldOut ? wilsonInterval(wrong, count) : undefined,
    run: undefined,
    best: undefined,
    network,
    parameters: modelParameters(bytes, network, path),
    reference: { ...patches, engine: 'the page' },
    validation: undefined,
    known: undefined,
  };
}
