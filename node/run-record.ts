/** run.json on disk. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { parsedJson } from '../model/issue-text.ts';
import { type Run, runFiles, runSchema } from '../model/run-file.ts';
import { writeJson } from './atomic-file.ts';

/**
 * The record of a run directory. Errors: `file-unreadable` where there is none; `file-damaged`, naming what
 * is wrong in it.
 */
export async function readRun(directory: string): Promise<Run> {
  const path = join(directory, runFiles.run);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    // As npm run train -- --folds names them.
    const fold = join(directory, 'fold-1');
    const why = existsSync(join(fold, runFiles.run))
      ? `${directory}: it holds several folds; name one of them, e.g. ${fold}`
      : `${path}: cannot be read; is ${directory} a run directory?`;
    throw new TexturaError('file-unreadable', why, { cause });
  });
  return parsedJson(runSchema, text, path);
}

/** Writes run.json. Key order is the schema's, so equal records are equal bytes. */
export async function writeRun(directory: string, run: Run): Promise<void> {
  await writeJson(join(directory, runFiles.run), run);
}
