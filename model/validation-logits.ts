/**
 * validation-logits.safetensors: the training engine's logits of all validation patches in the chosen epoch.
 * The exporter fits the temperatures to them, and the report of the run shows the calibration.
 */
import {
  expectedCalibrationError,
  fittedTemperature,
  type LabelledLogits,
  reliabilityBins,
  rowScores,
  type Temperatures,
  temperatureOf,
} from './calibration.ts';
import { TexturaError } from './error.ts';
import { equalIndices } from './group-by.ts';
import type { ModelReport } from './model-file.ts';
import { decodeTensors, encodeTensors } from './safetensors.ts';
import { meanRow, topClasses } from './scores.ts';
import { resampling } from './statistics/photograph-intervals.ts';
import type { Interval } from './statistics/replicates.ts';

/** A row for each patch, photograph after photograph. */
export interface ValidationLogits extends LabelledLogits {
  readonly labels: Int32Array;
  /** Index of the photograph of each row. */
  readonly photographs: Int32Array;
}

/** The file's bytes. */
export function validationLogitsFile(
  { logits, labels, photographs, classes }: ValidationLogits,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const rows = labels.length;
  const tensors = new Map([
    ['logits', { shape: [rows, classes], data: logits }],
    ['labels', { shape: [rows], data: labels }],
    ['photographs', { shape: [rows], data: photographs }],
  ]);
  return encodeTensors({ tensors, metadata });
}

/** Reads the file's bytes; undefined without rows. Errors: `file-damaged`, naming `where`. */
export function validationLogitsFrom(
  bytes: Uint8Array,
  classes: number,
  where: string,
): ValidationLogits | undefined {
  const { tensors } = decodeTensors(bytes, where);
  const logits = tensors.get('logits')?.data;
  const labels = tensors.get('labels')?.data;
  const photographs = tensors.get('photographs')?.data;
  const isWhole =
    logits instanceof Float32Array &&
    labels instanceof Int32Array &&
    photographs instanceof Int32Array &&
    logits.length === labels.length * classes &&
    photographs.length === labels.length &&
    labels.every((label) => label >= 0 && label < classes);
  if (!isWhole) {
    throw new TexturaError(
      'file-damaged',
      `${where}: expected logits F32 [n,${classes}], labels I32 [n] below ${classes} and photographs I32 [n]`,
    );
  }
  return labels.length === 0 ? undefined : { logits, labels, photographs, classes };
}

/** The mean logits of each photograph, and the number of its patches. */
export function photographLogits({
  logits,
  labels,
  photographs,
  classes,
}: ValidationLogits): LabelledLogits & {
  readonly patches: readonly number[];
} {
  const members = equalIndices(photographs);
  const means = new Float32Array(members.length * classes);
  members.forEach((rows, i) => {
    const own = new Float32Array(rows.length * classes);
    rows.forEach((row, r) => {
      own.set(logits.subarray(row * classes, (row + 1) * classes), r * classes);
    });
    means.set(meanRow(own, classes), i * classes);
  });
  return {
    logits: means,
    labels: members.map(([first = 0]) => labels[first] as number),
    patches: members.map(({ length }) => length),
    classes,
  };
}

/** The 95 % interval of the error of single patches, over photographs. */
export function patchErrorInterval(validation: ValidationLogits): Interval | undefined {
  const { logits, labels, photographs, classes } = validation;
  const isWrong = (row: number) =>
    topClasses(logits.subarray(row * classes, (row + 1) * classes), 1)[0] !== labels[row];
  const members = equalIndices(photographs);
  const wrong = {
    part: members.map((rows) => rows.filter(isWrong).length),
    whole: members.map((rows) => rows.length),
  };
  const intervals = resampling(
    members.map(([first = 0]) => ({ file: String(photographs[first]), label: String(labels[first]) })),
  );
  return intervals.share(wrong).interval ?? undefined;
}

/** The temperatures for these photographs, and the calibration errors before and after. */
export function calibrationOf(validation: ValidationLogits): NonNullable<ModelReport['calibration']> {
  const photographs = photographLogits(validation);
  const temperatures: Temperatures = {
    patch: fittedTemperature(validation),
    photograph: fittedTemperature(photographs),
  };
  const error = (rows: LabelledLogits, temperature: (row: number) => number) =>
    expectedCalibrationError(reliabilityBins(rowScores(rows, temperature)));
  const beforeAndAfter = (rows: LabelledLogits, temperature: (row: number) => number) => ({
    before: error(rows, () => 1),
    after: error(rows, temperature),
  });
  return {
    photographs: photographs.labels.length,
    temperatures,
    ece: {
      patches: beforeAndAfter(validation, () => temperatures.patch),
      photographs: beforeAndAfter(photographs, (row) =>
        temperatureOf(temperatures, photographs.patches[row] ?? 1),
      ),
    },
  };
}
