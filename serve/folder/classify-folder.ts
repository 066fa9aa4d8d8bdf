/**
 * npm run classify -- FOLDER --csv FILE: classifies every picture below a folder into a table. The table is
 * the only state: the same command resumes after any interruption and gives the same file.
 */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TexturaError } from '../../model/error.ts';
import { count, duration, percent, textTable, wrapped } from '../../model/format.ts';
import type { CropChoice } from '../../model/patch.ts';
import type { PictureOutcome } from '../../model/picture-table.ts';
import { counted, oneLine } from '../../model/words.ts';
import { isSameState } from '../../node/image-file.ts';
import { usableCores } from '../../node/machine.ts';
import { onStopSignal } from '../../node/stop-signal.ts';
import type { Terminal } from '../../node/terminal.ts';
import type { ModelFile } from '../model.ts';
import { ClassificationTable, type ClassifiedRow } from './classification-table.ts';
import { type ListedFile, listFolder } from './folder-listing.ts';
import { FolderProgress, rateText } from './folder-progress.ts';
import { PicturePipeline } from './picture-pipeline.ts';
import { SortedCopies } from './sorted-copies.ts';

interface FolderOptions {
  readonly folder: string;
  readonly csv: string;
  readonly crops: CropChoice;
  readonly maxPixels: number;
  /** Where copies go, if anywhere, and which are doubtful. */
  readonly copies?: { readonly to: string; readonly doubtfulBelow: number } | undefined;
  /** Follows the folder until it is stopped. */
  readonly watch?: WatchTimes | undefined;
}

interface WatchTimes {
  /** Between two looks at the folder. */
  readonly intervalMs: number;
  /** How long a file must not change before it is read. */
  readonly settledMs: number;
  /** How long a file that cannot be used must not change before it is skipped. */
  readonly patienceMs: number;
}

export const defaultWatchTimes: WatchTimes = { intervalMs: 1000, settledMs: 2000, patienceMs: 10_000 };

interface Outputs {
  /** For the summary. */
  readonly output: Terminal;
  /** For progress and skipped files. */
  readonly messages: Terminal;
}

/**
 * Classifies the files that have no row yet. Errors: `data-unusable` if the folder has no picture; those of
 * `ClassificationTable.open` and `SortedCopies.open`; `interrupted` after a stop signal, unless it watches.
 */
export async function classifyFolder(
  model: ModelFile,
  options: FolderOptions,
  outputs: Outputs,
): Promise<void> {
  const stop = new AbortController();
  const release = onStopSignal(() => stop.abort());
  const run = new FolderRun(model, options, outputs, stop.signal);
  try {
    await run.all();
  } finally {
    release();
    await run.close();
  }
}

/** A new file of a watched folder, as it was when it was last looked at. */
interface WaitingFile {
  readonly state: Stats;
  readonly quietSinceMs: number;
  /** Whether it can be read. */
  readonly isSettled: boolean;
  /** Whether it will stay as it is, even if it cannot be used. */
  readonly isFinal: boolean;
}

/** For fewer pictures, one more thread does not pay. */
const picturesPerThread = 16;

/** Skipped files that are listed; the table has all of them. */
const listedSkips = 20;

class FolderRun {
  readonly #model: ModelFile;
  readonly #options: FolderOptions;
  readonly #outputs: Outputs;
  readonly #stop: AbortSignal;
  readonly #progress: FolderProgress;
  /** Names of the files that have a row. */
  readonly #done = new Set<string>();
  /** In watch mode: files without a row. */
  #waiting = new Map<string, WaitingFile>();
  /** In watch mode: whether the files that were there at the start are done; each later one gets a line. */
  #isLive = false;
  #table: ClassificationTable | undefined;
  #pipeline: PicturePipeline | undefined;
  #copies: SortedCopies | undefined;
  readonly #skips: string[] = [];
  #counts = { pictures: 0, unknown: 0, skipped: 0, earlier: 0, gone: 0 };

  constructor(model: ModelFile, options: FolderOptions, outputs: Outputs, stop: AbortSignal) {
    this.#model = model;
    this.#options = options;
    this.#outputs = outputs;
    this.#stop = stop;
    this.#progress = new FolderProgress(outputs.messages);
  }

