/** What the confusion counts say class by class: how many patches were named wrong, and for what they were taken. */
import type { Confusion } from './confusion-file.ts';

export interface Mistake {
  readonly trueLabel: string;
  readonly namedAs: string;
  readonly count: number;
  /** Patches of the true class. */
  readonly of: number;
}

export interface ClassScore {
  readonly label: string;
  readonly patches: number;
  readonly wrong: number;
  /** Patches of other classes that were given this name. */
  readonly takenInstead: number;
  /** The name most often given in error; undefined where there was none. */
  readonly worstMistake: Mistake | undefined;
}

/** A score for each class, the highest share of wrong patches first, then in label order; classes without patches last. */
export function classScores(confusion: Confusion): readonly ClassScore[] {
  const { labels, counts } = confusion;
  const all = mistakes(confusion);
  const scores = labels.map((label, c): ClassScore => {
    const patches = sum(counts[c] ?? []);
    const own = counts[c]?.[c] ?? 0;
    return {
      label,
      patches,
      wrong: patches - own,
      takenInstead: sum(counts.map((row) => row[c] ?? 0)) - own,
      worstMistake: all.find(({ trueLabel }) => trueLabel === label),
    };
  });
  return scores.sort((a, b) => errorShare(b) - errorShare(a));
}

/** Share of a class's patches that were named wrong, in 0..1; -1 for a class without patches. */
export function errorShare({ patches, wrong }: ClassScore): number {
  return patches === 0 ? -1 : wrong / patches;
}

/** Every pair of different classes that was mistaken at least once, most patches first, then by share of the true class. */
export function mistakes({ labels, counts }: Confusion): readonly Mistake[] {
  const found = labels.flatMap((trueLabel, t) => {
    const row = counts[t] ?? [];
    const of = sum(row);
    return labels.flatMap((namedAs, n): readonly Mistake[] => {
      const count = row[n] ?? 0;
      return t === n || count === 0 ? [] : [{ trueLabel, namedAs, count, of }];
    });
  });
  return found.sort((a, b) => b.count - a.count || a.of - b.of);
}

/** Patches and wrong ones of all classes. */
export function totalScore({ counts }: Confusion): { readonly patches: number; readonly wrong: number } {
  const patches = sum(counts.map(sum));
  return { patches, wrong: patches - sum(counts.map((row, c) => row[c] ?? 0)) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
