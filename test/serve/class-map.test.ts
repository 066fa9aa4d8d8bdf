/** Class maps, of a model that classifies by the mean grey level of a patch. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { createGraph } from '../../graph/builder.ts';
import { encodeModel } from '../../graph/encode.ts';
import { modelInput } from '../../model/model-file.ts';
import type { ImageStrips } from '../../node/image-decoder.ts';
import { ModelWorkers } from '../../serve/inference/model-workers.ts';
import { areaShares, classMap, patchStarts, unknownClass } from '../../serve/map/class-map.ts';
import { readModelFile } from '../../serve/model.ts';
import { runHere } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Logits `128 - mean` of dark and `mean - 128` of bright; known from a mean of 51 if the class is clear. */
async function greyModel(folder: string): Promise<string> {
  const graph = createGraph({ name: 'grey', opset: 17, float: 'float32' });
  const image = graph.input('image', 'float32', ['N', 1, 64, 64]);
  const mean = graph.reshape(graph.node('GlobalAveragePool', [image]), [0, 1]);
  const scaled = graph.node('MatMul', [mean, graph.floats([-1, 1], [1, 2])]);
  const logits = graph.node('Add', [scaled, graph.floats([128, -128], [1, 2])], { name: 'logits' });
  graph.output(graph.node('Softmax', [logits], { axis: 1, name: 'probabilities' }));
  graph.output(logits);
  graph.output(graph.node('Div', [mean, graph.scalar(255)], { name: 'known_score' }));
  const metadata = {
    'textura.labels': '["dark","bright"]',
    'textura.input': JSON.stringify(modelInput(64)),
    'textura.threshold': '{"photograph":9,"patch":1.2}',
  };
  const path = join(folder, 'grey.onnx');
  await writeFile(path, encodeModel(graph, { producerName: 'test', producerVersion: '1', metadata }));
  return path;
}

const [width, height, stridePx] = [203, 131, 16];
/** Columns of grey 10, 90 and 220, of 67, 68 and 68 pixels. */
const levelAt = (x: number) => (x < 67 ? 10 : x < 135 ? 90 : 220);
const levels = Uint8Array.from({ length: width * height }, (_, i) => levelAt(i % width));

/** The mean grey level of the patches that cover the centre of a column of cells. */
function expectedMean(column: number): number {
  const end = Math.min(width, (column + 1) * stridePx);
  const centre = (column * stridePx + end) / 2;
  const starts = patchStarts(width, 64, stridePx).filter((x) => x <= centre && centre < x + 64);
  const means = starts.map((x) => {
    const row = Array.from({ length: 64 }, (_, i) => levelAt(x + i));
    return row.reduce((sum, level) => sum + level, 0) / 64;
  });
  return means.reduce((sum, mean) => sum + mean, 0) / means.length;
}

const expectedClass = (mean: number): number => {
  const certainty = 1 / (1 + Math.exp(-2 * Math.abs(mean - 128)));
  if (certainty + mean / 255 < 1.2) return unknownClass;
  return mean < 128 ? 0 : 1;
};

test('patches cover a length evenly, first and last at its ends', () => {
  expect(patchStarts(64, 64, 16)).toEqual([0]);
  expect(patchStarts(100, 64, 16)).toEqual([0, 12, 24, 36]);
  expect(patchStarts(97, 64, 16)).toEqual([0, 11, 22, 33]);
});

