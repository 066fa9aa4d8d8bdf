/**
 * Fits what distinguishes the surfaces of a run from all others (model/known-score.ts), with the features that
 * the trained network computes of the training and the validation photographs.
 */
import { join } from 'node:path';
import { encodeModel } from '../../graph/encode.ts';
import { featureGraph } from '../../graph/forward.ts';
import { foldBatchNorm } from '../../model/fold-batch-norm.ts';
import { equalIndices } from '../../model/group-by.ts';
import { fitKnownScore, knownScoreToTensors } from '../../model/known-score.ts';
import { defaultOpset } from '../../model/model-file.ts';
import { runFiles } from '../../model/run-file.ts';
import { encodeTensors } from '../../model/safetensors.ts';
import { joinedRows } from '../../model/scores.ts';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { modelStamp } from '../../node/product-version.ts';
import type { BatchRequest } from '../data/collate.ts';
import { batchRanges } from '../data/data-loader.ts';
import type { DatasetImage } from '../data/dataset-image.ts';
import { type GridPatch, validationGrid } from '../data/sampler.ts';
import type { TrainingSession } from './loop.ts';

/** Enough for a covariance of hundreds of features. More take time and change little. */
const mostTrainingPatches = 4000;
/** Enough for a threshold that 5 % of the photographs miss. */
const mostValidationPhotographs = 500;
const batchPatches = 32;

/**
 * Writes known.safetensors for the parameters that the engine has. Networks without global statistics get
 * none: their classifiers read thousands of features.
 */
export async function writeKnownScore(
  { engine, network, loader, grid, directory, config }: TrainingSession,
  training: readonly DatasetImage[],
  threads: number,
): Promise<void> {
  if (!network.layers.some(({ kind }) => kind === 'globalStatistics')) return;
  const folded = foldBatchNorm({ network, parameters: (await engine.read()).parameters });
  // Only here: an engine of TensorFlow has not loaded it.
  const { InferenceSession, runPatches } = await import('../../node/onnxruntime.ts');
  const graph = featureGraph(folded.network, folded.parameters, defaultOpset);
  const session = await InferenceSession.create(encodeModel(graph, modelStamp()), {
    intraOpNumThreads: threads,
  });

  async function rowsOf(requests: readonly BatchRequest[]) {
    const parts: { features: Float32Array; logits: Float32Array; labels: Int32Array }[] = [];
    for await (const { patches, labels } of loader.batches(requests)) {
      parts.push({ ...(await runPatches(session, patches, ['features', 'logits'])), labels });
    }
    return {
      features: joinedRows(parts.map((part) => part.features)),
      logits: joinedRows(parts.map((part) => part.logits)),
      labels: parts.flatMap(({ labels }) => [...labels]),
    };
  }

  try {
    const trainingPatches = validationGrid(training, config.patchPx).length;
    const stride = Math.ceil(trainingPatches / mostTrainingPatches);
    const trained = await rowsOf(
      batchRanges(Math.ceil(trainingPatches / stride), batchPatches).map(
        (range) => ({ split: 'trainGrid', stride, ...range }) as const,
      ),
    );
    const ranges = photographRanges(grid);
    const spacing = Math.ceil(ranges.length / mostValidationPhotographs);
    const chosen = ranges.filter((_, i) => i % spacing === 0);
    const validated = await rowsOf(chosen.map((range) => ({ split: 'val', ...range }) as const));
    const photographs = chosen.flatMap(({ count }, i) => new Array<number>(count).fill(i));
    const known = fitKnownScore(trained, { ...validated, photographs }, network.classes);
    await writeFileAtomically(join(directory, runFiles.known), encodeTensors(knownScoreToTensors(known)));
  } finally {
    await session.release();
  }
}

/** The patches of each photograph in the grid. */
function photographRanges(grid: readonly GridPatch[]): { readonly start: number; readonly count: number }[] {
  const images = equalIndices(grid.map(({ image }) => image));
  return images.map((patches) => ({ start: patches[0] ?? 0, count: patches.length }));
}
