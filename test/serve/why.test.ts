/** npm run classify -- IMAGE --why FILE, with a texture-net of random weights. */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pixelMap } from '../../model/evidence.ts';
import { sumOf } from '../../model/statistics/descriptive.ts';
import { readModelFile } from '../../serve/model.ts';
import { ExplainedModel } from '../../serve/why/explained-model.ts';
import { explanationOf } from '../../serve/why/why-image.ts';
import { whyPng } from '../../serve/why/why-picture.ts';
import { runHere } from '../support/command.ts';
import { randomPatches, writeRandomModel } from '../support/random-network.ts';
import { tolerances } from '../tolerances.ts';

const labels = ['brick', 'knit', 'moss'];
let home: string;

const image = { data: new Uint8Array(150 * 90), width: 150, height: 90 };

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'textura-why-'));
  for (const name of ['texture-net', 'lab-baseline'] as const)
    await writeRandomModel(join(home, `${name}.onnx`), name, labels);
  const noise = randomPatches(4, 3);
  image.data.forEach((_, i) => {
    image.data[i] = noise[i] as number;
  });
  const raw = { width: image.width, height: image.height, channels: 1 } as const;
  await writeFile(
    join(home, 'a.png'),
    await sharp(image.data, { raw }).toColourspace('b-w').png().toBuffer(),
  );
});
afterAll(() => rm(home, { recursive: true }));

async function explainedModel(): Promise<ExplainedModel> {
  const model = await ExplainedModel.open(await readModelFile(join(home, 'texture-net.onnx')));
  if (model === undefined) throw new Error('texture-net.onnx cannot be explained');
  return model;
}

test('for every class, positions and bias add up to the logit, and the map to their difference', async () => {
  const explained = await explainedModel();
  const { logits, evidence: evidenceOf } = await explained.classify(randomPatches(2, 9));
  for (const c of labels.keys()) {
    const weights = labels.map((_, k) => Number(k === c));
    const evidence = evidenceOf(weights);
    expect(evidence).toHaveLength(2);
    evidence.forEach((patch, i) => {
      expect(patch.stages.map(({ layer, sidePx }) => [layer, sidePx])).toEqual([
        ['relu2', 14],
        ['relu4', 10],
      ]);
      const sum = patch.stages.reduce(
        (total, { means, deviations }) => total + sumOf(means) + sumOf(deviations),
        patch.bias,
      );
      const logit = logits[i * labels.length + c] as number;
      expect(Math.abs(logit)).toBeGreaterThan(100 * tolerances.logit);
      expect(Math.abs(sum - logit)).toBeLessThan(tolerances.logit * Math.max(1, Math.abs(logit)));
      expect(Math.abs(sumOf(pixelMap(patch)) - sum)).toBeLessThan(tolerances.float64Sum);
    });
  }
  await explained.close();
});

test('evidence stays in the windows of its positions, and an even one is even inside the patch', () => {
  const stage = { layer: 'relu2', channels: 1, sidePx: 14, windowPx: 11, stridePx: 4 };
  const means = new Float64Array(14 * 14);
  const deviations = new Float64Array(14 * 14);
  means[2 * 14 + 3] = 1;
  const single = pixelMap({ stages: [{ ...stage, means, deviations }], bias: 0 });
  const used = [...single.keys()].filter((at) => single[at] !== 0);
  const [rows, columns] = [used.map((at) => Math.floor(at / 64)), used.map((at) => at % 64)];
  expect([Math.min(...rows), Math.max(...rows)]).toEqual([8, 18]);
  expect([Math.min(...columns), Math.max(...columns)]).toEqual([12, 22]);
  const even = pixelMap({ stages: [{ ...stage, means: means.fill(1), deviations }], bias: 0 });
  for (let y = 11; y < 52; y++) {
    for (let x = 11; x < 52; x++) expect(even[y * 64 + x]).toBeCloseTo(1 / 16, 12);
  }
});

test('the explanation of a picture is about the two likeliest classes of classify, and adds up', async () => {
  const model = await explainedModel();
  const explanation = await explanationOf(model, image);
  const result = await runHere('serve/classify.ts', ['--model', 'texture-net.onnx', '--json', 'a.png'], {
    cwd: home,
  });
  const [{ predictions }] = (JSON.parse(result.stdout) as { results: [{ predictions: unknown[] }] }).results;
  const { first, second, total, bias, stages, maps } = explanation;
  expect([first, second]).toEqual(predictions.slice(0, 2));
  expect(maps).toHaveLength(6);
  const sum = stages.reduce((all, { means, deviations }) => all + means + deviations, bias);
  expect(Math.abs(sum - total)).toBeLessThan(tolerances.logit * Math.max(1, total));
  expect(total).toBeCloseTo(Math.log(first.probability / second.probability), 3);

  // The class that was asked about, unless it is the likeliest itself.
  const third = labels.find((label) => label !== first.label && label !== second.label) ?? '';
  expect((await explanationOf(model, image, third)).second.label).toBe(third);
  expect((await explanationOf(model, image, first.label)).second).toEqual(second);
  await model.close();
});

