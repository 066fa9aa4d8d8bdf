/** What `npm run bench -- train` found out. */
import { multiplyAddsOf } from '../graph/builder.ts';
import { trainingStepGraph } from '../graph/step/step.ts';
import { describeLayers, totalsOf } from '../model/description.ts';
import { networkOf } from '../model/network.ts';
import { textureNames } from '../textures/textures.ts';
import type { Circumstances } from './circumstances.ts';
import { medianRatio, type Spread, spreadOf } from './statistics.ts';
import { type Contest, engineName, yardstick } from './train-contenders.ts';

export interface Measurement {
  readonly name: string;
  /** Images a second in each round. */
  readonly rates: readonly number[];
  /** The most memory that the process held. */
  readonly peakBytes: number;
}

/** How fast the machine multiplies matrices of some shape. */
export interface ProductMeasurement {
  readonly name: string;
  /** 10^9 floating-point operations a second in each round; a multiply-add is two. */
  readonly gigaflops: readonly number[];
}

export interface ContestResult {
  readonly contest: Contest;
  readonly measurements: readonly Measurement[];
  readonly products: readonly ProductMeasurement[];
  /** Contenders that could not take part, each with why. */
  readonly leftOut: readonly string[];
}

export interface TrainResults {
  readonly circumstances: Circumstances;
  readonly versions: Readonly<Record<string, string>>;
  readonly contests: readonly ContestResult[];
  /** Peers that are not on this machine, each with why. */
  readonly leftOut: readonly string[];
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

/** How near the onnx engine's step comes to what the machine can multiply. */
export interface PeakShare {
  /** Multiply-adds of a patch in the step's graph, forward, backward and update. */
  readonly multiplyAdds: number;
  /** Those of the convolutions by their definition: once forward, and twice as many on the way back. */
  readonly definitionMultiplyAdds: number;
  /** 10^9 floating-point operations a second that the step reaches, median. */
  readonly gigaflops: number;
  /** Of the fastest of the products, the median over the rounds. */
  readonly share: number;
}

/** Undefined where the engine or every product is missing. */
export function peakShare({ contest, measurements, products }: ContestResult): PeakShare | undefined {
  const rates = measurements.find(({ name }) => name === engineName('onnx', 'bare'))?.rates;
  if (rates === undefined || products.length === 0) return undefined;
  const multiplyAdds = stepMultiplyAdds(contest) / contest.batch;
  const reached = rates.map((rate) => (2 * multiplyAdds * rate) / 1e9);
  const peaks = reached.map((_, round) =>
    Math.max(...products.map(({ gigaflops }) => gigaflops[round] ?? 0)),
  );
  const { multiplyAdds: forward } = totalsOf(describeLayers(networkFor(contest)));
  return {
    multiplyAdds,
    definitionMultiplyAdds: 3 * forward,
    gigaflops: spreadOf(reached).median,
    share: medianRatio(reached, peaks),
  };
}

function stepMultiplyAdds(contest: Contest): number {
  const { nodes } = trainingStepGraph(networkFor(contest), { batch: contest.batch }).content();
  return nodes.reduce((sum, node) => sum + multiplyAddsOf(node), 0);
}

function networkFor({ variant }: Contest) {
  return networkOf(variant, textureNames.length);
}
