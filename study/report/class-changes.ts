/** Which classes a layer is for: how the error of each class changes without it, and for what its patches are then taken. */
import type { Confusion } from '../../report/confusion-file.ts';
import type { ArmResults } from './study-results.ts';

export interface ClassChange {
  readonly label: string;
  /** Share of the class's patches that are named wrong, minus that of the reference; mean over the seeds that both have. */
  readonly change: number;
  /** The wrong name whose share grew most, and by how much; undefined where none grew. */
  readonly takenFor: { readonly label: string; readonly change: number } | undefined;
}

/** In label order; empty where no seed has both models. */
export function classChanges(arm: ArmResults, reference: ArmResults): readonly ClassChange[] {
  const pairs = arm.runs.flatMap(({ seed, results }) => {
    const own = results?.confusion;
    const other = reference.runs.find((run) => run.seed === seed)?.results?.confusion;
    return own === undefined || other === undefined ? [] : [{ own, other }];
  });
  const labels = pairs[0]?.own.labels ?? [];
  return labels.map((label, t) => {
    const change = (n: number) =>
      mean(pairs.map(({ own, other }) => shareOf(own, t, n) - shareOf(other, t, n)));
    const others = labels
      .map((name, n) => ({ label: name, change: n === t ? 0 : change(n) }))
      .sort((a, b) => b.change - a.change);
    const [most] = others;
    return { label, change: -change(t), takenFor: most !== undefined && most.change > 0 ? most : undefined };
  });
}

/** Of the patches of class `t`, those named `n`; of a class without patches, 0. */
function shareOf({ counts }: Confusion, t: number, n: number): number {
  const row = counts[t] ?? [];
  const patches = row.reduce((sum, count) => sum + count, 0);
  return patches === 0 ? 0 : (row[n] ?? 0) / patches;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
