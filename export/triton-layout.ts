/**
 * Exports to a model repository of NVIDIA's Triton Inference Server: NAME/config.pbtxt, NAME/labels.txt,
 * NAME/1/model.onnx (github.com/triton-inference-server/server, docs/user_guide/model_repository.md).
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { graphNames } from '../model/graph-names.ts';
import type { ModelReport } from '../model/model-file.ts';
import { inputPx } from '../model/patch.ts';
import { oneLine } from '../model/words.ts';
import { moveFile, writeFileAtomically } from '../node/atomic-file.ts';
import { withFolderLock } from '../node/folder-lock.ts';
import { writingTo } from '../node/output.ts';
import {
  type ExportResult,
  type ExportSettings,
  exportModel,
  knownScoreIn,
  patienceMs,
} from './export-model.ts';
import { replacedRun } from './replaced-run.ts';
import type { TrainedModel } from './trained-run.ts';

/** In the model's folder, whose sub-folders are versions. */
const modelFile = join('1', 'model.onnx');

/** Largest batch that Triton forms. */
const maxBatch = 64;

/**
 * Exports a model to `settings.out`, only the first of `settings.graphs`, and returns the report. Errors:
 * `parity-failed`, then nothing is written; `output-unwritable`; `usage` if the folder stays in use by other
 * exports.
 */
export function exportForTriton(trained: TrainedModel, settings: ExportSettings): Promise<ExportResult> {
  return withFolderLock(settings.out, patienceMs, () => writeRepository(trained, settings));
}

async function writeRepository(trained: TrainedModel, settings: ExportSettings): Promise<ExportResult> {
  const staging = join(settings.out, '.staging');
  const clear = () => writingTo(staging, () => rm(staging, { recursive: true, force: true }));
  // What is there now was left by a killed export.
  await clear();
  try {
    const graphs = settings.graphs.slice(0, 1);
    const report = await exportModel(trained, { ...settings, out: staging, graphs });
    const folder = join(settings.out, report.model);
    const path = join(folder, modelFile);
    const replaced = await replacedRun(path, trained.origin);
    await moveFile(join(staging, report.graphs[0]?.file ?? ''), path);
    await writeFileAtomically(join(folder, 'labels.txt'), `${report.labels.map(oneLine).join('\n')}\n`);
    const hasKnownScore = knownScoreIn(graphs[0], trained) !== undefined;
    await writeFileAtomically(join(folder, 'config.pbtxt'), tritonConfig(report, hasKnownScore));
    return { ...report, graphs: report.graphs.map((graph) => ({ ...graph, file: modelFile })), replaced };
  } finally {
    await clear();
  }
}

/** Triton adds the batch axis itself, so the shapes are those of one patch. It serves only outputs listed here. */
function tritonConfig({ model, labels }: ModelReport, hasKnownScore: boolean): string {
  const tensor = (name: string, dims: readonly number[], more = '') =>
    `  {\n    name: "${name}"\n    data_type: TYPE_FP32\n    dims: [ ${dims.join(', ')} ]\n${more}  }`;
  const outputs = [
    tensor(graphNames.probabilities, [labels.length], '    label_filename: "labels.txt"\n'),
    tensor(graphNames.logits, [labels.length]),
    ...(hasKnownScore ? [tensor(graphNames.knownScore, [1])] : []),
  ];
  return `name: "${model}"
backend: "onnxruntime"
max_batch_size: ${maxBatch}
input [
${tensor(graphNames.image, [1, inputPx, inputPx])}
]
output [
${outputs.join(',\n')}
]
dynamic_batching { }
`;
}
