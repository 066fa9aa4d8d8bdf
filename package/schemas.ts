/**
 * `textura/schemas`: zod schemas of the files that Textura writes, to read them in other programs.
 *
 *     const run = runSchema.parse(JSON.parse(await readFile('runs/texture-net/run.json', 'utf8')));
 */
export { type Evaluation, evaluationSchema } from '../model/evaluation-file.ts';
export { type MetricsRow, metricsFromCsv } from '../model/metrics.ts';
export {
  type ModelIndex,
  type ModelReport,
  metadataKeys,
  modelIndexSchema,
  modelReportSchema,
} from '../model/model-file.ts';
export { type Run, runFiles, runSchema } from '../model/run-file.ts';
export { decodeTensors, encodeTensors, type StoredTensor, type TensorFile } from '../model/safetensors.ts';
export { type Study, studyFiles, studySchema } from '../model/study-file.ts';
export { type TrainingConfig, trainingConfigSchema } from '../model/training-config.ts';
export { type ValidatedImage, validationFromCsv } from '../model/validation-file.ts';
