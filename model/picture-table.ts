/**
 * The table of classified pictures, one row for each, which `npm run classify -- FOLDER --csv` and the page
 * write.
 */
import { fileCell, textCell } from './csv.ts';
import type { Prediction } from './scores.ts';

export const pictureColumns = [
  'file',
  'label',
  'probability',
  'known',
  'known_margin',
  'second_label',
  'second_probability',
  'patches',
  'skipped',
  'model',
] as const;

/** What became of one picture. */
export type PictureOutcome =
  | {
      readonly predictions: readonly [first: Prediction, second: Prediction];
      /** By how much the picture passes the threshold of known pictures; undefined if the model has none. */
      readonly knownMargin: number | undefined;
      readonly patches: number;
    }
  /** Why it was not classified. */
  | { readonly skipped: string };

/** The fields of a row, in the order of `pictureColumns`. */
export function pictureFields(file: string, outcome: PictureOutcome, model: string): readonly string[] {
  const [name, madeBy] = [fileCell(file), textCell(model)];
  if ('skipped' in outcome) return [name, '', '', '', '', '', '', '', outcome.skipped, madeBy];
  const { predictions, knownMargin, patches } = outcome;
  const [first, second] = predictions;
  return [
    name,
    textCell(first.label),
    figure(first.probability),
    knownMargin === undefined ? '' : String(knownMargin >= 0),
    knownMargin === undefined ? '' : figure(knownMargin),
    textCell(second.label),
    figure(second.probability),
    String(patches),
    '',
    madeBy,
  ];
}

/** More digits than the calibration supports. */
function figure(value: number): string {
  return value.toFixed(6);
}
