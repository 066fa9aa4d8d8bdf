/** The records of runs and of studies on disk: run.json, validation.csv and study.json. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { parsedJson } from '../model/issue-text.ts';
import { type Run, runFiles, runSchema } from '../model/run-file.ts';
import { type Study, studyFiles, studySchema } from '../model/study-file.ts';
import { type ValidatedImage, validationFromCsv } from '../model/validation-file.ts';
import { writeJson } from './atomic-file.ts';

/**
 * The record of a run directory. Errors: `file-unreadable` if there is none; `file-damaged`, naming what is
 * wrong in it.
 */
export function readRun(directory: string): Promise<Run> {
  return readRecord(runSchema, join(directory, runFiles.run), (path) => {
    // As npm run train -- --folds names them.
    const fold = join(directory, 'fold-1');
    return existsSync(join(fold, runFiles.run))
      ? `${directory}: it holds several folds; name one of them, e.g. ${fold}`
      : `${path}: cannot be read; is ${directory} a run directory?`;
  });
}

/** The record of a study directory. Errors: as `readRun`. */
export function readStudy(directory: string): Promise<Study> {
  return readRecord(
    studySchema,
    join(directory, studyFiles.study),
    (path) => `${path}: cannot be read; is ${directory} a study?`,
  );
}

/** The photographs that a run held out, with its results. Errors: as `readRun`. */
export async function readValidation(directory: string): Promise<readonly ValidatedImage[]> {
  const path = join(directory, runFiles.validation);
  const why = `is ${directory} a finished run? The file is written when a run ends, also with --resume`;
  return validationFromCsv(await readRecordText(path, () => `${path}: cannot be read; ${why}`), path);
}

async function readRecord<T>(
  schema: z.ZodType<T>,
  path: string,
  unreadable: (path: string) => string,
): Promise<T> {
  return parsedJson(schema, await readRecordText(path, unreadable), path);
}

function readRecordText(path: string, unreadable: (path: string) => string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new TexturaError('file-unreadable', unreadable(path), { cause });
  });
}

/** Writes run.json. Key order is the schema's, so equal records are equal bytes. */
export async function writeRun(directory: string, run: Run): Promise<void> {
  await writeJson(join(directory, runFiles.run), run);
}

export async function writeStudy(directory: string, study: Study): Promise<void> {
  await writeJson(join(directory, studyFiles.study), study);
}
