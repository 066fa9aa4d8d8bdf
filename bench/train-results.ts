/** What `npm run bench -- train` found out. */
import type { Circumstances } from './circumstances.ts';
import { medianRatio, type Spread, spreadOf } from './statistics.ts';
import { type Contest, yardstick } from './train-contenders.ts';

export interface Measurement {
  readonly name: string;
  /** Images a second in each round. */
  readonly rates: readonly number[];
  /** The most memory that the process held. */
  readonly peakBytes: number;
}

export interface ContestResult {
  readonly contest: Contest;
  readonly measurements: readonly Measurement[];
  /** Contenders that could not take part, each with why. */
  readonly leftOut: readonly string[];
}

export interface TrainResults {
  readonly circumstances: Circumstances;
  readonly versions: Readonly<Record<string, string>>;
  readonly contests: readonly ContestResult[];
  /** Peers that are not on this machine, each with why. */
  readonly leftOut: readonly string[];
  readonly rounds: number;
  readonly stepsPerRound: number;
  /** The command that measured this. */
  readonly command: string;
}

export interface Standing extends Measurement {
  readonly spread: Spread;
  /** Of PyTorch as people write it; undefined where that did not take part. */
  readonly ratio: number | undefined;
  /** Of the same engine on batches that are at hand; undefined for those and for PyTorch. */
  readonly shareOfBare: number | undefined;
}

/** The measurements of a contest with what follows from them, in the same order. */
export function standings({ measurements }: ContestResult): readonly Standing[] {
  const ratesOf = (name: string) => measurements.find((measurement) => measurement.name === name)?.rates;
  const ratioTo = (rates: readonly number[], base: readonly number[] | undefined) =>
    base === undefined ? undefined : medianRatio(rates, base);
  return measurements.map((measurement) => {
    const { name, rates } = measurement;
    const [bareName = name] = name.split(' with ');
    return {
      ...measurement,
      spread: spreadOf(rates),
      ratio: ratioTo(rates, ratesOf(yardstick)),
      shareOfBare: bareName === name ? undefined : ratioTo(rates, ratesOf(bareName)),
    };
  });
}
