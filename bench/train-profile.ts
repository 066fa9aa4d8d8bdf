/**
 * `npm run bench -- train --profile`: where the time of a training step goes. onnxruntime records every
 * operator of the onnx engine's steps; the record is summed by layer, phase and operator.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type Graph, type GraphNode, multiplyAddsOf } from '../graph/builder.ts';
import { stepNames, trainingStepGraph } from '../graph/step/step.ts';
import { type Network, networkOf } from '../model/network.ts';
import { initialParameters, zeroParameters } from '../model/parameters.ts';
import { meanOf, sumOf } from '../model/statistics/descriptive.ts';
import { counted } from '../model/words.ts';
import { textureNames } from '../textures/textures.ts';
import { onnxEngine } from '../training/engine/onnx-engine.ts';
import { alignedTable, benchPage, type Origin, threadsText } from './bench-page.ts';
import { benchSettings, randomBatches, repeated } from './sample.ts';
import type { TrainComparison } from './train-candidates.ts';

const warmUpSteps = 2;

/** Records `steps` steps after the warm-up. */
export async function profileStep(
  { variant, batch, threads }: Omit<TrainComparison, 'data'>,
  steps: number,
): Promise<StepProfile & { readonly versions: Readonly<Record<string, string>> }> {
  const network = networkOf(variant, textureNames.length);
  const folder = await mkdtemp(join(tmpdir(), 'textura-profile-'));
  try {
    const engine = await onnxEngine(network, { threads, batch, profilePrefix: join(folder, 'step') });
    await engine.write({ parameters: initialParameters(network, 1), momentum: zeroParameters(network) });
    const batches = repeated(randomBatches(4, batch, textureNames.length));
    for (let i = 0; i < warmUpSteps + steps; i++) await engine.step(batches.next().value, benchSettings);
    await engine.dispose();
    const [file = ''] = await readdir(folder);
    const text = await readFile(join(folder, file), 'utf8');
    const { versions } = engine;
    return { versions, ...stepProfile(text, network, trainingStepGraph(network, { batch }), warmUpSteps) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An event in the trace format of Chrome; times in microseconds. */
const eventSchema = z.object({
  cat: z.string(),
  name: z.string(),
  ts: z.number(),
  dur: z.number(),
  args: z.object({ op_name: z.string().optional() }).optional(),
});
type ProfileEvent = z.infer<typeof eventSchema>;

/** In the order of computation. */
const stepPhases = ['forward', 'backward', 'update'] as const;
type StepPhase = (typeof stepPhases)[number];

interface ProfileRow {
  readonly name: string;
  /** Milliseconds per step. */
  readonly ms: Readonly<Record<StepPhase, number>>;
  /** Multiply-adds of matrix products per step. */
  readonly multiplyAdds: number;
}

interface StepProfile {
  readonly steps: number;
  /** Milliseconds per step, from the first operator to the last, gaps included. */
  readonly stepMs: number;
  /** In the order of the network; `otherNodes` last. */
  readonly layers: readonly ProfileRow[];
  /** The longest first. */
  readonly operators: readonly ProfileRow[];
}

/** Nodes of no layer: transposing patches and logits, and the loss. */
const otherNodes = 'input and loss';

/**
 * Sums onnxruntime's profile `text` of a network's step, without the first `warmUpRuns` runs. `graph` is
 * the step's graph: onnxruntime's optimiser renames the nodes that it fuses, but the new name starts with the
 * old one.
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
    layers.add(layerNames.has(scope) ? scope : otherNodes, share);
    operators.add(event.args?.op_name ?? 'unknown', share);
  }
  const order = [...layerNames, otherNodes];
  return {
    steps: runs.length,
    stepMs: meanOf(runs.map(({ dur }) => dur)) / 1000,
    layers: layers.rows().toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
    operators: operators.rows().toSorted((a, b) => totalMs(b) - totalMs(a)),
  };
}

function totalMs({ ms }: ProfileRow): number {
  return ms.forward + ms.backward + ms.update;
}

function nodeName({ name }: ProfileEvent): string {
  const [own = ''] = name.replace(/_kernel_time$/, '').split('/');
  return own.replace(/_new_reshape$/, '');
}

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
 * The phase of every node, by name. Nodes are in the order of computation: the forward pass ends with the
 * logits, the update begins with the first use of a momentum buffer.
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

export interface ProfiledStep {
  readonly comparison: TrainComparison;
  readonly profile: StepProfile;
}

/** docs/bench-profile.md. */
export function profilePage(profiled: readonly ProfiledStep[], origin: Origin): string {
  const introduction = `# Profile of a training step

The time of the onnx engine's training step, recorded by onnxruntime and summed by layer and by operator.

- The row of a convolution includes its bias and the pooling that follows it.
- **forward**, **backward** and **update** are the phases of a step; **share** is the part of the step's time.
- **GFLOP/s** counts the multiply-adds of matrix products, two operations each, over the whole time of the
  row. Additions, comparisons and copies add time but no operations.
- **between operators** is time in which no operator runs.

Recording slows a step down slightly.
`;
  return benchPage(introduction, profiled.map(profileSection), origin);
}

/** One profile as a heading and two tables, for Markdown and for a terminal. */
export function profileSection({ comparison, profile }: ProfiledStep): string {
  const { variant, threads, batch } = comparison;
  const { steps, stepMs, layers, operators } = profile;
  const rate = ((batch / stepMs) * 1000).toFixed(0);
  return `## ${variant}, ${threadsText(threads)}, batch ${batch}

Mean of ${counted(steps, 'step')}: ${stepMs.toFixed(0)} ms per step (${rate} images/s).

${rowsTable('layer', layers, stepMs)}
${rowsTable('operator', operators, stepMs)}`;
}

function rowsTable(heading: string, rows: readonly ProfileRow[], stepMs: number): string {
  const accounted = sumOf(rows.map(totalMs));
  const phaseTotal = (phase: StepPhase) => rows.reduce((sum, { ms }) => sum + ms[phase], 0);
  const total: ProfileRow = {
    name: 'all',
    ms: { forward: phaseTotal('forward'), backward: phaseTotal('backward'), update: phaseTotal('update') },
    multiplyAdds: rows.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0),
  };
  const between = ['between operators', '', '', '', ...msAndShare(stepMs - accounted, stepMs), ''];
  return alignedTable(
    [heading, ...stepPhases.map((phase) => `${phase} ms`), 'ms', 'share', 'GFLOP/s'],
    [...[...rows, total].map((row) => cellsOf(row, stepMs)), between],
  );
}

function cellsOf(row: ProfileRow, stepMs: number): readonly string[] {
  const ms = totalMs(row);
  const gigaflops = (2 * row.multiplyAdds) / (ms * 1e6);
  return [
    row.name,
    ...stepPhases.map((phase) => (row.ms[phase] === 0 ? '' : row.ms[phase].toFixed(1))),
    ...msAndShare(ms, stepMs),
    row.multiplyAdds === 0 ? '' : gigaflops.toFixed(1),
  ];
}

function msAndShare(ms: number, stepMs: number): readonly [string, string] {
  return [ms.toFixed(1), `${((100 * ms) / stepMs).toFixed(1)} %`];
}
