import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { pythonEnvironment } from '../../bench/peer/interpreter.ts';
import { forwardGraph } from '../../graph/forward.ts';
import { reducedGraph } from '../../graph/reduced-precision.ts';
import { throughputGraph } from '../../graph/throughput.ts';
import { foldBatchNorm } from '../../model/fold-batch-norm.ts';
import { reducedPrecisions } from '../../model/model-file.ts';
import { networkNames, networkOf } from '../../model/network.ts';
import { cacheFolder } from '../../node/cache-folder.ts';
import { runProgram } from '../../node/program.ts';
import { runHere } from '../support/command.ts';
import { bytesOf, runOnPatches } from '../support/onnx-session.ts';
import { pngFile } from '../support/pictures.ts';
import { randomKnownMaps, randomParameters, randomPatches } from '../support/random-network.ts';
import { referenceRanges } from '../support/reference-network.ts';
import { exportHere } from '../support/small-export.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { overconfidentValidation, writeTrainedRun } from '../support/trained-run.ts';
import { tolerances } from '../tolerances.ts';

const classes = 7;
// With a temperature, as most exported files have one.
const settings = { opset: 17, temperature: 1.25 } as const;
const pathOf = (file: string) => fileURLToPath(new URL(`interop/${file}`, import.meta.url));

/** A tool's fault, or for each output the largest difference or what is wrong with its shape. */
const differencesSchema = z.union([z.string(), z.record(z.string(), z.union([z.string(), z.number()]))]);
const answersSchema = z.strictObject({
  versions: z.record(z.string(), z.string()),
  models: z.record(
    z.string(),
    z.object({ format: z.string(), shapes: z.string() }).catchall(differencesSchema),
  ),
  reduced: z.record(z.string(), z.object({ format: z.string() }).catchall(differencesSchema)),
});

let folder: string;

/** Writes every variant with random weights and, where it can have one, a known score, patches, and what onnxruntime-node says of them. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'textura-interop-'));
  const patches = randomPatches(8, 31);
  const models = [];
  for (const name of networkNames) {
    const trained = networkOf(name, classes);
    const { network, parameters } = foldBatchNorm({
      network: trained,
      parameters: randomParameters(trained, 32),
    });
    const known = randomKnownMaps(network, classes);
    const bytes = bytesOf(forwardGraph(network, parameters, { ...settings, known }));
    const [file, throughput] = [`${name}.onnx`, `${name}.throughput.onnx`];
    await writeFile(join(folder, file), bytes);
    await writeFile(join(folder, throughput), bytesOf(throughputGraph(network, parameters, settings)));
    const results = Object.entries(await runOnPatches(bytes, patches));
    const outputs = Object.fromEntries(results.map(([output, { values }]) => [output, values]));
    models.push({ name, file, throughput, outputs });
  }
  const manifest = {
    patches: Buffer.from(patches).toString('base64'),
    models,
    reduced: await writeReduced(patches),
  };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
}, 120_000);

/** Two networks in fp16 and int8, the latter with the ranges that they have on the patches. */
async function writeReduced(patches: Uint8Array) {
  const reduced = [];
  for (const name of ['texture-net', 'lab-baseline'] as const) {
    const trained = networkOf(name, classes);
    const { network, parameters } = foldBatchNorm({
      network: trained,
      parameters: randomParameters(trained, 32),
    });
    for (const precision of reducedPrecisions) {
      const ranges = referenceRanges(network, parameters, patches);
      const graph = reducedGraph(network, parameters, { ...settings, reduction: { precision, ranges } });
      const bytes = bytesOf(graph);
      const file = `${name}-${precision}.onnx`;
      await writeFile(join(folder, file), bytes);
      const { logits, probabilities } = await runOnPatches(bytes, patches);
      const outputs = { probabilities: probabilities.values, logits: logits.values };
      reduced.push({ name: `${name}-${precision}`, file, outputs });
    }
  }
  return reduced;
}

afterAll(() => rm(folder, { recursive: true }));

const skipped = process.env.TEXTURA_TEST_TOOLS
  ? undefined
  : 'set TEXTURA_TEST_TOOLS=1 to install and run them';
