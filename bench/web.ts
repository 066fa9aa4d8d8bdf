/**
 * `npm run bench -- web`: what users wait for on the built page, and onnxruntime-web compared with
 * TensorFlow.js in one page. All of it on one thread.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { indexFile, modelIndexSchema } from '../model/model-file.ts';
import { type NetworkName, preferredModel } from '../model/network.ts';
import { medianOf } from '../model/statistics/descriptive.ts';
import type { Terminal } from '../node/terminal.ts';
import { drawTexture, textureNames } from '../textures/textures.ts';
import { commandOf, modelsOption, outOption } from './bench-options.ts';
import { alignedTable, benchPage, type Origin, publish, rateCells } from './bench-page.ts';
import { readEnvironment } from './environment.ts';
import { turnsOf } from './sample.ts';
import { medianRatio } from './statistics.ts';
import { openRuntimesBrowser } from './web/bench-browser.ts';
import { writeFilm } from './web/camera-film.ts';
import { measurePage, type PageFigures } from './web/page-figures.ts';
import { buildPage } from './web/page-server.ts';
import { webRuntimes } from './web/runtimes-page.ts';

export const webBenchOptions = z.strictObject({
  models: modelsOption,
  frames: z
    .int()
    .min(1)
    .default(10_000)
    .describe('camera frames during which memory is watched, 30 per second'),
  rounds: z.int().min(1).default(7).describe('turns of each runtime'),
  seconds: z.number().positive().default(1).describe('length of a turn'),
  out: outOption('bench-web.md'),
});
type WebBenchOptions = z.infer<typeof webBenchOptions>;

const comparedNetworks = ['texture-net', 'reference'] as const;

const film = { texture: 'brick', width: 640, height: 480, frames: 30 } as const;

export async function benchWeb(options: WebBenchOptions, terminal: Terminal): Promise<void> {
  const { models, out } = options;
  const index = await readFile(join(models, indexFile), 'utf8').catch((cause: unknown) => {
    throw new TexturaError('file-unreadable', `${models}/${indexFile} is missing; npm run export writes it`, {
      cause,
    });
  });
  // The page opens with it.
  const model = preferredModel(modelIndexSchema.parse(JSON.parse(index)).models.map(({ name }) => name));
  const environment = await readEnvironment();
  const comparisons: RuntimeComparison[] = [];
  for (const network of comparedNetworks) comparisons.push(await compareRuntimes(network, options, terminal));
  const figures = await figuresOfPage(options, terminal);
  const page = webPage(model ?? 'no', figures, comparisons, {
    environment,
    versions: Object.assign({}, ...comparisons.map(({ versions }) => versions)),
    command: commandOf('web', options),
  });
  terminal.clear();
  terminal.line(page);
  await publish(out, { 'bench-web.md': page }, terminal);
}

interface RuntimeRow {
  readonly runtime: string;
  /** Patches per second in each round. */
  readonly rates: readonly number[];
  /** The largest difference between its probabilities and those of the first runtime. */
  readonly difference: number;
}

interface RuntimeComparison {
  readonly network: NetworkName;
  readonly rows: readonly RuntimeRow[];
  readonly versions: Readonly<Record<string, string>>;
}

async function compareRuntimes(
  network: NetworkName,
  { rounds, seconds }: WebBenchOptions,
  terminal: Terminal,
): Promise<RuntimeComparison> {
  const browser = await openRuntimesBrowser(network, textureNames.length);
  try {
    const measured = webRuntimes.map((runtime) => ({ runtime, rates: [] as number[] }));
    for (let round = 0; round < rounds; round++) {
      for (const { runtime, rates } of turnsOf(measured, round)) {
        terminal.status(`${network}, ${runtime}, round ${round + 1} of ${rounds}`);
        const plan = { warmUpSteps: 1, steps: 10_000, limitSeconds: seconds };
        const timing = await browser.sample(runtime, plan);
        rates.push(timing.steps / timing.seconds);
      }
    }
    const first = await browser.probabilities(webRuntimes[0]);
    const rows: RuntimeRow[] = [];
    for (const { runtime, rates } of measured) {
      const own = await browser.probabilities(runtime);
      const difference = Math.max(...own.map((value, i) => Math.abs(value - (first[i] ?? Number.NaN))));
      rows.push({ runtime, rates, difference });
    }
    return { network, rows, versions: browser.versions };
  } finally {
    await browser.close();
  }
}

