/** A folder with one model of another, so that the service has in memory what its peers have. */
import { copyFile, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TexturaError } from '../model/error.ts';
import { modelIndexSchema } from '../model/model-file.ts';

/** Makes the folder; whoever asked removes it. Errors: `model-not-found`. */
export async function folderOfOne(models: string, name: string): Promise<string> {
  const text = await readFile(join(models, 'index.json'), 'utf8').catch(() => '{"models":[]}');
  const entry = modelIndexSchema.parse(JSON.parse(text)).models.find((model) => model.name === name);
  if (entry === undefined) {
    const todo = 'npm run quickstart or npm run export makes one';
    throw new TexturaError(
      'model-not-found',
      `${models}: expected a model named ${name}, found none; ${todo}`,
    );
  }
  const folder = await mkdtemp(join(tmpdir(), 'textura-bench-'));
  for (const file of [entry.report, ...Object.values(entry.files)])
    await copyFile(join(models, file), join(folder, file));
  await writeFile(join(folder, 'index.json'), JSON.stringify({ models: [entry] }));
  return folder;
}
