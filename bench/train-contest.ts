/** One contest of `npm run bench -- train`: its contenders start, take turns and end. */
import { TexturaError } from '../model/error.ts';
import type { Terminal } from '../node/terminal.ts';
import { type Burst, type Contender, startContender } from './contender.ts';
import { type Contest, type Entry, entriesOf, type Peers } from './train-contenders.ts';
import type { ContestResult, Measurement, ProductMeasurement } from './train-results.ts';

export interface TurnSettings {
  readonly rounds: number;
  /** No further round begins after this long. */
  readonly minutes: number;
  /** Measured steps a turn. */
  readonly steps: number;
}

/** Starts every contender, lets them take turns, and ends them. `versions` gets what they are made of. */
export async function hold(
  contest: Contest,
  peers: Peers,
  settings: TurnSettings,
  versions: Record<string, string>,
  terminal: Terminal,
): Promise<ContestResult> {
  const { started, leftOut } = await startAll(entriesOf(contest, peers), terminal);
  try {
    for (const { contender } of started) Object.assign(versions, contender.versions);
    const contenders = started.map(({ contender }) => contender);
    const rounds = await takeTurns(contenders, settings, terminal);
    const turns = started.map((entry, i) => ({ ...entry, bursts: rounds.map((round) => round[i] as Burst) }));
    return {
      contest,
      measurements: turns.filter(isTraining).map((turn) => measurementOf(turn, contest)),
      products: turns.flatMap(productOf),
      leftOut,
    };
  } finally {
    await Promise.all(started.map(({ contender }) => contender.close()));
  }
}

interface Started {
  readonly contender: Contender;
  /** Of a step that is a matrix product. */
  readonly multiplyAdds?: number | undefined;
}

interface Turns extends Started {
  readonly bursts: readonly Burst[];
}

const isTraining = ({ multiplyAdds }: Started) => multiplyAdds === undefined;

function measurementOf({ contender: { name }, bursts }: Turns, { batch }: Contest): Measurement {
  return {
    name,
    rates: bursts.map(({ steps, seconds }) => (batch * steps) / seconds),
    peakBytes: Math.max(...bursts.map(({ peakBytes }) => peakBytes)),
  };
}

function productOf({ contender: { name }, multiplyAdds, bursts }: Turns): readonly ProductMeasurement[] {
  if (multiplyAdds === undefined) return [];
  const gigaflops = bursts.map(({ steps, seconds }) => (2 * multiplyAdds * steps) / seconds / 1e9);
  return [{ name, gigaflops }];
}

/** Starts contenders one after another, each with a first burst that doesn't count; those that fail are left out. */
async function startAll(entries: readonly Entry[], terminal: Terminal) {
  const started: Started[] = [];
  const leftOut: string[] = [];
  for (const { plan, multiplyAdds } of entries) {
    terminal.status(`starting ${plan.name}`);
    try {
      const contender = await startContender(plan);
      await contender.burst(1);
      started.push({ contender, multiplyAdds });
    } catch (error) {
      if (!(error instanceof TexturaError) || error.code !== 'engine-unavailable') throw error;
      leftOut.push(error.message);
    }
  }
  terminal.clear();
  return { started, leftOut };
}

/** `[round][contender]`. Each round begins with another contender, so that none always follows the same one. */
async function takeTurns(
  contenders: readonly Contender[],
  { rounds, minutes, steps }: TurnSettings,
  terminal: Terminal,
): Promise<readonly (readonly Burst[])[]> {
  const bursts: Burst[][] = [];
  const endMs = performance.now() + minutes * 60_000;
  for (let round = 0; round < rounds && (round === 0 || performance.now() < endMs); round++) {
    const own = new Array<Burst>(contenders.length);
    for (let turn = 0; turn < contenders.length; turn++) {
      const at = (round + turn) % contenders.length;
      const contender = contenders[at] as Contender;
      terminal.status(`round ${round + 1} of ${rounds}: ${contender.name}`);
      own[at] = await contender.burst(steps);
    }
    bursts.push(own);
  }
  terminal.clear();
  return bursts;
}
