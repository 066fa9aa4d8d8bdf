/** The `--data` option of the commands that read photographs. */
import { trainingConfigSchema } from '../../model/training-config.ts';
import { callerPath, callerPathHelp } from '../../node/caller-path.ts';
import { requireOutside } from '../../node/output.ts';
import { generatedSource } from './generated.ts';

const { data } = trainingConfigSchema.shape;

export const dataOption = data.describe(`${data.description}; ${callerPathHelp}`);

/** The data folder for use in this process, or `generated`. */
export function dataPath(given: string): string {
  return given === generatedSource ? given : callerPath(given);
}

/** Errors: `usage` if `results` is inside the data folder, or one of its `files` is the CSV file of the data. */
export async function requireOutsideData(
  results: string,
  data: string,
  files: readonly string[],
): Promise<void> {
  if (data !== generatedSource) await requireOutside(results, data, files);
}
