/** What the networks of a run said about photographs that they had not seen. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TexturaError } from '../../model/error.ts';
import { runFiles } from '../../model/run-file.ts';
import { photographLogits, validationLogitsFrom } from '../../model/validation-logits.ts';
import { readRun, readValidation } from '../../node/records.ts';
import { commandText } from '../../node/shell.ts';
import { foldDirectory } from '../run/folds.ts';
import { holdsRun } from '../run/run-directory.ts';

export interface HeldOutRun {
  /** In the order of the logits. */
  readonly labels: readonly string[];
  /** The mean logits of each photograph that was held out, by its name. */
  readonly logits: ReadonlyMap<string, Float32Array>;
  /** The run that held a photograph out, e.g. `fold 2`; `validation` of a run without folds. */
  readonly sides: ReadonlyMap<string, string>;
  /** Where its other photographs were. */
  readonly otherSide: string;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/**
 * Reads a run, or the runs that `npm run train -- --folds N` left in `directory`; folds that are not finished
 * are noted. Errors: `file-unreadable`, `file-damaged`; `data-unusable` if the folds have different classes.
 */
export async function readHeldOutRun(directory: string): Promise<HeldOutRun> {
  const runs = holdsRun(directory) ? [directory] : await foldsIn(directory);
  const logits = new Map<string, Float32Array>();
  const sides = new Map<string, string>();
  const unfinished: string[] = [];
  let labels: readonly string[] | undefined;
  let otherSide = 'no finished fold';
  for (const run of runs) {
    const file = join(run, runFiles.validationLogits);
    if (!existsSync(file)) {
      unfinished.push(run);
      continue;
    }
    const record = await readRun(run);
    labels ??= record.labels;
    if (record.labels.join('\n') !== labels.join('\n'))
      throw new TexturaError('data-unusable', `${directory}: its folds have different classes`);
    const validation = validationLogitsFrom(await readFile(file), labels.length, file);
    const images = await readValidation(run);
    const means = validation === undefined ? new Float32Array() : photographLogits(validation).logits;
    if (means.length !== images.length * labels.length) {
      throw new TexturaError(
        'file-damaged',
        `${file}: expected the logits of the ${images.length} photographs in ${runFiles.validation}`,
      );
    }
    const { fold, chooseOn } = record.config;
    if (run === directory) otherSide = chooseOn === 'half' ? 'train or the choice of the epoch' : 'train';
    for (const [i, { image }] of images.entries()) {
      logits.set(image, means.slice(i * labels.length, (i + 1) * labels.length));
      sides.set(image, fold === undefined ? 'validation' : `fold ${fold}`);
    }
  }
  const [first] = unfinished;
  if (labels === undefined) {
    throw new TexturaError(
      'file-unreadable',
      `${first ?? directory}: there is no ${runFiles.validationLogits}; finish the run with ` +
        commandText('train', '--out', first ?? directory, '--resume'),
    );
  }
  const notes = unfinished.map(
    (run) => `${run} is not finished, so the labels of its photographs are not checked`,
  );
  return { labels, logits, sides, otherSide, notes };
}

/** Errors: `file-unreadable`. */
async function foldsIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  const numbers = names.flatMap((name) => /^fold-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  const runs = numbers
    .sort((a, b) => a - b)
    .map((number) => foldDirectory(directory, number))
    .filter(holdsRun);
  if (runs.length > 0) return runs;
  throw new TexturaError(
    'file-unreadable',
    `${directory}: expected a run directory, or one that ${commandText('train', '--folds', '5')} wrote`,
  );
}
