/** The difference of each seed's pair of runs, for the dots of the forest plot and the table of runs. */
import type { ArmResults } from './study-results.ts';

export interface SeedDifference {
  readonly seed: number;
  /** Mean error of the photographs minus that of the reference's run. */
  readonly difference: number;
  readonly link: string | undefined;
}

/** Of the seeds that both trained with. */
export function seedDifferences({ runs, statistics }: ArmResults): readonly SeedDifference[] {
  const found = statistics?.comparison?.seedDifferences ?? new Map<number, number>();
  return runs.flatMap(({ seed, link }) => {
    const difference = found.get(seed);
    return difference === undefined ? [] : [{ seed, difference, link }];
  });
}
