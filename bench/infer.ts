/** `npm run bench -- infer`: images a second of an exported network in onnxruntime-node, its portable file beside its throughput file. */
import { join } from 'node:path';
import { z } from 'zod';
import { encodeModel } from '../graph/encode.ts';
import { forwardGraph } from '../graph/forward.ts';
import { throughputGraph } from '../graph/throughput.ts';
import { defaultOpset, graphNames } from '../model/model-file.ts';
import { inputPx, networkOf, variantNames } from '../model/network.ts';
import { initialParameters } from '../model/parameters.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { usableCores } from '../node/machine.ts';
import { env, InferenceSession, Tensor } from '../node/onnxruntime.ts';
import type { Terminal } from '../node/terminal.ts';
import { textureNames } from '../textures/textures.ts';
import { takeBurst } from './burst.ts';
import { circumstances } from './circumstances.ts';
import { type InferPanel, type InferRow, inferPage, panelSection } from './infer-page.ts';
import { randomBatches } from './random-batches.ts';

export const inferBenchOptions = z.strictObject({
  variant: z.enum(variantNames).default('reference').describe('network'),
  rounds: z.int().min(1).default(9).describe('turns that each file has at each batch'),
  seconds: z.number().positive().default(0.3).describe('length of a turn'),
  out: z.string().min(1).default('docs').describe('folder for bench-infer.md'),
});
type InferBenchOptions = z.infer<typeof inferBenchOptions>;

/** Patches at once: a live picture, one photograph's grid and some, the trainer's batch. */
const batches = [1, 4, 8, 16, 32, 165] as const;
const pageName = 'bench-infer.md';

export async function benchInfer(options: InferBenchOptions, terminal: Terminal): Promise<void> {
  const found = await circumstances();
  const panels: InferPanel[] = [];
  for (const threads of new Set([usableCores(), 1])) {
    const panel = await measurePanel(options, threads, terminal);
    terminal.line(`\n${panelSection(panel)}`);
    panels.push(panel);
  }
  const { variant, rounds, seconds, out } = options;
  const page = inferPage({
    variant,
    panels,
    circumstances: found,
    versions: { 'onnxruntime-node': env.versions.node ?? 'unknown' },
    command: `npm run bench -- infer --variant ${variant} --rounds ${rounds} --seconds ${seconds}`,
  });
  await writeFileAtomically(join(out, pageName), page);
  terminal.line(`Written: ${join(out, pageName)}.`);
}

interface InferFile {
  readonly session: InferenceSession;
  readonly bytes: number;
}

/** Both files on so many threads, at every batch. */
async function measurePanel(
  { variant, rounds, seconds }: InferBenchOptions,
  threads: number,
  terminal: Terminal,
): Promise<InferPanel> {
  const files = await openFiles(variant, threads);
  const rows: InferRow[] = [];
  for (const batch of batches) {
    const image = imageOf(batch);
    const rates = { portable: [] as number[], throughput: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      terminal.status(`${threads} threads, batch ${batch}, round ${round + 1} of ${rounds}`);
      for (const name of round % 2 === 0 ? fileNames : fileNames.toReversed()) {
        rates[name].push(await rateOf(files[name].session, image, seconds));
      }
    }
    rows.push({ batch, ...rates, difference: await differenceOf(files, image) });
  }
  terminal.clear();
  for (const name of fileNames) await files[name].session.release();
  return { threads, rows };
}

const fileNames = ['portable', 'throughput'] as const;
type InferFiles = Readonly<Record<(typeof fileNames)[number], InferFile>>;

/** The files of a network with initial values, as `npm run export` writes them. */
async function openFiles(variant: (typeof variantNames)[number], threads: number): Promise<InferFiles> {
  const network = networkOf(variant, textureNames.length);
  const parameters = initialParameters(network, 1);
  const open = async (graph: ReturnType<typeof forwardGraph>): Promise<InferFile> => {
    const file = encodeModel(graph, { producerName: 'textura', producerVersion: '', metadata: {} });
    const session = await InferenceSession.create(file, { intraOpNumThreads: threads });
    return { session, bytes: file.length };
  };
  return {
    portable: await open(forwardGraph(network, parameters, { opset: defaultOpset })),
    throughput: await open(throughputGraph(network, parameters, { opset: defaultOpset })),
  };
}

function imageOf(batch: number): Tensor {
  const [{ patches } = { patches: new Uint8Array() }] = randomBatches(1, batch, textureNames.length);
  return new Tensor(Float32Array.from(patches), [batch, 1, inputPx, inputPx]);
}

/** Images a second: one run that is not counted, then as many as there is time for. */
async function rateOf(session: InferenceSession, image: Tensor, limitSeconds: number): Promise<number> {
  const run = async () => {
    await session.run({ [graphNames.image]: image });
  };
  const { steps, seconds } = await takeBurst(run, {
    warmUpSteps: 1,
    steps: Number.POSITIVE_INFINITY,
    limitSeconds,
  });
  return (steps * (image.dims[0] ?? 0)) / seconds;
}

/** The largest difference of a probability between the files. */
async function differenceOf({ portable, throughput }: InferFiles, image: Tensor): Promise<number> {
  const [a, b] = await Promise.all([portable, throughput].map((file) => probabilitiesOf(file, image)));
  return (a ?? []).reduce((most, value, i) => Math.max(most, Math.abs(value - (b?.[i] ?? Number.NaN))), 0);
}

async function probabilitiesOf({ session }: InferFile, image: Tensor): Promise<number[]> {
  const outputs = await session.run({ [graphNames.image]: image });
  return Array.from(outputs[graphNames.probabilities]?.data as Float32Array);
}
