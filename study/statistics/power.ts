/**
 * What a study can show before it is trained. Its tests compare the mean of the seeds' differences from the
 * reference with their deviation, by Student's t with one degree of freedom less than seeds; so the number of
 * seeds and the deviation decide which differences are found.
 */
import { points, wrapped } from '../../model/format.ts';
import { groupBy } from '../../model/group-by.ts';
import { medianOf, sampleDeviation, sumOf } from '../../model/statistics/descriptive.ts';
import { studentQuantile } from '../../model/statistics/incomplete-beta.ts';
import { significanceLevel } from '../../model/statistics/p-values.ts';
import { counted } from '../../model/words.ts';
import type { RunWithState } from '../study-directory.ts';

/** Share of the studies that find a difference of the size that the plan names. */
const power = 0.8;

/**
 * Standard deviation over seeds of a network's difference from the reference: the median of the networks of
 * docs/study.md in which no run diverged.
 */
export const typicalDeviation = 0.016;

interface Plan {
  readonly seeds: number;
  /** Networks that are compared with the reference. */
  readonly networks: number;
  /** Over seeds, of a network's difference from the reference; a share, 0..1. */
  readonly deviation: number;
}

/**
 * The smallest true difference (a share, above 1 if there is none) that 80 % of such studies find, at the 5 %
 * level divided by `networks`: the first step of Holm's correction. The multiple of the standard error is
 * that of Bloom ("Minimum Detectable Effects", Evaluation Review 19, 1995). Infinite for one seed.
 */
export function detectableDifference({ seeds, networks, deviation }: Plan): number {
  if (seeds < 2) return Number.POSITIVE_INFINITY;
  const limit = studentQuantile(significanceLevel / networks / 2, seeds - 1);
  return ((limit + studentQuantile(1 - power, seeds - 1)) * deviation) / Math.sqrt(seeds);
}

/**
 * The smallest margin (a share) within which 80 % of studies show a network to be equivalent that does not
 * differ: both ends of the 95 % interval must lie inside it.
 */
function equivalenceMargin({ seeds, deviation }: Omit<Plan, 'networks'>): number {
  if (seeds < 2) return Number.POSITIVE_INFINITY;
  const limit = studentQuantile(significanceLevel / 2, seeds - 1);
  return ((limit + studentQuantile((1 - power) / 2, seeds - 1)) * deviation) / Math.sqrt(seeds);
}

const mostSeeds = 100;

/** The smallest number of seeds for which `measure` is at most `limit`; undefined if 100 are not enough. */
function seedsFor(limit: number, measure: (seeds: number) => number): number | undefined {
  for (let seeds = 2; seeds <= mostSeeds; seeds++) if (measure(seeds) <= limit) return seeds;
  return undefined;
}

interface Deviation {
  readonly deviation: number;
  readonly source: 'these runs' | 'docs/study.md';
}

/** Fewer degrees of freedom say too little. */
const leastDegrees = 4;

/**
 * From the finished runs of the study if they are enough, otherwise `typicalDeviation`. The median over the
 * networks, so that one that sometimes fails does not count for all.
 */
export function seedDeviation(runs: readonly RunWithState[]): Deviation {
  const errorOf = ({ state }: RunWithState) =>
    state.status === 'finished' ? state.run.best?.top1err : undefined;
  const [reference = [], ...others] = groupBy(runs, ({ run }) => run.arm.name).values();
  const ofReference = new Map(reference.map((run) => [run.run.seed, errorOf(run)]));
  const differences = others
    .map((ofArm) =>
      ofArm.flatMap((run) => {
        const [error, other] = [errorOf(run), ofReference.get(run.run.seed)];
        return error === undefined || other === undefined ? [] : [error - other];
      }),
    )
    .filter(({ length }) => length > 1);
  if (sumOf(differences.map(({ length }) => length - 1)) < leastDegrees)
    return { deviation: typicalDeviation, source: 'docs/study.md' };
  return { deviation: medianOf(differences.map(sampleDeviation)), source: 'these runs' };
}

/**
 * What a plan with one or more networks besides the reference can show, as lines for the terminal. `margin` is
 * that of equivalence, a share, and also the difference for which it names the number of seeds.
 */
export function powerText(
  { seeds, networks, margin }: Omit<Plan, 'deviation'> & { readonly margin: number },
  { deviation, source }: Deviation,
): string {
  const detectable = (count: number, of: number) =>
    detectableDifference({ seeds: count, networks: of, deviation });
  const seedsText = (measure: (count: number) => number) => {
    const count = seedsFor(margin, measure);
    return count === undefined ? `more than ${mostSeeds} seeds` : counted(count, 'seed');
  };
  const needed = (of: number) => seedsText((count) => detectable(count, of));
  const equivalent = seedsText((count) => equivalenceMargin({ seeds: count, deviation }));
  const corrected = networks === 1 ? '' : `, ${needed(networks)} after Holm's correction for ${networks}`;
  return [
    shownText({ seeds, networks, deviation }),
    `A difference of ${points(margin)} points needs ${needed(1)}${corrected}. Equivalence within ${points(margin)} points needs ${equivalent}.`,
    `This assumes that a network's difference from the reference varies by ${points(deviation)} points from seed to seed (standard deviation), as in ${source}.`,
  ]
    .map((text) => wrapped(text))
    .join('\n');
}

function shownText({ seeds, networks, deviation }: Plan): string {
  if (seeds === 1) return oneSeedText;
  const alone = points(detectableDifference({ seeds, networks: 1, deviation }));
  const all = detectableDifference({ seeds, networks, deviation });
  const correction = networks === 1 ? '' : ` after Holm's correction for ${networks} networks`;
  if (all > 1)
    return `This plan cannot show that a network is better or worse: with ${seeds} seeds, even a difference of 100 points is not significant${correction}. Add seeds with --seeds.`;
  const single = `With ${seeds} seeds, four of five such studies find a difference of ${alone} points`;
  const difference = networks === 1 ? `${single}.` : `${single} in one network, ${points(all)}${correction}.`;
  return `${difference} They show that a network without a difference is equivalent within ${points(equivalenceMargin({ seeds, deviation }))} points.`;
}

const oneSeedText =
  'This plan cannot show anything: with one seed the report has differences, but no intervals, no p-values and no verdicts, because another seed may differ as much. Add seeds with --seeds.';
