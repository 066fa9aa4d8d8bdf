/**
 * Splits images into training and validation or into folds without dividing a group. Groups differ in size
 * and can contain several classes, so the shares of the classes are as equal as the groups allow.
 */
import { compareNames } from '../../model/code-point-order.ts';
import { TexturaError } from '../../model/error.ts';
import { percent } from '../../model/format.ts';
import { groupBy } from '../../model/group-by.ts';
import { type RandomStream, randomStream, shuffle } from '../../model/random.ts';
import { counted, listed, oneLine } from '../../model/words.ts';
import type { DatasetImage } from './dataset-image.ts';
import type { Groups } from './groups.ts';
import {
  type Fold,
  hashesWithTwoLabels,
  heldOutCount,
  heldOutSplit,
  inDatasetOrder,
  labelsWithout,
  type SplitImages,
  type SplitSettings,
} from './split.ts';

/** What stays on one side: a group, or several groups that have identical files. */
interface Unit {
  /** Names of its groups, in the order of the dataset. */
  readonly groups: readonly string[];
  readonly images: readonly DatasetImage[];
  /** Images of each class. */
  readonly counts: readonly number[];
  /** A file with two labels is never held out, and so neither is its group. */
  readonly canBeHeldOut: boolean;
}

type GroupedSplit = SplitImages & {
  readonly notes: readonly string[];
  /** Of which the split keeps each on one side. */
  readonly groups: number;
};

/**
 * Holds out about a share of each class. The result depends only on bytes, labels and which images share a
 * group. Errors: `data-unusable` with the classes that have too few groups.
 */
export function splitGroupsByShare(
  source: string,
  images: readonly DatasetImage[],
  groups: Groups,
  { labels, seed, validationShare }: SplitSettings,
): GroupedSplit {
  const units = unitsOf(images, groups, labels.length);
  requireGroups(source, units, labels, { least: 2, why: 'one for training and one for validation' });
  const candidates = shuffle(
    units.filter(({ canBeHeldOut }) => canBeHeldOut),
    randomStream(seed, 'split by group'),
  );
  const totals = countsByClass(units, labels.length);
  const held = bestHeldOut(
    candidates,
    totals,
    totals.map((total) => heldOutCount(total, validationShare)),
  );
  const split = heldOutSplit(images, imagesIn(held));
  const failing = new Set([
    ...labelsWithout(split.train, labels),
    ...labelsWithout(split.validation, labels),
  ]);
  if (failing.size > 0) {
    throw new TexturaError(
      'data-unusable',
      `${source}: no division of the ${counted(units.length, 'group')} was found that leaves photographs of each class ` +
        `on both sides; it fails for ${listed([...failing])}. Use smaller groups or another --seed`,
    );
  }
  return { ...split, ...described(units, held, labels, validationShare) };
}

/**
 * Holds out one of several shares, which together hold out every image once.
 * Errors: `data-unusable` with the classes that have fewer groups than there are folds.
 */
export function splitGroupsByFold(
  source: string,
  images: readonly DatasetImage[],
  groups: Groups,
  { labels, seed, fold, folds }: Omit<SplitSettings, 'validationShare'> & Fold,
): GroupedSplit {
  const units = unitsOf(images, groups, labels.length);
  requireGroups(source, units, labels, { least: folds, why: `for --folds ${folds}` });
  const dealt = dealtOut(
    units.filter(({ canBeHeldOut }) => canBeHeldOut),
    countsByClass(units, labels.length),
    folds,
    randomStream(seed, 'folds by group'),
  );
  const held = dealt[fold - 1] ?? [];
  const split = heldOutSplit(images, imagesIn(held));
  const untrained = labelsWithout(split.train, labels);
  if (untrained.length > 0 || held.length === 0) {
    const what =
      held.length === 0
        ? `fold ${fold} has no group`
        : `fold ${fold} leaves no training photograph of ${listed(untrained)}`;
    throw new TexturaError('data-unusable', `${source}: ${what}: use smaller groups or fewer --folds`);
  }
  const missing = labelsWithout(split.validation, labels);
  const { notes, groups: count } = described(units, held, labels, 1 / folds);
  return {
    ...split,
    groups: count,
    notes: [
      ...notes,
      ...(missing.length === 0
        ? []
        : [`no photograph of ${listed(missing)} is held out, so their error is unknown`]),
    ],
  };
}

