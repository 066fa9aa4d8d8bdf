/** One comparison of `npm run bench -- train`: runs its candidates in turns and computes ratios. */

import { trainingStepGraph } from '../graph/step/step.ts';
import { describeLayers, totalsOf } from '../model/description.ts';
import { TexturaError } from '../model/error.ts';
import { networkOf } from '../model/network.ts';
import { medianOf } from '../model/statistics/descriptive.ts';
import type { Terminal } from '../node/terminal.ts';
import { textureNames } from '../textures/textures.ts';
import { type Candidate, type SpeedSample, startCandidate } from './candidate.ts';
import { graphMultiplyAdds } from './matrix-product.ts';
import { turnsOf } from './sample.ts';
import { medianRatio } from './statistics.ts';
import {
  baselineName,
  candidatesOf,
  engineName,
  type Peers,
  type TrainCandidate,
  type TrainComparison,
} from './train-candidates.ts';

export interface ComparisonResult {
  readonly comparison: TrainComparison;
  readonly measurements: readonly Measurement[];
  readonly products: readonly ProductMeasurement[];
  /** Candidates that failed to start, each with the reason. */
  readonly leftOut: readonly string[];
}

interface Measurement {
  readonly name: string;
  /** Images per second in each round. */
  readonly rates: readonly number[];
  /** Peak memory of the process. */
  readonly peakBytes: number;
}

/** The speed of a matrix product. */
interface ProductMeasurement {
  readonly name: string;
  /** 10^9 floating-point operations per second in each round; a multiply-add counts as two. */
  readonly gigaflops: readonly number[];
}

interface TurnSettings {
  readonly rounds: number;
  /** No further round begins after this time. */
  readonly minutes: number;
  /** Measured steps per turn. */
  readonly steps: number;
}

/** Measures every candidate in interleaved rounds. */
export async function runComparison(
  comparison: TrainComparison,
  peers: Peers,
  settings: TurnSettings,
  terminal: Terminal,
): Promise<{ readonly result: ComparisonResult; readonly versions: Readonly<Record<string, string>> }> {
  const { started, leftOut } = await startAll(candidatesOf(comparison, peers), terminal);
  try {
    await takeTurns(started, settings, terminal);
    return {
      result: {
        comparison,
        measurements: started.flatMap((entry) => measurementOf(entry, comparison)),
        products: started.flatMap(productOf),
        leftOut,
      },
      versions: Object.assign({}, ...started.map(({ candidate }) => candidate.versions)),
    };
  } finally {
    await Promise.all(started.map(({ candidate }) => candidate.close()));
  }
}

interface Started extends Pick<TrainCandidate, 'multiplyAdds'> {
  readonly candidate: Candidate;
  /** One per round. */
  readonly samples: SpeedSample[];
}

function measurementOf(
  { candidate: { name }, multiplyAdds, samples }: Started,
  { batch }: TrainComparison,
): readonly Measurement[] {
  if (multiplyAdds !== undefined) return [];
  const rates = samples.map(({ steps, seconds }) => (batch * steps) / seconds);
  return [{ name, rates, peakBytes: Math.max(...samples.map(({ peakBytes }) => peakBytes)) }];
}

function productOf({ candidate: { name }, multiplyAdds, samples }: Started): readonly ProductMeasurement[] {
  if (multiplyAdds === undefined) return [];
  const gigaflops = samples.map(({ steps, seconds }) => (2 * multiplyAdds * steps) / seconds / 1e9);
  return [{ name, gigaflops }];
}

/** Starts the candidates one by one, each with a sample that is ignored. Those that fail are left out. */
async function startAll(candidates: readonly TrainCandidate[], terminal: Terminal) {
  const started: Started[] = [];
  const leftOut: string[] = [];
  for (const { plan, ...rest } of candidates) {
    terminal.status(`starting ${plan.name}`);
    try {
      const candidate = await startCandidate(plan);
      await candidate.sample(1);
      started.push({ candidate, ...rest, samples: [] });
    } catch (error) {
      if (!(error instanceof TexturaError) || error.code !== 'engine-unavailable') throw error;
      leftOut.push(error.message);
    }
  }
  terminal.clear();
  return { started, leftOut };
}

async function takeTurns(
  started: readonly Started[],
  { rounds, minutes, steps }: TurnSettings,
  terminal: Terminal,
): Promise<void> {
  const endMs = performance.now() + minutes * 60_000;
  for (let round = 0; round < rounds && (round === 0 || performance.now() < endMs); round++) {
    for (const { candidate, samples } of turnsOf(started, round)) {
      terminal.status(`round ${round + 1} of ${rounds}: ${candidate.name}`);
      samples.push(await candidate.sample(steps));
    }
  }
  terminal.clear();
}

export interface ComparisonRow extends Measurement {
  /** Relative to the baseline; undefined if that wasn't measured. */
  readonly ratio: number | undefined;
  /** Of an engine with data pipeline, relative to the same engine on prepared batches. */
  readonly pipelineRatio: number | undefined;
}

/** The measurements with their ratios, in the same order. */
export function comparisonRows({ measurements }: ComparisonResult): readonly ComparisonRow[] {
  const ratioTo = (rates: readonly number[], base: string) => {
    const baseRates = measurements.find(({ name }) => name === base)?.rates;
    return baseRates && medianRatio(rates, baseRates);
  };
  return measurements.map((measurement) => {
    const { name, rates } = measurement;
    const [engine = name] = name.split(' with ');
    return {
      ...measurement,
      ratio: ratioTo(rates, baselineName),
      pipelineRatio: engine === name ? undefined : ratioTo(rates, engine),
    };
  });
}

/** The onnx engine's training step compared with the fastest matrix product on the machine. */
interface Efficiency {
  /** Multiply-adds per patch in the step's graph: forward, backward and update. */
  readonly multiplyAdds: number;
  /** Those of direct convolutions: once in the forward pass, twice in the backward pass. */
  readonly directMultiplyAdds: number;
  /** 10^9 floating-point operations per second of the step, median. */
  readonly gigaflops: number;
  /** Of the fastest product, median over the rounds. */
  readonly share: number;
}

/** Undefined if the engine or every product is missing. */
export function stepEfficiency({
  comparison: { variant, batch },
  measurements,
  products,
}: ComparisonResult): Efficiency | undefined {
  const rates = measurements.find(({ name }) => name === engineName('onnx', 'prepared'))?.rates;
  if (rates === undefined || products.length === 0) return undefined;
  const network = networkOf(variant, textureNames.length);
  const multiplyAdds = graphMultiplyAdds(trainingStepGraph(network, { batch })) / batch;
  const reached = rates.map((rate) => (2 * multiplyAdds * rate) / 1e9);
  const bounds = reached.map((_, round) =>
    Math.max(...products.map(({ gigaflops }) => gigaflops[round] ?? 0)),
  );
  return {
    multiplyAdds,
    directMultiplyAdds: 3 * totalsOf(describeLayers(network)).multiplyAdds,
    gigaflops: medianOf(reached),
    share: medianRatio(reached, bounds),
  };
}