const toolSets = [
  { name: "today's", requirements: 'requirements.txt', skipped: undefined, tools: ['onnxruntime', 'opencv'] },
  {
    name: 'the oldest',
    requirements: 'requirements-oldest.txt',
    skipped,
    tools: ['onnxruntime', 'opencv'],
  },
  {
    name: 'the newest',
    requirements: 'requirements-newest.txt',
    skipped,
    tools: ['onnxruntime', 'opencv', 'opencv, throughput', 'openvino'],
  },
] as const;

describe("other people's tools", () => {
  for (const { name, requirements, skipped, tools } of toolSets) {
    test(`${name} onnx, ${tools.join(', ')} read every variant and give our numbers`, async (context) => {
      context.skip(skipped !== undefined, skipped);
      const environment = await pythonEnvironment({
        purpose: 'interop',
        requirements: pathOf(requirements),
        cache: cacheFolder(),
      });
      if ('missing' in environment) return context.skip(environment.missing);
      const { status, stdout, stderr } = await runProgram(environment.python, [pathOf('check.py'), folder]);
      expect(status, stderr).toBe(0);
      const { models, reduced } = answersSchema.parse(JSON.parse(stdout));
      expect(Object.keys(models)).toEqual(networkNames);
      for (const [variant, { format, shapes, ...answers }] of Object.entries(models)) {
        expect({ variant, format, shapes }).toEqual({ variant, format: 'ok', shapes: 'ok' });
        expect(Object.keys(answers)).toEqual(tools);
        for (const [tool, answer] of Object.entries(answers)) expectSmall(`${variant} in ${tool}`, answer);
      }
      expect(Object.keys(reduced)).toHaveLength(4);
      for (const [file, { format, ...answers }] of Object.entries(reduced)) {
        expect({ file, format }).toEqual({ file, format: 'ok' });
        expect(Object.keys(answers)).toEqual(tools.filter((tool) => !tool.startsWith('opencv')));
        // Where two tools round a value to different integers, what follows differs too.
        for (const [tool, answer] of Object.entries(answers)) expectSmall(`${file} in ${tool}`, answer, 0.05);
      }
    }, 600_000);
  }
});

test('the examples of a model card give the same answer, in the shell and in Python', async (context) => {
  const environment = await pythonEnvironment({
    purpose: 'interop',
    requirements: pathOf('requirements.txt'),
    cache: cacheFolder(),
  });
  if ('missing' in environment) return context.skip(environment.missing);
  const home = await temporaryFolder({ 'models/photo.jpg': await pngFile(7, 400, 240) });
  await writeTrainedRun(join(home, 'run'), { patchPx: 80, validation: overconfidentValidation(6) });
  await exportHere(home, 'run');
  const cwd = join(home, 'models');
  const card = await readFile(join(cwd, 'lab-baseline.md'), 'utf8');
  const example = (language: string) =>
    new RegExp(`^\`\`\`${language}\\n([^\`]*)`, 'm').exec(card)?.[1] ?? '';

  const { status, stdout, stderr } = await runProgram(environment.python, ['-c', example('python')], { cwd });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [label, probability] = stdout.trim().split(' ');
  const [, args = ''] = /^npm run classify -- (.*)\n$/.exec(example('sh')) ?? [];
  const answer = await runHere('serve/classify.ts', ['--json', ...args.split(' ')], { cwd });
  expect(answer, answer.stderr).toMatchObject({ status: 0 });
  const [first] = JSON.parse(answer.stdout).results[0].predictions;
  expect(first.label).toBe(label);
  // Pillow's grey levels differ by up to one.
  expect(Math.abs(first.probability - Number(probability))).toBeLessThan(0.01);
}, 600_000);

/** Every output differs by less than its tolerance; a tool's fault is shown as it stands. */
function expectSmall(where: string, differences: z.infer<typeof differencesSchema>, allowed?: number): void {
  expect(differences, where).toBeTypeOf('object');
  const entries = Object.entries(differences);
  expect(entries.length).toBeGreaterThanOrEqual(4);
  for (const [output, difference] of entries) {
    const tolerance =
      allowed ?? (output.startsWith('probabilities') ? tolerances.probability : tolerances.logit);
    expect(difference, `${where}: ${output}`).toBeLessThan(tolerance);
  }
}