/** The number of groups. Errors: `data-unusable` if a group is on both sides of a split that the data have. */
export function requireWholeGroups(
  source: string,
  { train, validation }: SplitImages,
  groups: Groups,
): number {
  const held = new Set(validation.map(({ name }) => groups.get(name)));
  const divided = train
    .filter(({ name }) => held.has(groups.get(name)))
    .toSorted((a, b) => compareNames(a.name, b.name));
  const [first] = divided;
  if (first === undefined) return new Set(groups.values()).size;
  const names = [...new Set(divided.map(({ name }) => groups.get(name) ?? ''))];
  throw new TexturaError(
    'data-unusable',
    `${source}: ${counted(names.length, 'group is', 'groups are')} on both sides of its split: ` +
      `${listed(names)}; such as ${oneLine(first.name)} in training. Move each group to one side`,
  );
}

/** In the order of their first image in the dataset. */
function unitsOf(images: readonly DatasetImage[], groups: Groups, classes: number): readonly Unit[] {
  const ordered = inDatasetOrder(images);
  const groupOf = ({ name }: DatasetImage) => {
    const group = groups.get(name);
    if (group === undefined) throw new TexturaError('internal', `${name} has no group`);
    return group;
  };
  // Union-find: groups with identical files have one root.
  const parent = new Map<string, string>();
  const rootOf = (group: string): string => {
    const next = parent.get(group) ?? group;
    if (next === group) return group;
    const root = rootOf(next);
    parent.set(group, root);
    return root;
  };
  const groupOfHash = new Map<string, string>();
  for (const image of ordered) {
    const group = groupOf(image);
    const other = groupOfHash.get(image.contentHash);
    if (other === undefined) groupOfHash.set(image.contentHash, group);
    else if (rootOf(other) !== rootOf(group)) parent.set(rootOf(group), rootOf(other));
  }
  const ambiguous = hashesWithTwoLabels(images);
  const members = groupBy(ordered, (image) => rootOf(groupOf(image)));
  return [...members.values()].map((own) => {
    const counts = new Array<number>(classes).fill(0);
    for (const { label } of own) counts[label] = (counts[label] ?? 0) + 1;
    return {
      groups: [...new Set(own.map(groupOf))],
      images: own,
      counts,
      canBeHeldOut: own.every(({ contentHash }) => !ambiguous.has(contentHash)),
    };
  });
}

/** Errors: `data-unusable`. */
function requireGroups(
  source: string,
  units: readonly Unit[],
  labels: readonly string[],
  { least, why }: { readonly least: number; readonly why: string },
): void {
  const problems = labels.flatMap((label, c) => {
    const own = units.filter(({ counts }) => (counts[c] ?? 0) > 0);
    const usable = own.filter(({ canBeHeldOut }) => canBeHeldOut).length;
    const isEnough = own.length >= least && usable >= (least > 2 ? least : 1);
    if (isEnough) return [];
    const names = own.flatMap(({ groups }) => groups);
    const barred =
      own.length > usable ? `, of which ${own.length - usable} contain a file with two labels` : '';
    return [`${oneLine(label)} has ${own.length} (${listed(names)})${barred}`];
  });
  if (problems.length === 0) return;
  const text = `each class needs photographs in at least ${least} groups, ${why}; use smaller groups or add photographs of`;
  throw new TexturaError('data-unusable', [`${source}: ${text}:`, ...problems].join('\n  '));
}

function imagesIn(units: readonly Unit[]): readonly DatasetImage[] {
  return units.flatMap(({ images }) => images);
}

function countsByClass(units: readonly Unit[], classes: number): readonly number[] {
  return Array.from({ length: classes }, (_, c) =>
    units.reduce((sum, { counts }) => sum + (counts[c] ?? 0), 0),
  );
}

/** With more units, single moves balance the classes well enough. */
const swappedUnits = 300;
const mostMoves = 1000;

/**
 * The units to hold out, so that each class comes close to its wanted number: the sum over the classes of the
 * squared deviation as a share of the class, plus 1 for each class that one side lacks. Takes units in their
 * order while that lowers the sum, then moves or swaps single units until nothing lowers it.
 */