test('--why draws it, and refuses models that do not add up over positions', async () => {
  const run = (model: string, ...args: readonly string[]) =>
    runHere('serve/classify.ts', ['--model', model, ...args], { cwd: home });
  const made = await run('texture-net.onnx', 'a.png', '--why', 'why.png');
  expect(made, made.stderr).toMatchObject({ status: 0, stderr: '' });
  expect(made.stdout).toMatch(/^why\.png: why a\.png is (brick|knit|moss) .* and not (brick|knit|moss) /);
  // The picture is enlarged to 860 pixels, with the legend beside it.
  const { width, height } = await sharp(await readFile(join(home, 'why.png'))).metadata();
  expect([width, height]).toEqual([860 + 3 * 36 + 380, 102 + 516 + 36]);

  const refused = await run('lab-baseline.onnx', 'a.png', '--why', 'x.png');
  expect(refused).toMatchObject({ status: 2, stdout: '' });
  expect(refused.stderr).toContain(
    'expected the portable float32 file of a texture-net, whose classes follow from statistics of positions',
  );
  const other = await run('texture-net.onnx', 'a.png', '--why', 'x.png', '--json');
  expect(other.stderr).toContain('--json cannot be used with --why');
  const itself = await run('texture-net.onnx', 'a.png', '--why', 'a.png');
  expect(itself.stderr).toContain('is the picture itself');
});

test('the drawing says that a picture is probably none of the surfaces', async () => {
  const model = await explainedModel();
  const explanation = await explanationOf(model, image);
  await model.close();
  expect(explanation.known).toBeUndefined();
  const [drawn, known, unknown] = await Promise.all(
    [undefined, true, false].map(async (known) =>
      Buffer.from(await whyPng(image, { ...explanation, known }, 'a.png')).toString('base64'),
    ),
  );
  expect(known === drawn).toBe(true);
  expect(unknown === drawn).toBe(false);
});

test('long names of classes fit into the legend and do not cover each other', async () => {
  const model = await explainedModel();
  const explanation = await explanationOf(model, image);
  await model.close();
  const named = (which: 'first' | 'second', label: string) => ({ ...explanation[which], label });
  const first = named('first', 'Eiche gebürstet rustikal, 20 mm, Sorte 1');
  const second = named('second', 'Eiche gebürstet rustikal, 20 mm, Sorte 2');
  const png = await whyPng(image, { ...explanation, first, second }, `${'x'.repeat(300)}.jpg`);
  const { data, info } = await sharp(png).greyscale().raw().toBuffer({ resolveWithObject: true });
  const darkest = (left: number, top: number, width: number, height: number) => {
    let level = 255;
    for (let y = top; y < top + height; y++) {
      for (let x = left; x < left + width; x++) level = Math.min(level, data[y * info.width + x] as number);
    }
    return level;
  };
  const marginPx = 36;
  const textPx = 20;
  const right = info.width - marginPx;
  expect(darkest(right + 2, 0, marginPx - 2, info.height), 'nothing is in the margin').toBeGreaterThan(230);
  const labelTop = 102 + 28;
  const left = right - 380;
  expect(darkest(left, labelTop, 60, textPx), 'the second class is on the left').toBeLessThan(120);
  expect(darkest(right - 40, labelTop, 40, textPx), 'with nothing on its right').toBeGreaterThan(230);
  expect(darkest(right - 40, labelTop + 22, 40, textPx), 'and the first is below').toBeLessThan(120);
});

test('the worst photographs of an evaluation have it too, against their true class', async () => {
  for (const label of ['brick', 'knit']) {
    await mkdir(join(home, 'data', label), { recursive: true });
    await copyFile(join(home, 'a.png'), join(home, 'data', label, 'a.png'));
  }
  const pageOf = async (model: string) => {
    const args = ['--model', `${model}.onnx`, '--data', 'data', '--out', model];
    const run = await runHere('serve/evaluate.ts', args, { cwd: home });
    expect(run, run.stderr).toMatchObject({ status: 0 });
    return readFile(join(home, model, 'report.html'), 'utf8');
  };
  const page = await pageOf('texture-net');
  expect(page).toContain('<input type="checkbox" id="why">');
  const wrong =
    /src="data:image\/webp;base64,\w[^"]+" alt="(\w+)\/a\.png: what speaks for (\w+) and for (\w+)"/g;
  const figures = [...page.matchAll(wrong)].map(([, ...words]) => words);
  expect(figures.map(([label]) => label).toSorted()).toEqual(['brick', 'knit']);
  for (const [label, prediction, against] of figures)
    expect(prediction === label || against === label).toBe(true);

  expect(await pageOf('lab-baseline')).not.toContain('id="why"');
});