async function figuresOfPage({ models, frames }: WebBenchOptions, terminal: Terminal): Promise<PageFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'textura-bench-web-'));
  const built = await buildPage();
  try {
    const { texture, width, height } = film;
    const path = join(folder, 'film.y4m');
    // Consecutive frames differ, so that no result can be reused.
    await writeFilm(
      path,
      Array.from({ length: film.frames }, (_, i) => drawTexture(texture, 5, i, width, height)),
    );
    return await measurePage({ page: built.folder, models, film: path }, frames, terminal.status);
  } finally {
    await built.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

/** docs/bench-web.md. */
function webPage(
  model: string,
  figures: PageFigures,
  comparisons: readonly RuntimeComparison[],
  origin: Origin,
): string {
  const introduction = `# Speed of the web page

The built page with the ${model} network in Chromium. It comes from a local server without cross-origin
isolation headers, so WebAssembly has one thread. Every figure is read from the page itself, as users see it.
The camera delivers 30 frames per second, which limits the frame rate.
`;
  const comparison = `## Comparison with TensorFlow.js

A network with the same weights in one page, one patch per call, on one thread. Batch normalisation is folded
into the convolutions, as in an exported file. The runtimes take turns.

- **patches/s**: median over the rounds. **quartiles**: the middle half of the rounds lies between these two
  rates.
- **speed of onnxruntime-web**: relative to the runtime of the row, the median of the ratios within the
  rounds. Above 1.0x onnxruntime-web is faster.
- **max. difference**: the largest difference between the runtime's probabilities and those of
  onnxruntime-web.

${comparisons.map(comparisonText).join('\n')}`;
  return benchPage(
    introduction,
    [alignedTable(['', 'measured', 'target'], figureRows(figures)), comparison],
    origin,
  );
}

function comparisonText({ network, rows }: RuntimeComparison): string {
  const headings = ['runtime', 'patches/s', 'quartiles', 'speed of onnxruntime-web', 'max. difference'];
  return `### ${network}

${alignedTable(
  headings,
  rows.map((row) => runtimeCells(row, rows)),
)}`;
}

function figureRows(figures: PageFigures): readonly (readonly string[])[] {
  const { framesPerSecond, frameMs, heatMapMs, codeBytes, firstReadingMs, frames, heapBytes, processBytes } =
    figures;
  const growth = ([before, after]: readonly [number, number]) =>
    `${(before / 2 ** 20).toFixed(1)} to ${(after / 2 ** 20).toFixed(1)} MiB`;
  const seconds = medianOf(firstReadingMs) / 1000;
  return [
    ['live frames per second', framesPerSecond.toFixed(1), '25 or more'],
    ['inference time per frame', `${frameMs.toFixed(1)} ms`, ''],
    ...[...heatMapMs].map(([distancePx, times]) => [
      `heat map of a 640x480 image, positions ${distancePx} px apart`,
      `${medianOf(times).toFixed(0)} ms`,
      distancePx === 16 ? 'under 400 ms' : '',
    ]),
    ['page code, gzipped, without onnxruntime', `${(codeBytes / 1000).toFixed(1)} kB`, 'under 125 kB'],
    ['first prediction with an empty cache', `${seconds.toFixed(1)} s`, 'under 3 s'],
    [`JavaScript heap before and after ${frames} frames`, growth(heapBytes), 'no growth'],
    [
      `private memory of the page's process before and after ${frames} frames`,
      growth(processBytes),
      'no growth',
    ],
  ];
}

/** The ratio is to the first row. */
function runtimeCells({ runtime, rates, difference }: RuntimeRow, rows: readonly RuntimeRow[]) {
  const ratio = medianRatio(rows[0]?.rates ?? [], rates);
  return [
    runtime,
    ...rateCells(rates, 1),
    `${ratio.toFixed(ratio < 10 ? 1 : 0)}x`,
    difference.toExponential(1),
  ];
}
