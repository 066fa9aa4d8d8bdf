/**
 * The study in one figure: how each network's error differs from the reference's, with its 95 % interval and
 * the difference of each seed. The grey band is the margin of equivalence.
 */
import * as Plot from '@observablehq/plot';
import { chart, type Drawing } from '../../report/drawing.ts';
import type { Palette } from '../../report/palette.ts';
import type { Estimate, Test } from '../statistics/study-statistics.ts';
import { type Finding, findingOf } from './findings.ts';
import type { ArmResults } from './results.ts';
import { displayName, findingWords, pValueEquation, signedInterval } from './sentences.ts';

/** `narrow` fits a phone: names are above their intervals instead of next to them. */
export type ForestLayout = 'wide' | 'narrow';

interface Frame {
  readonly widthPx: number;
  readonly rowPx: number;
  readonly marginLeft: number;
  readonly marginRight: number;
}

const frames: { readonly [L in ForestLayout]: Frame } = {
  wide: { widthPx: 900, rowPx: 38, marginLeft: 190, marginRight: 236 },
  narrow: { widthPx: 320, rowPx: 64, marginLeft: 10, marginRight: 14 },
};
const marginTop = 30;
const marginBottom = 46;

interface SeedDifference {
  readonly seed: number;
  /** Mean error over photographs minus that of the reference's run, in percentage points. */
  readonly points: number;
  readonly link: string | undefined;
}

interface ForestRow {
  readonly name: string;
  readonly finding: Finding;
  readonly hasDiverged: boolean;
  /** In percentage points. */
  readonly difference: Estimate | undefined;
  readonly seeds: readonly SeedDifference[];
  readonly numbers: string;
}

/** `arms` are those of the study without the reference. */
export function forestFigure(
  arms: readonly ArmResults[],
  marginPoints: number,
  palette: Palette,
  layout: ForestLayout,
): Drawing {
  const rows = arms.map(forestRow);
  const { widthPx, rowPx, marginLeft, marginRight } = frames[layout];
  const domain = forestDomain(rows);
  const height = marginTop + rows.length * rowPx + marginBottom;
  return chart({
    width: widthPx,
    height,
    marginTop,
    marginBottom,
    marginLeft,
    marginRight,
    style: { background: 'none' },
    x: { domain: [...domain], label: null, clamp: true },
    y: { type: 'band', domain: rows.map(({ name }) => name), axis: null, padding: 0 },
    marks: [
      Plot.gridX({ stroke: palette.rule, strokeOpacity: 1, ticks: layout === 'wide' ? 8 : 4 }),
      ...marginMarks(rows, marginPoints, domain, palette),
      Plot.ruleX([0], { stroke: palette.ink }),
      Plot.axisX({
        ticks: layout === 'wide' ? 8 : 4,
        tickFormat: (value: number) => (value > 0 ? `+${value}` : String(value).replace('-', '\u2212')),
        tickSize: 4,
        color: palette.muted,
        label: null,
      }),
      ...axisTitles(palette, layout),
      ...rows.flatMap((row) => rowMarks(row, domain, palette, layout)),
    ],
  });
}

/** The text alternative of the figure. */
export function forestLabel(arms: readonly ArmResults[]): string {
  const rows = arms.map(forestRow).map(({ name, numbers }) => `${name}: ${numbers}`);
  return `Differences in top-1 error from the reference in percentage points. ${rows.join('; ')}`;
}

function forestRow(results: ArmResults): ForestRow {
  const finding = findingOf(results);
  const comparison = results.statistics?.comparison;
  const inPoints = ({ value, interval }: Estimate): Estimate => ({
    value: 100 * value,
    interval: interval && { low: 100 * interval.low, high: 100 * interval.high },
  });
  return {
    name: displayName(results.arm),
    finding,
    hasDiverged: results.runs.some(({ outcome }) => outcome.kind === 'diverged'),
    difference: comparison && finding.kind !== 'did not train' ? inPoints(comparison.difference) : undefined,
    seeds: finding.kind === 'did not train' ? [] : seedDifferences(results),
    numbers: 'test' in finding ? numbersOf(finding) : findingWords(finding),
  };
}

/** The test that decides, and the interval. */
function numbersOf({ kind, comparison, test }: Extract<Finding, { readonly test: Test }>): string {
  const decisive = kind === 'equivalent' ? `equivalent` : pValueEquation(test.adjustedPValue);
  return `${signedInterval(comparison.difference)}, ${decisive}`;
}

/**
 * In points. Intervals from three seeds can be much wider than the differences: they are cut, with an arrow.
 * Networks with a diverged run are ignored, because their differences are much larger.
 */
function forestDomain(rows: readonly ForestRow[]): readonly [number, number] {
  const trained = rows.filter(({ hasDiverged }) => !hasDiverged);
  const centres = (trained.length > 0 ? trained : rows).flatMap(({ difference, seeds }) => [
    difference?.value ?? 0,
    ...seeds.map(({ points }) => points),
  ]);
  const limit = Math.max(2, ...centres.map((points) => 1.6 * Math.abs(points)));
  const lows = rows.map(({ difference }) => difference?.interval?.low ?? difference?.value ?? 0);
  const highs = rows.map(({ difference }) => difference?.interval?.high ?? difference?.value ?? 0);
  return [Math.max(-limit, Math.min(-1, ...lows)), Math.min(limit, Math.max(1, ...highs))];
}

