/** The files of an evaluation: the report with the worst photographs, the numbers, and the predictions. */
import { join } from 'node:path';
import { csvText, fileCell, textCell } from '../../model/csv.ts';
import {
  byKnownClass,
  type EvaluatedModel,
  photographResults,
  predictionOf,
  type ReadPhotograph,
} from '../../model/evaluation.ts';
import { type Evaluation, evaluationFiles } from '../../model/evaluation-file.ts';
import { writeFileAtomically, writeJson } from '../../node/atomic-file.ts';
import { unlessFileFault } from '../../node/image-file.ts';
import { evaluationPage } from '../../report/evaluation-page.ts';
import type { WorstPicture } from '../../report/photograph-sheet.ts';
import { thumbnail } from '../../report/pictures.ts';
import { readModelFile } from '../model.ts';
import { ExplainedModel } from '../why/explained-model.ts';
import { explanationOf } from '../why/why-image.ts';
import { whyThumbnail } from '../why/why-picture.ts';
import type { LabelledFile } from './labelled-folder.ts';
import { decodedImage } from './read-photographs.ts';

/** What an evaluation was computed from. */
interface EvaluatedPhotographs {
  readonly files: readonly LabelledFile[];
  readonly photographs: readonly ReadPhotograph[];
  readonly model: EvaluatedModel;
  /** Largest image that is decoded. */
  readonly maxPixels: number;
}

/** Writes report.html, evaluation.json and predictions.csv into the folder `out`. Errors: `output-unwritable`. */
export async function writeEvaluation(
  out: string,
  evaluation: Evaluation,
  { files, photographs, model, maxPixels }: EvaluatedPhotographs,
): Promise<void> {
  const predictions = predictionsCsv(photographs, model);
  const page = evaluationPage(evaluation, await worstPictures(evaluation, files, maxPixels));
  await writeJson(join(out, evaluationFiles.evaluation), evaluation);
  await writeFileAtomically(join(out, evaluationFiles.predictions), predictions);
  await writeFileAtomically(join(out, evaluationFiles.report), page);
}

/**
 * Of the worst photographs, by file; with the evidence for the predicted class if the model can tell. A file
 * that can no longer be read has no picture.
 */
async function worstPictures(
  { results, model }: Evaluation,
  files: readonly LabelledFile[],
  maxPixels: number,
): Promise<ReadonlyMap<string, WorstPicture>> {
  const byName = new Map(files.map((file) => [file.name, file]));
  const pictures = new Map<string, WorstPicture>();
  const explained = results && (await ExplainedModel.open(await readModelFile(model.file)));
  try {
    for (const { file, label } of results?.worst ?? []) {
      const found = byName.get(file);
      if (found === undefined) continue;
      const image = await unlessFileFault(() => decodedImage(found, maxPixels));
      if (image === undefined) continue;
      const plain = await thumbnail(image);
      if (explained === undefined) {
        pictures.set(file, { plain });
        continue;
      }
      const explanation = await explanationOf(explained, image, label);
      const why = { picture: await whyThumbnail(image, explanation), against: explanation.second.label };
      pictures.set(file, { plain, why });
    }
  } finally {
    await explained?.close();
  }
  return pictures;
}

const predictionColumns = [
  'file',
  'label',
  'prediction',
  'probability',
  'label_probability',
  'patches',
  'wrong_patches',
];

/** A row for each photograph; those of unknown classes lack what depends on the label. */
function predictionsCsv(photographs: readonly ReadPhotograph[], model: EvaluatedModel): string {
  const { known, unknown } = byKnownClass(photographs, model);
  const rows = photographResults(known, model).map((result) => [
    fileCell(result.file),
    textCell(result.label),
    textCell(result.prediction),
    String(result.probability),
    String(result.labelProbability),
    String(result.patches),
    String(result.wrongPatches),
  ]);
  const unknownRows = unknown.map(({ file, label, logits }) => {
    const { index, label: prediction, probabilities } = predictionOf(logits, model);
    const patches = logits.length / model.labels.length;
    const names = [fileCell(file), textCell(label), textCell(prediction)];
    return [...names, String(probabilities[index]), '', String(patches), ''];
  });
  return csvText([predictionColumns, ...rows, ...unknownRows]);
}
