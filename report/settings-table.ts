/** The settings of a run, or of all runs of a study, as a table; those that are not the default stand out. */
import { type TrainingConfig, trainingConfigSchema } from '../model/training-config.ts';
import type { Markup } from './markup.ts';
import { type TableRow, table } from './page-parts.ts';

/** A row for each setting that `keys` names, in their order. */
export function settingsTable(
  config: Partial<TrainingConfig>,
  keys: readonly (keyof TrainingConfig)[],
): Markup {
  const defaults = trainingConfigSchema.parse({});
  const rows = keys.map((key): TableRow => {
    const value = config[key];
    return {
      cells: [spaced(key), String(value ?? 'none'), trainingConfigSchema.shape[key].description ?? ''],
      isChosen: value !== defaults[key],
    };
  });
  const columns = [
    { heading: 'setting', kind: 'text' },
    { heading: 'value', kind: 'name' },
    { heading: 'what it is', kind: 'prose' },
  ] as const;
  return table('Settings', columns, rows);
}

/** `patchesPerEpoch` -> `patches per epoch`. */
function spaced(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