test('a cell has the class of the patches that cover it, however the picture is cut into strips', async () => {
  const folder = await temporaryFolder();
  const model = await readModelFile(await greyModel(folder));
  const workers = await ModelWorkers.open(model, 1);
  onTestFinished(() => workers.close());
  const asked: number[] = [];
  const strips: ImageStrips = {
    width,
    height,
    rows: async (top, count) => {
      asked.push(count);
      return { data: levels.subarray(top * width, (top + count) * width), width, height: count };
    },
  };
  const settings = { name: 'a', stridePx, previewPx: 50, onProgress: () => {} };
  const whole = await classMap(strips, model, workers, settings);
  expect(asked).toEqual([131]);
  expect(whole).toMatchObject({ columns: 13, rows: 9, cellPx: 16, patches: 10 * 6 });
  const row = Array.from({ length: 13 }, (_, column) => expectedClass(expectedMean(column)));
  expect([...new Set(row)]).toEqual([unknownClass, 0, 1]);
  expect([...whole.classes]).toEqual(Array.from({ length: 9 }, () => row).flat());
  expect(whole.probabilities[0]).toBeCloseTo(1, 6);
  expect(whole.preview).toMatchObject({ width: 50, height: 32 });
  expect([0, 25, 49].map((x) => whole.preview.data[x])).toEqual([10, 90, 220]);
  const inStrips = await classMap(strips, model, workers, { ...settings, stripPixels: 80 * width });
  expect(asked.slice(1)).toEqual([80, 80, 77]);
  expect(inStrips).toEqual(whole);

  const shares = areaShares(whole);
  expect(shares.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
  // The last column is 11 pixels wide.
  const brightPx = row.reduce((sum, c, i) => sum + (c === 1 ? (i === 12 ? 11 : 16) : 0), 0);
  expect(shares.find(({ index }) => index === 1)?.share).toBeCloseTo(brightPx / width, 12);
});

test('--map writes the picture tinted by class, with a legend, and --json prints the areas', async () => {
  const folder = await temporaryFolder();
  await greyModel(folder);
  const raw = { width, height, channels: 1 } as const;
  await writeFile(join(folder, 'a.png'), await sharp(levels, { raw }).png().toBuffer());
  const run = (...args: readonly string[]) =>
    runHere('serve/classify.ts', ['--model', 'grey.onnx', ...args], { cwd: folder });
  const made = await run('a.png', '--map', 'map.png', '--json');
  expect(made, made.stderr).toMatchObject({ status: 0, stderr: '' });
  const result = JSON.parse(made.stdout) as { classes: { label: string; share: number }[]; unknown: number };
  expect(result).toMatchObject({ model: 'grey', file: 'a.png', map: 'map.png', width, height, patches: 60 });
  expect(result.classes.map(({ label }) => label)).toEqual(['bright', 'dark']);
  const total = result.classes.reduce((sum, { share }) => sum + share, result.unknown);
  expect(total).toBeCloseTo(1, 12);
  const { data, info } = await sharp(await readFile(join(folder, 'map.png')))
    .raw()
    .toBuffer({ resolveWithObject: true });
  // The picture is enlarged to 720 pixels, and stands at (36, 102).
  expect([info.width, info.height]).toEqual([720 + 3 * 36 + 330, 102 + 465 + 36]);
  const pixel = (x: number, y: number) => {
    const at = info.channels * ((102 + y) * info.width + 36 + x);
    return [...data.subarray(at, at + 3)] as [number, number, number];
  };
  const [unknown, dark, bright] = [pixel(20, 200), pixel(360, 200), pixel(700, 200)];
  expect(new Set(unknown).size).toBe(1);
  // The larger class is blue, the smaller one orange, each as bright as the picture.
  expect(bright[2]).toBeGreaterThan(bright[0] + 60);
  expect(dark[0]).toBeGreaterThan(dark[2] + 60);

  const refused = async (...args: readonly string[]) => (await run(...args)).stderr;
  expect(await refused('a.png', '--map', 'map.jpg')).toContain('expected the name of a PNG file');
  expect(await refused('a.png', '--map', './a.png')).toContain('is the picture itself');
  expect(await refused('a.png', 'b.png', '--map', 'm.png')).toContain('--map: expected one image file');
  expect(await refused('a.png', '--map', 'm.png', '--map-stride', '65')).toContain('expected 64 or less');
  expect(await refused('a.png', '--map', 'm.png', '--max-image-pixels', '9')).toContain(
    'expected 9 pixels or fewer',
  );
  await writeFile(join(folder, 'textura.config.json'), '{"classify":{"maxImagePixels":9}}');
  expect(await refused('a.png', '--map', 'm.png')).toContain('expected 9 pixels or fewer');
  expect(await refused('a.png', '--map', 'm.png', '--max-image-pixels', '1000000')).toBe('');
  await rm(join(folder, 'textura.config.json'));
  expect(await refused('a.png', '--map-stride', '8')).toContain('--map-stride needs --map FILE');
  const small = await sharp(levels, { raw })
    .extract({ left: 0, top: 0, width: 63, height: 90 })
    .png()
    .toBuffer();
  await writeFile(join(folder, 'small.png'), small);
  expect(await refused('small.png', '--map', 'm.png')).toContain('the image is 63x90');
});