/** Nothing if no network has an interval, which could lie in the margin. */
function marginMarks(
  rows: readonly ForestRow[],
  marginPoints: number,
  [low, high]: readonly [number, number],
  { rule }: Palette,
): readonly Plot.Markish[] {
  if (rows.every(({ difference }) => difference?.interval === undefined)) return [];
  const ends = { x1: [Math.max(low, -marginPoints)], x2: [Math.min(high, marginPoints)] };
  return [Plot.rectX([0], { ...ends, fill: rule, fillOpacity: 0.45, className: 'margin' })];
}

function axisTitles({ muted }: Palette, layout: ForestLayout): readonly Plot.Markish[] {
  const style = { fill: muted, fontSize: 11 } as const;
  const bottom = { ...style, frameAnchor: 'bottom', dy: 34, textAnchor: 'middle' } as const;
  const unit =
    layout === 'wide' ? 'difference in top-1 error, percentage points' : 'difference in top-1 error, points';
  return [
    Plot.text([unit], { ...bottom, lineAnchor: 'bottom' }),
    Plot.text(['← better'], { ...style, frameAnchor: 'top-left', dy: -16 }),
    Plot.text(['worse →'], { ...style, frameAnchor: 'top-right', dy: -16 }),
  ];
}

function rowMarks(
  row: ForestRow,
  [low, high]: readonly [number, number],
  palette: Palette,
  layout: ForestLayout,
): readonly Plot.Markish[] {
  const { difference, seeds, name } = row;
  const colour = findingColour(row.finding, palette);
  const dy = layout === 'wide' ? 0 : 14;
  const marks: Plot.Markish[] = [...rowTexts(row, palette, layout)];
  if (difference === undefined) return marks;
  const { interval } = difference;
  if (interval !== undefined) {
    const ends = { x1: [Math.max(low, interval.low)], x2: [Math.min(high, interval.high)], y: [name] };
    marks.push(Plot.ruleY([0], { ...ends, stroke: colour, strokeWidth: 2.5, dy, className: 'interval' }));
    if (interval.low < low) marks.push(arrow('◂', low, name, colour, dy));
    if (interval.high > high) marks.push(arrow('▸', high, name, colour, dy));
  }
  marks.push(
    Plot.dot(seeds, {
      x: 'points',
      y: () => name,
      r: 3,
      stroke: palette.ink,
      strokeWidth: 1,
      fill: palette.paper,
      dy,
      href: ({ link }: SeedDifference) => link ?? null,
      title: ({ seed, points }: SeedDifference) => `seed ${seed}: ${points.toFixed(1)} points`,
      className: 'seeds',
    }),
    Plot.dot([difference.value], {
      x: (value: number) => value,
      y: () => name,
      r: 5.5,
      fill: colour,
      dy,
      className: 'estimate',
    }),
  );
  return marks;
}

function arrow(text: string, x: number, name: string, fill: string, dy: number): Plot.Markish {
  return Plot.text([text], { x: [x], y: [name], fill, fontSize: 15, dy });
}

function rowTexts(row: ForestRow, palette: Palette, layout: ForestLayout): readonly Plot.Markish[] {
  const { marginLeft, marginRight } = frames[layout];
  const y = () => row.name;
  const halo = { stroke: palette.paper, strokeWidth: 4 } as const;
  const numbers = { y, fill: findingColour(row.finding, palette), fontSize: 12, ...halo } as const;
  if (layout === 'wide') {
    return [
      Plot.text([row.name], {
        y,
        frameAnchor: 'left',
        textAnchor: 'end',
        dx: -14,
        fontSize: 13,
        fill: palette.ink,
      }),
      Plot.text([row.numbers], {
        ...numbers,
        frameAnchor: 'right',
        textAnchor: 'start',
        dx: Math.min(14, marginRight),
      }),
    ];
  }
  return [
    Plot.text([row.name], {
      y,
      frameAnchor: 'left',
      textAnchor: 'start',
      dx: 2 - marginLeft,
      dy: -21,
      ...halo,
      fontSize: 13,
      fill: palette.ink,
    }),
    Plot.text([row.numbers], {
      ...numbers,
      frameAnchor: 'left',
      textAnchor: 'start',
      dx: 2 - marginLeft,
      dy: -6,
    }),
  ];
}

function findingColour({ kind }: Finding, palette: Palette): string {
  switch (kind) {
    case 'worse':
    case 'did not train':
      return palette.wrong;
    case 'better':
      return palette.validation;
    case 'equivalent':
      return palette.ink;
    case 'undecided':
    case 'untested':
    case 'unknown':
      return palette.muted;
    default:
      return kind satisfies never;
  }
}

/** For each seed that both have. */
function seedDifferences({ runs, statistics }: ArmResults): readonly SeedDifference[] {
  return runs.flatMap(({ seed, link }) => {
    const difference = statistics?.comparison?.seedDifferences.get(seed);
    return difference === undefined ? [] : [{ seed, points: 100 * difference, link }];
  });
}
