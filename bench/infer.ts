/** `npm run bench -- infer`: images per second of a network's ONNX files in onnxruntime-node. */
import { z } from 'zod';
import { activationRanges } from '../export/reduced-model.ts';
import { encodeModel } from '../graph/encode.ts';
import { forwardGraph } from '../graph/forward.ts';
import { reducedGraph } from '../graph/reduced-precision.ts';
import { throughputGraph } from '../graph/throughput.ts';
import { foldBatchNorm } from '../model/fold-batch-norm.ts';
import { graphNames } from '../model/graph-names.ts';
import { defaultOpset, graphKinds } from '../model/model-file.ts';
import { type NetworkName, networkOf } from '../model/network.ts';
import { initialParameters } from '../model/parameters.ts';
import { inputPx } from '../model/patch.ts';
import { usableCores } from '../node/machine.ts';
import { env, InferenceSession, Tensor } from '../node/onnxruntime.ts';
import type { Terminal } from '../node/terminal.ts';
import { textureNames } from '../textures/textures.ts';
import { commandOf, networksIn, outOption, variantsOption } from './bench-options.ts';
import { alignedTable, benchPage, type Origin, publish, rateCells, threadsText } from './bench-page.ts';
import { readEnvironment } from './environment.ts';
import { randomBatches, takeSample, turnsOf } from './sample.ts';
import { medianRatio } from './statistics.ts';

export const inferBenchOptions = z.strictObject({
  variant: variantsOption,
  rounds: z.int().min(1).default(9).describe('turns of each file at each batch size'),
  seconds: z.number().positive().default(0.3).describe('length of a turn'),
  out: outOption('bench-infer.md'),
});
type InferBenchOptions = z.infer<typeof inferBenchOptions>;

/** Patches per call: a live camera frame, a photograph's grid and some, the trainer's batch. */
const batches = [1, 4, 8, 16, 32, 165] as const;

export async function benchInfer(options: InferBenchOptions, terminal: Terminal): Promise<void> {
  const environment = await readEnvironment();
  const sections: string[] = [];
  for (const variant of networksIn(options.variant)) {
    for (const threads of new Set([usableCores(), 1])) {
      const rows = await measureFiles({ ...options, variant, threads }, terminal);
      const section = `## ${variant}, ${threadsText(threads)}\n\n${alignedTable(columns, rows.map(cellsOf))}`;
      terminal.line(`\n${section}`);
      sections.push(section);
    }
  }
  const page = inferPage(sections, {
    environment,
    versions: { 'onnxruntime-node': env.versions.node ?? 'unknown' },
    command: commandOf('infer', options),
  });
  await publish(options.out, { 'bench-infer.md': page }, terminal);
}

const fileNames = [...graphKinds, 'int8'] as const;
type FileName = (typeof fileNames)[number];

interface InferRow {
  readonly batch: number;
  /** Images per second in each round. */
  readonly rates: Readonly<Record<FileName, readonly number[]>>;
  /** The largest difference between the probabilities of the portable and the throughput file. */
  readonly difference: number;
}

interface Measuring extends Pick<InferBenchOptions, 'rounds' | 'seconds'> {
  readonly variant: NetworkName;
  readonly threads: number;
}

/** Measures the files of a network at every batch size. */
async function measureFiles(
  { variant, threads, rounds, seconds }: Measuring,
  terminal: Terminal,
): Promise<readonly InferRow[]> {
  const sessions = await openFiles(variant, threads);
  const rows: InferRow[] = [];
  for (const batch of batches) {
    const image = randomImage(batch);
    const rates: Record<FileName, number[]> = { portable: [], throughput: [], int8: [] };
    for (let round = 0; round < rounds; round++) {
      terminal.status(`${variant}, ${threadsText(threads)}, batch ${batch}, round ${round + 1} of ${rounds}`);
      for (const name of turnsOf(fileNames, round)) {
        rates[name].push(await rateOf(sessions[name], image, seconds));
      }
    }
    rows.push({ batch, rates, difference: await differenceOf(sessions, image) });
  }
  terminal.clear();
  for (const name of fileNames) await sessions[name].release();
  return rows;
}

