/**
 * `npm run bench -- web`: what a person waits for on the built page, and the network in onnxruntime-web beside TensorFlow.js in one
 * page, all on one thread.
 */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { TexturaError } from '../model/error.ts';
import { writeFileAtomically } from '../node/atomic-file.ts';
import type { Terminal } from '../node/terminal.ts';
import { drawTexture, textureNames } from '../textures/textures.ts';
import { circumstances } from './circumstances.ts';
import { writeFilm } from './web/camera-film.ts';
import { measurePage } from './web/page-figures.ts';
import { buildPage } from './web/page-server.ts';
import { openRuntimesBrowser } from './web/runtimes-browser.ts';
import { type WebRuntime, webRuntimes } from './web/runtimes-page.ts';
import { type RuntimeRow, webPage } from './web-page.ts';

export const webBenchOptions = z.strictObject({
  models: z.string().min(1).default('models').describe('folder of exported models, reference among them'),
  frames: z
    .int()
    .min(1)
    .default(10_000)
    .describe('frames over which memory is watched; a camera has 30 a second'),
  rounds: z.int().min(1).default(7).describe('turns that each runtime has'),
  seconds: z.number().positive().default(1).describe('length of a turn'),
  out: z.string().min(1).default('docs').describe('folder for bench-web.md'),
});
type WebBenchOptions = z.infer<typeof webBenchOptions>;

const pageName = 'bench-web.md';
const film = { texture: 'brick', width: 640, height: 480, pictures: 30 } as const;

export async function benchWeb(options: WebBenchOptions, terminal: Terminal): Promise<void> {
  const { models, frames, rounds, seconds, out } = options;
  await access(join(models, 'index.json')).catch((cause: unknown) => {
    throw new TexturaError('file-unreadable', `${models}/index.json: npm run export writes it`, { cause });
  });
  const found = await circumstances();
  const { rows, versions } = await compareRuntimes(options, terminal);
  const figures = await figuresOfPage(options, terminal);
  const page = webPage({
    figures,
    rows,
    circumstances: found,
    versions,
    command: `npm run bench -- web --frames ${frames} --rounds ${rounds} --seconds ${seconds}`,
  });
  terminal.clear();
  terminal.line(page);
  await writeFileAtomically(join(out, pageName), page);
  terminal.line(`Written: ${join(out, pageName)}.`);
}

async function compareRuntimes({ rounds, seconds }: WebBenchOptions, terminal: Terminal) {
  const browser = await openRuntimesBrowser('reference', textureNames.length);
  try {
    const rates = new Map<WebRuntime, number[]>(webRuntimes.map((runtime) => [runtime, []]));
    for (let round = 0; round < rounds; round++) {
      for (const runtime of round % 2 === 0 ? webRuntimes : webRuntimes.toReversed()) {
        terminal.status(`${runtime}, round ${round + 1} of ${rounds}`);
        const turn = { warmUpSteps: 1, steps: 10_000, limitSeconds: seconds };
        const { steps, seconds: took } = await browser.burst(runtime, turn);
        rates.get(runtime)?.push(steps / took);
      }
    }
    const ours = await browser.probabilities('onnxruntime-web wasm');
    const rows: RuntimeRow[] = [];
    for (const runtime of webRuntimes) {
      const theirs = await browser.probabilities(runtime);
      const difference = Math.max(...theirs.map((value, i) => Math.abs(value - (ours[i] ?? Number.NaN))));
      rows.push({ runtime, rates: rates.get(runtime) ?? [], difference });
    }
    return { rows, versions: browser.versions };
  } finally {
    await browser.close();
  }
}

async function figuresOfPage({ models, frames }: WebBenchOptions, terminal: Terminal) {
  const folder = await mkdtemp(join(tmpdir(), 'textura-bench-web-'));
  const built = await buildPage();
  try {
    const { texture, width, height, pictures } = film;
    const path = join(folder, 'film.y4m');
    // Every frame is another picture, so that nothing is read twice.
    await writeFilm(
      path,
      Array.from({ length: pictures }, (_, i) => drawTexture(texture, 5, i, width, height)),
    );
    const onStep = (step: string) => terminal.status(step);
    return await measurePage({ page: built.folder, models, film: path, frames, onStep });
  } finally {
    await built.remove();
    await rm(folder, { recursive: true, force: true });
  }
}
