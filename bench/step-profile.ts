/** Where the time of a training step goes: onnxruntime's own record of every operator, summed by layer, phase and operator. */
import { z } from 'zod';
import { type Graph, type GraphNode, multiplyAddsOf } from '../graph/builder.ts';
import { stepNames } from '../graph/step/step.ts';
import type { Network } from '../model/network.ts';

/** An event of a profile, in the format of Chrome's trace viewer; times in microseconds. */
const eventSchema = z.object({
  cat: z.string(),
  name: z.string(),
  ts: z.number(),
  dur: z.number(),
  args: z.object({ op_name: z.string().optional() }).optional(),
});
type ProfileEvent = z.infer<typeof eventSchema>;

/** In the order in which a step computes. */
export const stepPhases = ['forward', 'backward', 'update'] as const;
export type StepPhase = (typeof stepPhases)[number];

export interface ProfileRow {
  readonly name: string;
  /** Milliseconds a step. */
  readonly ms: Readonly<Record<StepPhase, number>>;
  /** Multiply-adds of matrix products a step. */
  readonly multiplyAdds: number;
}

export interface StepProfile {
  readonly steps: number;
  /** Milliseconds a step, from the first operator to the last, what lies between them included. */
  readonly stepMs: number;
  /** In the order of the network, then what belongs to no layer. */
  readonly layers: readonly ProfileRow[];
  /** By what they took, the longest first. */
  readonly operators: readonly ProfileRow[];
}

/** What belongs to no layer: turning patches and logits around, and the loss. */
export const betweenLayers = 'input and loss';

/**
 * Sums a profile of runs of a network's step, leaving out the first `warmUpRuns`. `graph` is what was run; onnxruntime's optimiser renames a node
 * when it joins it with others, but keeps the old name in front.
 */
export function stepProfile(text: string, network: Network, graph: Graph, warmUpRuns: number): StepProfile {
  const events = z.array(eventSchema).parse(JSON.parse(text));
  const runs = events.filter(({ cat, name }) => cat === 'Session' && name === 'model_run').slice(warmUpRuns);
  const startUs = runs[0]?.ts ?? Number.POSITIVE_INFINITY;
  const phases = phasesOf(graph);
  const products = new Map(graph.content().nodes.map((node) => [node.name, multiplyAddsOf(node)]));
  const layerNames = new Set(network.layers.map(({ name }) => name));
  const [layers, operators] = [new Sums(), new Sums()];
  for (const event of events.filter(({ cat, ts }) => cat === 'Node' && ts >= startUs)) {
    const node = nodeName(event);
    const [scope = ''] = node.split('.');
    const share = {
      ms: event.dur / 1000 / runs.length,
      phase: phases.get(node) ?? 'forward',
      multiplyAdds: (products.get(node) ?? 0) / runs.length,
    };
    layers.add(layerNames.has(scope) ? scope : betweenLayers, share);
    operators.add(event.args?.op_name ?? 'unknown', share);
  }
  const order = [...layerNames, betweenLayers];
  return {
    steps: runs.length,
    stepMs: runs.reduce((sum, { dur }) => sum + dur, 0) / 1000 / runs.length,
    layers: layers.rows().toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
    operators: operators.rows().toSorted((a, b) => totalMs(b) - totalMs(a)),
  };
}

export function totalMs({ ms }: ProfileRow): number {
  return ms.forward + ms.backward + ms.update;
}

function nodeName({ name }: ProfileEvent): string {
  const [own = ''] = name.replace(/_kernel_time$/, '').split('/');
  return own.replace(/_new_reshape$/, '');
}

/** Rows that grow by shares. */
class Sums {
  readonly #rows = new Map<string, { ms: Record<StepPhase, number>; multiplyAdds: number }>();

  add(
    name: string,
    {
      ms,
      phase,
      multiplyAdds,
    }: { readonly ms: number; readonly phase: StepPhase; readonly multiplyAdds: number },
  ): void {
    const row = this.#rows.get(name) ?? { ms: { forward: 0, backward: 0, update: 0 }, multiplyAdds: 0 };
    row.ms[phase] += ms;
    row.multiplyAdds += multiplyAdds;
    this.#rows.set(name, row);
  }

  rows(): readonly ProfileRow[] {
    return [...this.#rows].map(([name, row]) => ({ name, ...row }));
  }
}

/**
 * The phase of every node, by its name. Nodes stand in the order of computing: what comes up to the logits goes forward, and what comes
 * from the first use of the momentum on is the update.
 */
function phasesOf(step: Graph): ReadonlyMap<string, StepPhase> {
  let phase: StepPhase = 'forward';
  let logitsDone = false;
  return new Map(
    step.content().nodes.map((node) => {
      if (logitsDone && phase === 'forward') phase = 'backward';
      if (readsMomentum(node)) phase = 'update';
      logitsDone ||= node.name === stepNames.logits;
      return [node.name, phase];
    }),
  );
}

function readsMomentum({ inputs }: GraphNode): boolean {
  return inputs.some(({ name }) => name === stepNames.momentum);
}