type Sessions = Readonly<Record<FileName, InferenceSession>>;

/** The files of a network with its initial values, as `npm run export` writes them. */
async function openFiles(variant: NetworkName, threads: number): Promise<Sessions> {
  const trained = networkOf(variant, textureNames.length);
  const initial = { network: trained, parameters: initialParameters(trained, 1) };
  const { network, parameters } = foldBatchNorm(initial);
  const open = (graph: ReturnType<typeof forwardGraph>) => {
    const file = encodeModel(graph, { producerName: 'textura', producerVersion: '', metadata: {} });
    return InferenceSession.create(file, { intraOpNumThreads: threads });
  };
  const [{ patches } = { patches: new Uint8Array() }] = randomBatches(1, 64, textureNames.length);
  const ranges = await activationRanges({ network, parameters, reference: { patches, count: 64 } });
  const reduction = { precision: 'int8', ranges } as const;
  return {
    portable: await open(forwardGraph(network, parameters, { opset: defaultOpset })),
    throughput: await open(throughputGraph(network, parameters, { opset: defaultOpset })),
    int8: await open(reducedGraph(network, parameters, { opset: defaultOpset, reduction })),
  };
}

function randomImage(batch: number): Tensor {
  const [{ patches } = { patches: new Uint8Array() }] = randomBatches(1, batch, textureNames.length);
  return new Tensor(Float32Array.from(patches), [batch, 1, inputPx, inputPx]);
}

/** Images per second over the time limit, after one run that is not measured. */
async function rateOf(session: InferenceSession, image: Tensor, limitSeconds: number): Promise<number> {
  const { steps, seconds } = await takeSample(() => session.run({ [graphNames.image]: image }), {
    warmUpSteps: 1,
    steps: Number.POSITIVE_INFINITY,
    limitSeconds,
  });
  return (steps * (image.dims[0] ?? 0)) / seconds;
}

async function differenceOf({ portable, throughput }: Sessions, image: Tensor): Promise<number> {
  const [a = [], b = []] = await Promise.all(
    [portable, throughput].map(async (session) => {
      const outputs = await session.run({ [graphNames.image]: image });
      return Array.from(outputs[graphNames.probabilities]?.data as Float32Array);
    }),
  );
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));
}

/** docs/bench-infer.md. */
function inferPage(sections: readonly string[], origin: Origin): string {
  const introduction = `# Inference speed

Images per second of exported networks in onnxruntime-node. A network can have two files that compute the same
function: \`NAME.onnx\` is portable and loads in every tool, \`NAME.throughput.onnx\` computes convolutions in
tiles (Winograd), which is faster for large batches of some networks; \`npm run export\` writes it only for
those. \`--precision int8\` writes \`NAME-int8.onnx\`, which computes with 8-bit integers. The files run in one
process and take turns. The input is float32 patches in memory: decoding images and cutting patches is not
measured.

- **batch**: patches per call.
- **portable**, **throughput**, **int8**: images per second of each file, median over the rounds.
  **quartiles**: the middle half of the rounds lies between these two rates.
- **ratio**: the speed of the file before it relative to the portable file, the median of the ratios within
  the rounds. Above 1 that file is faster.
- **max. difference**: the largest difference between the probabilities that the portable and the throughput
  file compute.
`;
  return benchPage(introduction, sections, origin);
}

const columns = [
  'batch',
  'portable',
  'quartiles',
  'throughput',
  'quartiles',
  'ratio',
  'int8',
  'quartiles',
  'ratio',
  'max. difference',
] as const;

function cellsOf({ batch, rates: { portable, throughput, int8 }, difference }: InferRow): readonly string[] {
  return [
    String(batch),
    ...rateCells(portable),
    ...rateCells(throughput),
    medianRatio(throughput, portable).toFixed(2),
    ...rateCells(int8),
    medianRatio(int8, portable).toFixed(2),
    difference.toExponential(1),
  ];
}