function bestHeldOut(
  units: readonly Unit[],
  totals: readonly number[],
  wanted: readonly number[],
): readonly Unit[] {
  const held = new Set<Unit>();
  const counts = totals.map(() => 0);
  const costOf = (c: number, count: number) => {
    const total = totals[c] ?? 0;
    const isMissing = count === 0 || count === total;
    return ((count - (wanted[c] ?? 0)) / total) ** 2 + (isMissing ? 1 : 0);
  };
  const change = (...moves: readonly Unit[]) =>
    counts.reduce((sum, count, c) => {
      const after = moves.reduce(
        (moved, unit) => moved + (held.has(unit) ? -1 : 1) * (unit.counts[c] ?? 0),
        count,
      );
      return after === count ? sum : sum + costOf(c, after) - costOf(c, count);
    }, 0);
  const move = (unit: Unit) => {
    const sign = held.has(unit) ? -1 : 1;
    unit.counts.forEach((count, c) => {
      counts[c] = (counts[c] ?? 0) + sign * count;
    });
    if (sign === 1) held.add(unit);
    else held.delete(unit);
  };
  for (const unit of units) if (change(unit) < 0) move(unit);
  for (let moves = 0; moves < mostMoves; moves++) {
    let best: readonly Unit[] = [];
    let lowest = -1e-12;
    const consider = (...candidate: readonly Unit[]) => {
      const difference = change(...candidate);
      if (difference < lowest) [lowest, best] = [difference, candidate];
    };
    for (const unit of units) consider(unit);
    if (units.length <= swappedUnits) {
      for (const out of units.filter((unit) => held.has(unit)))
        for (const into of units) if (!held.has(into)) consider(out, into);
    }
    if (best.length === 0) break;
    best.forEach(move);
  }
  return units.filter((unit) => held.has(unit));
}

/**
 * Deals the units out to the folds, the largest first, each to the fold where it least raises the sum over
 * classes and folds of the squared share of the class (as scikit-learn's StratifiedGroupKFold, which compares
 * deviations), then to the one with the fewest images.
 */
function dealtOut(
  units: readonly Unit[],
  totals: readonly number[],
  folds: number,
  random: RandomStream,
): readonly (readonly Unit[])[] {
  const dealt = Array.from({ length: folds }, () => ({
    units: [] as Unit[],
    images: 0,
    counts: totals.map(() => 0),
  }));
  // Folds with equal costs are taken in a random order.
  const order = shuffle([...dealt], random);
  const bySize = shuffle([...units], random).sort((a, b) => b.images.length - a.images.length);
  for (const unit of bySize) {
    const costs = order.map((fold) => {
      const cost = unit.counts.reduce((sum, count, c) => {
        const before = fold.counts[c] ?? 0;
        return sum + ((before + count) ** 2 - before ** 2) / Math.max(1, totals[c] ?? 0) ** 2;
      }, 0);
      return { fold, cost };
    });
    const { fold } = costs.reduce((best, other) => {
      const difference = other.cost - best.cost;
      const isBetter = difference < -1e-12 || (difference < 1e-12 && other.fold.images < best.fold.images);
      return isBetter ? other : best;
    });
    fold.units.push(unit);
    fold.images += unit.images.length;
    fold.counts = fold.counts.map((count, c) => count + (unit.counts[c] ?? 0));
  }
  return dealt.map((fold) => fold.units);
}

/** A class that deviates from the wanted share by more than this has a note. */
const notedDeviation = 0.1;

function described(
  units: readonly Unit[],
  held: readonly Unit[],
  labels: readonly string[],
  share: number,
): Pick<GroupedSplit, 'notes' | 'groups'> {
  const totals = countsByClass(units, labels.length);
  const counts = countsByClass(held, labels.length);
  const shares = labels.map((label, c) => ({ label, share: (counts[c] ?? 0) / (totals[c] ?? 1) }));
  const uneven = shares.filter((own) => own.share > 0 && Math.abs(own.share - share) > notedDeviation);
  const joined = units.filter(({ groups }) => groups.length > 1);
  const barred = units.filter(({ canBeHeldOut }) => !canBeHeldOut).flatMap(({ groups }) => groups);
  const groupCount = units.reduce((sum, { groups }) => sum + groups.length, 0);
  const heldCount = held.reduce((sum, { groups }) => sum + groups.length, 0);
  return {
    groups: groupCount,
    notes: [
      `${counted(groupCount, 'group')}, ${counted(heldCount, 'of which is', 'of which are')} held out`,
      ...(uneven.length === 0
        ? []
        : [
            `groups stay together, so ${percent(share)} of each class cannot be held out: ` +
              listed(uneven.map((own) => `${own.label} has ${percent(own.share)}`)),
          ]),
      ...joined.map(({ groups }) => `groups with identical files stay on the same side: ${listed(groups)}`),
      ...(barred.length === 0
        ? []
        : [`groups with a file of two labels are never held out: ${listed(barred)}`]),
    ],
  };
}
