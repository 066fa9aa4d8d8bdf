/** study.json on disk. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { parsedJson } from '../model/issue-text.ts';
import { type Study, studyFiles, studySchema } from '../model/study-file.ts';
import { writeJson } from './atomic-file.ts';

/** Errors: `file-unreadable` where there is no study; `file-damaged`, naming what is wrong in it. */
export async function readStudy(directory: string): Promise<Study> {
  const path = join(directory, studyFiles.study);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new TexturaError('file-unreadable', `${path}: cannot be read; is ${directory} a study?`, { cause });
  });
  return parsedJson(studySchema, text, path);
}

export async function writeStudy(directory: string, study: Study): Promise<void> {
  await writeJson(join(directory, studyFiles.study), study);
}