  async all(): Promise<void> {
    const { folder, csv, watch } = this.#options;
    const listed = await listFolder(folder, csv);
    if (listed.length === 0 && watch === undefined) {
      throw new TexturaError('data-unusable', `${folder}: there are no files in it`);
    }
    await this.#open(listed);
    try {
      if (watch === undefined) await this.#classify(this.#withoutRow(listed));
      else await this.#follow(listed, watch);
    } finally {
      this.#progress.clear();
    }
    if (this.#stop.aborted && watch === undefined) {
      const missing = this.#withoutRow(listed).length;
      const done = `${count(listed.length - missing)} of ${count(listed.length)} files have a row in ${csv}`;
      if (missing > 0) throw interrupted(done);
    }
    this.#report(watch !== undefined);
  }

  async close(): Promise<void> {
    await this.#pipeline?.close();
    await this.#table?.close();
  }

  /** Opens the table, with the rows of earlier runs and their copies. */
  async #open(listed: readonly ListedFile[]): Promise<void> {
    const { folder, csv, crops, maxPixels, copies, watch } = this.#options;
    const { name, sha256, labels } = this.#model;
    if (copies !== undefined) this.#copies = await SortedCopies.open({ ...copies, from: folder, labels });
    const settings = {
      model: `${name} ${sha256.slice(0, 12)}`,
      options: `--crops ${crops} --max-image-pixels ${maxPixels}`,
    };
    const earlier: ClassifiedRow[] = [];
    this.#table = await ClassificationTable.open(csv, settings, (row) => {
      this.#count(row);
      this.#counts.earlier++;
      if (this.#copies !== undefined) earlier.push(row);
    });
    if (this.#copies === undefined) return;
    const paths = new Map(listed.map((file) => [file.name, file.path]));
    for (const [copied, row] of earlier.entries()) {
      if (this.#stop.aborted && watch === undefined)
        throw interrupted(`${count(copied)} of ${counted(earlier.length, 'row')} of ${csv} were copied`);
      if (this.#stop.aborted) return;
      await this.#copy(row, paths.get(row.file) ?? '');
    }
  }

  #withoutRow(files: readonly ListedFile[]): readonly ListedFile[] {
    return files.filter(({ name }) => !this.#done.has(name));
  }

  /** Classifies files in parallel and appends their rows in order. */
  async #classify(files: readonly ListedFile[]): Promise<void> {
    if (files.length === 0) return;
    const { crops, maxPixels, watch } = this.#options;
    // A thread takes half a second to start, and a watched folder can get many files at once.
    const useful = watch === undefined ? Math.ceil(files.length / picturesPerThread) : usableCores();
    const cores = Math.min(usableCores(), useful);
    this.#pipeline ??= new PicturePipeline(this.#model, { crops, maxPixels, cores });
    const total = this.#done.size + files.length;
    const pending: { readonly file: ListedFile; readonly outcome: Promise<PictureOutcome> }[] = [];
    const settle = async () => {
      const next = pending.shift();
      if (next !== undefined) await this.#settle(next.file, await next.outcome, total);
    };
    for (const file of files) {
      if (this.#stop.aborted) break;
      const outcome = outcomeOf(file, this.#pipeline);
      // If an earlier one fails, nobody awaits this one.
      outcome.catch(() => {});
      pending.push({ file, outcome });
      if (pending.length > this.#pipeline.width) await settle();
    }
    while (pending.length > 0) await settle();
  }

  async #settle(file: ListedFile, outcome: PictureOutcome, total: number): Promise<void> {
    if ('skipped' in outcome) {
      if (this.#waiting.get(file.name)?.isFinal === false) return;
      if (this.#skips.length < listedSkips) {
        this.#skips.push(`${oneLine(file.name)}: ${oneLine(outcome.skipped)}`);
      }
    }
    const row = await this.#table?.append(file.name, outcome);
    if (row === undefined) return;
    this.#count(row);
    this.#waiting.delete(file.name);
    await this.#copy(row, file.path);
    if (this.#isLive) this.#outputs.output.line(liveText(file.name, row, outcome));
    else this.#progress.add(this.#done.size, total, this.#counts.skipped);
  }

  #count(row: ClassifiedRow): void {
    this.#done.add(row.file);
    if (row.isSkipped) this.#counts.skipped++;
    else this.#counts.pictures++;
    if (row.isUnknown) this.#counts.unknown++;
  }

  async #copy(row: ClassifiedRow, path: string): Promise<void> {
    if (this.#copies !== undefined && !(await this.#copies.add(row, path))) this.#counts.gone++;
  }

  /** Classifies what is there, then each new file once it has stopped changing, until it is stopped. */
  async #follow(listed: readonly ListedFile[], times: WatchTimes): Promise<void> {
    const { folder, csv } = this.#options;
    let files = listed;
    while (!this.#stop.aborted) {
      const missing = this.#withoutRow(files);
      await this.#look(missing, times);
      const ready = missing.filter(
        ({ name, why }) => why !== undefined || this.#waiting.get(name)?.isSettled === true,
      );
      await this.#classify(ready);
      this.#isLive = true;
      const { pictures } = this.#counts;
      const grows =
        this.#waiting.size === 0 ? '' : `, waiting for ${counted(this.#waiting.size, 'new file')}`;
      this.#outputs.messages.status(`watching ${folder}: ${counted(pictures, 'picture')}${grows}`);
      await sleep(times.intervalMs, undefined, { signal: this.#stop }).catch(() => {});
      if (!this.#stop.aborted) files = await listFolder(folder, csv);
    }
  }

  /** Notes the state of each file, and since when it has not changed. */
  async #look(files: readonly ListedFile[], { settledMs, patienceMs }: WatchTimes): Promise<void> {
    const waiting = new Map<string, WaitingFile>();
    for (const { name, path } of files) {
      const state = await stat(path).catch(() => undefined);
      if (state === undefined) continue;
      const now = Date.now();
      const before = this.#waiting.get(name);
      // A file that was complete long ago need not be watched first.
      let quietSinceMs = before === undefined ? Math.min(now, state.mtimeMs) : now;
      if (before !== undefined && isSameState(before.state, state)) quietSinceMs = before.quietSinceMs;
      const quietMs = now - quietSinceMs;
      const isSettled = quietMs >= settledMs;
      waiting.set(name, { state, quietSinceMs, isSettled, isFinal: quietMs >= patienceMs });
    }
    this.#waiting = waiting;
  }

  #report(isWatching: boolean): void {
    const { folder, csv } = this.#options;
    const { pictures, unknown, skipped, earlier, gone } = this.#counts;
    const { output, messages } = this.#outputs;
    for (const skip of this.#skips) messages.line(`classify: skipped ${skip}`);
    const more = skipped - this.#skips.length;
    if (more > 0 && this.#skips.length > 0) {
      messages.line(`classify: skipped ${counted(more, 'more file')}: see the column "skipped" of ${csv}`);
    }
    if (pictures === 0 && !isWatching) {
      const message = `${folder}: none of its ${counted(skipped, 'file')} can be classified; ${csv} has the reasons`;
      throw new TexturaError('data-unusable', message);
    }
    const noneOfTheClasses =
      this.#model.threshold === undefined
        ? ''
        : `, ${counted(unknown, 'picture')} probably of none of the classes (${percent(unknown / Math.max(1, pictures))})`;
    const classified = `${counted(pictures, 'picture')} classified, ${counted(skipped, 'file')} skipped`;
    output.line(wrapped(`${oneLine(csv)}: ${classified}${noneOfTheClasses}`, '  '));
    const { doneNow, seconds, rate } = this.#progress;
    if (earlier > 0) output.line(`${counted(earlier, 'file')} had a row already`);
    if (doneNow > 0) {
      output.line(`${counted(doneNow, 'file')} in ${duration(seconds)}, ${rateText(rate)} a second`);
    }
    if (gone > 0)
      messages.line(`classify: not copied: ${counted(gone, 'file')} of the table, no longer in the folder`);
    if (this.#copies !== undefined) output.line(copiesText(this.#copies, this.#options.copies?.to ?? ''));
  }
}

async function outcomeOf(file: ListedFile, pipeline: PicturePipeline): Promise<PictureOutcome> {
  return file.why === undefined ? pipeline.classify(file.path, oneLine(file.name)) : { skipped: file.why };
}

function interrupted(done: string): TexturaError {
  return new TexturaError('interrupted', `interrupted: ${done}; the same command resumes`);
}

/** A line about a file that was just added to a watched folder. */
function liveText(name: string, row: ClassifiedRow, outcome: PictureOutcome): string {
  if ('skipped' in outcome) return `${oneLine(name)}  skipped: ${oneLine(outcome.skipped)}`;
  const unknown = row.isUnknown ? ', probably none of these surfaces' : '';
  return `${oneLine(name)}  ${oneLine(row.label)} ${percent(row.probability)}${unknown}`;
}

function copiesText({ counts }: SortedCopies, folder: string): string {
  const rows = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, pictures]) => [oneLine(name), count(pictures)]);
  return textTable([`folder in ${folder}`, 'pictures'], rows, 1);
}
