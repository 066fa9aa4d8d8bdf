/** `npm run export` of small runs, for tests of the command. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportModel } from '../../export/export-model.ts';
import { readTrainedRun } from '../../export/trained-run.ts';
import { modelIndexSchema, type Opset } from '../../model/model-file.ts';
import { runHere } from './command.ts';

export const runExport = (cwd: string, ...args: string[]) => runHere('export/export.ts', args, { cwd });
/** The command's work on one run, in this process. */
export const exportHere = async (folder: string, run: string, out = 'models', opset: Opset = 17) =>
  exportModel(await readTrainedRun(join(folder, run)), {
    out: join(folder, out),
    opset,
    graphs: ['portable', 'throughput'],
  });
export const readIndex = async (folder: string) =>
  modelIndexSchema.parse(JSON.parse(await readFile(join(folder, 'models/index.json'), 'utf8')));
